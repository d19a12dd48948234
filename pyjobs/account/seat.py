"""A strategy on a series, and its place in an account: where it is in time, and what it holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pyjobs.account.costs import Costs, OnTick
from pyjobs.account.fx import Conversion
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, Rules, Tape
from pyjobs.strategy.signals import Signals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lane:
    """One setup on one series. `lot`: the least quantity that trades (1: whole shares; 1e-8: coins).

    `group`: what it shares a cap with ("": nothing). `on_tick`: the market's price grid, None where there is none, with
    `day_of`, which dates a bar by its close. `currency`: of its prices; `conversion` into the account's, None where
    they are the same. `taxed`: whether its sale is.
    """

    key: SeriesKey
    setup: str
    bars: Bars
    signals: Signals
    lot: float
    group: str = ""
    on_tick: OnTick | None = None
    day_of: Callable[[int], dt.date] | None = None
    currency: str = ""
    taxed: bool = True
    conversion: Conversion | None = None


class Seat:
    """A lane with its place in time and its position, as the kernel's vectors. Changes as the book runs.

    `rate`: what the instrument's money is worth in the account's at the last mark; `entry_rate`: at the entry's fill.
    """

    __slots__ = (
        *("at", "borrowed", "budget", "costs", "entry_fee", "entry_rate", "lane", "out", "quantity", "rate", "rules"),
        *("s", "sign", "tape"),
    )

    def __init__(self, lane: Lane, costs: Costs, stop_loss: float, start_ms: int) -> None:
        self.lane = lane
        self.costs = costs.on(taxed=lane.taxed, converted=lane.conversion is not None)
        self.rate = self.entry_rate = 1.0
        self.tape = Tape.of(lane.bars, lane.signals)
        self.rules = with_account_stop(Rules.of(lane.signals), stop_loss).vector()
        self.sign = 1.0 if lane.signals.side == "long" else -1.0
        self.at = int(np.searchsorted(lane.bars.ts_ms, start_ms, side="left"))
        self.s = FLAT.vector()
        self.out = [0.0] * kernel.TRADE
        self.quantity = self.entry_fee = self.budget = self.borrowed = 0.0

    @property
    def busy(self) -> bool:
        """In, or waiting for a fill."""
        return self.s[kernel.SIDE] != 0.0 or self.s[kernel.ORDER] != 0.0

    @property
    def entering(self) -> bool:
        """Waiting for the fill of an entry."""
        return self.s[kernel.SIDE] == 0.0 and self.s[kernel.ORDER] != 0.0

    @property
    def value(self) -> float:
        """The position at its last close, without a sign, in the account's money."""
        return self.quantity * self.tape.close[self.at - 1] * self.rate

    def rate_at_open(self, i: int) -> float:
        """The rate known when bar `i` opened."""
        return 1.0 if self.lane.conversion is None else float(self.lane.conversion.at_open[i])

    @property
    def may_enter(self) -> bool:
        """Whether there was a rate, fresh enough to buy at, when the next bar opened."""
        return self.lane.conversion is None or bool(self.lane.conversion.may_enter[self.at])

    @property
    def may_signal(self) -> bool:
        """The same when the last bar closed."""
        return self.lane.conversion is None or bool(self.lane.conversion.may_signal[self.at - 1])

    def gives_way_to(self, other: Seat) -> bool:
        """Whether this one leaves at the very open at which `other` would take the other side of the same series."""
        leaves = self.s[kernel.SIDE] != 0.0 and self.s[kernel.EXIT] != 0.0
        return leaves and other.lane.key == self.lane.key and other.sign != self.sign


def with_account_stop(rules: Rules, stop_loss: float) -> Rules:
    """`rules` under the account's own percent stop too: the nearer of the two."""
    fractions = [fraction for fraction in (rules.stop_loss, stop_loss) if fraction]
    return replace(rules, stop_loss=min(fractions, default=0.0))
