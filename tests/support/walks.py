"""Made-up prices: one seeded random walk, as the bars of a series."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import Bars

DAY_MS = 86_400_000


def days(n: int, *, first: int = 15_000) -> npt.NDArray[np.int64]:
    """The close times of `n` days in a row, in ms; the first ends `first` days after 1970 began (2011-01-26)."""
    return (first + np.arange(n, dtype=np.int64)) * DAY_MS


def walk(
    ts_ms: npt.NDArray[np.int64],
    seed: int,
    *,
    begins: float = 100.0,
    drift: float = 0.0005,
    moves: float = 0.02,
    decimals: int = 2,
    reach: float = 0.5,
    gaps: bool = False,
) -> Bars:
    """Bars that close at `ts_ms`, at prices that move by `moves` a bar (deviation of the log) from `begins` on.

    Each opens at the close before, or with `gaps` somewhere near it, and reaches `reach` beyond open and close. Volumes
    are 1, and with `gaps` whole numbers below 100.
    """
    rng, n = np.random.default_rng(seed), ts_ms.size
    close = np.round(begins * np.exp(np.cumsum(rng.normal(drift, moves, n))), decimals)
    start, volume = np.concatenate((close[:1], close[:-1])), np.ones(n)
    if gaps:
        start = np.round(start * np.exp(rng.normal(0, moves / 2, n)), decimals)
        volume = rng.integers(1, 99, n).astype(np.float64)
    high, low = np.maximum(start, close) + reach, np.minimum(start, close) - reach
    return Bars(ts_ms=ts_ms, open=start, high=high, low=low, close=close, volume=volume)
