"""Bars as a loop saw them, and the splits between them: a window of them is in the shares of its last bar.

bars.csv keeps what was seen. Where a bar's factor is not 1, all prices before it are multiplied by it and all volumes
divided, whenever they are looked back on from that bar or a later one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pyjobs.live.journal import names
from pyjobs.live.journal.lines import Row
from pyjobs.live.journal.rows import Rows
from pyjobs.market.bars import COLUMNS, Bars, FloatArray, IntArray
from utils.errors import BadDataError

FIRST_PRICE, KIND = names.BARS.index("open"), names.BARS.index("kind")
PRICES = len(COLUMNS) - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """`factors`: float64, one for each bar; 1 where no split lies between it and the bar before."""

    bars: Bars
    factors: FloatArray

    @classmethod
    def of(cls, bars: Bars) -> Seen:
        """Bars without a split."""
        return cls(bars=bars, factors=np.ones(len(bars)))

    def __len__(self) -> int:
        return len(self.bars)

    def slice(self, first: int, end: int) -> Seen:
        """The bars [first, end)."""
        return Seen(bars=self.bars.slice(first, end), factors=self.factors[first:end])

    def until(self, ts_ms: int) -> Seen:
        """Those that had closed at `ts_ms`."""
        return self.slice(0, int(np.searchsorted(self.bars.ts_ms, ts_ms, side="right")))

    def last(self, count: int) -> Seen:
        """The newest `count`, or all."""
        return self.slice(max(0, len(self) - count), len(self))

    def then(self, other: Seen) -> Seen:
        """These, and those."""
        if not len(self):
            return other
        columns = {name: np.concatenate([getattr(self.bars, name), getattr(other.bars, name)]) for name in COLUMNS}
        return Seen(bars=Bars(**columns), factors=np.concatenate([self.factors, other.factors]))

    def window(self, first: int, end: int) -> Bars:
        """Bars [first, end) in the shares of bar `end` - 1."""
        bars, later = self.bars.slice(first, end), self.factors[first + 1 : end]
        if (later == 1.0).all():
            return bars
        return scaled(bars, np.append(np.cumprod(later[::-1])[::-1], 1.0))

    def stretches(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """[begin, end) in parts that have a split at their first bar at most."""
        cuts = np.flatnonzero(self.factors[begin:end] != 1.0) + begin
        edges = [begin, *(cut for cut in cuts.tolist() if cut > begin), end]
        yield from pairwise(edges)


def scaled(bars: Bars, factors: FloatArray | float) -> Bars:
    """Prices times `factors`, volumes divided by them."""
    prices = {name: getattr(bars, name) * factors for name in ("open", "high", "low", "close")}
    return Bars(ts_ms=bars.ts_ms, volume=bars.volume / factors, **prices)


def seen_in(rows: Sequence[Row]) -> Seen:
    """Rows of bars.csv. Raises BadDataError for cells that are no numbers."""
    try:
        ts_ms = np.array([row[names.TS_MS] for row in rows], dtype=np.int64)
        cells = [cell for row in rows for cell in row[FIRST_PRICE : FIRST_PRICE + PRICES]]
        prices = np.array(list(map(float, cells)), dtype=np.float64).reshape(len(rows), PRICES).T.copy()
        factors = np.array([names.factor_in(row[KIND]) for row in rows], dtype=np.float64)
    except ValueError as error:
        raise BadDataError(f"bars.csv: {error}") from None
    return _checked(ts_ms, prices, factors)


def seen_of(rows: Rows) -> Seen:
    """All of bars.csv, by compiled loops. Raises BadDataError as `seen_in`."""
    try:
        prices, factors = rows.floats(FIRST_PRICE, PRICES), np.ones(len(rows))
        split = np.flatnonzero(~(rows.has(KIND, names.DECIDED.encode()) | rows.has(KIND, names.WARM_UP.encode())))
        factors[split] = [names.factor_in(cell) for cell in rows.cells(KIND, KIND + 1, split)]
    except ValueError as error:
        raise BadDataError(f"bars.csv: {error}") from None
    return _checked(rows.ts_ms, prices, factors)


def _checked(ts_ms: IntArray, prices: FloatArray, factors: FloatArray) -> Seen:
    if not (np.isfinite(factors) & (factors > 0.0)).all():
        raise BadDataError("bars.csv: a split's factor is not above zero")
    return Seen(bars=Bars(ts_ms=ts_ms, **dict(zip(COLUMNS[1:], prices, strict=True))), factors=factors)
