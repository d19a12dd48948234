"""Rows without a trade, and rows that only look so: one rule for files and for providers' answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import FloatArray

Mask = npt.NDArray[np.bool_]


def missing_prices(ohlcv: FloatArray) -> Mask:
    """Rows (open, high, low, close, volume) of a session without prices: all absent, or no close (0)."""
    prices = ohlcv[:, :4]
    closeless = (ohlcv[:, 3] == 0) & ~(prices < 0).any(axis=1)
    return np.asarray(np.isnan(prices).all(axis=1) | closeless, np.bool_)


def halted(ohlcv: FloatArray) -> Mask:
    """Rows, in time order, without a trade: no volume, and one price, or none but the close of the day before.

    Only inside a history that has volume: flat rows before the first volume are an index whose volume was not counted
    yet, unless all have one price, as a share has before its first trade. After the last volume a flat row is one only
    at the close before it. A missing volume (NaN) is no volume of 0.
    """
    opened, high, low, close, volume = ohlcv.T
    counted = np.flatnonzero(np.nan_to_num(volume) > 0)
    none = np.zeros(len(ohlcv), bool)
    if not counted.size:
        return none
    with np.errstate(invalid="ignore"):
        before = np.append(np.nan, close[:-1])
        flat = (opened == high) & (high == low) & (low == close) & (close > 0)
        carried = (opened == 0) & (high == 0) & (low == 0) & (close == before)
        at = np.arange(len(ohlcv))
        still = flat & ((at < counted[-1]) | (close == before))
        inside = (at > counted[0]) | bool((close[: counted[0]] == close[:1]).all())
        return np.asarray((volume == 0) & (still | carried) & inside, np.bool_)
