"""A seat: a lane with its place in time and its position, as rows of numbers that compiled loops work on.

Everything of an account lies in two flat memories: `x` of float64, `m` of int64. Each begins with a header, then a row
per seat. `m` says where in `x` and in itself the rest begins. Bars stand one series after the other: their `ts`, and in
`px` all opens, then highs, lows, closes. `flags`, int8: exit signals lane by lane, then whether a rate of exchange was
fresh at each bar's open, and at its close. A trade ends as a row of `deals`. `s` and `r` are room for a seat's state
and rules as strategy.kernel reads them.
"""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np

from pyjobs.strategy.kernel import ORDER_TS, RULES, STATE, STOP, TRADE, TRAIL

Vector = Any

BASIS_POINT, YEAR_MS = 1e-4, 365 * 86_400_000.0  # money is lent by the year of 365 days
NEAR = 1e-12  # relative: less than that off a tick is on it
SUMS = 128  # room for an exact sum: at most 40 parts that share no bit, and one for what is not finite

# x: the account's money and limits, then a row per seat, state and rules first.
CASH, TRADED, START_CASH, MAX_WEIGHT, MAX_GROUP_WEIGHT, SEATS = range(6)
QUANTITY, ENTRY_FEE, BUDGET, BORROWED, RATE, ENTRY_RATE = range(STATE + RULES, STATE + RULES + 6)
SIGN, LOT, PER_UNIT, FEE_BPS, TAX_BPS, LOAN, BUYS_AT, SELLS_AT, SEAT = range(STATE + RULES + 6, STATE + RULES + 15)

# m: counts, limits and where things begin, then a row per seat.
N_SEATS, N_TIMES, N_BARS, N_TAXES, N_DEALS, N_HERE, N_ENTERING, N_TAKEN = range(8)
MAX_POSITIONS, CONSTRAINED = range(8, 10)
AT_SUM, AT_LEVELS, AT_TAXES, AT_TICKS, AT_RATES, AT_OPEN_RATES = range(10, 16)  # in x
AT_HERE, AT_BUSY, AT_ENTERING, AT_TAKEN, AT_ENTRIES, AT_TAX_TIMES, AT_GRIDS, AT_TABLES = range(16, 24)  # in m
FRESH_OPEN, FRESH_CLOSE, REFUSED = range(24, 27)  # in flags; then how many were refused, and why
SLOTS, HELD_ALREADY, GROUP_FULL, NO_CASH, STOP_PASSED, NO_RATE, PLACES = range(REFUSED, REFUSED + 7)
AT, END, TO_SIGNALS, ENTRY, LAST_ENTRY, SERIES, GROUP, RATES_OF, TO_RATES, TAXED, GRID, LAST_GRID, PLACE = range(13)

# A row of deals: the kernel's trade, then what it was in money. A level of an entry: stop, and three distances.
SEAT_OF, SIZE, FEES, PNL, RATE_IN, RATE_OUT, TO_LEAVE, DEAL = range(TRADE, TRADE + 8)
LEVELS, POINT, GRID_ROW = 4, 4, 2


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


def value(x: Vector, m: Vector, px: Vector, k: int) -> float:
    """The position at its last close, without a sign, in the account's money."""
    close: float = px[3 * m[N_BARS] + m[PLACES + k * PLACE + AT] - 1]
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


def begin_sum(x: Vector, m: Vector) -> int:
    """An exact sum of nothing yet; the number of its parts."""
    x[m[AT_SUM]] = 0.0
    return 0


def add(x: Vector, m: Vector, n: int, term: float) -> int:
    """`term` into the sum, without rounding (Shewchuk 1997, as in Python's math.fsum): its new number of parts."""
    at = m[AT_SUM] + 1
    if term - term != 0.0:
        x[at - 1] += term
        return 0
    kept = 0
    for j in range(n):
        part = x[at + j]
        if abs(term) < abs(part):
            term, part = part, term
        high = term + part
        low = part - (high - term)
        if low != 0.0:
            x[at + kept] = low
            kept += 1
        term = high
    if term != 0.0:
        x[at + kept] = term
        kept += 1
    return kept


def total(x: Vector, m: Vector, n: int) -> float:
    """The sum, rounded once, to even."""
    at = m[AT_SUM] + 1
    if n == 0 or x[at - 1] != 0.0:
        return float(x[at - 1])
    n -= 1
    high, low = x[at + n], 0.0
    while n > 0 and low == 0.0:
        n -= 1
        part, before = x[at + n], high
        high = before + part
        low = part - (high - before)
    if n > 0 and ((low < 0.0 and x[at + n - 1] < 0.0) or (low > 0.0 and x[at + n - 1] > 0.0)):
        twice = low * 2.0
        if (high + twice) - high == twice:
            high += twice
    return float(high)
