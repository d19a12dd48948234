"""A column of times: whole at once where all cells have one shape, cell by cell where they have not."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pyjobs.market.arrow import values_of
from pyjobs.market.bars import IntArray
from pyjobs.market.dumps.reading.fields import (
    EARLIEST_MS,
    EARLIEST_YEAR,
    LATEST_MS,
    LONGEST_MONTH,
    Unclear,
    epoch_ms,
    epoch_unit,
    instant,
)
from pyjobs.market.dumps.reading.zones import ABBREVIATED

BAD, DATE, NAIVE, INSTANT = 0, 1, 2, 3
DAY_MS = 86_400_000
EARLIEST_MIXED_S, LATEST_MIXED_S = 10**8, 42 * 10**8  # 1973 to 2103
FIRST_DAYS_S = 10**8  # until 1973: days of a history that began before them
PIECE = 1 << 16  # rows that are looked at together: of all at once every step would take as much again
FEWEST = 3  # rows that show which part of a date changes least
SHAPES = 12  # lengths of cells in one column; more of them are read one by one
_ZONED = r"(?:Z|UTC|(?P<sign>[+-])(?P<zh>\d{2}):?(?P<zm>\d{2}))"
_UNIFORM = re.compile(
    r"(?:(?P<Y>\d{4})(?P<s>[-/.]?)(?P<m>\d{2})(?P=s)(?P<d>\d{2})|(?P<a>\d{2})(?P<t>[-/.])(?P<b>\d{2})(?P=t)(?P<Y2>\d{4}))"
    r"(?:[T ]+(?P<H>\d{2}):?(?P<M>\d{2})(?::?(?P<S>\d{2})(?:\.(?P<f>\d{1,3})\d*)?)?\s*(?P<z>" + _ZONED + r")?)?"
)
Kinds = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Stamps:
    """One time a row: a `DATE` (ms of its midnight), a `NAIVE` clock (ms as if it were UTC), an `INSTANT` (UTC ms)."""

    kind: Kinds
    ms: IntArray
    errors: dict[int, str] = field(default_factory=dict)

    def has_clock(self) -> Any:
        """Which rows have a time of day that is not midnight."""
        return (self.kind != DATE) & (self.ms % DAY_MS != 0)


def stamps(column: Any, order: str = "") -> Stamps:
    """The times of a column. `order`: `dmy` or `mdy` where a date could be both."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(column.type):
        return _typed(column)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return _numeric(column)
    column = pc.fill_null(pc.utf8_trim_whitespace(column), "")
    digits = pc.all(pc.match_substring_regex(column, r"^[+-]?\d+(\.\d+)?$")).as_py() if len(column) else False
    if digits and not _are_dates(column):
        point = pc.any(pc.match_substring(column, ".")).as_py()
        try:
            return _numeric(pc.cast(column, pa.float64() if point else pa.int64()))
        except pa.ArrowInvalid:  # one of more than 19 digits: each by itself, so that it is named
            return _shaped(column, order)
    return _shaped(column, order)


def order_of(column: Any) -> str:
    """`dmy` or `mdy` where some date of a column of strings can only be that; "" when both are possible, or neither."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return ""
    parts = pc.extract_regex(column, r"^\s*(?P<a>\d{1,2})[-/.]\s?(?P<b>\d{1,2})[-/.]\s?(?P<y>\d{2,4})").drop_null()
    if not len(parts):
        return ""
    first, second, third = (pc.cast(pc.struct_field(parts, [i]), pa.int32()) for i in (0, 1, 2))
    if pc.max(third).as_py() < 100 and (order := _of_short_years(first, second, third)):
        return "" if order == "?" else order
    largest, next_one = pc.max(first).as_py(), pc.max(second).as_py()
    return "dmy" if largest > 12 >= next_one else "mdy" if next_one > 12 >= largest else ""


def _of_short_years(first: Any, second: Any, third: Any) -> str:
    """`ymd` where of 24/01/04 the first number is the year, as it changes least; `?` where it may be; "" for others."""
    import pyarrow.compute as pc

    low, middle, high = (pc.max(each).as_py() for each in (first, second, third))
    if low > LONGEST_MONTH:
        return "ymd"
    if high > LONGEST_MONTH or middle > 12 or pc.min(third).as_py() == 0:
        return ""
    kinds = [len(pc.unique(each)) for each in (first, second, third)]
    if len(first) < FEWEST or kinds[0] == kinds[2]:
        return "?"
    return "ymd" if kinds[2] > kinds[0] else ""


def without_abbreviations(column: Any) -> Any:
    """Times without the zone's abbreviation (EST, KST) behind them: the desk's `zone` is their clock."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(column.type):
        return column
    return pc.replace_substring_regex(column, rf"(\d)\s*(?:{'|'.join(ABBREVIATED)})\s*$", r"\1")


def _typed(column: Any) -> Stamps:
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = column.type.tz
    missing = np.array(pc.is_null(column).to_pylist(), bool) if column.null_count else np.zeros(len(column), bool)
    ms = pc.fill_null(pc.cast(column, pa.timestamp("ms", zone), safe=False).cast(pa.int64()), 0)
    values = np.array(values_of(ms, np.int64))
    midnight = not zone and not (values % DAY_MS).any()
    kind = np.full(len(values), INSTANT if zone else DATE if midnight else NAIVE, np.uint8)
    kind[missing] = BAD
    return _bounded(Stamps(kind, values, dict.fromkeys(np.flatnonzero(missing).tolist(), "the time is missing")))


def _numeric(column: Any) -> Stamps:
    """Epochs, of one unit in a column: by the largest; or whole numbers that are dates, like 20240102."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pa.types.is_integer(column.type) and not column.null_count
    if whole and len(column) and _are_dates(pc.cast(column.slice(0, 1), pa.string())):
        text = pc.cast(column, pa.string())
        if _are_dates(text):
            return _shaped(text, "")
    missing = np.array(pc.is_null(column).to_pylist(), bool) if column.null_count else np.zeros(len(column), bool)
    column = pc.fill_null(column, 0) if column.null_count else column
    if pa.types.is_integer(column.type):
        values: Any = np.array(values_of(pc.cast(column, pa.int64()), np.int64))
    else:
        values = np.array(values_of(pc.cast(column, pa.float64()), np.float64))
        missing |= ~np.isfinite(values)
        values = np.where(missing, 0, values)
    ms = _as_ms(values)
    kind = np.full(len(ms), INSTANT, np.uint8)
    kind[missing] = BAD
    return _bounded(Stamps(kind, ms, dict.fromkeys(np.flatnonzero(missing).tolist(), "the time is missing")), values)


def _as_ms(values: Any) -> IntArray:
    """Epochs as milliseconds. The largest decides the unit of the column; where its other values, too, would all be of
    the first weeks of 1970, they are of a smaller unit (an archive that went from seconds or ms to us on the way)."""
    sizes = np.abs(values)
    unit = epoch_unit(float(sizes.max())) if len(values) else 1
    ms, rest = _in_unit(values, unit), np.ones(len(values), bool)
    for smaller in (each for each in (1_000_000, 1000, 1) if each < unit):
        low, high = EARLIEST_MIXED_S * smaller, LATEST_MIXED_S * smaller
        among = rest & (values >= low) & (values < high)
        history = rest & ((values < 0) | ((values >= high) & (values < FIRST_DAYS_S * unit)))  # and its next years
        if among.any() and not history.any():
            ms, rest = np.where(among, _in_unit(values, smaller), ms), rest & ~among
    return ms


def _in_unit(values: Any, unit: int) -> IntArray:
    ms = values * (1000 // unit) if unit <= 1000 else values // (unit // 1000)
    return np.asarray(np.rint(ms) if ms.dtype.kind == "f" else ms, np.int64)


def _bounded(found: Stamps, values: Any = None) -> Stamps:
    """`found` without what is no time of any price; `values`: what the file has."""
    outside = ((found.ms < EARLIEST_MS) | (found.ms >= LATEST_MS)) & (found.kind != BAD)
    for at in np.flatnonzero(outside).tolist():
        text = f"{found.ms[at]} ms" if values is None else f"{values[at]}"
        found.errors[at], found.kind[at] = f"{text} is no time of the years {EARLIEST_YEAR} to 5138", BAD
    return found


def _are_dates(column: Any) -> bool:
    """Whether whole numbers are dates (YYYYMMDD) or dates with a clock (YYYYMMDDHHMM, …SS), all of them."""
    import pyarrow.compute as pc

    shape = r"^(1[89]|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d([0-5]\d)?)?$"
    return bool(len(column)) and bool(pc.all(pc.match_substring_regex(column, shape)).as_py())


def _shaped(column: Any, order: str) -> Stamps:
    import pyarrow.compute as pc

    found = Stamps(np.zeros(len(column), np.uint8), np.zeros(len(column), np.int64))
    lengths = np.array(values_of(pc.binary_length(column), np.int32))
    sizes = np.unique(lengths)
    rest = np.ones(len(column), bool)
    for size in sizes.tolist() if len(sizes) <= SHAPES and len(column) > 1 else ():
        rows = np.flatnonzero(lengths == size)
        cells = column if len(sizes) == 1 else column.take(_indices(rows))
        for at in range(0, len(rows) if size else 0, PIECE):
            done = _uniform(cells.slice(at, PIECE), size, order, found, rows[at : at + PIECE])
            rest[done] = False
    for at in np.flatnonzero(rest).tolist():
        _one(column[at].as_py(), order, found, at)
    return found


def _indices(rows: IntArray) -> Any:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows, np.int64))])


def _one(text: str, order: str, found: Stamps, at: int) -> None:
    try:
        moment = instant(text, order)
    except ValueError as error:
        found.errors[at] = str(error)
        return
    if not isinstance(moment, dt.datetime):
        found.kind[at], found.ms[at] = DATE, (moment.toordinal() - 719_163) * DAY_MS
    elif moment.tzinfo is None:
        found.kind[at], found.ms[at] = NAIVE, epoch_ms(moment.replace(tzinfo=dt.UTC))
    else:
        found.kind[at], found.ms[at] = INSTANT, epoch_ms(moment)


def _uniform(cells: Any, size: int, order: str, found: Stamps, rows: IntArray) -> IntArray:
    """Read those of `rows` whose cells have the shape of the first, digits where it has digits; return which these
    are.
    """
    first = cells[0].as_py()
    match = _UNIFORM.fullmatch(first)
    if match is None or (match["a"] and order not in ("dmy", "mdy")) or len(first) != size:
        return rows[:0]
    start = cells.offset
    offsets = np.frombuffer(cells.buffers()[1], np.int32, count=start + len(cells) + 1)[start:]
    data = np.frombuffer(cells.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].reshape(len(cells), size)
    pattern = np.frombuffer(first.encode(), np.uint8)
    digit = (pattern >= 48) & (pattern <= 57)
    good = np.ones(len(cells), bool)
    for at in range(size):
        cell = data[:, at]
        if digit[at]:
            good &= (cell >= 48) & (cell <= 57)
        elif match["sign"] is not None and at == match.start("sign"):
            good &= (cell == 43) | (cell == 45)
        else:
            good &= cell == pattern[at]

    def part(name: str) -> Any:
        low, high = match.span(name)
        value = np.zeros(len(cells), np.int64)
        for at in range(low, high) if low >= 0 else ():
            value = value * 10 + (data[:, at].astype(np.int64) - 48)
        return value

    _put(match, part, data, order, good, found, rows)
    return rows[good]


def _put(match: Any, part: Any, data: Any, order: str, good: Any, found: Stamps, rows: IntArray) -> None:
    year, month, day = (
        (part("Y2"), *((part("b"), part("a")) if order == "dmy" else (part("a"), part("b"))))
        if match["a"]
        else (part("Y"), part("m"), part("d"))
    )
    month_ok = (month >= 1) & (month <= 12) & (year >= EARLIEST_YEAR)
    months = np.where(month_ok, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    good &= month_ok & (day >= 1) & (day <= length)
    ms = (months.astype("datetime64[D]").astype(np.int64) + day - 1) * DAY_MS
    kind = DATE
    if match["H"] is not None:
        hour, minute, second = part("H"), part("M"), part("S")
        good &= (hour < 24) & (minute < 60) & (second < 60)
        fraction = part("f") * 10 ** (3 - len(match["f"])) if match["f"] else 0
        ms = ms + hour * 3_600_000 + minute * 60_000 + second * 1000 + fraction
        kind = NAIVE
        if match["z"]:
            kind = INSTANT
            if match["sign"]:
                sign = np.where(data[:, match.start("sign")] == 45, -1, 1)
                ms = ms - sign * (part("zh") * 3_600_000 + part("zm") * 60_000)
    found.kind[rows[good]], found.ms[rows[good]] = kind, ms[good]


__all__ = ["BAD", "DATE", "INSTANT", "NAIVE", "Stamps", "Unclear", "order_of", "stamps"]
