"""What a setup says about a series of bars: at which closes it would enter, leave, and where its stop would lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from pyjobs.market.bars import Bars, FloatArray
from pyjobs.strategy.indicators import BoolArray

Side = Literal["long", "short"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signals:
    """Three arrays, one entry per bar, each value decided at that bar's close and true of nothing later.

    `entry`: wants to be in. `exit`: wants to be out. `stop`: the stop level (a price) an entry signalled at this bar
    carries; NaN means none. `max_bars`: leave at the first close after this many bars in the trade (0: never).
    """

    entry: BoolArray
    exit: BoolArray
    stop: FloatArray
    side: Side = "long"
    max_bars: int = 0

    def slice(self, start: int, stop: int) -> Signals:
        """The signals of bars [start, stop)."""
        return Signals(
            entry=self.entry[start:stop],
            exit=self.exit[start:stop],
            stop=self.stop[start:stop],
            side=self.side,
            max_bars=self.max_bars,
        )


class Setup(Protocol):
    """A frozen parameter record with one causal function. `lookback`: how many bars, ending at t, decide bar t."""

    @property
    def lookback(self) -> int: ...

    def signals(self, bars: Bars) -> Signals: ...

    def why(self, bars: Bars, t: int) -> str: ...


def no_stop(bars: Bars) -> FloatArray:
    """The stop array of a setup that has no stop of its own."""
    return np.full(len(bars), np.nan)
