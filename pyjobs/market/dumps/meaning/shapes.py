"""Which of the known formats a grid has."""

from __future__ import annotations

import re

from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.desk.price_formats import PLAIN, PriceFormat, price_formats
from pyjobs.market.dumps.meaning.plausible import fits
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.grid import Grid
from utils.errors import BadDataError

BY_ITS_LOOK = ("auto", "ohlcv_start", "ohlcv_close")
"""Layouts under which a header may be a known format's; of its time they may say the other end."""


def _named_shapes(instrument: Instrument) -> list[PriceFormat]:
    kinds = {"24/7": ("round",), "FX": ("round",), "CMES": ("futures", "sessions")}
    kind = ("", *kinds.get(instrument.market, ("sessions",)))
    here = [each for each in price_formats() if each.markets in kind]
    if instrument.layout in BY_ITS_LOOK:
        return [each for each in here if not each.asked]
    named = [each for each in here if each.name == instrument.layout]
    return named or [each for each in price_formats() if each.name == instrument.layout]


def shape_of(grid: Grid, instrument: Instrument) -> PriceFormat | None:
    """The first format of the table that has all its names in the header."""
    names = {column(name) for name in grid.names or ()}
    shapes = [each for each in _named_shapes(instrument) if each.header or instrument.layout not in BY_ITS_LOOK]
    for each in shapes:
        if not (
            each.header and set(each.header) <= names and _begins(grid, each) and set(each.told) <= set(grid.about)
        ):
            continue
        if each.preamble and each.preamble not in " ".join(grid.preamble).lower():
            continue
        if not each.zoned or re.search(r"\d\s+(?!UTC$|GMT$|[AP]M$)[A-Za-z]{2,}[A-Za-z_/-]*$", first_cell(grid, 0)):
            return each
    return shapes[0] if instrument.layout not in PLAIN and shapes else None


def _begins(grid: Grid, shape: PriceFormat) -> bool:
    """Whether the header begins, and lacks names, to the letter as the format's does."""
    names = grid.names or []
    return names[: len(shape.exact)] == shape.exact and not set(shape.lacks) & set(names)


def headless_shape(grid: Grid, instrument: Instrument, width: int) -> PriceFormat | None:
    plain = instrument.layout in PLAIN and instrument.layout != "auto"  # the desk sets the order
    shapes = [each for each in _named_shapes(instrument) if each.width and not plain]
    for each in shapes:
        if width in each.width and _looks(grid, each) and fits(grid, each):
            _refuse_twins(grid, each, instrument)
            return each
    if instrument.layout not in PLAIN:
        for each in _named_shapes(instrument):
            if width in each.width:
                return each
        raise BadDataError(
            f"{grid.label}: has {width} columns and no header: not what `layout: {instrument.layout}` is"
        )
    if instrument.layout == "auto" and grid.delimiter == "," and re.fullmatch(LOOKS["daily"], first_cell(grid, 0)):
        what = f"line {int(grid.lines[0])}: {first_cell(grid, 0)!r} begins a row as Lean writes it, in ten-thousandths"
        raise BadDataError(f"{grid.label}: {what}: set `layout: lean`, or `layout: ohlcv` if the prices are plain")
    return None


def _refuse_twins(grid: Grid, shape: PriceFormat, instrument: Instrument) -> None:
    """Two vendors write one shape, hours apart: only the volume shows the vendor."""
    if instrument.layout == "auto" and shape.name == "ninjatrader" and _is_quiet(grid):
        what = f"line {int(grid.lines[0])}: volume 0 throughout: HistData's (New York's winter time) or NinjaTrader's"
        raise BadDataError(f"{grid.label}: {what} (UTC, ends of bars): set `layout: histdata` or `layout: ninjatrader`")


LOOKS = {
    "epoch": r"-?\d{9,19}(\.\d+)?",
    "compact": r"\d{8} \d{6}",
    "daily": r"\d{8} \d{2}:\d{2}",
    "dotted": r"\d{4}\.\d{2}\.\d{2}",
    "milliseconds": r"\d{1,8}",
}


def _looks(grid: Grid, shape: PriceFormat) -> bool:
    if shape.delimiter and shape.delimiter != grid.delimiter:
        return False
    if shape.quiet and not _is_quiet(grid):
        return False
    return not shape.time or bool(re.fullmatch(LOOKS[shape.time], first_cell(grid, 0)))


def _is_quiet(grid: Grid) -> bool:
    return all(grid.cell(row, 5).strip() in ("0", "0.0") for row in range(0, len(grid), 97))


def first_cell(grid: Grid, place: int) -> str:
    return grid.cell(0, place).strip() if len(grid) else ""
