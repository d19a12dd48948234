"""An account's walk over the bars of all its sleeves, as `simulate` defines it, for utils/native to compile.

The arguments are described in `memory`. Only seats with a position or an order are looked at, moment by moment, in
their order: a list that is kept; all others wait for an entry signal of theirs. Nearly all of these only age at a
moment, so they are looked at twice: before the close to see which have something to do, and at it.
"""

from __future__ import annotations

from math import nan

import numpy as np

from pyjobs.account.portfolio.memory import (
    Account,
    AccountTradeColumns,
    Lists,
    Points,
    Rates,
    Room,
    Seats,
    Series,
    Signals,
    Tables,
)
from pyjobs.account.portfolio.order_admission import admit_orders, ages, close_seat, wants_out
from pyjobs.account.portfolio.seats import (
    BASIS_POINT,
    EXIT_PRICE,
    EXIT_TS,
    NO_CASH,
    NO_RATE,
    STOP_PASSED,
    YEAR_MS,
    cost_of,
    filled,
    flatten,
    is_flat,
    is_here,
    next_bar,
    open_rate,
    put_back,
    take_out,
    value,
    write_account_trade,
)
from pyjobs.account.portfolio.sums import exact_worth, gross_worth
from pyjobs.strategy.exact_sums import TINY, add, begin_sum, is_certain, total
from pyjobs.strategy.kernel import ORDER, SIDE, STILL_OPEN, TRADE, at_open, in_range, leave
from pyjobs.strategy.riding import rides_open, rides_range


def walk(
    account: Account, lists: Lists, seats: Seats, series: Series, signals: Signals, tables: Tables, rates: Rates,
    points: Points, account_trades: AccountTradeColumns, room: Room,
) -> int:  # fmt: skip
    """Every moment in order: an entry of `points` each, an account trade for each position that ends; last come those
    still open, marked to their last close."""
    for j in range(series.n_times):
        now = series.times[j]
        look(series, j)
        shorts = sort_out(lists, seats, series)
        for h in range(lists.n_acting[0]):
            if seats.side[lists.acting[h]] != 0.0:
                open_bar(account, seats, series, tables, rates, account_trades, room, lists.acting[h], float(now))
        for h in range(lists.n_entering[0]):
            enter_seat(account, lists, seats, series, tables, rates, account_trades, room, lists.entering[h], now)
        for h in range(lists.n_acting[0]):
            if seats.side[lists.acting[h]] != 0.0:
                cross_bar(account, seats, series, tables, rates, account_trades, room, lists.acting[h], float(now))
        close_bars(series)
        if shorts:
            for h in range(lists.n_busy[0]):
                borrow(account, seats, series, rates, lists.busy[h])
        equity = mark(account, lists, seats, series, signals, rates, points, room, j)
        if signals.events[j + 1] > signals.events[j]:
            admit_orders(account, lists, seats, series, signals, rates, room, equity, j)
    for h in range(lists.n_busy[0]):
        if seats.quantity[lists.busy[h]] != 0.0:
            mark_account_trade(seats, series, tables, account_trades, room, lists.busy[h])
    return 0


def look(series: Series, j: int) -> None:
    """See which stretches have a bar that closes at moment j."""
    for stretch in range(series.n_stretches):
        bar = series.next[stretch]
        if bar < series.end[stretch] and series.moments[bar] == j:
            series.here[stretch] = 1
        else:
            series.here[stretch] = 0


def close_bars(series: Series) -> None:
    """The bars of this moment have closed: from here on the bar before the next one is the bar that just has."""
    for stretch in range(series.n_stretches):
        series.next[stretch] += series.here[stretch]


def sort_out(lists: Lists, seats: Seats, series: Series) -> bool:
    """List the busy seats with something to do before this moment's close; whether there is a short among the busy.

    Those that wait to get in are listed by the time of their signal too; of equals in the order of the seats.
    """
    acting, entering, shorts = 0, 0, False
    for h in range(lists.n_busy[0]):
        k = lists.busy[h]
        stretch, side = seats.stretch[k], seats.side[k]
        shorts = shorts or seats.sign[k] < 0.0
        if series.here[stretch] == 0:
            continue
        if side != 0.0:
            bar, stop, target = series.next[stretch], seats.stop[k], seats.target[k]
            waits = seats.leaving[k] != 0.0 or seats.order[k] != 0.0
            if rides_open(side, stop, target, waits, series.open[bar]) and rides_range(
                side, stop, target, series.high[bar], series.low[bar]
            ):
                continue
        elif seats.order[k] != 0.0:
            place = entering
            while place > 0 and seats.order_ts[lists.entering[place - 1]] > seats.order_ts[k]:
                lists.entering[place] = lists.entering[place - 1]
                place -= 1
            lists.entering[place] = k
            entering += 1
        lists.acting[acting] = k
        acting += 1
    lists.n_acting[0], lists.n_entering[0] = acting, entering
    return shorts


def open_bar(
    account: Account, seats: Seats, series: Series, tables: Tables, rates: Rates, account_trades: AccountTradeColumns,
    room: Room, k: int, ts: float,
) -> None:  # fmt: skip
    """What a position does at the open of its seat's next bar."""
    take_out(seats, k, room)
    ended = at_open(
        room.s,
        room.r,
        ts,
        series.open[next_bar(seats, series, k)],
        account_trades.trades,
        account_trades.count[0] * TRADE,
    )
    put_back(seats, k, room)
    if ended != STILL_OPEN:
        settle(account, seats, series, tables, rates, account_trades, k)


def cross_bar(
    account: Account, seats: Seats, series: Series, tables: Tables, rates: Rates, account_trades: AccountTradeColumns,
    room: Room, k: int, ts: float,
) -> None:  # fmt: skip
    """What a position does within that bar."""
    bar = next_bar(seats, series, k)
    high, low = series.high[bar], series.low[bar]
    if rides_range(seats.side[k], seats.stop[k], seats.target[k], high, low):
        return
    take_out(seats, k, room)
    ended = in_range(room.s, ts, high, low, account_trades.trades, account_trades.count[0] * TRADE)
    put_back(seats, k, room)
    if ended != STILL_OPEN:
        settle(account, seats, series, tables, rates, account_trades, k)


def settle(
    account: Account,
    seats: Seats,
    series: Series,
    tables: Tables,
    rates: Rates,
    account_trades: AccountTradeColumns,
    k: int,
) -> None:
    """Money for the trade that has ended; it is the next of `account_trades`."""
    trade, short = account_trades.count[0] * TRADE, seats.sign[k] < 0.0
    ts = int(account_trades.trades[trade + EXIT_TS])
    price = filled(seats, tables, k, ts, account_trades.trades[trade + EXIT_PRICE], short)
    account_trades.trades[trade + EXIT_PRICE] = price
    rate = open_rate(seats, rates, k, next_bar(seats, series, k))
    notional = seats.quantity[k] * (price * rate)
    cost = cost_of(seats, tables, k, ts, notional, not short)
    account.cash[0] += seats.sign[k] * notional - cost
    account.traded[0] += notional
    write_account_trade(seats, account_trades, k, cost, rate)
    seats.quantity[k] = seats.entry_fee[k] = seats.borrowed[k] = 0.0


def mark_account_trade(
    seats: Seats, series: Series, tables: Tables, account_trades: AccountTradeColumns, room: Room, k: int
) -> None:
    """A row for what is still held, marked to its last close."""
    last, d = next_bar(seats, series, k) - 1, account_trades.count[0]
    ts = series.times[series.moments[last]]
    take_out(seats, k, room)
    leave(room.s, account_trades.trades, d * TRADE, float(ts), series.close[last], STILL_OPEN)
    write_account_trade(seats, account_trades, k, 0.0, seats.rate[k])
    account_trades.to_leave[d] = cost_of(seats, tables, k, ts, value(seats, series, k), seats.sign[k] > 0.0)


def enter_seat(
    account: Account, lists: Lists, seats: Seats, series: Series, tables: Tables, rates: Rates,
    account_trades: AccountTradeColumns, room: Room, k: int, now: int,
) -> None:  # fmt: skip
    """Fill the entry that waits, or refuse it."""
    bar, long = next_bar(seats, series, k), seats.sign[k] > 0.0
    price = filled(seats, tables, k, now, series.open[bar], long)
    take_out(seats, k, room)
    at_open(room.s, room.r, float(now), price, account_trades.trades, account_trades.count[0] * TRADE)
    rate = open_rate(seats, rates, k, bar)
    allowed = seats.rates_of[k] < 0 or rates.fresh_at_open[seats.to_rates[k] + bar] != 0
    quantity = quantity_at(account, lists, seats, tables, k, now, price * rate) if allowed else 0.0
    busy = room.s[SIDE] != 0.0 or room.s[ORDER] != 0.0
    if not busy or not quantity > 0.0:
        account.refused[STOP_PASSED if not busy else (NO_CASH if allowed else NO_RATE)] += 1
        flatten(seats, k)
        return
    put_back(seats, k, room)
    notional = quantity * (price * rate)
    seats.quantity[k] = quantity
    seats.entry_rate[k] = rate
    seats.entry_fee[k] = cost_of(seats, tables, k, now, notional, not long)
    account.cash[0] -= seats.sign[k] * notional + seats.entry_fee[k]
    account.traded[0] += notional


def quantity_at(account: Account, lists: Lists, seats: Seats, tables: Tables, k: int, now: int, price: float) -> float:
    """How much at `price`, which is in the account's money."""
    if not account.constrained:
        return float(seats.budget[k] / price)
    free = free_cash(account, lists, seats)
    budget = free if free < seats.budget[k] else seats.budget[k]
    lots = np.floor(budget / (price + cost_of(seats, tables, k, now, price, seats.sign[k] < 0.0)) / seats.lot[k])
    return float(lots * seats.lot[k] if seats.per_unit[k] == 0.0 else lots / seats.per_unit[k])


def free_cash(account: Account, lists: Lists, seats: Seats) -> float:
    """Cash less what short positions tie up: their proceeds, and as much again."""
    n = begin_sum(account.parts)
    for h in range(lists.n_busy[0]):
        k = lists.busy[h]
        if seats.quantity[k] != 0.0 and seats.sign[k] < 0.0:
            n = add(account.parts, n, seats.quantity[k] * seats.entry_price[k] * seats.entry_rate[k])
    return float(account.cash[0] - 2.0 * total(account.parts, n))


def borrow(account: Account, seats: Seats, series: Series, rates: Rates, k: int) -> None:
    """Pay for the loan of a short position since its last bar, at the close it had then and this bar's rate."""
    if seats.quantity[k] == 0.0 or not seats.sign[k] < 0.0 or not is_here(seats, series, k):
        return
    new = next_bar(seats, series, k) - 1
    ts = series.times[series.moments[new]]
    if seats.entry_ts[k] == float(ts):
        return  # borrowed within this bar: the loan is counted from its close on
    lent = seats.quantity[k] * series.close[new - 1] * open_rate(seats, rates, k, new)
    years = float(ts - series.times[series.moments[new - 1]]) / YEAR_MS
    cost = lent * (seats.loan_bps[k] * BASIS_POINT) * years
    seats.borrowed[k] += cost
    account.cash[0] -= cost


def mark(
    account: Account, lists: Lists, seats: Seats, series: Series, signals: Signals, rates: Rates, points: Points,
    room: Room, j: int,
) -> float:  # fmt: skip
    """The equity at moment j, which is noted, and the close of its bars; seats that are flat leave the list."""
    held, shorts, kept = 0.0, 0, 0
    high, low, size = 0.0, 0.0, 0.0
    for h in range(lists.n_busy[0]):
        k = lists.busy[h]
        if seats.rates_of[k] >= 0:
            seats.rate[k] = rates.at_moment[seats.rates_of[k] * series.n_times + j]
        if seats.quantity[k] != 0.0:
            term = value(seats, series, k)
            size += abs(term)
            held += 1.0
            shorts += seats.sign[k] < 0.0
            term *= seats.sign[k]
            after = high + term
            virtual = after - high
            low += (high - (after - virtual)) + (term - virtual)
            high = after
        if not is_flat(seats, k):
            lists.busy[kept] = k  # never beyond what has been read
            kept += 1
            if is_here(seats, series, k):
                told_to_leave = wants_out(seats, series, signals, k)
                if not ages(seats, k, told_to_leave):
                    close_seat(seats, series, room, k, float(series.times[j]), told_to_leave)
    lists.n_busy[0] = kept
    certain = is_certain(high, low, held * held * size * TINY)
    net = high + low if certain else exact_worth(account, lists, seats, series, True)
    equity = account.cash[0] + net
    gross = gross_worth(account, lists, seats, series) if shorts else net
    points.equity[j], points.cash[j] = equity, account.cash[0]
    points.exposure[j] = gross / equity if equity > 0.0 else nan
    points.positions[j] = held
    return float(equity)
