"""A dump file as rows: CSV or JSON in the shapes people have, every number where it belongs, nothing judged yet."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from pyjobs.market.bars import FloatArray
from pyjobs.market.dumps.fields import column, finite, instant, number, unexpected
from utils.errors import BadDataError, MissingInputError
from utils.foreign_text import quoted
from utils.text_files import bytes_of

# Where open, high, low, close, volume stand in a row without column names, after the time.
ORDERS: dict[str, tuple[int, ...]] = {"ohlcv": (0, 1, 2, 3, 4), "bitfinex": (0, 2, 3, 1, 4)}
OHLC = ("open", "high", "low", "close")
BEGINNING = 1 << 16
LARGEST_BYTES, LARGEST_JSON_BYTES = 256_000_000, 64_000_000
LONGEST_LINE_BYTES, MOST_EMPTY = 1_000_000, 1_000_000


class Row(NamedTuple):
    """One row as it stood in the file; a missing number is NaN, a missing volume column is 0."""

    line: int
    when: str
    prices: tuple[float, ...]  # open, high, low, close, volume
    adj_close: float


class Held:
    """Rows as columns: 126 bytes each, a third of what a tuple of objects takes. `prices`: five after five."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.line, self.when = array("q"), list[str]()
        self.prices, self.adj_close = array("d"), array("d")
        for row in rows:
            self.append(row)

    def __len__(self) -> int:
        return len(self.line)

    def append(self, row: Row) -> None:
        """After those that are here."""
        self.line.append(row.line)
        self.when.append(row.when)
        self.prices.extend(row.prices)
        self.adj_close.append(row.adj_close)


class Rows(NamedTuple):
    """The file: what a row is called in messages, its rows, and which order was found (names: from a header)."""

    unit: str
    rows: Held
    order: str
    read: int
    empty: list[int]  # the lines that held only separators
    ends_cleanly: bool


def read_rows(path: Path, layout: str) -> Rows:
    """The rows of the dump at `path`. Raises BadDataError with file and line, MissingInputError without a file."""
    text = _text(path)
    found = _json_rows(path, text, layout) if text.lstrip()[:1] in ("[", "{") else _csv_rows(path, text, layout)
    if not found.rows:
        raise BadDataError(f"{path}: holds no rows")
    return found


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise BadDataError(f"{path}: {size / 1e6:,.0f} MB; at most {LARGEST_BYTES / 1e6:.0f} MB are read: split it")
        content = bytes_of(path)
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise MissingInputError(f"{path}: is a folder, not a file") from None
    _check_lines(path, content)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in content:
        raise BadDataError(f"{path}: not a text file (NUL at byte {content.index(0)})")
    for attempt in (encoding, "cp949"):  # cp949: what the KRX web site exports
        try:
            return content.decode(attempt)
        except UnicodeDecodeError as error:
            where = error.start
    raise BadDataError(f"{path}: not a text file (byte {where} is neither UTF-8 nor CP949)")


def _check_lines(path: Path, content: bytes) -> None:
    """Refuse what no table of prices is: lines without end (JSON has them, and a bound of its own)."""
    if content.lstrip()[:1] in (b"[", b"{"):
        if len(content) > LARGEST_JSON_BYTES:
            raise BadDataError(f"{path}: more than {LARGEST_JSON_BYTES / 1e6:.0f} MB of JSON: split it, or make it CSV")
        return
    at = 0
    while len(content) - at > LONGEST_LINE_BYTES:
        end = content.rfind(b"\n", at, at + LONGEST_LINE_BYTES)
        end = end if end >= 0 else content.rfind(b"\r", at, at + LONGEST_LINE_BYTES)
        if end < 0:
            raise BadDataError(f"{path}: a line of more than {LONGEST_LINE_BYTES:,} bytes: not a table of prices")
        at = end + 1


def _csv_rows(path: Path, text: str, layout: str) -> Rows:
    delimiter = _delimiter(path, text)
    file = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")  # StringIO takes four bytes a letter
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    places: dict[str, int] | None = None
    rows = Held()
    empty: list[int] = []
    width = 0
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                empty.append(reader.line_num)
                if len(empty) > MOST_EMPTY:
                    raise BadDataError(f"{path}: more than {MOST_EMPTY:,} lines hold only separators")
            elif places is None:
                width = len(fields)
                places = _header(path, reader.line_num, fields)
                order = "names" if places else _headerless_order(path, width, layout)
                places = places or _places(order, width)
                if order != "names":
                    rows.append(_csv_row(path, reader.line_num, fields, places, delimiter))
            elif len(fields) != width:
                raise BadDataError(
                    f"{path}: line {reader.line_num}: {len(fields)} fields instead of {width}: "
                    f"{delimiter.join(fields)[:80]!r}; is the file cut off?"
                )
            else:
                rows.append(_csv_row(path, reader.line_num, fields, places, delimiter))
    except csv.Error as error:
        raise BadDataError(f"{path}: line {reader.line_num}: {error}; is the file cut off?") from None
    clean = text.endswith(("\n", "\r"))
    return Rows("line", rows, order if places else "", len(rows) + len(empty), empty, clean)


def _delimiter(path: Path, text: str) -> str:
    """The separator that makes at least five fields of the first line that has any content."""
    parts = (
        text[:BEGINNING].rpartition("\n")[0],
        text,
    )  # all lines at once only where they begin with so many empty ones
    first = next((line for part in parts for line in part.splitlines() if line.strip(" \t,;")), "")
    for delimiter in ("\t", ";", ","):
        if len(next(csv.reader([first], delimiter=delimiter), [])) >= 5:
            return delimiter
    if not first:
        raise BadDataError(f"{path}: the file is empty")
    raise BadDataError(f"{path}: neither tabs, semicolons nor commas make columns of {unexpected(path, first)}")


def _header(path: Path, line: int, fields: Sequence[str]) -> dict[str, int]:
    """Where each field stands, from a header line; empty when the line is data already."""
    if _is_time(fields[0]):
        return {}
    places: dict[str, int] = {}
    for place, name in enumerate(fields):
        field = column(name)
        if field in places:
            raise BadDataError(f"{path}: line {line}: two columns are named {field}: {', '.join(fields)}")
        if field:
            places[field] = place
    missing = [field for field in ("time", *OHLC) if field not in places]
    if missing:
        told = unexpected(path, ", ".join(fields))
        raise BadDataError(f"{path}: line {line}: no column for {', '.join(missing)} in {told}")
    return places


def _is_time(text: str) -> bool:
    try:
        instant(text)
    except ValueError:
        return False
    return True


def _headerless_order(path: Path, width: int, layout: str) -> str:
    if width not in (5, 6):
        raise BadDataError(f"{path}: {width} columns and no header line: cannot tell which is which")
    return "bitfinex" if layout == "bitfinex" else "ohlcv"


def _places(order: str, width: int) -> dict[str, int]:
    places = {"time": 0} | {name: ORDERS[order][i] + 1 for i, name in enumerate(OHLC)}
    return places | ({"volume": 5} if width == 6 else {})


def _csv_row(path: Path, line: int, fields: Sequence[str], places: dict[str, int], delimiter: str) -> Row:
    def value(name: str) -> float:
        try:
            return number(fields[places[name]], commas=delimiter != ";")
        except ValueError as error:
            raise BadDataError(f"{path}: line {line}: {name}: {error}") from None

    return _row(line, fields[places["time"]], value, places)


def _row(line: int, when: str, value: Callable[[str], float], places: dict[str, int]) -> Row:
    volume = value("volume") if "volume" in places else 0.0
    adj_close = value("adj_close") if "adj_close" in places else math.nan
    return Row(line, when, (*(value(name) for name in OHLC), volume), adj_close)


def _json_rows(path: Path, text: str, layout: str) -> Rows:
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadDataError(f"{path}: not valid JSON: {error}; is the file cut off?") from None
    if not isinstance(data, list) or not all(isinstance(row, list | dict) for row in data):
        raise BadDataError(f"{path}: expected a list of rows, each a list of numbers or an object with named columns")
    if data and isinstance(data[0], dict):
        named = Held(_named(path, i, row) for i, row in enumerate(data, 1))
        return Rows("row", named, "names", len(data), [], True)
    values = np.array([_numbers(path, i, row) for i, row in enumerate(data, 1)], np.float64).reshape(-1, 5)
    order = layout if layout == "bitfinex" else "ohlcv" if layout.startswith("ohlcv") else _order_of(path, values)
    prices = values[:, list(ORDERS[order])].tolist()
    rows = Held(
        Row(i, str(row[0]), tuple(ohlcv), math.nan) for i, (row, ohlcv) in enumerate(zip(data, prices, strict=True), 1)
    )
    return Rows("row", rows, order, len(rows), [], True)


def _numbers(path: Path, i: int, row: Any) -> list[float]:
    """The four prices and the volume of a JSON array, in file order."""
    if not isinstance(row, list) or len(row) != 6:
        raise BadDataError(f"{path}: row {i}: expected an array of time and five numbers{_not(row)}")
    return [_plain(path, i, value) for value in row[1:]]


def _plain(path: Path, i: int, value: Any) -> float:
    try:
        if isinstance(value, str):
            return number(value)
        if value is None:
            return math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            return finite(float(value))
    except (ValueError, OverflowError) as error:
        raise BadDataError(f"{path}: row {i}: {error}") from None
    raise BadDataError(f"{path}: row {i}: {quoted(repr(value), 80)} is not a number")


def _not(row: Any) -> str:
    """What a row is instead; its content may be anything, so it is not repeated."""
    return f", got an array of {len(row)}" if isinstance(row, list) else f", got {type(row).__name__}"


def _named(path: Path, i: int, row: Any) -> Row:
    if not isinstance(row, dict):
        raise BadDataError(f"{path}: row {i}: expected an object with named columns{_not(row)}")
    fields = {column(name): value for name, value in row.items() if column(name)}
    missing = [name for name in ("time", *OHLC) if name not in fields]
    if missing:
        raise BadDataError(f"{path}: row {i}: no {', '.join(missing)} in {unexpected(path, ', '.join(row))}")
    return _row(i, str(fields["time"]), lambda name: _plain(path, i, fields[name]), {str(n): 0 for n in fields})


def _order_of(path: Path, values: FloatArray) -> str:
    """The column order in which every row is a possible bar. Raises BadDataError when there is none.

    Both fit only a row of four equal prices, where they mean the same: high >= close in the one order is low >= high in
    the other.
    """
    traded = values[(values[:, :4] > 0).all(axis=1)]
    for name, order in ORDERS.items():
        if _possible(traded[:, list(order[:4])]):
            return name
    raise BadDataError(f"{path}: in no known column order do all rows have low <= open, close <= high")


def _possible(ohlc: FloatArray) -> bool:
    opened, high, low, close = ohlc.T
    return bool(((low <= np.minimum(opened, close)) & (high >= np.maximum(opened, close))).all())
