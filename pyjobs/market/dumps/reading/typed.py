"""Files that have types: Parquet, Feather and Excel workbooks."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
import zlib
from typing import Any
from xml.etree import ElementTree

import numpy as np

from pyjobs.market.dumps.reading.fields import is_number, is_time
from pyjobs.market.dumps.reading.grid import Grid
from pyjobs.market.dumps.reading.limits import LARGEST_JSON_BYTES, check_rows, check_size
from utils.errors import BadDataError

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
MOST_COLUMNS = 16_384  # Excel's own
LAST_DAY_1900 = 60  # Excel counts a 29th of February 1900
EPOCH = dt.datetime(1899, 12, 30, tzinfo=dt.UTC)


def read_arrow(label: str, content: bytes) -> Grid:
    """A Parquet or Feather file. Raises BadDataError when it is none."""
    import pyarrow as pa
    import pyarrow.feather as feather
    import pyarrow.parquet as pq

    source = pa.BufferReader(content)
    try:
        if content[:4] == b"PAR1":
            check_rows(label, pq.ParquetFile(source).metadata.num_rows)
            table = pq.read_table(source)
        else:
            table = feather.read_table(source, memory_map=False)
            check_rows(label, table.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise BadDataError(f"{label}: not a readable Parquet or Feather file: {str(error).splitlines()[0]}") from None
    columns = [_plain(table.column(name).combine_chunks()) for name in table.column_names]
    names = ["" if name.startswith("__index_level_") else name for name in table.column_names]
    lines = np.arange(1, table.num_rows + 1, dtype=np.int64)
    return Grid(label=label, names=names, columns=columns, lines=lines, unit="row")


def _plain(column: Any) -> Any:
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.string())
    if pa.types.is_date(column.type):
        return column.cast(pa.date32()).cast(pa.string())
    return column


def read_workbook(label: str, content: bytes) -> Grid:
    """The first sheet of an Excel workbook (.xlsx), header first; cells with a date's format are dates."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            check_size(label, sum(info.file_size for info in book.infolist()), LARGEST_JSON_BYTES)
            strings, dates = _strings(book), _date_styles(book)
            name = min(n for n in book.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", n))
            rows = [_cells(row, strings, dates) for row in ElementTree.fromstring(book.read(name)).iter(f"{SHEET}row")]
    except (zipfile.BadZipFile, ElementTree.ParseError, ValueError, OverflowError, LookupError, zlib.error) as error:
        raise BadDataError(f"{label}: not a readable Excel workbook: {error}; is it cut off?") from None
    return _grid(label, rows)


def _grid(label: str, rows: list[tuple[int, list[str]]]) -> Grid:
    import pyarrow as pa

    rows = [(line, cells) for line, cells in rows if any(cells)]
    width = max((len(cells) for _, cells in rows), default=0)
    while rows and not _is_table(rows[0][1], width):
        rows.pop(0)  # a title
    if not rows:
        raise BadDataError(f"{label}: the first sheet is empty")
    cells = [row + [""] * (width - len(row)) for _, row in rows]
    headed = not is_time(cells[0][0]) and not any(is_number(cell) for cell in cells[0])
    body = cells[1:] if headed else cells
    lines = np.array([line for line, _ in rows][1 if headed else 0 :], np.int64)
    columns = [pa.array([row[at] for row in body], pa.string()) for at in range(width)]
    names = cells[0] if headed else None
    return Grid(label=label, names=names, columns=columns, lines=lines, unit="row", header_line=rows[0][0])


def _is_table(cells: list[str], width: int) -> bool:
    return sum(1 for cell in cells if cell) >= min(width, 2) and len(cells) >= width - 1


def _strings(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    root = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
    return ["".join(part.text or "" for part in item.iter(f"{SHEET}t")) for item in root.iter(f"{SHEET}si")]


def _date_styles(book: zipfile.ZipFile) -> set[int]:
    """The numbers of the cell styles that show a date or time."""
    if "xl/styles.xml" not in book.namelist():
        return set()
    root = ElementTree.fromstring(book.read("xl/styles.xml"))
    own = {each.get("numFmtId"): each.get("formatCode", "") for each in root.iter(f"{SHEET}numFmt")}
    shown = {str(i) for i in (*range(14, 23), *range(45, 48))}
    shown |= {
        str(i) for i, code in own.items() if re.search(r"[ymdhs]", re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", code.lower()))
    }
    formats = root.find(f"{SHEET}cellXfs")
    return {i for i, each in enumerate(formats if formats is not None else ()) if each.get("numFmtId") in shown}


def _cells(row: ElementTree.Element, strings: list[str], dates: set[int]) -> tuple[int, list[str]]:
    cells: list[str] = []
    for cell in row.iter(f"{SHEET}c"):
        letters = re.match(r"[A-Z]+", cell.get("r", ""))
        at = _place(letters[0]) if letters else len(cells)
        if at >= MOST_COLUMNS:
            raise ValueError(f"a cell in column {at + 1}")
        cells += [""] * (at - len(cells))
        cells.append(_value(cell, strings, dates))
    return int(row.get("r", "0")), cells


def _value(cell: ElementTree.Element, strings: list[str], dates: set[int]) -> str:
    kind, value = cell.get("t", "n"), cell.find(f"{SHEET}v")
    if kind == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{SHEET}t")).strip()
    text = (value.text or "") if value is not None else ""
    if kind == "s":
        return strings[int(text)].strip()
    if kind == "n" and text and int(cell.get("s", "0")) in dates:
        return _moment(float(text))
    return text.strip()


def _moment(days: float) -> str:
    if days < LAST_DAY_1900:
        days += 1
    moment = EPOCH + dt.timedelta(milliseconds=round(days * 86_400_000 / 1000) * 1000)
    return moment.strftime("%Y-%m-%d" if moment.time() == dt.time(0) else "%Y-%m-%d %H:%M:%S")


def _place(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1
