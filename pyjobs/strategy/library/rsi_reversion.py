"""Sold too far, and turning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.strategy.entry import Entry, Sides
from pyjobs.strategy.indicators import crosses_above, rsi
from pyjobs.strategy.signals import Signals, no_stop


@dataclass(frozen=True, slots=True, kw_only=True)
class RsiReversion:
    """Entry: RSI(window) rises above `oversold`. Exit: RSI above `middle`, or after `hold` bars. No stop of its own.

    Short: RSI falls below 100 - oversold; out below 100 - middle.
    """

    window: int = 14
    oversold: int = 30
    middle: int = 55
    hold: int = 20
    side: Sides = "long"

    @property
    def lookback(self) -> int:
        """Ten windows of changes at t and at t-1."""
        return 10 * self.window + 2

    def signals(self, bars: Bars) -> Signals:
        """Crossings of the lower line; see the class."""
        strength = rsi(bars.close, self.window)
        below, above = (np.full(len(bars), line) for line in (float(self.oversold), 100.0 - self.oversold))
        both = self.side == "both"
        return Signals(
            entry=crosses_above(strength, below),
            exit=strength > float(self.middle),
            stop=no_stop(bars),
            max_bars=self.hold,
            short_entry=crosses_above(above, strength) if both else None,
            short_exit=strength < 100.0 - self.middle if both else None,
        )

    def why(self, bars: Bars, t: int) -> str:
        """What happened at bar t, for a person."""
        strength = rsi(bars.close[: t + 1], self.window)[-1]
        if strength > 50:
            return f"RSI{self.window} {strength:.1f} fell below {100 - self.oversold}"
        return f"RSI{self.window} {strength:.1f} rose above {self.oversold}"


ENTRY = Entry(
    make=RsiReversion,
    ranges={"window": (2, 200), "oversold": (1, 49), "middle": (2, 99), "hold": (0, 10000)},
    ascending=(("oversold", "middle"),),
)
