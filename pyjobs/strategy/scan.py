"""The signals of the last closed bar: the same functions the backtests use, on no more bars than they look back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pyjobs.market.bars import Bars, last
from pyjobs.strategy.signals import Setup, Side, one_sided
from pyjobs.strategy.trace import remembering


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A setup with an entry signal at the last bar's close. Prices in the instrument's currency; `stop` None: none."""

    setup: str
    side: Side
    ts_ms: int
    close: float
    stop: float | None
    why: str


def last_bar_signals(
    bars: Bars, setups: Mapping[str, Setup], failed: dict[str, Exception] | None = None
) -> list[Signal]:
    """One signal per setup and side that enters at the last bar, in their order. A setup short of bars is silent.

    What one raises goes into `failed` by its name, where that is given; else it ends this.
    """
    found, newest = [], last(bars, longest_lookback(setups)).together()
    tails = {lookback: last(newest, lookback) for lookback in {setup.lookback for setup in setups.values()}}
    with remembering():  # what setups that look back equally far are made of
        for name, setup in setups.items():
            tail = tails[setup.lookback]
            try:
                found += _signals_of(name, setup, tail) if len(tail) >= setup.lookback else []
            except Exception as error:  # a strategy of one's own may raise anything
                if failed is None:
                    raise
                failed[name] = error
    return found


def _signals_of(name: str, setup: Setup, tail: Bars) -> list[Signal]:
    found = []
    for signals in one_sided(setup.signals(tail)):
        if not signals.entry[-1] or signals.exit[-1]:
            continue
        stop = float(signals.stop[-1])
        found.append(
            Signal(
                setup=name,
                side=signals.side,
                ts_ms=int(tail.ts_ms[-1]),
                close=float(tail.close[-1]),
                stop=None if math.isnan(stop) else stop,
                why=setup.why(tail, len(tail) - 1),
            )
        )
    return found


def longest_lookback(setups: Mapping[str, Setup]) -> int:
    """How many bars an instrument needs for every setup to be decided."""
    return max((setup.lookback for setup in setups.values()), default=1)
