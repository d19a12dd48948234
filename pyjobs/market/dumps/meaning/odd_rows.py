"""Rows with another number of cells than the rest: one that only lacks its volume is kept, any other cannot be read."""

from __future__ import annotations

import re

import numpy as np

from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.meaning.columns import OHLC, Reading
from pyjobs.market.dumps.meaning.source import Findings
from pyjobs.market.dumps.reading.fields import is_number
from pyjobs.market.dumps.reading.limits import unexpected


def mended(reading: Reading, findings: Findings) -> None:
    """Put such rows of `reading` back in their place, or refuse them, by the desk's keys. Raises BadDataError."""
    grid = reading.grid
    if not grid.odd:
        return
    width, last = len(grid.columns), int(max(grid.lines.tolist(), default=0))
    kept: list[tuple[int, list[str]]] = []
    refused: list[tuple[int, list[str]]] = []
    for line, cells in grid.odd:
        if line > last and _is_remark(cells):
            found = Finding(
                what="line after the table: left out",
                count=1,
                first=f"line {line}",
                example=unexpected(grid.label, cells[0]),
            )
            findings.say(found, cleaned=True)
        elif len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            kept.append((line, cells[:width]))
        elif _only_lacks_volume(reading, cells) and (line < last or grid.ends_cleanly):
            kept.append((line, cells + [""] * (width - len(cells))))
        else:
            refused.append((line, cells))
    if refused:
        _refuse(reading, findings, refused, last)
    if kept:
        _insert(reading, kept)


def _is_remark(cells: list[str]) -> bool:
    """Words below a table (`Downloaded from …`), which no row that was cut off begins with."""
    lines = [cell.strip() for cell in cells if cell.strip()]
    if len(lines) != 1:
        return False
    told = lines[0][:1].isalpha() or lines[0][:1] in "*†©("
    return told and bool(re.search(r"[ :：]", lines[0]))


def _only_lacks_volume(reading: Reading, cells: list[str]) -> bool:
    needed = [reading.places[name] for name in ("time", *OHLC)]
    absent = [place for place in reading.places.values() if place >= len(cells)]
    named = {reading.places.get("volume"), reading.places.get("ticks")}
    return max(needed) < len(cells) and set(absent) <= named and all(is_number(cells[place]) for place in needed[1:])


def _refuse(reading: Reading, findings: Findings, refused: list[tuple[int, list[str]]], last: int) -> None:
    grid, source = reading.grid, findings.source
    line, cells = refused[0]
    width = len(grid.columns)
    what = f"{len(cells)} fields instead of {width}: {unexpected(grid.label, grid.delimiter.join(cells))}"
    if not source.instrument.bad_rows_limit:
        part, hint = len(source.labels) - 1, line != last
        raise source.refuse(line, f"{what}; is the file cut off?", len(refused), part, hint=hint)
    findings.bad += len(refused)
    found = Finding(
        what="bad row left out: another number of fields", count=len(refused), first=f"line {line}", example=what
    )
    findings.say(found, cleaned=True)


def _insert(reading: Reading, rows: list[tuple[int, list[str]]]) -> None:
    import pyarrow as pa

    grid = reading.grid
    lines = np.append(grid.lines, [line for line, _ in rows])
    order = pa.array(np.argsort(lines, kind="stable").tolist(), pa.int64())
    for place, column in enumerate(grid.columns):
        added = pa.array([cells[place] for _, cells in rows], pa.string())
        if not pa.types.is_string(column.type):
            column = column.cast(pa.string())
        grid.columns[place] = pa.concat_arrays([column, added]).take(order)
    grid.lines = np.sort(lines)
