"""The last close compared with the last day and the last twenty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, Bars

DAYS = 20
DAY_MS = TIMEFRAME_MS["1d"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Fractions; None where there are too few bars.

    `day`: change since the previous session's close (bars shorter than a day: since 24 hours ago). `twenty`: change
    since twenty sessions ago. `below_high`, `above_low`: the close against the highest high and the lowest low of the
    last twenty (never above zero, never below). `volume_ratio`: the last day's volume over the mean of the twenty
    before it.
    """

    close: float
    day: float | None
    twenty: float | None
    below_high: float | None
    above_low: float | None
    volume_ratio: float | None


def context_of(bars: Bars, *, timeframe: str) -> Context | None:
    """The context of the last bar; None without bars. Bars shorter than a day are taken together by 24 hours."""
    if not len(bars):
        return None
    closes, highs, lows, volumes = by_day(bars, timeframe=timeframe)
    last, enough = float(closes[-1]), len(closes) >= DAYS
    before = volumes[-DAYS - 1 : -1]
    usual = float(before.mean()) if len(before) == DAYS else 0.0
    return Context(
        close=last,
        day=last / float(closes[-2]) - 1 if len(closes) > 1 and closes[-2] > 0 else None,
        twenty=last / float(closes[-DAYS - 1]) - 1 if len(closes) > DAYS and closes[-DAYS - 1] > 0 else None,
        below_high=last / float(highs[-DAYS:].max()) - 1 if enough and highs[-DAYS:].max() > 0 else None,
        above_low=last / float(lows[-DAYS:].min()) - 1 if enough and lows[-DAYS:].min() > 0 else None,
        volume_ratio=float(volumes[-1]) / usual if usual > 0 else None,
    )


def by_day(bars: Bars, *, timeframe: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(closes, highs, lows, volumes), one per day, oldest first. Daily bars are their own days.

    Shorter bars are grouped by whole 24 hours counted back from the last close; an empty group is left out.
    """
    if TIMEFRAME_MS[timeframe] >= DAY_MS:
        return bars.close, bars.high, bars.low, bars.volume
    back = (bars.ts_ms[-1] - bars.ts_ms) // DAY_MS
    starts = np.flatnonzero(np.append(True, np.diff(back) != 0))
    ends = np.append(starts[1:], len(bars)) - 1
    return (
        bars.close[ends],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        np.add.reduceat(bars.volume, starts),
    )
