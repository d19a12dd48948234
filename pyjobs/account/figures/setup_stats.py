"""A setup's triggers in a window as one row of figures.

Intervals allow for the overlap of trades (`pyjobs.account.figures.overlap`), and so does the verdict.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from pyjobs.account.figures.intervals import wilson
from pyjobs.account.figures.overlap import FEWEST_INDEPENDENT, together
from pyjobs.account.figures.triggers import CLOSED, DROPPED, OPEN, PENDING, Triggers
from pyjobs.market.bars import FloatArray
from pyjobs.strategy.indicators import BoolArray

HELD = 8  # the place of the bars held in a trade, as the kernel writes it
WINDOWS_DAYS = (30, 90, 180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setup on one timeframe in one window; fractions over closed trades, None where undefined.

    `n_effective`: the number of trades with no bar in common that would be as informative as the closed ones.
    """

    setup: str
    timeframe: str = ""
    n: int
    n_closed: int
    n_open: int = 0
    n_pending: int = 0
    n_dropped: int = 0
    n_effective: float | None = None
    win_rate: float | None = None
    win_rate_low: float | None = None
    win_rate_high: float | None = None
    expectancy: float | None = None
    expectancy_low: float | None = None
    expectancy_high: float | None = None
    avg_hold_bars: float | None = None
    best: float | None = None
    worst: float | None = None
    verdict: Literal["ok", "too few"]

    @property
    def label(self) -> str:
        """The setup and its timeframe."""
        return f"{self.setup} {self.timeframe}".rstrip()


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One look-back in setups.json: `days` calendar days, from `start` to `end` (YYYY-MM-DD)."""

    days: int
    start: str = ""
    end: str = ""
    rows: list[Row]


class Setups(msgspec.Struct, frozen=True, kw_only=True):
    """backtests/setups.json: setup_backtest writes it, the reports read it."""

    desk: str = ""
    session: str = ""
    notes: list[str] = []
    windows: list[Window]


def window_start(session: dt.date, days: int) -> dt.date:
    """The first of the `days` calendar days that end with `session`, which is one of them."""
    return session - dt.timedelta(days=days - 1)


def summarise(found: Triggers, *, setup: str, timeframe: str, since: dt.date = dt.date.min) -> Row:
    """n, win rate (a win is a net return above zero) with its Wilson interval, expectancy with its t interval.

    It covers the triggers from session `since` on. Both intervals are widened for trades that overlap in time.
    """
    own = np.array([part.setup == setup and part.key.timeframe == timeframe for part in found.parts], np.bool_)
    days = np.array([session.toordinal() for session in found.sessions], np.int64)
    mine = own[found.part_of] & (days >= since.toordinal())
    closed = mine & (found.status == CLOSED)
    returns, n = found.net_return[closed], int(np.count_nonzero(closed))
    win_rate = _mean(returns > 0)
    pooled = together(found.paths.chosen(mine[found.status == CLOSED]))
    n_effective = pooled.n_effective if pooled else min(float(n), 1.0)
    win_low, win_high = wilson((win_rate or 0.0) * n_effective, n_effective) or (None, None)
    count = np.bincount(found.status[mine], minlength=len((CLOSED, OPEN, PENDING, DROPPED))).tolist()
    return Row(
        setup=setup,
        timeframe=timeframe,
        n=sum(count),
        n_closed=n,
        n_open=count[OPEN],
        n_pending=count[PENDING],
        n_dropped=count[DROPPED],
        n_effective=n_effective if n else None,
        win_rate=win_rate,
        win_rate_low=win_low,
        win_rate_high=win_high,
        expectancy=_mean(returns),
        expectancy_low=pooled.low if pooled else None,
        expectancy_high=pooled.high if pooled else None,
        avg_hold_bars=_mean(found.trades[closed, HELD]),
        best=float(returns.max()) if n else None,
        worst=float(returns.min()) if n else None,
        verdict="ok" if n_effective >= FEWEST_INDEPENDENT else "too few",
    )


def _mean(values: FloatArray | BoolArray) -> float | None:
    return float(np.mean(values.astype(np.float64))) if values.size else None
