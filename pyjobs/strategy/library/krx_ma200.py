"""Shares in an uptrend, held only while the Korean market is in one too."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from pyjobs.market.bars import Bars, FloatArray
from pyjobs.strategy.entry import Entry, Sides, plain
from pyjobs.strategy.indicators import as_of, first_of_month, sma
from pyjobs.strategy.signals import Signals, no_stop
from utils.errors import MissingInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class KrxMa200:
    """In: close > SMA(window) and KOSPI > its SMA(regime). Out: either is below. No stop of its own.

    `monthly` 1: decided at the close of each month's first session only; 0: at every close. `index` names another
    series than KOSPI. It counts with its newest close not later than the bar's; `bind` gives it. Before it has an
    average of its own nothing is entered and nothing left.
    """

    window: int = 200
    regime: int = 200
    monthly: int = 0
    side: Sides = "long"
    index: str = "KOSPI"
    index_bars: Bars | None = field(default=None, repr=False, compare=False)
    above: FloatArray | None = field(default=None, repr=False, compare=False)  # its close less its SMA(regime)

    @property
    def needs(self) -> str:
        """The index it decides by in addition to the instrument."""
        return self.index

    @property
    def decides_from_ms(self) -> int | None:
        """The index's first close with an average; None while there is none."""
        known = np.flatnonzero(~np.isnan(self.above)) if self.above is not None else np.empty(0, np.int64)
        return int(self.index_bars.ts_ms[known[0]]) if self.index_bars is not None and known.size else None

    @property
    def lookback(self) -> int:
        """The share's window; a month's first session shows against the bar before."""
        return max(self.window, 2)

    def bind(self, index: Bars) -> KrxMa200:
        """This strategy with the index's bars at hand."""
        index = index.together()  # thousands of series are decided by it
        return replace(self, index_bars=index, above=index.close - sma(index.close, self.regime))

    def signals(self, bars: Bars) -> Signals:
        """Both trends; see the class. Raises MissingInputError without the index."""
        if self.index_bars is None or self.above is None:
            raise MissingInputError(f"krx_ma200 follows {self.index}, and there are no bars of it")
        close, average = bars.close, sma(bars.close, self.window)
        market = as_of(bars.ts_ms, self.index_bars.ts_ms, self.above)
        decided = first_of_month(bars.ts_ms) if self.monthly else np.ones(len(bars), dtype=np.bool_)
        up, down = (close > average) & (market > 0.0), (close < average) & (market < 0.0)
        not_up, not_down = (close < average) | (market < 0.0), (close > average) | (market > 0.0)
        both = self.side == "both"
        return Signals(
            entry=up & decided,
            exit=not_up & decided,
            stop=no_stop(bars),
            short_entry=down & decided if both else None,
            short_exit=not_down & decided if both else None,
        )

    def why(self, bars: Bars, t: int) -> str:
        """What holds at bar t, for a person."""
        average = sma(bars.close[: t + 1], self.window)[-1]
        where = "above" if bars.close[t] > average else "below"
        share = f"close {plain(bars.close[t])} {where} SMA{self.window} {plain(average)}"
        return f"{share}, {self.index} {where} SMA{self.regime}"


RANGES = {"window": (2, 2000), "regime": (2, 2000)}
ENTRY = Entry(make=KrxMa200, ranges={**RANGES, "monthly": (0, 1)}, names=("index",))
