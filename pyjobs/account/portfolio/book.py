"""An account's walk over the bars of all its lanes, as `portfolio` defines it, for utils/native.py to compile.

`seats` says what the memories hold. Only seats with a position or an order are looked at, moment by moment, in their
order: a list that is kept; all others wait for an entry signal of theirs.
"""

from __future__ import annotations

from math import nan

import numpy as np

from pyjobs.account.portfolio.choice import leave_or_stay, let_in
from pyjobs.account.portfolio.seats import (
    AT_BUSY,
    AT_ENTERING,
    AT_RATES,
    AT_STRETCHES,
    BASIS_POINT,
    BORROWED,
    BUDGET,
    CASH,
    CONSTRAINED,
    DEAL,
    END,
    ENTRY_FEE,
    ENTRY_RATE,
    FRESH_OPEN,
    HERE,
    LOAN,
    LOT,
    N_BARS,
    N_BUSY,
    N_DEALS,
    N_ENTERING,
    N_STRETCHES,
    N_TIMES,
    NEXT,
    NO_CASH,
    NO_RATE,
    PER_UNIT,
    PLACE,
    PLACES,
    POINT,
    QUANTITY,
    RATE,
    RATES_OF,
    SEAT,
    SEATS,
    SIGN,
    STOP_PASSED,
    STRETCH_ROW,
    TO_LEAVE,
    TRADED,
    YEAR_MS,
    Vector,
    cost_of,
    filled,
    flatten,
    fresh,
    is_here,
    next_bar,
    open_rate,
    put_back,
    take_out,
    value,
    write_deal,
)
from pyjobs.account.portfolio.sums import (
    add,
    begin_sum,
    total,
    worth,
)
from pyjobs.strategy.kernel import (
    ENTRY_PRICE,
    ENTRY_TS,
    ORDER,
    ORDER_TS,
    SIDE,
    STATE,
    STILL_OPEN,
    at_open,
    in_range,
    leave,
)
from pyjobs.strategy.riding import rides_open, rides_range


def walk(
    x: Vector, m: Vector, moments: Vector, px: Vector, flags: Vector, bits: Vector, events: Vector, levels: Vector,
    times: Vector, points: Vector, deals: Vector, s: Vector, r: Vector,
) -> int:  # fmt: skip
    """Every moment of `times` in order: a row of `points` each (equity, cash, exposure, positions); returns the deals.

    Last come those still open, marked to their last close.
    """
    for j in range(m[N_TIMES]):
        now = times[j]
        look(x, m, moments, j)
        for h in range(m[N_BUSY]):
            k = m[m[AT_BUSY] + h]
            if is_here(m, k) and x[SEATS + k * SEAT + SIDE] != 0.0:
                open_bar(x, m, px, deals, s, r, k, float(now))
        for h in range(m[N_ENTERING]):
            enter_seat(x, m, px, flags, deals, s, r, m[m[AT_ENTERING] + h], now)
        for h in range(m[N_BUSY]):
            k = m[m[AT_BUSY] + h]
            if is_here(m, k) and x[SEATS + k * SEAT + SIDE] != 0.0:
                cross_bar(x, m, px, deals, s, k, float(now))
        close_bars(m)
        for h in range(m[N_BUSY]):
            k = m[m[AT_BUSY] + h]
            if x[SEATS + k * SEAT + QUANTITY] != 0.0 and x[SEATS + k * SEAT + SIGN] < 0.0 and is_here(m, k):
                borrow(x, m, moments, times, px, k)
        equity = mark(x, m, px, points, j)
        leave_or_stay(x, m, px, bits, s, r, float(now))
        if events[j + 1] > events[j]:
            let_in(x, m, px, flags, events, levels, s, r, float(now), equity, j)
    for h in range(m[N_BUSY]):
        k = m[m[AT_BUSY] + h]
        if x[SEATS + k * SEAT + QUANTITY] != 0.0:
            mark_deal(x, m, moments, times, px, deals, s, k)
    return 0


def look(x: Vector, m: Vector, moments: Vector, j: int) -> None:
    """See which stretches have a bar that closes at moment j, and list the seats of these that wait to get in.

    By the time of their signal; of equals in the order of the seats.
    """
    for stretch in range(m[AT_STRETCHES], m[AT_STRETCHES] + m[N_STRETCHES] * STRETCH_ROW, STRETCH_ROW):
        m[stretch + HERE] = 1 if m[stretch + NEXT] < m[stretch + END] and moments[m[stretch + NEXT]] == j else 0
    m[N_ENTERING] = 0
    for h in range(m[N_BUSY]):
        k = m[m[AT_BUSY] + h]
        q = SEATS + k * SEAT
        if x[q + SIDE] == 0.0 and x[q + ORDER] != 0.0 and is_here(m, k):
            place = m[AT_ENTERING] + m[N_ENTERING]
            while place > m[AT_ENTERING] and x[SEATS + m[place - 1] * SEAT + ORDER_TS] > x[q + ORDER_TS]:
                m[place] = m[place - 1]
                place -= 1
            m[place] = k
            m[N_ENTERING] += 1


def close_bars(m: Vector) -> None:
    """The bars of this moment have closed: from here on the bar before the next one is the bar that just has."""
    for stretch in range(m[AT_STRETCHES], m[AT_STRETCHES] + m[N_STRETCHES] * STRETCH_ROW, STRETCH_ROW):
        m[stretch + NEXT] += m[stretch + HERE]


def open_bar(x: Vector, m: Vector, px: Vector, deals: Vector, s: Vector, r: Vector, k: int, ts: float) -> None:
    """What a position does at the open of its seat's next bar."""
    if rides_open(x, SEATS + k * SEAT, px[next_bar(m, k)]):
        return
    take_out(x, k, s, r)
    ended = at_open(s, r, ts, px[next_bar(m, k)], deals, m[N_DEALS] * DEAL)
    put_back(x, k, s)
    if ended != STILL_OPEN:
        settle(x, m, deals, k)


def cross_bar(x: Vector, m: Vector, px: Vector, deals: Vector, s: Vector, k: int, ts: float) -> None:
    """What a position does within that bar."""
    i, n = next_bar(m, k), m[N_BARS]
    if rides_range(x, SEATS + k * SEAT, px[n + i], px[2 * n + i]):
        return
    for j in range(STATE):
        s[j] = x[SEATS + k * SEAT + j]
    ended = in_range(s, ts, px[n + i], px[2 * n + i], deals, m[N_DEALS] * DEAL)
    put_back(x, k, s)
    if ended != STILL_OPEN:
        settle(x, m, deals, k)


def settle(x: Vector, m: Vector, deals: Vector, k: int) -> None:
    """Money for the trade that has ended; its row is the next of `deals`."""
    q, d = SEATS + k * SEAT, m[N_DEALS] * DEAL
    price = filled(x, m, k, int(deals[d + 5]), deals[d + 6], x[q + SIGN] < 0.0)
    deals[d + 6] = price
    rate = open_rate(x, m, k, next_bar(m, k))
    notional = x[q + QUANTITY] * (price * rate)
    cost = cost_of(x, m, k, int(deals[d + 5]), notional, x[q + SIGN] > 0.0)
    x[CASH] += x[q + SIGN] * notional - cost
    x[TRADED] += notional
    write_deal(x, m, deals, k, cost, rate)
    x[q + QUANTITY] = x[q + ENTRY_FEE] = x[q + BORROWED] = 0.0


def mark_deal(
    x: Vector, m: Vector, moments: Vector, times: Vector, px: Vector, deals: Vector, s: Vector, k: int
) -> None:
    """A row for what is still held, marked to its last close."""
    last, d = next_bar(m, k) - 1, m[N_DEALS] * DEAL
    for j in range(STATE):
        s[j] = x[SEATS + k * SEAT + j]
    ts = times[moments[last]]
    leave(s, deals, d, float(ts), px[3 * m[N_BARS] + last], STILL_OPEN)
    write_deal(x, m, deals, k, 0.0, x[SEATS + k * SEAT + RATE])
    deals[d + TO_LEAVE] = cost_of(x, m, k, ts, value(x, m, px, k), x[SEATS + k * SEAT + SIGN] > 0.0)


def enter_seat(
    x: Vector, m: Vector, px: Vector, flags: Vector, deals: Vector, s: Vector, r: Vector, k: int, now: int
) -> None:
    """Fill the entry that waits, or refuse it."""
    q, i = SEATS + k * SEAT, next_bar(m, k)
    price = filled(x, m, k, now, px[i], x[q + SIGN] > 0.0)
    take_out(x, k, s, r)
    at_open(s, r, float(now), price, deals, m[N_DEALS] * DEAL)
    rate, allowed = open_rate(x, m, k, i), fresh(m, flags, k, i, FRESH_OPEN)
    quantity = quantity_at(x, m, k, now, price * rate) if allowed else 0.0
    busy = s[SIDE] != 0.0 or s[ORDER] != 0.0
    if not busy or not quantity > 0.0:
        m[STOP_PASSED if not busy else (NO_CASH if allowed else NO_RATE)] += 1
        flatten(x, k)
        return
    put_back(x, k, s)
    notional = quantity * (price * rate)
    x[q + QUANTITY] = quantity
    x[q + ENTRY_RATE] = rate
    x[q + ENTRY_FEE] = cost_of(x, m, k, now, notional, x[q + SIGN] < 0.0)
    x[CASH] -= x[q + SIGN] * notional + x[q + ENTRY_FEE]
    x[TRADED] += notional


def quantity_at(x: Vector, m: Vector, k: int, now: int, price: float) -> float:
    """How much at `price`, which is in the account's money."""
    q = SEATS + k * SEAT
    if not m[CONSTRAINED]:
        return float(x[q + BUDGET] / price)
    free = free_cash(x, m)
    budget = free if free < x[q + BUDGET] else x[q + BUDGET]
    lots = np.floor(budget / (price + cost_of(x, m, k, now, price, x[q + SIGN] < 0.0)) / x[q + LOT])
    return float(lots * x[q + LOT] if x[q + PER_UNIT] == 0.0 else lots / x[q + PER_UNIT])


def free_cash(x: Vector, m: Vector) -> float:
    """Cash less what short positions tie up: their proceeds, and as much again."""
    n = begin_sum(x, m)
    for h in range(m[N_BUSY]):
        q = SEATS + m[m[AT_BUSY] + h] * SEAT
        if x[q + QUANTITY] != 0.0 and x[q + SIGN] < 0.0:
            n = add(x, m, n, x[q + QUANTITY] * x[q + ENTRY_PRICE] * x[q + ENTRY_RATE])
    return float(x[CASH] - 2.0 * total(x, m, n))


def borrow(x: Vector, m: Vector, moments: Vector, times: Vector, px: Vector, k: int) -> None:
    """Pay for the loan of a short position since its last bar, at the close it had then and this bar's rate."""
    q, new = SEATS + k * SEAT, next_bar(m, k) - 1
    ts = times[moments[new]]
    if x[q + ENTRY_TS] == float(ts):
        return  # borrowed within this bar: the loan is counted from its close on
    lent = x[q + QUANTITY] * px[3 * m[N_BARS] + new - 1] * open_rate(x, m, k, new)
    cost = lent * (x[q + LOAN] * BASIS_POINT) * (float(ts - times[moments[new - 1]]) / YEAR_MS)
    x[q + BORROWED] += cost
    x[CASH] -= cost


def mark(x: Vector, m: Vector, px: Vector, points: Vector, j: int) -> float:
    """The equity at moment j, and its row of `points`."""
    held, shorts = 0, 0
    for h in range(m[N_BUSY]):
        k = m[m[AT_BUSY] + h]
        if m[PLACES + k * PLACE + RATES_OF] >= 0:
            x[SEATS + k * SEAT + RATE] = x[m[AT_RATES] + m[PLACES + k * PLACE + RATES_OF] * m[N_TIMES] + j]
        if x[SEATS + k * SEAT + QUANTITY] != 0.0:
            held += 1
            shorts += x[SEATS + k * SEAT + SIGN] < 0.0
    net = worth(x, m, px, True)
    equity = x[CASH] + net
    gross = worth(x, m, px, False) if shorts else net
    points[j * POINT] = equity
    points[j * POINT + 1] = x[CASH]
    points[j * POINT + 2] = gross / equity if equity > 0.0 else nan
    points[j * POINT + 3] = float(held)
    return float(equity)
