"""An account without limits: seat by seat, each from its first bar to its last; compiled with `account_loop`.

Nothing keeps a seat from its signals here, and no seat from another's money. So a seat's whole life is followed while
its bars are at hand, which for thousands of series takes a quarter of the time that all seats moment by moment take.
Where its money goes is noted (`moves`) and counted afterwards, in the order of time. Results are those of
`account_loop.walk`.
"""

from __future__ import annotations

from pyjobs.account.portfolio.account_loop import borrow, cross_bar, enter_seat, mark_account_trade, open_bar
from pyjobs.account.portfolio.memory import (
    Account,
    AccountTradeColumns,
    Lists,
    Moves,
    Points,
    Rates,
    Room,
    Seats,
    Series,
    Signals,
    Tables,
    Worth,
)
from pyjobs.account.portfolio.order_admission import ages, ask, close_seat, wants_out
from pyjobs.account.portfolio.seats import is_flat, rate_at
from pyjobs.account.portfolio.unlimited.moves import (
    AT_OPEN,
    ENTERS,
    IN_RANGE,
    LENDS,
    STAYS,
    begin_move,
    count_money,
    note,
)
from pyjobs.strategy.riding import rides_open, rides_range
from utils.native import Floats


def follow_seats(
    account: Account, lists: Lists, seats: Seats, series: Series, signals: Signals, tables: Tables, rates: Rates,
    points: Points, account_trades: AccountTradeColumns, room: Room, worth: Worth, moves: Moves,
) -> int:  # fmt: skip
    """As `account_loop.walk`, but for the order of the trades: `moves.account_trades` are their numbers in that."""
    for k in range(signals.n_seats):
        begin, end = series.next[seats.stretch[k]], series.end[seats.stretch[k]]
        live(account, lists, seats, series, signals, tables, rates, points, account_trades, room, worth, moves, k, end)
        series.next[seats.stretch[k]] = end
        if seats.quantity[k] != 0.0:
            seats.rate[k] = rate_at(seats, series, rates, k, series.n_times - 1)
            mark_account_trade(seats, series, tables, account_trades, room, k)
            note(account, moves, series.n_times, STAYS, account_trades.count[0] - 1)
        series.next[seats.stretch[k]] = begin
    count_money(account, seats, series, rates, points, account_trades, worth, moves)
    return 0


def live(
    account: Account, lists: Lists, seats: Seats, series: Series, signals: Signals, tables: Tables, rates: Rates,
    points: Points, account_trades: AccountTradeColumns, room: Room, worth: Worth, moves: Moves, k: int, end: int,
) -> None:  # fmt: skip
    """All bars of seat k that matter: those of its entry signals, and those at which its position may change."""
    stretch, event, last = seats.stretch[k], seats.first_entry[k], signals.n_entries
    if k + 1 < signals.n_seats:
        last = seats.first_entry[k + 1]
    bar = series.next[stretch]
    series.here[stretch] = 1
    while bar < end:
        if is_flat(seats, k):
            while event < last and signals.entries[event] < bar:
                event += 1
            if event == last:
                return
            bar = int(signals.entries[event]) + 1
            series.next[stretch] = bar
            ask(account, lists, seats, series, signals, rates, room, k, event, 0.0)
            continue
        series.next[stretch] = bar
        before_its_close(
            account, lists, seats, series, tables, rates, account_trades, room, moves, k, series.moments[bar]
        )
        series.next[stretch] = bar + 1
        if not is_flat(seats, k):
            bar = at_its_close(account, seats, series, signals, rates, points, room, worth, moves, k, bar, end)


def before_its_close(
    account: Account, lists: Lists, seats: Seats, series: Series, tables: Tables, rates: Rates,
    account_trades: AccountTradeColumns, room: Room, moves: Moves, k: int, j: int,
) -> None:  # fmt: skip
    """The open and the range of seat k's next bar, which closes at moment j."""
    now, known, waits = series.times[j], account_trades.count[0], seats.side[k] == 0.0
    begin_move(account)
    if waits:
        enter_seat(account, lists, seats, series, tables, rates, account_trades, room, k, now)
        if seats.quantity[k] != 0.0:
            note(account, moves, j, ENTERS, known)  # it is the seat's next one, and so the next of all
    else:
        open_bar(account, seats, series, tables, rates, account_trades, room, k, float(now))
        if account_trades.count[0] > known:
            note(account, moves, j, AT_OPEN, known)
    if seats.side[k] != 0.0:
        begin_move(account)
        cross_bar(account, seats, series, tables, rates, account_trades, room, k, float(now))
        if account_trades.count[0] > known:
            note(account, moves, j, IN_RANGE, known)


def at_its_close(
    account: Account, seats: Seats, series: Series, signals: Signals, rates: Rates, points: Points, room: Room,
    worth: Worth, moves: Moves, k: int, bar: int, end: int,
) -> int:  # fmt: skip
    """The close of seat k's `bar`, and the bars that follow at which it only ages; the bar after these."""
    lend(account, seats, series, rates, moves, k, bar)
    told_to_leave = wants_out(seats, series, signals, k)
    if not ages(seats, k, told_to_leave):
        close_seat(seats, series, room, k, float(series.times[series.moments[bar]]), told_to_leave)
    wakes = stirs(seats, series, signals, k, bar + 1, end) if only_ages(seats, k) else bar + 1
    seats.held[k] += float(wakes - bar - 1)
    add_worth(seats, series, rates, points, worth, k, bar, wakes, end)
    if seats.sign[k] < 0.0:
        for other in range(bar + 1, wakes):
            series.next[seats.stretch[k]] = other + 1
            lend(account, seats, series, rates, moves, k, other)
    return wakes


def lend(account: Account, seats: Seats, series: Series, rates: Rates, moves: Moves, k: int, bar: int) -> None:
    """What a short position pays at the close of `bar`."""
    if seats.sign[k] < 0.0 and seats.quantity[k] != 0.0:
        begin_move(account)
        borrow(account, seats, series, rates, k)
        if account.cash[0] != 0.0:
            note(account, moves, series.moments[bar], LENDS, -1)


def only_ages(seats: Seats, k: int) -> bool:
    """Whether seat k has a position that nothing is to be done with, nor with its stop at every close."""
    trails = seats.trail[k] == seats.trail[k] or seats.trail_fraction[k] > 0.0
    return bool(seats.side[k] != 0.0 and seats.leaving[k] == 0.0 and seats.order[k] == 0.0 and not trails)


def stirs(seats: Seats, series: Series, signals: Signals, k: int, bar: int, end: int) -> int:
    """The first of the bars [bar, end) at which such a position may end, or is to leave; `end` when none is."""
    side, stop, target, bits = seats.side[k], seats.stop[k], seats.target[k], seats.to_bits[k]
    if seats.max_bars[k] > 0.0:
        end = min(end, bar + max(int(seats.max_bars[k] - seats.held[k]) - 1, 0))
    while (
        bar < end
        and rides_open(side, stop, target, False, series.open[bar])
        and rides_range(side, stop, target, series.high[bar], series.low[bar])
        and (signals.leaving[(bits + bar) >> 3] >> ((bits + bar) & 7)) & 1 == 0
    ):
        bar += 1
    return bar


def add_worth(
    seats: Seats, series: Series, rates: Rates, points: Points, worth: Worth, k: int, first: int, wakes: int, end: int
) -> None:  # fmt: skip
    """Seat k's position at the closes of the bars [first, wakes), and at each moment before the next of them."""
    quantity, high, low = seats.quantity[k], worth.high, worth.low
    if quantity == 0.0:
        return
    if seats.sign[k] < 0.0:
        high, low = worth.short_high, worth.short_low
    begin, until = series.moments[first], int(series.moments[wakes]) if wakes < end else series.n_times
    if seats.rates_of[k] < 0 and until - begin == wakes - first:  # nearly always
        for i in range(wakes - first):
            add_term(high, low, begin + i, quantity * series.close[first + i])
            points.positions[begin + i] += 1.0
        return
    bar = first
    for j in range(begin, until):
        if bar + 1 < wakes and series.moments[bar + 1] == j:
            bar += 1
        add_term(high, low, j, quantity * series.close[bar] * rate_at(seats, series, rates, k, j))
        points.positions[j] += 1.0


def add_term(high: Floats, low: Floats, j: int, term: float) -> None:
    """`term` into the sum high + low of moment j."""
    before = high[j]
    after = before + term
    virtual = after - before
    low[j] += (before - (after - virtual)) + (term - virtual)
    high[j] = after
