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
same notional, `max_weight` of the starting cash, in fractions, and cash may go below zero; next to the constrained run
it shows what the constraints cost.

All money is the account's own: an instrument in another currency is converted at every fill and every mark, at the
rates of `pyjobs.account.portfolio.fx`, fees with it; no cash is kept in another currency. Its stops and ticks are in
its own.

The loops themselves are compiled: `account_loop`, and `unlimited.follow` for an account without limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, overload

import numpy as np

from pyjobs.account.portfolio import account_loop, order_admission, seats, sums
from pyjobs.account.portfolio.layout import Layout, Memory, Terms, lay_out, room_to_follow
from pyjobs.account.portfolio.memory import AccountTradeColumns, Seats
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.account.portfolio.unlimited import follow, moves
from pyjobs.market.bars import FloatArray, IntArray, SeriesKey
from pyjobs.strategy import exact_sums, kernel, riding
from pyjobs.strategy.lifecycle import Trade
from utils import native

__all__ = ["ENTRY_PRICE", "REASON", "AccountRun", "AccountTrade", "AccountTrades", "Terms", "simulate"]

ENTRY_PRICE, REASON = kernel.ENTRY_PRICE, seats.REASON  # places in a trade, as the kernel writes it
EXPORTS = (account_loop.walk, follow.follow_seats)
REFUSALS = ("slots", "held", "group", "cash", "stop", "rate")  # in the order of `seats`


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTrade:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SleeveName:
    """The account trade's view of its sleeve; the sleeve itself, with its signals, need not be kept for it."""

    key: SeriesKey
    setup: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What the account does at the next open of a series: it enters with `budget` of its money, or leaves (None).

    `signal_ts_ms`: the close that decided an entry; None for a leave. What is entered was accepted under the account's
    limits; how much it gets is decided at the fill.
    """

    key: SeriesKey
    setup: str
    side: str
    signal_ts_ms: int | None
    budget: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountRun:
    """The account after every event (arrays of one length, by `ts_ms`), its trades by exit, and what was not taken.

    `exposure`: value of positions, long and short added up, over equity. `refused`: signals not turned into positions,
    by reason: `slots`, `held` (the series is in already), `group` (its cap), `cash` (not one lot affordable), `stop`
    (opened at or beyond its stop), `rate` (no rate of exchange, or an old one).
    `traded`: notional bought and sold. `waiting`: what it would do at the next open, in the order of the seats.
    """

    ts_ms: IntArray
    equity: FloatArray
    cash: FloatArray
    exposure: FloatArray
    n_positions: IntArray
    account_trades: Sequence[AccountTrade]
    refused: dict[str, int]
    traded: float
    waiting: Sequence[Waiting] = ()


def simulate(sleeves: Iterable[Sleeve], terms: Terms, *, start_ms: int, marks_ms: Sequence[int] = ()) -> AccountRun:
    """Run the account over all bars that close at or after `start_ms`. Sleeves must hold a signal per bar.

    `marks_ms`: further moments at which an account of several currencies is worth knowing, as rates move without bars.
    """
    return next(simulate_each(sleeves, [terms], start_ms=start_ms, marks_ms=marks_ms))


def simulate_each(
    sleeves: Iterable[Sleeve], terms: Sequence[Terms], *, start_ms: int, marks_ms: Sequence[int] = ()
) -> Iterator[AccountRun]:
    """Several runs over the same sleeves, which differ in money and limits, and not in costs or `stop_loss`.

    They are made when the first is asked for, at once, in threads: a compiled walk holds nothing that another changes.
    """
    ordered = sorted(sleeves, key=lambda x: (x.key.symbol, x.key.exchange, x.key.timeframe, x.setup))
    laid = lay_out(ordered, terms[0], start_ms, marks_ms)
    names = [SleeveName(key=each.key, setup=each.setup, currency=each.currency) for each in ordered]
    return _walks(names, laid, terms)


def _walks(names: Sequence[SleeveName], laid: Layout, terms: Sequence[Terms]) -> Iterator[AccountRun]:
    if len(terms) == 1:
        yield _walked(names, laid.on(terms[0]))
        return
    _library()  # loaded once, before threads ask for it
    with ThreadPoolExecutor(len(terms)) as pool:
        yield from list(pool.map(lambda each: _walked(names, laid.on(each)), terms))


def _walked(names: Sequence[SleeveName], memory: Memory) -> AccountRun:
    if memory.account.constrained:
        _library().walk(*_arguments(memory))
        order = None
    else:
        worth, moves = room_to_follow(memory)
        _library().follow_seats(*_arguments((*memory, worth, moves)))
        order = moves.account_trades[: int(memory.account_trades.count[0])].copy()
    account, points = memory.account, memory.points
    return AccountRun(
        ts_ms=memory.series.times,
        equity=points.equity,
        cash=points.cash,
        exposure=points.exposure,
        n_positions=points.positions.astype(np.int64),
        account_trades=AccountTrades(names, _trimmed(memory.account_trades), order),
        refused=dict(zip(REFUSALS, account.refused.tolist(), strict=True)),
        traded=float(account.traded[0]),
        waiting=_waiting(names, memory.seats),
    )


def _arguments(memory: Iterable[tuple[Any, ...]]) -> list[Any]:
    return [each for part in memory for each in native.addresses(part)]


def _trimmed(account_trades: AccountTradeColumns) -> AccountTradeColumns:
    """Without the memory that no trade has needed; `trades` with a row for each."""
    for name, column in zip(account_trades._fields[:-1], account_trades, strict=False):
        column.resize(int(account_trades.count[0]) * (kernel.TRADE if name == "trades" else 1), refcheck=False)
    return account_trades._replace(trades=account_trades.trades.reshape(-1, kernel.TRADE))


def _waiting(names: Sequence[SleeveName], seats: Seats) -> list[Waiting]:
    """What the seats hold after the last close: positions that are to leave, and orders to enter."""
    held = seats.side != 0
    found = np.flatnonzero((held & (seats.leaving != 0)) | (~held & (seats.order != 0)))
    return [
        Waiting(
            key=names[k].key,
            setup=names[k].setup,
            side="long" if seats.side[k] + seats.order[k] > 0 else "short",
            signal_ts_ms=None if seats.side[k] else int(seats.order_ts[k]),
            budget=None if seats.side[k] else float(seats.budget[k]),
        )
        for k in found.tolist()
    ]


@lru_cache(maxsize=1)
def _library() -> native.Library:
    return native.load(
        "account_loop", (kernel, exact_sums, riding, seats, sums, order_admission, account_loop, moves, follow), EXPORTS
    )


class AccountTrades(Sequence[AccountTrade]):
    """What the walk wrote, as records once they are looked at: a sweep only counts them.

    `order`: their numbers in `columns` by exit; None where they lie like that. There may be millions: they are never
    all put in order, in memory, at once.
    """

    def __init__(
        self, sleeves: Sequence[SleeveName], columns: AccountTradeColumns, order: IntArray | None = None
    ) -> None:
        self.sleeves, self._columns, self._order = sleeves, columns, order

    def __len__(self) -> int:
        return len(self._columns.trades)

    @overload
    def __getitem__(self, at: int) -> AccountTrade: ...
    @overload
    def __getitem__(self, at: slice) -> list[AccountTrade]: ...
    def __getitem__(self, at: int | slice) -> AccountTrade | list[AccountTrade]:
        return self._made[at]

    def __iter__(self) -> Iterator[AccountTrade]:
        return iter(self._made)

    def trade(self, place: int) -> FloatArray:
        """One of the kernel's numbers of every trade."""
        column: FloatArray = self._columns.trades[:, place][self._which(slice(None))]
        return column

    def money(self, name: str) -> FloatArray:
        """One of `AccountTradeColumns`, but for the trades."""
        column: FloatArray = getattr(self._columns, name)[self._which(slice(None))]
        return column

    def piece(self, some: slice) -> tuple[FloatArray, list[FloatArray]]:
        """The trades of some trades, a row each, and the other columns."""
        which = self._which(some)
        return self._columns.trades[which], [column[which] for column in self._columns[1:-1]]

    def _which(self, some: slice) -> slice | IntArray:
        return some if self._order is None else self._order[some]

    def last(self, count: int) -> list[AccountTrade]:
        """The records of the last `count`; the walk writes those that are still open last."""
        return self._records(slice(len(self) - count, None))

    @cached_property
    def _made(self) -> list[AccountTrade]:
        return self._records(slice(None))

    def _records(self, some: slice) -> list[AccountTrade]:
        trades, money = self.piece(some)
        columns = [column.tolist() for column in (trades, *money)]
        return [_account_trade(self.sleeves[int(row[1])], *row) for row in zip(*columns, strict=True)]


def _account_trade(
    sleeve: SleeveName, trade: Sequence[float], _: float, quantity: float, fees: float, pnl: float,
    entry_rate: float, exit_rate: float, to_leave: float,
) -> AccountTrade:  # fmt: skip
    return AccountTrade(
        key=sleeve.key,
        setup=sleeve.setup,
        trade=Trade.of(trade),
        quantity=quantity,
        fees=fees,
        pnl=pnl,
        currency=sleeve.currency,
        entry_rate=entry_rate,
        exit_rate=exit_rate,
        to_leave=to_leave,
    )
