"""Which bars a strategy may decide by: the rule about gaps, and about values that are not there. Backtest and live.

A gap is simply the next bar (docs/SEMANTICS.md), unless it is longer than `most` bars of time; and an entry whose
own stop, target or trailing distance has no value would be one without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pyjobs.market.bars import Bars, IntArray
from pyjobs.strategy.indicators import BoolArray
from pyjobs.strategy.signals import Setup, Signals


def is_broken(ts_ms: IntArray, lookback: int, step_ms: int, most: int) -> BoolArray:
    """Whether two neighbours among the `lookback` closes up to each are more than `most` steps apart; most 0: never.

    `ts_ms`: increasing closes, UTC milliseconds. One entry per bar.
    """
    broken = np.zeros(ts_ms.size, dtype=np.bool_)
    if not most or ts_ms.size < 2:
        return broken
    for at in (np.flatnonzero(np.diff(ts_ms) > most * step_ms) + 1).tolist():
        broken[at : at + max(lookback - 1, 1)] = True
    return broken


def lacks_values(signals: Signals) -> BoolArray:
    """Whether a stop, target or trailing distance that the strategy gives has no value at each bar."""
    lacking = np.zeros(signals.entry.size, dtype=np.bool_)
    for column in distances(signals):
        lacking |= ~np.isfinite(column)
    return lacking


def distances(signals: Signals) -> Iterator[np.ndarray]:
    """The columns of distances that the strategy gives."""
    for column in (signals.stop_distance, signals.target_distance, signals.trail_distance):
        if column is not None:
            yield column


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """A setup without the entries at bars that the two rules forbid; exits stay. `most`: see `is_broken`."""

    setup: Setup
    step_ms: int
    most: int = 0

    @property
    def lookback(self) -> int:
        """The setup's."""
        return self.setup.lookback

    def signals(self, bars: Bars) -> Signals:
        """The setup's signals, less those entries."""
        return self.steadied(bars, self.setup.signals(bars))[0]

    def steadied(self, bars: Bars, signals: Signals) -> tuple[Signals, BoolArray, BoolArray]:
        """The signals less those entries; which bars follow a gap; which lack a value."""
        broken = is_broken(bars.ts_ms, self.lookback, self.step_ms, self.most)
        lacking = lacks_values(signals)
        forbidden = broken | lacking
        if not forbidden.any():
            return signals, broken, lacking
        short = None if signals.short_entry is None else signals.short_entry & ~forbidden
        return replace(signals, entry=signals.entry & ~forbidden, short_entry=short), broken, lacking

    def why(self, bars: Bars, t: int) -> str:
        """The setup's own reason."""
        return self.setup.why(bars, t)
