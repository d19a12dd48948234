"""A column of numbers: whole at once where it is plain, cell by cell where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyjobs.market.arrow import values_of
from pyjobs.market.bars import FloatArray
from pyjobs.market.dumps.reading.fields import MISSING, number

Errors = dict[int, str]
"""What is wrong with the cell of a row."""


def numbers(column: Any, *, delimiter: str = ",", decimal_comma: bool = False) -> tuple[FloatArray, Errors]:
    """The numbers of a column, NaN where one is missing or wrong, and what is wrong, by row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    errors: Errors = {}
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        values = _floats(column)
    else:
        text = column
        try:
            values = _floats(text)
            if decimal_comma:
                raise pa.ArrowInvalid
        except pa.ArrowInvalid:
            text = pc.fill_null(pc.utf8_trim_whitespace(column), "")
            missing = pc.is_in(pc.utf8_lower(text), value_set=pa.array(sorted(MISSING)))
            text = pc.if_else(missing, "nan", text)
            values, errors = _cells(text, commas=delimiter != ";", decimal_comma=decimal_comma)
    for at in np.flatnonzero(np.isinf(values)).tolist():
        errors[at], values[at] = "a number is too large", np.nan
    return values, errors


def has_decimal_commas(columns: list[Any]) -> bool:
    """Whether a comma in these columns (strings) must be a decimal one: with other than three digits after it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in columns:
        if not pa.types.is_string(column.type):
            continue
        if pc.any(pc.match_substring_regex(column, r"^\s*[+-]?[\d. ]*\d?,(\d{1,2}|\d{4,})\s*$")).as_py():
            return True
    return False


def points_of_thousands(columns: list[Any], others: list[Any]) -> bool | None:
    """Whether 1.100 in these columns is eleven hundred; None where nothing in the file shows it.

    A first digit 0, or other than three digits behind a point, show that it is not; else two points in a number, or a
    comma before one or two digits (also in the `others`), show that it is, and four digits in a row that it is not.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def any_is(pattern: str, cells: list[Any]) -> bool:
        texts = [each for each in cells if pa.types.is_string(each.type)]
        return any(pc.any(pc.match_substring_regex(each, rf"^\s*[+-]?{pattern}\s*$")).as_py() for each in texts)

    decimals = any_is(r"0\d*\.\d+", columns) or any_is(r"\d+\.(\d{1,2}|\d{4,})", columns)
    if decimals or any(pa.types.is_floating(each.type) for each in columns):
        return False
    if any_is(r"\d{1,3}(\.\d{3}){2,}", columns) or any_is(r"[\d.]*\d,\d{1,2}\s*%?", columns + others):
        return True
    return None if any_is(r"\d{1,3}\.\d{3}", columns) and not any_is(r"\d{4,}", columns) else False


def _floats(column: Any) -> FloatArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    floats = column if column.type == pa.float64() else pc.cast(column, pa.float64(), safe=False)
    if floats.null_count:
        floats = pc.fill_null(floats, float("nan"))
    return np.array(values_of(floats, np.float64))


def _cells(text: Any, *, commas: bool, decimal_comma: bool) -> tuple[FloatArray, Errors]:
    """Plain ones and thousands at once, the others one by one."""
    import pyarrow.compute as pc

    if commas and not decimal_comma:
        grouped = pc.match_substring_regex(text, r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
        text = pc.if_else(grouped, pc.replace_substring(text, ",", ""), text)
    plain = pc.match_substring_regex(text, r"^([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan)$")
    if decimal_comma:
        plain = pc.and_(plain, pc.invert(pc.match_substring_regex(text, r"^[+-]?\d{1,3}(\.\d{3})+$")))
    values = _floats(pc.if_else(plain, text, "nan"))
    errors: Errors = {}
    for at in np.flatnonzero(~np.array(plain.to_pylist(), bool)).tolist():
        try:
            values[at] = number(text[at].as_py(), commas=commas, decimal_comma=decimal_comma)
        except ValueError as error:
            errors[at] = str(error)
    return values, errors
