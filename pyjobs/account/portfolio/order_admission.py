"""Which orders an account admits at a close: who leaves, enters, is refused; compiled with `account_loop`."""

from __future__ import annotations

from math import nan

import numpy as np

from pyjobs.account.portfolio.memory import Account, Lists, Rates, Room, Seats, Series, Signals
from pyjobs.account.portfolio.seats import (
    ALREADY_HELD,
    GROUP_FULL,
    NEAR,
    NO_RATE,
    SLOTS,
    TAKEN,
    is_flat,
    next_bar,
    put_back,
    take_out,
    value,
)
from pyjobs.strategy.exact_sums import add, begin_sum, total
from pyjobs.strategy.kernel import (
    BY_SIGNAL,
    BY_TIME,
    HAS_DISTANCE,
    HAS_STOP,
    HAS_TARGET,
    HAS_TRAIL,
    LEAVE_LONG,
    LEAVE_SHORT,
    at_close,
)

EVENT = 2  # numbers in `Signals.events` for each


def wants_out(seats: Seats, series: Series, signals: Signals, k: int) -> bool:
    """Whether the bar of seat k that has just closed has an exit signal."""
    bit = seats.to_bits[k] + next_bar(seats, series, k) - 1
    return bool((signals.leaving[bit >> 3] >> (bit & 7)) & 1 != 0)


def ages(seats: Seats, k: int, told_to_leave: bool) -> bool:
    """`kernel.at_close` for a position that only ages and has no entry; False, and nothing done, where it does more.

    That is so without a position and with a trailing stop.
    """
    if seats.side[k] == 0.0 or seats.trail[k] == seats.trail[k] or seats.trail_fraction[k] > 0.0:
        return False
    seats.held[k] += 1.0
    if seats.leaving[k] == 0.0:
        if told_to_leave:
            seats.leaving[k] = BY_SIGNAL
        elif 0.0 < seats.max_bars[k] <= seats.held[k]:
            seats.leaving[k] = BY_TIME
    return True


def close_seat(seats: Seats, series: Series, room: Room, k: int, ts: float, told_to_leave: bool) -> None:
    """The close of the bar of this moment for a position or an order."""
    bar, way_out = next_bar(seats, series, k) - 1, LEAVE_LONG if seats.sign[k] > 0.0 else LEAVE_SHORT
    leaving = way_out if told_to_leave else 0
    take_out(seats, k, room)
    at_close(room.s, room.r, ts, series.high[bar], series.low[bar], 0.0, leaving, nan, nan, nan, nan)
    put_back(seats, k, room)


def admit_orders(
    account: Account, lists: Lists, seats: Seats, series: Series, signals: Signals, rates: Rates, room: Room,
    equity: float, j: int,
) -> None:  # fmt: skip
    """The entry signals of moment j at flat seats, in their order: each becomes an order or is refused."""
    wanting = lists.n_new[0] = 0
    for event in range(signals.events[j], signals.events[j + 1], EVENT):
        if is_flat(seats, wide(signals.events[event])):
            lists.wanting[wanting] = event
            wanting += 1
    for h in range(wanting):
        event = lists.wanting[h]
        k, n = wide(signals.events[event]), wide(signals.events[event + 1])
        if ask(account, lists, seats, series, signals, rates, room, k, n, equity):
            lists.busy[lists.n_busy[0] + lists.n_new[0]] = k
            lists.n_new[0] += 1
    put_in_order(lists)


def wide(number: int) -> int:
    """An int32 as an int64, which all other numbers are: else what it is handed to would be compiled for both."""
    return int(np.int64(number))


def ask(
    account: Account, lists: Lists, seats: Seats, series: Series, signals: Signals, rates: Rates, room: Room,
    k: int, n: int, equity: float,
) -> bool:  # fmt: skip
    """Seat k's entry n, signalled at the bar that has just closed, becomes an order, or is refused; whether it did."""
    why = refusal(account, lists, seats, series, rates, k, equity)
    if why != TAKEN:
        account.refused[why] += 1
        return False
    seats.budget[k] = account.max_weight * (equity if account.constrained else account.start_cash)
    bar = next_bar(seats, series, k) - 1
    take_out(seats, k, room)
    at_close(
        room.s, room.r, float(series.times[series.moments[bar]]), series.high[bar], series.low[bar], seats.sign[k], 0,
        level(seats, signals, k, n, HAS_STOP), level(seats, signals, k, n, HAS_DISTANCE),
        level(seats, signals, k, n, HAS_TARGET), level(seats, signals, k, n, HAS_TRAIL),
    )  # fmt: skip
    put_back(seats, k, room)
    return True


def level(seats: Seats, signals: Signals, k: int, n: int, bit: int) -> float:
    """What entry n, of seat k, carries of the kind `bit`; NaN where the seat's have none."""
    if not seats.has[k] & bit:
        return nan
    at = seats.first_level[k] + (n - seats.first_entry[k]) * columns_of(seats.has[k])
    return float(signals.levels[at + columns_of(seats.has[k] & (bit - 1))])


def columns_of(has: int) -> int:
    """How many bits of it are set."""
    return int((has & 1) + (has >> 1 & 1) + (has >> 2 & 1) + (has >> 3 & 1))


def put_in_order(lists: Lists) -> None:
    """The list of busy seats with the new ones, which stand behind it in their own order, among them."""
    busy, new = lists.busy, lists.n_new[0] - 1
    old = lists.n_busy[0] - 1
    at = lists.n_busy[0] = lists.n_busy[0] + lists.n_new[0]
    for h in range(new + 1):
        lists.spare[h] = busy[old + 1 + h]
    while new >= 0:
        at -= 1
        if old >= 0 and busy[old] > lists.spare[new]:
            busy[at] = busy[old]
            old -= 1
        else:
            busy[at] = lists.spare[new]
            new -= 1
    lists.n_new[0] = 0


def refusal(account: Account, lists: Lists, seats: Seats, series: Series, rates: Rates, k: int, equity: float) -> int:
    """Why the account does not take seat k's signal at its bar that has just closed; TAKEN when it does."""
    bar = next_bar(seats, series, k) - 1
    if seats.rates_of[k] >= 0 and rates.fresh_at_close[seats.to_rates[k] + bar] == 0:
        return NO_RATE
    return limit(account, lists, seats, series, k, equity) if account.constrained else TAKEN


def limit(account: Account, lists: Lists, seats: Seats, series: Series, k: int, equity: float) -> int:
    """Which limit keeps seat k out; TAKEN when none does."""
    taken, already = 0, False
    mates, group = begin_sum(account.parts), seats.group[k]
    for h in range(lists.n_busy[0] + lists.n_new[0]):
        other = lists.busy[h]
        same = seats.series[other] == seats.series[k]
        leaves = seats.side[other] != 0.0 and seats.leaving[other] != 0.0
        if same and leaves and seats.sign[other] != seats.sign[k]:
            continue  # it leaves at the very open at which this one would take the other side
        taken += 1
        already = already or same
        if group >= 0 and seats.group[other] == group:
            has = value(seats, series, other) if seats.quantity[other] != 0.0 else seats.budget[other]
            mates = add(account.parts, mates, has)
    if already:
        return ALREADY_HELD
    if taken >= account.max_positions:
        return SLOTS
    wanted = total(account.parts, mates) + account.max_weight * equity
    full = group >= 0 and wanted > account.max_group_weight * equity * (1.0 + NEAR)
    return GROUP_FULL if full else TAKEN
