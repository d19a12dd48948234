"""Fast average over slow average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyjobs.market.bars import Bars
from pyjobs.strategy.entry import Entry, Sides, plain
from pyjobs.strategy.indicators import BoolArray, crossing, crossings, sma
from pyjobs.strategy.signals import Signals, no_stop


@dataclass(frozen=True, slots=True, kw_only=True)
class MaCross:
    """Entry: SMA(fast)[t] > SMA(slow)[t] and SMA(fast)[t-1] <= SMA(slow)[t-1]. Exit: the mirror image. No stop."""

    fast: int = 20
    slow: int = 60
    side: Sides = "long"

    @property
    def lookback(self) -> int:
        """The slow window at t and at t-1."""
        return self.slow + 1

    def signals(self, bars: Bars) -> Signals:
        """Both crossings; see the class."""
        moved = crossing(sma(bars.close, self.fast), sma(bars.close, self.slow))
        return self._signals(bars, moved > 0, moved < 0)

    @classmethod
    def signals_of_each(cls, setups: Sequence[MaCross], bars: Bars) -> Signals | None:
        """Signals of setups of one side at once, see `strategy.signals.signals_of_each`."""
        if any(each.side != setups[0].side for each in setups):
            return None
        numbers = {n: i for i, n in enumerate(dict.fromkeys(n for each in setups for n in (each.fast, each.slow)))}
        pairs = [(numbers[each.fast], numbers[each.slow]) for each in setups]
        return setups[0]._signals(bars, *crossings([sma(bars.close, n) for n in numbers], pairs))

    def _signals(self, bars: Bars, up: BoolArray, down: BoolArray) -> Signals:
        if self.side == "long":
            return Signals(entry=up, exit=down, stop=no_stop(bars))
        return Signals(entry=up, exit=down, stop=no_stop(bars), short_entry=down, short_exit=up)

    def why(self, bars: Bars, t: int) -> str:
        """What happened at bar t, for a person."""
        fast, slow = (sma(bars.close[: t + 1], n)[-1] for n in (self.fast, self.slow))
        moved = "rose above" if fast > slow else "fell below"
        return f"SMA{self.fast} {plain(fast)} {moved} SMA{self.slow} {plain(slow)}"


ENTRY = Entry(make=MaCross, ranges={"fast": (1, 1000), "slow": (2, 2000)}, ascending=(("fast", "slow"),))
