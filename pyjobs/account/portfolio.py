"""An account, bar by bar: which signals it can take, what it pays, what it is worth. Long positions only.

Time runs over the closing times of all bars. At each of them, in this order:
  1. at the open: pending exits and jumped-over stops are sold; then pending entries are bought, oldest signal first,
     then by symbol, exchange, timeframe and setup. So money freed at an open can be spent at the same open;
  2. within the bar: stops;
  3. at the close: every position is marked, equity is struck, exit signals become orders, then entry signals do.
A pending entry waits for its series' next bar, however far that is.

Constrained: at most `max_positions` (one that waits for its fill, in or out, counts), one position per series; a new
one gets `max_weight` of the equity at the signal's close, never more than the cash there is, fee included, rounded
down to whole lots. Unconstrained: each setup on each series has a position of its own and takes every signal while
flat, always with the same notional, `max_weight` of the starting cash, in fractions, and cash may go below zero; beside
the constrained run it shows what the constraints cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pyjobs.account.costs import Costs
from pyjobs.market.bars import Bars, FloatArray, IntArray, SeriesKey
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, Rules, Tape, Trade
from pyjobs.strategy.signals import Signals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lane:
    """One setup on one series. `lot`: the least quantity that trades (1: whole shares; 1e-8: coins)."""

    key: SeriesKey
    setup: str
    bars: Bars
    signals: Signals
    lot: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The account's money and limits; `max_weight` and `stop_loss` are fractions."""

    cash: float
    max_positions: int
    max_weight: float
    costs: Costs = field(default_factory=Costs)
    stop_loss: float = 0.0
    constrained: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A trade with its money. `fees` holds tax too; `pnl` is after them. Marked while open, before its exit cost."""

    key: SeriesKey
    setup: str
    trade: Trade
    quantity: float
    fees: float
    pnl: float

    @property
    def net_return(self) -> float:
        """pnl as a fraction of the entry's notional."""
        return self.pnl / (self.quantity * self.trade.entry_price)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountRun:
    """The account after every event (arrays of one length, by `ts_ms`), its deals by exit, and what was not taken.

    `exposure`: value of positions over equity. `refused`: signals not turned into positions, by reason: `slots`, `held`
    (the series is in already), `cash` (not one lot affordable), `stop` (opened at or beyond its stop).
    `traded`: notional bought and sold.
    """

    ts_ms: IntArray
    equity: FloatArray
    cash: FloatArray
    exposure: FloatArray
    n_positions: IntArray
    deals: list[Deal]
    refused: dict[str, int]
    traded: float


def simulate(lanes: Iterable[Lane], terms: Terms, *, start_ms: int) -> AccountRun:
    """Run the account over all bars that close at or after `start_ms`. Lanes must hold long signals, one per bar."""
    book = _Book(lanes, terms, start_ms)
    times = np.unique(np.concatenate([np.empty(0, np.int64), *(seat.lane.bars.ts_ms for seat in book.seats)]))
    times = times[times >= start_ms]
    points = [book.pass_bar(ts_ms) for ts_ms in times.tolist()]
    equity, cash, exposure, n_positions = (
        (np.array(column) for column in zip(*points, strict=True)) if points else (np.empty(0) for _ in range(4))
    )
    return AccountRun(
        ts_ms=times,
        equity=equity,
        cash=cash,
        exposure=exposure,
        n_positions=n_positions.astype(np.int64),
        deals=book.deals + book.open_deals(),
        refused=book.refused,
        traded=book.traded,
    )


class _Seat:
    """A lane with its place in time and its position, as the kernel's vectors. Changes as the book runs."""

    __slots__ = ("at", "budget", "entry_fee", "lane", "out", "quantity", "rules", "s", "tape")

    def __init__(self, lane: Lane, stop_loss: float, start_ms: int) -> None:
        self.lane = lane
        self.tape = Tape.of(lane.bars, lane.signals)
        self.rules = with_account_stop(Rules.of(lane.signals), stop_loss).vector()
        self.at = int(np.searchsorted(lane.bars.ts_ms, start_ms, side="left"))
        self.s = FLAT.vector()
        self.out = [0.0] * kernel.TRADE
        self.quantity = self.entry_fee = self.budget = 0.0

    @property
    def busy(self) -> bool:
        """In, or waiting for a fill."""
        return self.s[kernel.SIDE] != 0.0 or self.s[kernel.ORDER] != 0.0

    @property
    def entering(self) -> bool:
        """Waiting for the fill of an entry."""
        return self.s[kernel.SIDE] == 0.0 and self.s[kernel.ORDER] != 0.0


def with_account_stop(rules: Rules, stop_loss: float) -> Rules:
    """`rules` under the account's own percent stop too: the nearer of the two."""
    fractions = [fraction for fraction in (rules.stop_loss, stop_loss) if fraction]
    return replace(rules, stop_loss=min(fractions, default=0.0))


class _Book:
    """Cash, seats and prices of one run."""

    def __init__(self, lanes: Iterable[Lane], terms: Terms, start_ms: int) -> None:
        ordered = sorted(lanes, key=lambda x: (x.key.symbol, x.key.exchange, x.key.timeframe, x.setup))
        self.seats = [_Seat(lane, terms.stop_loss, start_ms) for lane in ordered]
        self.terms = terms
        self.cash = terms.cash
        self.deals: list[Deal] = []
        self.refused = {"slots": 0, "held": 0, "cash": 0, "stop": 0}
        self.traded = 0.0

    def pass_bar(self, ts_ms: int) -> tuple[float, float, float, int]:
        """All events of the bars that close at `ts_ms`: (equity, cash, exposure, n_positions) after them."""
        here = [seat for seat in self.seats if seat.at < len(seat.tape.ts_ms) and seat.tape.ts_ms[seat.at] == ts_ms]
        busy = [seat for seat in here if seat.busy]
        entering = [seat for seat in busy if seat.entering]
        for seat in busy:
            if not seat.entering:
                ended = kernel.at_open(seat.s, seat.rules, float(ts_ms), seat.tape.open[seat.at], seat.out, 0)
                self._settle(seat, ended)
        for seat in sorted(entering, key=lambda seat: seat.s[kernel.ORDER_TS]):
            self._buy(seat, ts_ms)
        for seat in busy:
            high, low = seat.tape.high[seat.at], seat.tape.low[seat.at]
            self._settle(seat, kernel.in_range(seat.s, seat.rules, float(ts_ms), high, low, seat.out, 0))
        for seat in here:
            seat.at += 1  # from here on at - 1 is the bar that has just closed
        held = [seat for seat in self.seats if seat.quantity]
        worth = math.fsum(seat.quantity * seat.tape.close[seat.at - 1] for seat in held)
        self._signals(here, self.cash + worth)
        equity = self.cash + worth
        return equity, self.cash, worth / equity if equity > 0 else math.nan, len(held)

    def open_deals(self) -> list[Deal]:
        """What is still held, marked to its last close."""
        marked = []
        for seat in self.seats:
            last = seat.at - 1
            if seat.quantity:
                ts_ms, close = float(seat.tape.ts_ms[last]), seat.tape.close[last]
                kernel.leave(list(seat.s), seat.out, 0, ts_ms, close, kernel.STILL_OPEN)
                marked.append(self._deal(seat, Trade.of(seat.out), 0.0))
        return marked

    def _signals(self, here: Sequence[_Seat], equity: float) -> None:
        wanting = []
        for seat in here:
            i = seat.at - 1
            if seat.busy:
                self._close(seat, i, 0.0, kernel.LEAVE_LONG if seat.tape.exit[i] else 0)
            elif seat.tape.entry[i] and not seat.tape.exit[i]:
                wanting.append(seat)
        for seat in wanting:
            refusal = self._refusal(seat) if self.terms.constrained else None
            if refusal:
                self.refused[refusal] += 1
                continue
            seat.budget = self.terms.max_weight * (equity if self.terms.constrained else self.terms.cash)
            self._close(seat, seat.at - 1, 1.0, 0)

    def _close(self, seat: _Seat, i: int, entry: float, leaving: int) -> None:
        tape = seat.tape
        ts_ms, level = float(tape.ts_ms[i]), tape.stop[i]
        carried = tape.distances(i) if entry else (math.nan, math.nan, math.nan)
        kernel.at_close(seat.s, seat.rules, ts_ms, tape.high[i], tape.low[i], entry, leaving, level, *carried)

    def _refusal(self, seat: _Seat) -> str | None:
        taken = [other for other in self.seats if other.busy]
        if any(other.lane.key == seat.lane.key for other in taken):
            return "held"
        return "slots" if len(taken) >= self.terms.max_positions else None

    def _buy(self, seat: _Seat, ts_ms: int) -> None:
        price = seat.tape.open[seat.at]
        kernel.at_open(seat.s, seat.rules, float(ts_ms), price, seat.out, 0)
        quantity = self._quantity(seat, price)
        if not seat.busy or quantity <= 0:
            self.refused["cash" if seat.busy else "stop"] += 1
            seat.s = FLAT.vector()
            return
        seat.quantity = quantity
        seat.entry_fee = self.terms.costs.buying(quantity * price)
        self.cash -= quantity * price + seat.entry_fee
        self.traded += quantity * price

    def _quantity(self, seat: _Seat, price: float) -> float:
        if not self.terms.constrained:
            return seat.budget / price
        affordable = min(seat.budget, self.cash) / (price + self.terms.costs.buying(price))
        lots = math.floor(affordable / seat.lane.lot)
        return float(lots * seat.lane.lot if seat.lane.lot >= 1 else lots / round(1 / seat.lane.lot))

    def _settle(self, seat: _Seat, ended: float) -> None:
        if ended == kernel.STILL_OPEN:
            return
        trade = Trade.of(seat.out)
        notional = seat.quantity * trade.exit_price
        exit_cost = self.terms.costs.selling(notional)
        self.cash += notional - exit_cost
        self.traded += notional
        self.deals.append(self._deal(seat, trade, exit_cost))
        seat.quantity = seat.entry_fee = 0.0

    def _deal(self, seat: _Seat, trade: Trade, exit_cost: float) -> Deal:
        fees = seat.entry_fee + exit_cost
        gain = seat.quantity * (trade.exit_price - trade.entry_price)
        return Deal(
            key=seat.lane.key,
            setup=seat.lane.setup,
            trade=trade,
            quantity=seat.quantity,
            fees=fees,
            pnl=gain - fees,
        )
