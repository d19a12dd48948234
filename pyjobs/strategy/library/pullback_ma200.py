"""A dip in an uptrend that has just ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.strategy.entry import Entry, Sides, plain
from pyjobs.strategy.indicators import highest, lowest, previous, sma
from pyjobs.strategy.signals import Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Pullback:
    """Entry: close[t-1] < SMA(dip)[t-1] (it had dipped), close[t] > SMA(dip)[t] (it is back), close[t] > SMA(trend)[t].

    Exit: close[t] < SMA(trend)[t], or after `hold` bars in the trade. Stop: the lowest low of the `dip` bars ending at
    the signal bar.
    """

    trend: int = 200
    dip: int = 10
    hold: int = 20
    side: Sides = "long"

    @property
    def lookback(self) -> int:
        """The trend window at t; the dip window at t and at t-1."""
        return max(self.trend, self.dip + 1)

    def signals(self, bars: Bars) -> Signals:
        """Recoveries above the short average while above the long one; see the class."""
        close, trend, dip = bars.close, sma(bars.close, self.trend), sma(bars.close, self.dip)
        dipped = previous(close) < previous(dip)
        entry, stop = dipped & (close > dip) & (close > trend), lowest(bars.low, self.dip)
        if self.side == "long":
            return Signals(entry=entry, exit=close < trend, stop=stop, max_bars=self.hold)
        rallied = previous(close) > previous(dip)
        down = rallied & (close < dip) & (close < trend)
        return Signals(
            entry=entry,
            exit=close < trend,
            stop=np.where(down, highest(bars.high, self.dip), stop),
            max_bars=self.hold,
            short_entry=down,
            short_exit=close > trend,
        )

    def why(self, bars: Bars, t: int) -> str:
        """What happened at bar t, for a person."""
        dip, trend = (sma(bars.close[: t + 1], n)[-1] for n in (self.dip, self.trend))
        back, over = ("above", "over") if bars.close[t] > dip else ("below", "under")
        price = f"close {plain(bars.close[t])} back {back} SMA{self.dip} {plain(dip)}"
        return f"{price}, {over} SMA{self.trend} {plain(trend)}"


ENTRY = Entry(
    make=Pullback, ranges={"trend": (2, 2000), "dip": (2, 1000), "hold": (0, 10000)}, ascending=(("dip", "trend"),)
)
