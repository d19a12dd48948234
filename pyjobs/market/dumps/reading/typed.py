"""Files that have types: Parquet, Feather and Excel workbooks."""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
import zipfile
from contextlib import suppress
from typing import Any

import numpy as np

from pyjobs.market.dumps.reading.fields import is_number, is_time
from pyjobs.market.dumps.reading.grid import Grid
from pyjobs.market.dumps.reading.limits import LARGEST_JSON_BYTES, check_rows, check_size
from pyjobs.market.dumps.reading.text import HEADER_LINES, levels
from utils.errors import BadDataError

MOST_CELLS = 20_000_000  # a lone cell far away would have all before it made
_CELL = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br=["']([A-Z]+)(\d+)["']""")


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


def read_workbook(label: str, content: bytes) -> list[Grid]:
    """The sheets of an Excel workbook (.xlsx) that hold tables, header first; what it calls dates are dates.

    Hidden sheets are left alone where a visible one has cells. The names of the other sheets stand in `about`; where
    several hold tables, each one's own, too, and in its label. Raises BadDataError when the workbook cannot be read.
    """
    import openpyxl

    found: list[tuple[str, list[list[Any]], bool]] = []
    try:
        _check_cells(label, content)
        with warnings.catch_warnings(action="ignore"):  # openpyxl 3.1.5: of styles, and of dates beyond Excel's
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # openpyxl's docs, "Optimised Modes": some writers declare a wrong size
                rows = [list(row) for row in sheet.iter_rows(values_only=True)]
                if any(value not in (None, "") for row in rows for value in row):
                    found.append((sheet.title, rows, sheet.sheet_state == "visible"))
    except BadDataError:
        raise
    except Exception as error:  # noqa: BLE001 - the library says what is wrong with a file in any class
        what = f"not a readable Excel workbook: {type(error).__name__}: {error}; is it cut off? Or save it as .csv"
        raise BadDataError(f"{label}: {what}") from None
    if not found:
        raise BadDataError(f"{label}: its sheets are empty")
    shown = [(title, rows) for title, rows, visible in found if visible] or [(title, rows) for title, rows, _ in found]
    return _tables(label, shown)


def _tables(label: str, sheets: list[tuple[str, list[list[Any]]]]) -> list[Grid]:
    """The grids of the sheets that have rows below a header; the first sheet's, whatever it is, where none has."""
    tables = []
    for title, rows in sheets:
        with suppress(BadDataError):
            grid = _grid(label, _texts(rows))
            if len(grid):
                tables.append((title, grid))
    if not tables:
        return [_grid(label, _texts(sheets[0][1]))]
    for title, grid in tables if len(sheets) > 1 else ():
        grid.about["sheets"] = [name for name, _ in sheets if name != title]
        if len(tables) > 1:
            grid.about |= {"book": label, "sheet": title}
            grid.label = f"{label}!{title}"
    return [grid for _, grid in tables]


def _check_cells(label: str, content: bytes) -> None:
    """Refuse what unpacks to too much, and a sheet whose farthest cell lies where no table of prices reaches."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        check_size(label, sum(info.file_size for info in book.infolist()), LARGEST_JSON_BYTES)
        for name in book.namelist():
            if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
                continue
            width, height = 0, 0
            for letters, row in _CELL.findall(book.read(name)):
                width, height = max(width, _place(letters)), max(height, int(row))
            if width * height > MOST_CELLS:
                raise BadDataError(
                    f"{label}: {name} has cells in row {height:,} and column {width:,}: not a table of prices"
                )


def _place(letters: bytes) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + letter - 64
    return place


def _texts(rows: list[list[Any]]) -> list[tuple[int, list[str]]]:
    """Cells as text, by line. Where one time of a column has a time of day, midnight is one, too."""
    width = max(map(len, rows))
    columns = []
    for cells in zip(*(row + [None] * (width - len(row)) for row in rows), strict=True):
        times = {at: _moment(cell) for at, cell in enumerate(cells) if isinstance(cell, dt.datetime)}
        shape = "%Y-%m-%d %H:%M:%S" if any(each.time() != dt.time(0) for each in times.values()) else "%Y-%m-%d"
        columns.append([times[at].strftime(shape) if at in times else _text(cell) for at, cell in enumerate(cells)])
    return list(enumerate(map(list, zip(*columns, strict=True)), 1))


def _moment(value: dt.datetime) -> dt.datetime:
    """To the second: fractions of a day are not exact."""
    return (value + dt.timedelta(milliseconds=500)).replace(microsecond=0)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _grid(label: str, rows: list[tuple[int, list[str]]]) -> Grid:
    import pyarrow as pa

    rows = [(line, cells) for line, cells in rows if any(cells)]
    width = max((len(cells) for _, cells in rows), default=0)
    titles = []
    while rows and not _is_table(rows[0][1], width):
        titles.append(" ".join(filter(None, rows.pop(0)[1])))
    if not rows:
        raise BadDataError(f"{label}: the first sheet holds no table")
    cells = [row + [""] * (width - len(row)) for _, row in rows]
    head = next((at for at, row in enumerate(cells[: HEADER_LINES + 1]) if _is_row(row)), 1)
    lines = np.array([line for line, _ in rows][head:], np.int64)
    columns = [pa.array([row[at] for row in cells[head:]], pa.string()) for at in range(width)]
    names = levels([_filled(row) for row in cells[:head]]) if head > 1 else cells[0] if head else None
    grid = Grid(label=label, names=names, columns=columns, lines=lines, unit="row", header_line=rows[0][0])
    grid.preamble = titles
    return grid


def _is_row(cells: list[str]) -> bool:
    return is_time(cells[0]) or any(is_number(cell) for cell in cells)


def _filled(cells: list[str]) -> list[str]:
    """A header's row with merged cells: each name is over all its columns."""
    if sum(1 for cell in cells if cell) > 1:
        for at in range(2, len(cells)):
            cells[at] = cells[at] or cells[at - 1]
    return cells


def _is_table(cells: list[str], width: int) -> bool:
    return sum(1 for cell in cells if cell) >= min(width, 2) and len(cells) >= width - 1
