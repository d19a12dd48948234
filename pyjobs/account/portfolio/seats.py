"""A seat: a lane with its place in time and its position, as rows of numbers that compiled loops work on.

What changes as the account is walked lies in two flat memories: `x` of float64, `m` of int64. Each begins with a
header, then a row per seat. `m` says where in `x` and in itself the rest begins. Bars stand one stretch after the
other, a stretch for the bars of a series: in `moments` the place of each bar's close in `times`, and in `px` all opens,
then highs, lows, closes. `bits`: exit signals, a bit per bar, lane by lane. `events`: for each moment where its entry
signals begin, then of each, in the order of the seats, its seat and its number; `levels` says what they carry. `flags`,
int8: whether a rate of exchange was fresh at each bar's open, and then at its close. A trade ends as a row of `deals`.
`s` and `r` are room for a seat's state and rules as strategy.kernel reads them.
"""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np

from pyjobs.strategy.kernel import ORDER, ORDER_TS, RULES, SIDE, STATE, STOP, TRADE, TRAIL

Vector = Any

BASIS_POINT, YEAR_MS = 1e-4, 365 * 86_400_000.0  # money is lent by the year of 365 days
NEAR = 1e-12  # relative: less than that off a tick is on it

# x: the account's money and limits, then a row per seat, state and rules first.
CASH, TRADED, START_CASH, MAX_WEIGHT, MAX_GROUP_WEIGHT, SEATS = range(6)
QUANTITY, ENTRY_FEE, BUDGET, BORROWED, RATE, ENTRY_RATE = range(STATE + RULES, STATE + RULES + 6)
SIGN, LOT, PER_UNIT, FEE_BPS, TAX_BPS, LOAN, BUYS_AT, SELLS_AT, SEAT = range(STATE + RULES + 6, STATE + RULES + 15)

# m: counts, limits and where things begin, then a row per seat.
N_SEATS, N_STRETCHES, N_TIMES, N_BARS, N_TAXES, N_DEALS, N_BUSY, N_NEW, N_ENTERING = range(9)
MAX_POSITIONS, CONSTRAINED = range(9, 11)
AT_SUM, AT_TAXES, AT_TICKS, AT_RATES, AT_OPEN_RATES = range(11, 16)  # in x
AT_STRETCHES, AT_BUSY, AT_SPARE, AT_ENTERING, AT_WANTING, AT_TAX_TIMES, AT_GRIDS, AT_TABLES = range(16, 24)  # in m
FRESH_OPEN, FRESH_CLOSE, REFUSED = range(24, 27)  # in flags; then how many were refused, and why
SLOTS, HELD_ALREADY, GROUP_FULL, NO_CASH, STOP_PASSED, NO_RATE, PLACES = range(REFUSED, REFUSED + 7)
STRETCH, TO_BITS, FIRST_ENTRY, FIRST_LEVEL, HAS, SERIES, GROUP, RATES_OF, TO_RATES = range(9)
TAXED, GRID, LAST_GRID, PLACE = range(9, 13)
NEXT, END, HERE, STRETCH_ROW = range(4)  # a stretch: its next bar, the one after its last, whether it closes now

# A row of deals: the kernel's trade, then what it was in money.
SEAT_OF, SIZE, FEES, PNL, RATE_IN, RATE_OUT, TO_LEAVE, DEAL = range(TRADE, TRADE + 8)
POINT, EVENT, GRID_ROW = 4, 2, 2


def take_out(x: Vector, k: int, s: Vector, r: Vector) -> None:
    """A seat's state and rules into `s` and `r`."""
    for j in range(STATE):
        s[j] = x[SEATS + k * SEAT + j]
    for j in range(RULES):
        r[j] = x[SEATS + k * SEAT + STATE + j]


def put_back(x: Vector, k: int, s: Vector) -> None:
    """The seat's state as `s` has it."""
    for j in range(STATE):
        x[SEATS + k * SEAT + j] = s[j]


def flatten(x: Vector, k: int) -> None:
    """No position and no order; levels and distances are none."""
    for j in range(STATE):
        x[SEATS + k * SEAT + j] = nan if STOP <= j <= TRAIL or j > ORDER_TS else 0.0


def next_bar(m: Vector, k: int) -> int:
    """The number of the bar that seat k's series has next; once that has closed, of the one after it."""
    return int(m[m[PLACES + k * PLACE + STRETCH] + NEXT])


def is_here(m: Vector, k: int) -> bool:
    """Whether a bar of seat k's series closes at this moment."""
    return bool(m[m[PLACES + k * PLACE + STRETCH] + HERE] != 0)


def is_flat(x: Vector, k: int) -> bool:
    """Whether seat k has no position and no order."""
    return bool(x[SEATS + k * SEAT + SIDE] == 0.0 and x[SEATS + k * SEAT + ORDER] == 0.0)


def value(x: Vector, m: Vector, px: Vector, k: int) -> float:
    """The position at its last close, without a sign, in the account's money."""
    close: float = px[3 * m[N_BARS] + next_bar(m, k) - 1]
    return float(x[SEATS + k * SEAT + QUANTITY] * close * x[SEATS + k * SEAT + RATE])


def write_deal(x: Vector, m: Vector, deals: Vector, k: int, cost: float, rate: float) -> None:
    """The rest of the next row of `deals`."""
    q, d = SEATS + k * SEAT, m[N_DEALS] * DEAL
    fees = x[q + ENTRY_FEE] + cost + x[q + BORROWED]
    gain = x[q + SIGN] * (x[q + QUANTITY] * (deals[d + 6] * rate - deals[d + 3] * x[q + ENTRY_RATE]))
    deals[d + SEAT_OF] = float(k)
    deals[d + SIZE] = x[q + QUANTITY]
    deals[d + FEES] = fees
    deals[d + PNL] = gain - fees
    deals[d + RATE_IN] = x[q + ENTRY_RATE]
    deals[d + RATE_OUT] = rate
    deals[d + TO_LEAVE] = 0.0
    m[N_DEALS] += 1


def fresh(m: Vector, flags: Vector, k: int, i: int, when: int) -> bool:
    """Whether a rate was known, and not too old, when bar i opened (`when` FRESH_OPEN) or closed (FRESH_CLOSE)."""
    p = PLACES + k * PLACE
    return bool(m[p + RATES_OF] < 0 or flags[m[when] + m[p + TO_RATES] + i] != 0)


def open_rate(x: Vector, m: Vector, k: int, i: int) -> float:
    """The rate known when bar i opened."""
    p = PLACES + k * PLACE
    return 1.0 if m[p + RATES_OF] < 0 else x[m[AT_OPEN_RATES] + m[p + TO_RATES] + i]


def cost_of(x: Vector, m: Vector, k: int, ts: int, notional: float, sale: bool) -> float:
    """Money taken by a fill: the fee, and of a sale the tax that holds at `ts`."""
    q = SEATS + k * SEAT
    if not sale:
        return float(notional * (x[q + FEE_BPS] * BASIS_POINT))
    tax, last = x[q + TAX_BPS], m[N_TAXES] - 1
    if m[PLACES + k * PLACE + TAXED]:
        while last >= 0 and m[m[AT_TAX_TIMES] + last] > ts:
            last -= 1
        if last >= 0:
            tax = x[m[AT_TAXES] + last]
    return float(notional * ((x[q + FEE_BPS] + tax) * BASIS_POINT))


def filled(x: Vector, m: Vector, k: int, ts: int, price: float, buy: bool) -> float:
    """The price of a fill: worse than the bar's by the slippage, and then by what is missing to the next tick."""
    worse = price * x[SEATS + k * SEAT + (BUYS_AT if buy else SELLS_AT)]
    first, last = m[PLACES + k * PLACE + GRID], m[PLACES + k * PLACE + LAST_GRID]
    if first == last:
        return float(worse)
    while last - 1 > first and m[m[AT_GRIDS] + (last - 1) * GRID_ROW] > ts:
        last -= 1
    table = m[AT_TABLES] + m[m[AT_GRIDS] + (last - 1) * GRID_ROW + 1]
    at, begin = m[table + 1] - 1, m[table]
    while at > begin and x[m[AT_TICKS] + 2 * at] > worse:
        at -= 1
    return on_grid(worse, x[m[AT_TICKS] + 2 * at + 1], buy)


def on_grid(price: float, tick: float, up: bool) -> float:
    """The nearest multiple of `tick` at or above (`up`), or at or below, a price; a rounding error off one is on it."""
    steps = price / tick
    nearest = np.floor(steps + 0.5)
    if abs(steps - nearest) <= NEAR * max(abs(steps), abs(nearest)):
        return float(nearest * tick)
    return float((np.ceil(steps) if up else np.floor(steps)) * tick)
