"""Shares in an uptrend, held only while the Korean market is in one too."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.strategy.entry import Entry, Sides, plain
from pyjobs.strategy.indicators import as_of, first_of_month, sma
from pyjobs.strategy.signals import Signals, no_stop
from utils.errors import MissingInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class KrxMa200:
    """In: close > SMA(window) and KOSPI > its SMA(regime). Out: either is below. No stop of its own.

    `monthly` 1: decided at the close of each month's first session only; 0: at every close. KOSPI is its newest close
    not later than the bar's; `bind` gives it.
    """

    needs: ClassVar[str] = "KOSPI"

    window: int = 200
    regime: int = 200
    monthly: int = 0
    side: Sides = "long"
    index: Bars | None = field(default=None, repr=False, compare=False)

    @property
    def lookback(self) -> int:
        """The share's window; a month's first session shows against the bar before."""
        return max(self.window, 2)

    def bind(self, index: Bars) -> KrxMa200:
        """The same with the KOSPI's bars at hand."""
        return replace(self, index=index)

    def signals(self, bars: Bars) -> Signals:
        """Both trends; see the class. Raises MissingInputError without the index."""
        if self.index is None:
            raise MissingInputError(f"krx_ma200 follows {self.needs}, and there are no bars of it")
        close, average = bars.close, sma(bars.close, self.window)
        market = as_of(bars.ts_ms, self.index.ts_ms, self.index.close - sma(self.index.close, self.regime))
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
        return f"close {plain(bars.close[t])} {where} SMA{self.window} {plain(average)}, KOSPI {where} SMA{self.regime}"


ENTRY = Entry(make=KrxMa200, ranges={"window": (2, 2000), "regime": (2, 2000), "monthly": (0, 1)})
