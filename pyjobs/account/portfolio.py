"""An account, bar by bar: which signals it can take, what it pays, what it is worth.

Time runs over the closing times of all bars. At each of them, in this order:
  1. at the open: pending exits and jumped-over stops are closed; then pending entries are filled, oldest signal first,
     then by symbol, exchange, timeframe and setup. So money freed at an open can be spent at the same open;
  2. within the bar: stops;
  3. at the close: what is sold short pays for its loan, every position is marked, equity is struck, exit signals become
     orders, then entry signals do.
A pending entry waits for its series' next bar, however far that is. Fills are worse than the bar's price by the
slippage and what is missing to the next tick; a percent stop is measured from that fill.

Constrained: at most `max_positions` (one that waits for its fill, in or out, counts), one position per series; a new
one gets `max_weight` of the equity at the signal's close, never more than the free cash, fee included, rounded down to
whole lots; one whose group (sector …) would then hold more than `max_group_weight` of the equity is refused. The
proceeds of a short sale, and as much again, are not free until it is bought back.
Unconstrained: each setup on each series has a position of its own and takes every signal while flat, always with the
same notional, `max_weight` of the starting cash, in fractions, and cash may go below zero; beside the constrained run
it shows what the constraints cost.

All money is the account's own: an instrument in another currency is converted at every fill and every mark, at the
rates of `pyjobs.account.fx`, fees with it; no cash is kept in another currency. Its stops and ticks are in its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pyjobs.account.costs import Costs
from pyjobs.account.seat import Lane, Seat
from pyjobs.market.bars import FloatArray, IntArray, SeriesKey
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The account's money and limits; weights and `stop_loss` are fractions."""

    cash: float
    max_positions: int
    max_weight: float
    costs: Costs = field(default_factory=Costs)
    stop_loss: float = 0.0
    max_group_weight: float = 1.0
    constrained: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A trade with its money. `fees` holds tax and borrowing too; `pnl` is after them; both in the account's money.

    Marked while open, before its exit cost, which is `to_leave`. Prices are those of the fills, slippage and ticks
    included, in `currency` ("": the account's); the rates convert them: pnl = quantity x (exit x exit_rate - entry x
    entry_rate) - fees, the mirror image when short.
    """

    key: SeriesKey
    setup: str
    trade: Trade
    quantity: float
    fees: float
    pnl: float
    currency: str = ""
    entry_rate: float = 1.0
    exit_rate: float = 1.0
    to_leave: float = 0.0

    @property
    def net_return(self) -> float:
        """pnl as a fraction of the entry's notional."""
        return self.pnl / (self.quantity * self.trade.entry_price * self.entry_rate)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountRun:
    """The account after every event (arrays of one length, by `ts_ms`), its deals by exit, and what was not taken.

    `exposure`: value of positions, long and short added up, over equity. `refused`: signals not turned into positions,
    by reason: `slots`, `held` (the series is in already), `group` (its cap), `cash` (not one lot affordable), `stop`
    (opened at or beyond its stop), `rate` (no rate of exchange, or an old one).
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


def simulate(lanes: Iterable[Lane], terms: Terms, *, start_ms: int, marks_ms: Sequence[int] = ()) -> AccountRun:
    """Run the account over all bars that close at or after `start_ms`. Lanes must hold a signal per bar.

    `marks_ms`: further moments at which an account of several currencies is worth knowing, as rates move without bars.
    """
    book = _Book(lanes, terms, start_ms)
    marks = np.array(marks_ms if book.abroad else (), np.int64)
    times = np.unique(np.concatenate([marks, *(seat.lane.bars.ts_ms for seat in book.seats)]))
    times = times[times >= start_ms]
    rates = book.rates_at(times)
    points = [book.pass_bar(ts_ms, now) for ts_ms, now in zip(times.tolist(), rates, strict=True)]
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


class _Book:
    """Cash, seats and prices of one run."""

    def __init__(self, lanes: Iterable[Lane], terms: Terms, start_ms: int) -> None:
        ordered = sorted(lanes, key=lambda x: (x.key.symbol, x.key.exchange, x.key.timeframe, x.setup))
        self.seats = [Seat(lane, terms.costs, terms.stop_loss, start_ms) for lane in ordered]
        self.abroad = [seat for seat in self.seats if seat.lane.conversion]
        self.terms = terms
        self.cash = terms.cash
        self.deals: list[Deal] = []
        self.refused = {"slots": 0, "held": 0, "group": 0, "cash": 0, "stop": 0, "rate": 0}
        self.traded = 0.0

    def rates_at(self, times: IntArray) -> Iterator[tuple[float, ...]]:
        """At each time the rate of each seat in `abroad`."""
        known = [seat.lane.conversion.rates for seat in self.abroad if seat.lane.conversion]
        by_series = {rates.key: rates.at(times).tolist() for rates in known}
        columns = [by_series[rates.key] for rates in known]
        return zip(*columns, strict=True) if columns else itertools.repeat((), len(times))

    def pass_bar(self, ts_ms: int, rates: Sequence[float]) -> tuple[float, float, float, int]:
        """All events of the bars that close at `ts_ms`: (equity, cash, exposure, n_positions) after them."""
        here = [seat for seat in self.seats if seat.at < len(seat.tape.ts_ms) and seat.tape.ts_ms[seat.at] == ts_ms]
        busy = [seat for seat in here if seat.busy]
        entering = [seat for seat in busy if seat.entering]
        for seat in busy:
            if not seat.entering:
                ended = kernel.at_open(seat.s, seat.rules, float(ts_ms), seat.tape.open[seat.at], seat.out, 0)
                self._settle(seat, ended)
        for seat in sorted(entering, key=lambda seat: seat.s[kernel.ORDER_TS]):
            self._enter(seat, ts_ms)
        for seat in busy:
            high, low = seat.tape.high[seat.at], seat.tape.low[seat.at]
            self._settle(seat, kernel.in_range(seat.s, float(ts_ms), high, low, seat.out, 0))
        for seat in here:
            seat.at += 1  # from here on at - 1 is the bar that has just closed
            if seat.quantity and seat.sign < 0:
                self._borrow(seat)
        for seat, rate in zip(self.abroad, rates, strict=True):
            seat.rate = rate
        held = [seat for seat in self.seats if seat.quantity]
        equity = self.cash + math.fsum(seat.sign * seat.value for seat in held)
        self._signals(here, equity)
        gross = math.fsum(seat.value for seat in held)
        return equity, self.cash, gross / equity if equity > 0 else math.nan, len(held)

    def open_deals(self) -> list[Deal]:
        """What is still held, marked to its last close."""
        marked = []
        for seat in self.seats:
            last = seat.at - 1
            if seat.quantity:
                ts_ms, close = float(seat.tape.ts_ms[last]), seat.tape.close[last]
                kernel.leave(list(seat.s), seat.out, 0, ts_ms, close, kernel.STILL_OPEN)
                to_leave = seat.costs.at(int(ts_ms)).leaving(seat.lane.signals.side, seat.value)
                marked.append(replace(_deal(seat, Trade.of(seat.out), 0.0, seat.rate), to_leave=to_leave))
        return marked

    def _signals(self, here: Sequence[Seat], equity: float) -> None:
        wanting = []
        for seat in here:
            i = seat.at - 1
            if seat.busy:
                way_out = kernel.LEAVE_LONG if seat.sign > 0 else kernel.LEAVE_SHORT
                self._close(seat, i, 0.0, way_out if seat.tape.exit[i] else 0)
            elif seat.tape.entry[i] and not seat.tape.exit[i]:
                wanting.append(seat)
        for seat in wanting:
            refusal = None if seat.may_signal else "rate"
            if refusal is None and self.terms.constrained:
                refusal = self._refusal(seat, equity)
            if refusal:
                self.refused[refusal] += 1
                continue
            seat.budget = self.terms.max_weight * (equity if self.terms.constrained else self.terms.cash)
            self._close(seat, seat.at - 1, seat.sign, 0)

    def _close(self, seat: Seat, i: int, entry: float, leaving: int) -> None:
        tape = seat.tape
        ts_ms, level = float(tape.ts_ms[i]), tape.stop[i]
        carried = tape.distances(i) if entry else (math.nan, math.nan, math.nan)
        kernel.at_close(seat.s, seat.rules, ts_ms, tape.high[i], tape.low[i], entry, leaving, level, *carried)

    def _refusal(self, seat: Seat, equity: float) -> str | None:
        taken = [other for other in self.seats if other.busy and not other.gives_way_to(seat)]
        if any(other.lane.key == seat.lane.key for other in taken):
            return "held"
        if len(taken) >= self.terms.max_positions:
            return "slots"
        if seat.lane.group:
            mates = [other for other in taken if other.lane.group == seat.lane.group]
            held = math.fsum(other.value if other.quantity else other.budget for other in mates)
            if held + self.terms.max_weight * equity > self.terms.max_group_weight * equity * (1 + 1e-12):
                return "group"
        return None

    def _enter(self, seat: Seat, ts_ms: int) -> None:
        price = self._filled(seat, ts_ms, seat.tape.open[seat.at], buy=seat.sign > 0)
        kernel.at_open(seat.s, seat.rules, float(ts_ms), price, seat.out, 0)
        rate = seat.rate_at_open(seat.at)
        quantity = self._quantity(seat, ts_ms, price * rate) if seat.may_enter else 0.0
        if not seat.busy or quantity <= 0:
            self.refused["stop" if not seat.busy else "cash" if seat.may_enter else "rate"] += 1
            seat.s = FLAT.vector()
            return
        notional = quantity * (price * rate)
        seat.quantity, seat.entry_rate = quantity, rate
        seat.entry_fee = seat.costs.at(ts_ms).entering(seat.lane.signals.side, notional)
        self.cash -= seat.sign * notional + seat.entry_fee
        self.traded += notional

    def _quantity(self, seat: Seat, ts_ms: int, price: float) -> float:
        """How much at `price`, which is in the account's money."""
        if not self.terms.constrained:
            return seat.budget / price
        cost = seat.costs.at(ts_ms).entering(seat.lane.signals.side, price)
        affordable = min(seat.budget, self._free_cash()) / (price + cost)
        lots = math.floor(affordable / seat.lane.lot)
        return float(lots * seat.lane.lot if seat.lane.lot >= 1 else lots / round(1 / seat.lane.lot))

    def _free_cash(self) -> float:
        """Cash less what short positions tie up: their proceeds, and as much again."""
        short = [seat for seat in self.seats if seat.quantity and seat.sign < 0]
        proceeds = [seat.quantity * seat.s[kernel.ENTRY_PRICE] * seat.entry_rate for seat in short]
        return self.cash - 2 * math.fsum(proceeds)

    def _filled(self, seat: Seat, ts_ms: int, price: float, *, buy: bool) -> float:
        lane = seat.lane
        day = lane.day_of(ts_ms) if lane.on_tick and lane.day_of else None
        return seat.costs.filled(price, buy=buy, day=day, on_tick=lane.on_tick)

    def _borrow(self, seat: Seat) -> None:
        """Pay for the loan of a short position since its last bar, at the close it had then and this bar's rate."""
        last, new = seat.tape.ts_ms[seat.at - 2], seat.tape.ts_ms[seat.at - 1]
        if seat.s[kernel.ENTRY_TS] == new:
            return  # borrowed within this bar: the loan is counted from its close on
        lent = seat.quantity * seat.tape.close[seat.at - 2] * seat.rate_at_open(seat.at - 1)
        cost = seat.costs.borrowing(lent, new - last)
        seat.borrowed += cost
        self.cash -= cost

    def _settle(self, seat: Seat, ended: float) -> None:
        if ended == kernel.STILL_OPEN:
            return
        trade = Trade.of(seat.out)
        price = self._filled(seat, trade.exit_ts_ms, trade.exit_price, buy=seat.sign < 0)
        trade = replace(trade, exit_price=price)
        rate = seat.rate_at_open(seat.at)
        notional = seat.quantity * (price * rate)
        exit_cost = seat.costs.at(trade.exit_ts_ms).leaving(seat.lane.signals.side, notional)
        self.cash += seat.sign * notional - exit_cost
        self.traded += notional
        self.deals.append(_deal(seat, trade, exit_cost, rate))
        seat.quantity = seat.entry_fee = seat.borrowed = 0.0


def _deal(seat: Seat, trade: Trade, exit_cost: float, exit_rate: float) -> Deal:
    fees = seat.entry_fee + exit_cost + seat.borrowed
    gain = seat.sign * (seat.quantity * (trade.exit_price * exit_rate - trade.entry_price * seat.entry_rate))
    return Deal(
        key=seat.lane.key,
        setup=seat.lane.setup,
        trade=trade,
        quantity=seat.quantity,
        fees=fees,
        pnl=gain - fees,
        currency=seat.lane.currency,
        entry_rate=seat.entry_rate,
        exit_rate=exit_rate,
    )
