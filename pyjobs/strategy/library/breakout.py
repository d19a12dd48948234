"""A close above everything of the last weeks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.strategy.entry import Entry, Sides, plain
from pyjobs.strategy.indicators import highest, lowest, previous
from pyjobs.strategy.signals import Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakout:
    """Entry: close[t] > highest high of the `window` bars before t (t itself not counted).

    Exit: close[t] < lowest low of the `exit_window` bars before t. Stop: the lowest low of the `exit_window` bars
    ending at the signal bar.
    """

    window: int = 20
    exit_window: int = 10
    side: Sides = "long"

    @property
    def lookback(self) -> int:
        """The longer window before t, and t."""
        return max(self.window, self.exit_window) + 1

    def signals(self, bars: Bars) -> Signals:
        """Closes beyond the channel of the bars before; see the class."""
        low = lowest(bars.low, self.exit_window)
        entry, leave = bars.close > previous(highest(bars.high, self.window)), bars.close < previous(low)
        if self.side == "long":
            return Signals(entry=entry, exit=leave, stop=low)
        high = highest(bars.high, self.exit_window)
        down = bars.close < previous(lowest(bars.low, self.window))
        return Signals(
            entry=entry,
            exit=leave,
            stop=np.where(down, high, low),
            short_entry=down,
            short_exit=bars.close > previous(high),
        )

    def why(self, bars: Bars, t: int) -> str:
        """What happened at bar t, for a person."""
        ceiling = bars.high[t - self.window : t].max()
        if bars.close[t] > ceiling:
            return f"close {plain(bars.close[t])} above the {self.window}-bar high {plain(ceiling)}"
        floor = bars.low[t - self.window : t].min()
        return f"close {plain(bars.close[t])} below the {self.window}-bar low {plain(floor)}"


ENTRY = Entry(make=Breakout, ranges={"window": (2, 1000), "exit_window": (1, 1000)})
