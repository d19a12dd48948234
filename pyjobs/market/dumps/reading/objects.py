"""JSON as a grid: rows as arrays or objects, wherever in the document they are, or columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np

from pyjobs.market.dumps.reading.about import DESCRIBING, about_of
from pyjobs.market.dumps.reading.encodings import decoded
from pyjobs.market.dumps.reading.fields import is_number, is_time
from pyjobs.market.dumps.reading.grid import Grid
from pyjobs.market.dumps.reading.limits import LARGEST_JSON_BYTES, check_size
from utils.errors import BadDataError
from utils.foreign_text import quoted

DEEPEST = 4
_A_LINE = re.compile(rb"\s*(\{[^\n]*\}[ \t\r]*\n\s*\{|\[[^\n]*\][ \t\r]*\n\s*\[)")  # an object or an array a line
_SPACED_COLON = re.compile(rb'"\s+:')
HEADS = ("columns", "fields", "headers", "column_names", "columnNames")
CHART = ("snapped_at", "price", "market_cap", "total_volume")
_WRAPPERS = (
    "OHLCV?|DATA|BARS|ROWS|RESULTS?|CANDLES|KLINES?|OUTPUT\\d?|DAILY|PRICES?|QUOTES?|HISTORY|SERIES|VALUES|ITEMS"
)
_CODE_KEY = re.compile(rf"(?!(?:{_WRAPPERS})$)[A-Z0-9^][A-Z0-9.^=/_:-]+")
"""The name of the only rows of a document: those of a symbol, or just a name."""


def read_json(label: str, content: bytes) -> Grid:
    """The rows of a JSON document. Raises BadDataError with the row."""
    check_size(label, len(content), LARGEST_JSON_BYTES)
    try:
        text = decoded(label, content)
        lines = _A_LINE.match(text)
        data = msgspec.json.Decoder().decode_lines(text) if lines else msgspec.json.decode(text.decode())
    except (msgspec.DecodeError, RecursionError) as error:
        if (naver := re.fullmatch(rb"\s*\[\s*\[('[^\]]*)\],(.*)\]\s*", content, re.DOTALL)) is not None:
            return read_json(label, b"[[" + naver[1].replace(b"'", b'"') + b"]," + naver[2] + b"]")  # its siseJson
        raise BadDataError(f"{label}: not valid JSON: {error}; is the file cut off?") from None
    _refuse_keys_given_twice(label, text, data, lines is not None)
    about: dict[str, Any] = {}
    rows = _rows_in(data, about, DEEPEST)
    if rows is None:
        texts = [text for text in data.values() if isinstance(text, str)] if isinstance(data, dict) else []
        words = f"; its text: {quoted(texts[0], 120)!r}" if texts else ""
        what = "expected a list of rows, each a list of numbers or an object with named columns"
        raise BadDataError(f"{label}: {what}{words}")
    grid = rows if isinstance(rows, Grid) else _grid(label, rows)
    grid.label, grid.unit, grid.about = label, "row", about
    return grid


def _refuse_keys_given_twice(label: str, text: bytes, data: Any, lines: bool) -> None:
    """A decoder keeps the last of two values. Only where there are not as many keys as in `text` it is read again."""
    if text.count(b'":') + sum(1 for _ in _SPACED_COLON.finditer(text)) == _keys(data):
        return
    ended = 0

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal ended
        ended += 1
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadDataError(f"{label}: object {ended}: two values of {quoted(key)!r}: take out the wrong one")
            seen.add(key)

    with suppress(RecursionError):  # that deep no row is
        for each in text.splitlines() if lines else [text]:
            if each.strip():
                json.loads(each, object_pairs_hook=look)


def _keys(data: Any) -> int:
    """How many keys all objects have together."""
    left: list[Iterable[Any]] = [[data]]
    count = 0
    while left:
        for each in left.pop():
            if type(each) is list:
                left.append(each)
            elif type(each) is dict:
                count += len(each)
                left.append(each.values())
    return count


def _rows_in(data: Any, about: dict[str, Any], deep: int) -> Any:
    """The list of rows in a document, or a Grid of its columns; None when there is none."""
    if isinstance(data, list):
        if all(isinstance(row, list | dict) for row in data):
            if len(data) == 1 and isinstance(data[0], dict) and isinstance(data[0].get("timestamp"), list):
                return _rows_in(data[0], about, deep)  # Yahoo's chart
            return _unfolded(data, about)
        return None
    if not isinstance(data, dict) or not deep:
        return None
    about.update(about_of(data))
    if isinstance(data.get("timestamp"), list) and isinstance(data.get("indicators"), dict):
        return _chart(data)
    if (pairs := _pairs(data)) is not None:
        return pairs
    names = next((data[name] for name in HEADS if isinstance(data.get(name), list)), None)
    rows = next((data[name] for name in ("data", "rows", "values") if isinstance(data.get(name), list)), None)
    if names and rows and all(isinstance(name, str) for name in names) and isinstance(rows[0], list):
        return _split({"columns": names, "data": rows, "index": data.get("index")})  # pandas' orient="split", TWSE's
    if _are_columns(lists := {name: value for name, value in data.items() if isinstance(value, list)}):
        return _columns(lists)
    if data and all(isinstance(value, dict) for value in data.values()):
        if all(is_time(key) for key in list(data)[:3]):  # rows by their time
            return [{"date": key, **row} for key, row in data.items()]
        words = {word for name in data for word in re.findall("[a-z]+", str(name).lower())}
        if {"open", "close"} <= words:  # pandas' own: columns, each by time
            return _by_column(data)
    found = {name: each for name, value in data.items() if (each := _rows_in(value, about, deep - 1))}
    if len(found) > 1 and all(isinstance(rows, list) and isinstance(rows[0], dict) for rows in found.values()):
        named = [set(rows[0]) for rows in found.values()]
        if all(each == named[0] for each in named):  # rows by their symbol
            return [{"symbol": name, **row} for name, rows in found.items() for row in rows if isinstance(row, dict)]
    if len(found) == 1 and _CODE_KEY.fullmatch(only := str(next(iter(found)))):
        about.setdefault("symbol", only)
    return next(iter(found.values())) if len(found) == 1 else None


def _unfolded(data: list[Any], about: dict[str, Any]) -> list[Any]:
    """Rows that stand in a list of their own below their symbol's fields (Tiingo's coins,
    https://www.tiingo.com/documentation/crypto); else `data`.
    """
    found: list[Any] = []
    for each in data:
        lists = [value for value in each.values() if isinstance(value, list)] if isinstance(each, dict) else []
        plain = len(data) > 1
        if (
            len(lists) != 1
            or not lists[0]
            or not all(isinstance(row, dict if plain else dict | list) for row in lists[0])
        ):
            return data
        result = next((each[name] for name in DESCRIBING[:2] if isinstance(each.get(name), str)), "")
        if not plain:
            about |= {"symbol": result} if result else {}
        found += lists[0] if not plain else [{"symbol": result, **row} for row in lists[0]]
    return found or data


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Fields that stand one level further down (OANDA's `mid`, a currency) in their row; of several, by both names."""
    nested = {name: _flat(value) for name, value in row.items() if isinstance(value, dict)}
    plain = {name: value for name, value in row.items() if name not in nested}
    for name, fields in nested.items():
        apart = len(nested) > 1 or not plain.keys().isdisjoint(fields)
        plain |= {f"{name}.{field}" if apart else field: value for field, value in fields.items()}
    return plain


def _pairs(data: dict[str, Any]) -> list[dict[str, Any]] | None:
    """CoinGecko's market_chart, lists of (time, value) by name, as the rows of its download; None for another thing."""
    lists = [data.get(name) for name in ("prices", "market_caps", "total_volumes")]
    if not all(isinstance(each, list) and len(each) == len(data["prices"]) for each in lists):
        return None
    rows = []
    for pairs in zip(*lists, strict=True):
        if not all(isinstance(pair, list) and len(pair) == 2 and pair[0] == pairs[0][0] for pair in pairs):
            return None
        values = (pair[1] for pair in pairs)
        rows.append(dict(zip(CHART, (pairs[0][0], *values), strict=True)))
    return rows


def _are_columns(data: dict[str, list[Any]]) -> bool:
    lengths = {len(values) for values in data.values()}
    plain = all(not isinstance(value, list | dict) for values in data.values() for value in values[:3])
    return len(data) > 3 and len(lengths) == 1 and plain


def _columns(data: dict[str, list[Any]]) -> Grid:
    names = list(data)
    arrays = [_array(data[name]) for name in names]
    return Grid(label="", names=names, columns=arrays, lines=np.arange(1, len(arrays[0]) + 1, dtype=np.int64))


def _chart(data: dict[str, Any]) -> Grid:
    quote = (data["indicators"].get("quote") or [{}])[0]
    adjusted = (data["indicators"].get("adjclose") or [{}])[0]
    return _columns({"timestamp": data["timestamp"], **quote, **adjusted})


def _split(data: dict[str, Any]) -> Any:
    index = data.get("index")
    names = [str(name) for name in data["columns"]]
    if not isinstance(index, list):
        return [dict(zip(names, row, strict=False)) for row in data["data"]]
    return [{"": when, **dict(zip(names, row, strict=False))} for when, row in zip(index, data["data"], strict=False)]


def _by_column(data: dict[str, dict[str, Any]]) -> Any:
    times = list(next(iter(data.values())))
    return [{"": when, **{name: column.get(when) for name, column in data.items()}} for when in times]


def _grid(label: str, rows: Sequence[Any]) -> Grid:
    if not rows:
        return Grid(label=label, names=None, columns=[], lines=np.empty(0, np.int64))
    lines = np.arange(1, len(rows) + 1, dtype=np.int64)
    if isinstance(rows[0], dict) and any(isinstance(value, dict) for value in rows[0].values()):
        rows = [_flat(row) if isinstance(row, dict) else row for row in rows]
    if len(rows) > 1 and _are_names(rows[0]):
        return _named(label, [dict(zip(rows[0], row, strict=False)) for row in rows[1:]], lines[1:])
    if isinstance(rows[0], dict):
        return Grid(label=label, names=None, columns=[], lines=lines) if not rows[0] else _named(label, rows, lines)
    width = len(rows[0])
    for i, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) < 5 or len(row) != width:
            raise BadDataError(f"{label}: row {i}: expected an array of time and five numbers{_not(row)}")
    return Grid(
        label=label, names=None, columns=[_array([row[at] for row in rows]) for at in range(width)], lines=lines
    )


def _are_names(row: Any) -> bool:
    return isinstance(row, list) and bool(row) and all(isinstance(each, str) and not _is_value(each) for each in row)


def _is_value(text: str) -> bool:
    return is_number(text) or is_time(text)


def _named(label: str, rows: Sequence[Any], lines: Any) -> Grid:
    names = dict.fromkeys(rows[0])
    for i, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise BadDataError(f"{label}: row {i}: expected an object with named columns{_not(row)}")
        if row.keys() != names.keys():
            names |= dict.fromkeys(row)
    columns = [_array([row.get(name) for row in rows]) for name in names]
    return Grid(label=label, names=[str(name) for name in names], columns=columns, lines=lines)


def _not(row: Any) -> str:
    """The kind of a row that is not one; its content may be anything, so it is not quoted."""
    return f", got an array of {len(row)}" if isinstance(row, list) else f", got {type(row).__name__}"


def _array(values: list[Any]) -> Any:
    """A column of numbers where all are, else of text."""
    import pyarrow as pa

    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64())
        except (OverflowError, pa.ArrowInvalid):
            kinds = {int, float}
    if kinds and kinds <= {int, float}:
        try:
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        except OverflowError:
            kinds = {object}
    return pa.array(
        [None if value is None else value if isinstance(value, str) else _text(value) for value in values], pa.string()
    )


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
