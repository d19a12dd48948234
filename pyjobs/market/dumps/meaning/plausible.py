"""Whether numbers without column names can be a format's columns: this decides between formats of one width."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import FloatArray
from pyjobs.market.desk.price_formats import PriceFormat
from pyjobs.market.dumps.reading.grid import Grid
from pyjobs.market.dumps.reading.numbers import has_decimal_commas, numbers

ROWS = 200  # that are looked at
FEWEST = 3  # volumes that stand between low and high, in a row, are no chance
YES, NO = ("1", "1.0", "true", "yes", "y", "t"), ("0", "0.0", "false", "no", "n", "f")
NEARLY, RARE = 0.02, 0.9  # rounded averages lie a little outside


def fits(grid: Grid, shape: PriceFormat) -> bool:
    """Whether prices, averages, counts and times of the first rows are where `shape` has them."""
    cells = _Cells(grid, shape.columns)
    high, low = cells.of("high"), cells.of("low")
    if not (high >= low).mean() >= RARE:
        return False
    if "vwap" in shape.columns and not _between(cells.of("vwap"), low, high):
        return False
    if "trades" in shape.columns and not (cells.of("trades") % 1 == 0).all():
        return False
    if "complete" in shape.columns and unfinished(grid, shape.columns.index("complete")) is None:
        return False
    if "close_time" in shape.columns and not (cells.of("close_time") > cells.of("time")).all():
        return False
    return "quote_volume" not in shape.columns or _is_money(cells, low, high)


def is_a_price(grid: Grid, places: dict[str, int]) -> bool:
    """Whether the column that would be the volume lies between low and high in every row: an adjusted close, for
    example.
    """
    volume, low, high = (numbers(grid.columns[places[name]].slice(0, ROWS))[0] for name in ("volume", "low", "high"))
    known = np.isfinite(volume)
    return bool(known.sum() >= FEWEST and ((volume >= low) & (volume <= high))[known].all() and (low < high).any())


def unfinished(grid: Grid, place: int) -> npt.NDArray[np.bool_] | None:
    """Which rows a column marks as not complete yet; None for a column of something else."""
    lines = [str(each).strip().lower() for each in grid.columns[place].to_pylist()]
    return np.isin(lines, NO) if set(lines) <= {*YES, *NO} else None


def counts_what_money_pays(grid: Grid, places: dict[str, int], volume: int, money: int) -> bool:
    """Whether the money for one of what the column `volume` counts lies between low and high, in nearly all rows."""
    columns = [grid.columns[place].slice(0, ROWS) for place in (places["low"], places["high"], volume, money)]
    comma = grid.unit == "line" and has_decimal_commas(columns[:2])
    low, high, count, paid = (numbers(each, delimiter=grid.delimiter, decimal_comma=comma)[0] for each in columns)
    traded = (count > 0) & (paid > 0)
    return bool(traded.any()) and _between(paid[traded] / count[traded], low[traded], high[traded])


class _Cells:
    def __init__(self, grid: Grid, names: list[str]) -> None:
        self.grid, self.names = grid, names

    def of(self, name: str) -> FloatArray:
        """The numbers of a column's first rows; NaN (for which nothing is true) where one is missing or none."""
        column: Any = self.grid.columns[self.names.index(name)].slice(0, ROWS)
        return numbers(column)[0]


def _between(values: FloatArray, low: FloatArray, high: FloatArray) -> bool:
    """Whether nearly all known values (and not 0: no trade) lie between."""
    known = np.isfinite(values) & (values != 0)
    inside = (values >= low * (1 - NEARLY)) & (values <= high * (1 + NEARLY))
    return bool(inside[known].mean() >= RARE) if known.any() else True


def _is_money(cells: _Cells, low: FloatArray, high: FloatArray) -> bool:
    """Whether the money for one of what was traded is a price, or the other way round (inverse contracts)."""
    volume, money = cells.of("volume"), cells.of("quote_volume")
    traded = (volume > 0) & (money > 0)
    if not traded.any():
        return False
    ratio, low, high = money[traded] / volume[traded], low[traded], high[traded]
    return _between(ratio, low, high) or _between(1 / ratio, low, high)
