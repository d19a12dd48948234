"""The setups. Each is a frozen record of parameters and one causal function from bars to signals.

A comparison with NaN is False, so a setup is silent until all its windows are full, and again after a missing value.
Equal means equal: averages are exact (see `indicators`), so a tie in decimal prices is a tie here.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyjobs.market.bars import Bars
from pyjobs.strategy.indicators import crosses_above, highest, lowest, previous, sma
from pyjobs.strategy.signals import Signals, no_stop


@dataclass(frozen=True, slots=True, kw_only=True)
class MaCross:
    """Fast average over slow average, long only, no stop of its own.

    Entry: SMA(fast)[t] > SMA(slow)[t] and SMA(fast)[t-1] <= SMA(slow)[t-1]. Exit: the mirror image, fast below slow.
    """

    fast: int = 20
    slow: int = 60

    @property
    def lookback(self) -> int:
        """The slow window at t and at t-1."""
        return self.slow + 1

    def signals(self, bars: Bars) -> Signals:
        """Both crossings; see the class."""
        fast, slow = sma(bars.close, self.fast), sma(bars.close, self.slow)
        return Signals(entry=crosses_above(fast, slow), exit=crosses_above(slow, fast), stop=no_stop(bars))

    def why(self, bars: Bars, t: int) -> str:
        """What happened at bar t, for a person."""
        fast, slow = (sma(bars.close[: t + 1], n)[-1] for n in (self.fast, self.slow))
        return f"SMA{self.fast} {plain(fast)} rose above SMA{self.slow} {plain(slow)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakout:
    """A close above everything of the last weeks, long only.

    Entry: close[t] > highest high of the `window` bars before t (t itself not counted). Exit: close[t] < lowest low of
    the `exit_window` bars before t. Stop: the lowest low of the `exit_window` bars ending at the signal bar.
    """

    window: int = 20
    exit_window: int = 10

    @property
    def lookback(self) -> int:
        """The longer window before t, and t."""
        return max(self.window, self.exit_window) + 1

    def signals(self, bars: Bars) -> Signals:
        """Closes beyond the channel of the bars before; see the class."""
        low = lowest(bars.low, self.exit_window)
        return Signals(
            entry=bars.close > previous(highest(bars.high, self.window)),
            exit=bars.close < previous(low),
            stop=low,
        )

    def why(self, bars: Bars, t: int) -> str:
        """What happened at bar t, for a person."""
        ceiling = bars.high[t - self.window : t].max()
        return f"close {plain(bars.close[t])} above the {self.window}-bar high {plain(ceiling)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pullback:
    """A dip in an uptrend that has just ended, long only.

    Entry: close[t-1] < SMA(dip)[t-1] (it had dipped), close[t] > SMA(dip)[t] (it is back) and close[t] > SMA(trend)[t]
    (the trend still holds). Exit: close[t] < SMA(trend)[t], or after `hold` bars in the trade.
    Stop: the lowest low of the `dip` bars ending at the signal bar.
    """

    trend: int = 200
    dip: int = 10
    hold: int = 20

    @property
    def lookback(self) -> int:
        """The trend window at t; the dip window at t and at t-1."""
        return max(self.trend, self.dip + 1)

    def signals(self, bars: Bars) -> Signals:
        """Recoveries above the short average while above the long one; see the class."""
        trend, dip = sma(bars.close, self.trend), sma(bars.close, self.dip)
        dipped = previous(bars.close) < previous(dip)
        return Signals(
            entry=dipped & (bars.close > dip) & (bars.close > trend),
            exit=bars.close < trend,
            stop=lowest(bars.low, self.dip),
            max_bars=self.hold,
        )

    def why(self, bars: Bars, t: int) -> str:
        """What happened at bar t, for a person."""
        dip, trend = (sma(bars.close[: t + 1], n)[-1] for n in (self.dip, self.trend))
        return (
            f"close {plain(bars.close[t])} back above SMA{self.dip} {plain(dip)}, over SMA{self.trend} {plain(trend)}"
        )


def plain(price: float) -> str:
    """A price for a sentence: no exponent, two decimals from 100 on, six below, no trailing zeros."""
    text = f"{price:.{2 if price >= 100 else 6}f}"
    return text.rstrip("0").rstrip(".")
