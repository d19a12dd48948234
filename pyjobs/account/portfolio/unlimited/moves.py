"""Money that moves, noted seat by seat and counted in the order of time; compiled with `account_loop`.

A sum of floats depends on its order, so cash must be counted in the order in which a walk would: moment by moment, at
each of them step by step, at each step seat by seat, and of entries those with the oldest signal first.
"""

from __future__ import annotations

from math import nan

from pyjobs.account.portfolio.memory import Account, AccountTradeColumns, Moves, Points, Rates, Seats, Series, Worth
from pyjobs.account.portfolio.seats import EXIT_PRICE, rate_at
from pyjobs.strategy.exact_sums import TINY, add, begin_sum, is_certain, total
from pyjobs.strategy.kernel import ENTRY_PRICE, SIGNAL_TS, TRADE

AT_OPEN, ENTERS, IN_RANGE, LENDS, STEPS = range(5)  # the steps of a moment at which money moves
STAYS = AT_OPEN  # after the last moment: no money moves, a trade is written


def begin_move(account: Account) -> None:
    """From here on `account.cash` is that of one move."""
    account.cash[0] = 0.0


def note(account: Account, moves: Moves, j: int, step: int, account_trade: int) -> None:
    """The move since `begin_move`, at moment j; `account_trade`: the number of that which it begins or ends, or -1."""
    n = moves.count[0]
    moves.step[n] = j * STEPS + step
    moves.cash[n] = account.cash[0]
    moves.account_trade[n] = account_trade
    moves.count[0] += 1


def count_money(
    account: Account, seats: Seats, series: Series, rates: Rates, points: Points,
    account_trades: AccountTradeColumns, worth: Worth, moves: Moves,
) -> None:  # fmt: skip
    """All moves in order, and the account at every moment."""
    sort_moves(moves, account_trades, series.n_times)
    account.cash[0], account.traded[0] = account.start_cash, 0.0
    at, n_trades = 0, 0
    for j in range(series.n_times + 1):
        while at < moves.count[0] and moves.step[moves.order[at]] < (j + 1) * STEPS:
            move = moves.order[at]
            step = moves.step[move] - j * STEPS
            if j < series.n_times:
                account.cash[0] += moves.cash[move]
                account.traded[0] += traded(moves, account_trades, move, step)
            if step == ENTERS:
                hold(moves, moves.account_trade[move])
            elif step in (AT_OPEN, IN_RANGE):
                let_go(moves, moves.account_trade[move])
                moves.account_trades[n_trades] = moves.account_trade[move]
                n_trades += 1
            at += 1
        if j < series.n_times:
            strike(account, seats, series, rates, points, account_trades, worth, moves, j)


def hold(moves: Moves, account_trade: int) -> None:
    """From here on it is among `moves.held`."""
    n = moves.n_held[0]
    moves.held[n], moves.place[account_trade] = account_trade, n
    moves.n_held[0] = n + 1


def let_go(moves: Moves, account_trade: int) -> None:
    """It is no longer; the last of them takes its place."""
    moves.n_held[0] -= 1
    place, last = moves.place[account_trade], moves.held[moves.n_held[0]]
    moves.held[place], moves.place[last] = last, place


def sort_moves(moves: Moves, account_trades: AccountTradeColumns, n_times: int) -> None:
    """`moves.order`: the numbers of the moves by moment and step, of equals as they are, entries by their signals."""
    buckets = STEPS * (n_times + 1)
    for bucket in range(buckets + 1):
        moves.begins[bucket] = 0
    for n in range(moves.count[0]):
        moves.begins[moves.step[n] + 1] += 1
    for bucket in range(buckets):
        moves.begins[bucket + 1] += moves.begins[bucket]
    for n in range(moves.count[0]):  # in the end a bucket's begin is that of the next one
        moves.order[moves.begins[moves.step[n]]] = n
        moves.begins[moves.step[n]] += 1
    for j in range(n_times):
        bucket = j * STEPS + ENTERS
        oldest_first(moves, account_trades, moves.begins[bucket - 1], moves.begins[bucket])


def oldest_first(moves: Moves, account_trades: AccountTradeColumns, first: int, behind: int) -> None:
    """The moves at places [first, behind) of the order, by the times of their signals; of equals as they are."""
    for at in range(first + 1, behind):
        move, place = moves.order[at], at
        while place > first and signalled(moves, account_trades, moves.order[place - 1]) > signalled(
            moves, account_trades, move
        ):
            moves.order[place] = moves.order[place - 1]
            place -= 1
        moves.order[place] = move


def signalled(moves: Moves, account_trades: AccountTradeColumns, move: int) -> float:
    """When the entry was signalled that a move is."""
    return float(account_trades.trades[moves.account_trade[move] * TRADE + SIGNAL_TS])


def traded(moves: Moves, account_trades: AccountTradeColumns, move: int, step: int) -> float:
    """The notional that was bought or sold."""
    d = moves.account_trade[move]
    if step == LENDS:
        return 0.0
    if step == ENTERS:
        return float(
            account_trades.size[d] * (account_trades.trades[d * TRADE + ENTRY_PRICE] * account_trades.rate_in[d])
        )
    return float(account_trades.size[d] * (account_trades.trades[d * TRADE + EXIT_PRICE] * account_trades.rate_out[d]))


def strike(
    account: Account, seats: Seats, series: Series, rates: Rates, points: Points,
    account_trades: AccountTradeColumns, worth: Worth, moves: Moves, j: int,
) -> None:  # fmt: skip
    """The account at moment j."""
    net = summed(account, seats, series, rates, points, account_trades, worth, moves, j, -1.0)
    equity, gross = account.cash[0] + net, net
    if worth.short_high[j] != 0.0:
        gross = summed(account, seats, series, rates, points, account_trades, worth, moves, j, 1.0)
    points.equity[j], points.cash[j] = equity, account.cash[0]
    points.exposure[j] = gross / equity if equity > 0.0 else nan


def summed(
    account: Account, seats: Seats, series: Series, rates: Rates, points: Points,
    account_trades: AccountTradeColumns, worth: Worth, moves: Moves, j: int, shorts: float,
) -> float:  # fmt: skip
    """All positions at moment j, the short ones times `shorts`, rounded once, to even."""
    held, term = points.positions[j], shorts * worth.short_high[j]
    size = worth.high[j] + worth.short_high[j]
    high = worth.high[j] + term
    virtual = high - worth.high[j]
    low = worth.low[j] + shorts * worth.short_low[j]
    low += (worth.high[j] - (high - virtual)) + (term - virtual)
    if is_certain(high, low, (held + 2.0) * (held + 2.0) * size * TINY):
        return float(high + low)
    return exact_sum(account, seats, series, rates, account_trades, moves, j, shorts)


def exact_sum(
    account: Account, seats: Seats, series: Series, rates: Rates, account_trades: AccountTradeColumns, moves: Moves,
    j: int, shorts: float,
) -> float:  # fmt: skip
    """`summed`, added without rounding."""
    n = begin_sum(account.parts)
    for h in range(moves.n_held[0]):
        d = moves.held[h]
        k = int(account_trades.seat[d])
        term = (
            account_trades.size[d] * series.close[last_bar(seats, series, k, j)] * rate_at(seats, series, rates, k, j)
        )
        n = add(account.parts, n, term if seats.sign[k] > 0.0 else shorts * term)
    return total(account.parts, n)


def last_bar(seats: Seats, series: Series, k: int, j: int) -> int:
    """The last bar of seat k's series that has closed at moment j; there is one."""
    first, behind = series.next[seats.stretch[k]], series.end[seats.stretch[k]]
    while behind - first > 1:
        middle = (first + behind) // 2
        if series.moments[middle] <= j:
            first = middle
        else:
            behind = middle
    return int(first)
