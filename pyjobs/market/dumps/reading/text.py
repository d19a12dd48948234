"""Text with separators: which one, where the header is, and every row through pyarrow's reader, lines kept."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyjobs.market.bars import IntArray
from pyjobs.market.dumps.reading.encodings import BEGINNING, PIECE, decoded
from pyjobs.market.dumps.reading.fields import column, is_number, is_time
from pyjobs.market.dumps.reading.grid import Grid, give_back
from pyjobs.market.dumps.reading.limits import MOST_EMPTY, check_lines, check_rows, unexpected
from utils.errors import BadDataError

DELIMITERS = ("\t", ";", "|", ",")
BLOCK = 1 << 23  # pieces so large that each column of one is given back when all are put together
SAMPLE = 60  # lines that say what the table looks like
HEADER_LINES = 3
DATES = (
    "date",
    "datetime",
    "time",
    "day",
    "observationdate",
    "날짜",
    "일자",
    "기준일",
    "datum",
    "fecha",
    "日付",
    "日期",
    "data",
)
_POINT = re.compile(r"[+-]?\d+\.\d+")
_THREE = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_SINGLE_QUOTES = re.compile(rb"'[^'\"\n]*'(?:[,;\t]'[^'\"\n]*')+\r?\n")  # a first line of nothing else
_DECIMAL_COMMA = re.compile(r"[+-]?[\d. ]*\d,(?:\d{1,2}|\d{4,})")
_EPOCH = re.compile(r"-?\d{9,18}")


def read_text(label: str, content: bytes) -> Grid:
    """The rows of a separated text. Raises BadDataError with file and line."""
    check_lines(label, content)
    content = decoded(label, content)
    if _SINGLE_QUOTES.match(content):
        content = content.replace(b"'", b'"')
    beginning = content[:BEGINNING]
    if len(content) > BEGINNING:
        beginning = beginning.rpartition(b"\n")[0]
    lines = beginning.decode().splitlines()
    if not any(line.strip(" \t,;|") for line in lines):
        lines = content.decode().splitlines()  # a file that begins with so many empty ones
    if (spaced := _by_spaces(lines)) is not None:
        content = spaced.sub(b"\t", re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", content))
        lines = [spaced.sub(b"\t", line.strip().encode()).decode() for line in lines]
    delimiter, width = _shape(label, lines)
    start, head = _head(label, lines, delimiter, width)
    names = _names(head, lines[start : start + 1], delimiter)
    width = len(names) if names else width
    grid = _parsed(label, content, delimiter, start, _kinds(lines[start : start + SAMPLE], delimiter, width))
    check_rows(label, len(grid))
    grid.names, grid.header_line = names, start - len(head) + 1 if head else 0
    grid.preamble = [line for line in lines[: start - len(head)] if line.strip(" \t,;|")]
    grid.ends_cleanly = content.endswith((b"\n", b"\r"))
    return grid


def _by_spaces(lines: Sequence[str]) -> re.Pattern[bytes] | None:
    """What separates the cells of a table that is set with spaces: two or more, else any; None for another table."""
    sample = [line.strip() for line in lines if line.strip()][:SAMPLE]
    if not sample or any(mark in sample[-1] for mark in DELIMITERS) or sum(map(is_number, sample[-1].split())) < 4:
        return None
    for pattern, share in ((r" {2,}", 1.0), (r" +", 0.5)):
        widths = [len(re.split(pattern, line)) for line in sample]
        if widths[-1] >= 5 and widths.count(widths[-1]) >= share * len(widths):
            return re.compile(pattern.encode())
    return None


def _shape(label: str, lines: Sequence[str]) -> tuple[str, int]:
    """The separator under which most lines have one number of cells, at least five or just two, and that number."""
    sample = [line for line in lines if line.strip(" \t,;|")][:SAMPLE]
    if not sample:
        raise BadDataError(f"{label}: the file is empty")
    pairs: tuple[str, int] | None = None
    for delimiter in DELIMITERS:
        if not any(delimiter in line for line in sample):
            continue
        widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter))
        widths.pop(0, None)
        if not widths:
            continue
        most = max(widths.values())
        width = max(width for width, count in widths.items() if count == most)
        if width >= 5:
            return delimiter, width
        pairs = pairs or ((delimiter, width) if width >= 2 and _are_all(sample, delimiter, width) else None)
    if pairs:
        return pairs
    line = lines.index(sample[0]) + 1
    text = f"neither tabs, semicolons nor commas make columns of {unexpected(label, sample[0])}"
    raise BadDataError(f"{label}: line {line}: {text}: expected a time, four prices and a volume a row")


def _are_all(sample: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether all lines have so many cells, those above the table aside."""
    cells = [len(row) for row in csv.reader(sample, delimiter=delimiter)]
    return len(cells) - cells.index(width) >= min(len(cells), 2) and set(cells[cells.index(width) :]) == {width}


def _head(label: str, lines: Sequence[str], delimiter: str, width: int) -> tuple[int, list[list[str]]]:
    """(index of the first data line, the header's lines); the lines before them are no table."""
    head: list[list[str]] = []
    for at, line in enumerate(lines):
        cells = next(csv.reader([line], delimiter=delimiter), [])
        if not any(cell.strip() for cell in cells):
            continue
        numbered = not head and _is_numbered(cells)
        if is_time(cells[0]) or (len(cells) >= width - 1 and not numbered and any(map(is_number, cells[1:]))):
            return at, head[-1:] if _has_title(head) else head
        if len(cells) >= width - 1 and (head or not _is_title(cells)):
            head.append(cells)
        if len(head) > HEADER_LINES:
            found = unexpected(label, line)
            raise BadDataError(f"{label}: line {at + 1}: no number in {found}, nor in the lines before it")
    return len(lines), head


def _is_numbered(cells: list[str]) -> bool:
    """Whether a line is the header of columns that pandas numbered, having no names for them: `Date,0`."""
    return (
        column(cells[0]) in ("", *DATES) and len(cells) > 1 and cells[1:] == [str(at) for at in range(len(cells) - 1)]
    )


def _has_title(head: list[list[str]]) -> bool:
    """Whether lines stand above the names of a date and one value: as wide as they, and of another thing."""
    plain = [[column(cell) for cell in row] for row in head]
    return (
        len(plain) > 1
        and len(plain[-1]) == 2
        and plain[-1][0] in DATES
        and bool(plain[-1][1])
        and not ({row[0] for row in plain[:-1]} & {*DATES, "price", "ticker"})
    )


def _is_title(cells: Sequence[str]) -> bool:
    """Whether a row is a line above a table, made as wide as it by the program that saved it: one cell, or a pair."""
    filled = [at for at, cell in enumerate(cells) if cell.strip()]
    return len(cells) > 3 and filled in ([0], [0, 1])


def _names(head: list[list[str]], first: Sequence[str], delimiter: str) -> list[str] | None:
    """One name a column. Several header lines (yfinance: field, ticker, the index's name) become `field@ticker`."""
    if not head:
        return None
    cells = len(next(csv.reader(first, delimiter=delimiter), [])) if first else len(head[0])
    names = [cell.strip() for cell in head[0]]
    if len(head) > 1:
        names = levels([[cell.strip() for cell in row] for row in head])
    if first and cells == len(names) + 1:
        last_is_empty = first[0].endswith(delimiter)
        names = [*names, ""] if last_is_empty else ["", *names]  # a table whose index has no name
    return names


def _prices(cells: list[str]) -> int:
    return sum(column(cell) in ("open", "high", "low", "close") for cell in cells)


def levels(head: list[list[str]]) -> list[str]:
    """One name a column, `field@ticker`, of two or three lines of names (yfinance's; the last may name the index)."""
    rows = [row for row in head if row[0].lower() not in ("date", "datetime", "index") or any(row[1:])]
    named_later = any(column(cell) in ("date", "datetime") for cell in head[0][1:])  # written after reset_index()
    index = "" if named_later else next((row[0] for row in reversed(head) if not any(row[1:])), "") or "Date"
    rows = rows or head
    fields, tickers = rows[0], rows[1] if len(rows) > 1 else [""] * len(rows[0])
    if len(rows) > 1 and (fields[0].lower() == "ticker" or _prices(tickers) > _prices(fields)):
        fields, tickers = tickers, fields  # grouped by ticker: the other way round
    named = [f"{field}@{ticker}" if ticker else field for field, ticker in zip(fields, tickers, strict=False)]
    return [index, *named[1:]]


def _kinds(sample: Sequence[str], delimiter: str, width: int) -> list[str]:
    """What each column may be read as at once: numbers with a point as such, a first column of epochs; else text.

    Whole numbers stay text: they may be codes or times, with zeros in front. Beside decimal commas all is text: there
    12.345 has a point of thousands; without commas between cells it may have.
    """
    rows = [row for row in csv.reader(sample, delimiter=delimiter) if len(row) == width and any(row)]
    if any(_DECIMAL_COMMA.fullmatch(cell.strip()) for row in rows for cell in row):
        return ["string"] * width
    kinds = []
    for place in range(width):
        cells = [row[place] for row in rows]
        thousands = delimiter != "," and all(map(_THREE.fullmatch, cells))  # perhaps: the whole file decides
        if cells and all(map(_POINT.fullmatch, cells)) and not thousands:
            kinds.append("double")
        else:
            kinds.append("int64" if place == 0 and cells and all(map(_EPOCH.fullmatch, cells)) else "string")
    return kinds


def _parsed(label: str, content: bytes, delimiter: str, start: int, kinds: list[str]) -> Grid:
    if content.count(b'"') % 2:
        line = content[: content.rindex(b'"')].count(b"\n") + 1
        raise BadDataError(f"{label}: line {line}: unexpected end of data in quotes; is the file cut off?")
    odd: list[tuple[int, str]] = []
    columns = _columns(label, content, delimiter, start, kinds, odd)
    lines = _lines(len(columns[0]), [number for number, _ in odd], start)
    cells = [(number, next(csv.reader([text], delimiter=delimiter), [])) for number, text in odd]
    grid = Grid(label=label, names=None, columns=columns, lines=lines, delimiter=delimiter)
    grid.empty = [line for line, row in cells if not any(cell.strip() for cell in row)]
    grid.odd = [(line, row) for line, row in cells if any(cell.strip() for cell in row)]
    return _without_empty(grid)


def _columns(
    label: str, content: bytes, delimiter: str, start: int, kinds: list[str], odd: list[tuple[int, str]]
) -> list[Any]:
    """The columns; `odd` gets the rows with another number of cells. Text where a column is not what it seemed."""
    import pyarrow as pa
    import pyarrow.csv as arrow

    def note(row: arrow.InvalidRow) -> str:
        odd.append((row.number, row.text))
        return "skip"

    block = BLOCK if len(content) > PIECE else PIECE >> 2
    types = {str(place): pa.type_for_alias(kind) for place, kind in enumerate(kinds)}
    try:
        table = arrow.read_csv(
            pa.BufferReader(content),
            arrow.ReadOptions(column_names=list(types), use_threads=False, skip_rows=start, block_size=block),
            arrow.ParseOptions(delimiter=delimiter, invalid_row_handler=note, ignore_empty_lines=False),
            arrow.ConvertOptions(column_types=types, strings_can_be_null=False, null_values=[""]),
        )
    except pa.ArrowInvalid as error:
        odd.clear()
        if "Empty CSV" in str(error):
            return [pa.array([], pa.string()) for _ in kinds]
        if set(kinds) != {"string"}:
            return _columns(label, content, delimiter, start, ["string"] * len(kinds), odd)
        raise BadDataError(f"{label}: {str(error).splitlines()[0]}") from None
    columns = [table.column(name) for name in types]
    del table
    for place in range(len(columns)):  # one by one: together they would take as much again
        columns[place] = _one(columns[place])
        give_back(len(columns[place]))
    return columns


def _one(column: Any) -> Any:
    """A chunked column as one array."""
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _lines(rows: int, odd: Sequence[int], start: int) -> IntArray:
    """The line of each row: every line from the first on, those that are odd aside."""
    lines = np.arange(start + 1, start + 1 + rows + len(odd), dtype=np.int64)
    return lines[~np.isin(lines, odd)] if odd else lines


def _without_empty(grid: Grid) -> Grid:
    """Rows of nothing but separators are noted and go."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def blank(cells: Any) -> Any:
        if not pa.types.is_string(cells.type):
            return pc.is_null(cells)
        return pc.equal(pc.binary_length(pc.utf8_trim_whitespace(cells)), 0)

    first = blank(grid.columns[0])
    if not pc.any(first).as_py():
        return grid
    empty = np.array(first.to_pylist(), bool)
    for each in grid.columns[1:]:
        empty &= np.array(blank(each).to_pylist(), bool)
    if not empty.any():
        return grid
    if int(empty.sum()) > MOST_EMPTY:
        raise BadDataError(f"{grid.label}: more than {MOST_EMPTY:,} lines hold only separators")
    grid.empty = sorted([*grid.empty, *grid.lines[empty].tolist()])
    return grid.picked(~empty)
