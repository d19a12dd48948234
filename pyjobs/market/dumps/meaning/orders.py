"""Files without column names: the order of the prices is the one that all rows allow."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from pyjobs.market.bars import in_order
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.reading.fields import is_number, is_time
from pyjobs.market.dumps.reading.grid import Grid
from pyjobs.market.dumps.reading.numbers import numbers
from utils.errors import BadDataError

# Where open, high, low, close, volume stand in a row without column names, after the time.
ORDERS: dict[str, tuple[int, ...]] = {
    "ohlcv": (0, 1, 2, 3, 4),
    "bitfinex": (0, 2, 3, 1, 4),
    "coinbase": (2, 1, 0, 3, 4),  # low, high, open, close
}
NARROW, WIDE = 6, 9  # columns: a time, four prices, perhaps a volume, and others
FIELDS = ("open", "high", "low", "close", "volume")


def headerless(grid: Grid, instrument: Instrument) -> tuple[dict[str, int], str]:
    """(field -> column, the order's name). Raises BadDataError for an unknown width or order."""
    if words := _beside(grid):
        rest = [at for at in range(len(grid.columns)) if at not in words.values()]
        narrow = replace(grid, columns=[grid.columns[at] for at in rest])
        places, order = headerless(narrow, instrument)
        return {name: rest[at] for name, at in places.items()} | words, order
    width = len(grid.columns)
    if grid.unit == "line" and width == 2:
        return {"time": 0, **dict.fromkeys(FIELDS[:4], 1)}, "closes"
    if width not in (5, 6):
        raise BadDataError(
            f"{grid.label}: {width} columns and no header line: cannot tell which is which; "
            "set `columns: {time: 1, open: 2, …}` or name the `layout`"
        )
    layout = instrument.layout
    if layout == "auto" and width == 5 and grid.unit == "row" and instrument.market == "24/7":
        what = "arrays of a time and four prices: CoinGecko's times are the ends of their bars, others' the starts"
        raise BadDataError(f"{grid.label}: {what}: set `layout: coingecko` or `layout: ohlcv_start`")
    if layout == "bitfinex":
        order = layout
    elif layout.startswith("ohlcv") or grid.unit == "line":
        order = "ohlcv"
    else:
        order = order_of(grid)
    places = {name: ORDERS[order][i] + 1 for i, name in enumerate(FIELDS) if ORDERS[order][i] + 1 < width}
    return {"time": 0} | places, order


def _beside(grid: Grid) -> dict[str, int]:
    """Where a symbol, the length of its bar (MetaStock's `AAPL,D,20240102,…`) or a time of day stand in each row."""
    found: dict[str, int] = {}
    for at in range(len(grid.columns)) if len(grid) and NARROW <= len(grid.columns) <= WIDE else ():
        cell = grid.cell(0, at).strip()
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", cell) and is_time(grid.cell(0, at - 1)):
            found["clock"] = at
        elif re.match(r"[^\W\d_]", cell.lstrip("^.$")) and not is_number(cell) and not is_time(cell):
            found["period" if cell.upper() in ("D", "W", "M", "I") else "symbol"] = at
    enough = len(grid.columns) - len(found) >= (NARROW if "symbol" in found else NARROW - 1)
    return found if enough and found.keys() & {"symbol", "clock"} else {}


def order_of(grid: Grid) -> str:
    """The column order in which every row is a possible bar. Raises BadDataError when there is none.

    Two fit only rows in which they mean the same bar: where one has the high, the other's low would be at or above it.
    """
    values = np.array([numbers(column)[0] for column in grid.columns[1:5]]).T
    traded = values[(values > 0).all(axis=1)]
    for name, order in ORDERS.items():
        if in_order(*traded[:, list(order[:4])].T).all():
            return name
    raise BadDataError(
        f"{grid.label}: no known column order fits every row (low <= open, close <= high); "
        "set `layout:` for this instrument"
    )
