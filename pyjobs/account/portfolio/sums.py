"""Sums that are rounded once, whatever their order: what an account's positions are worth. Compiled as `book`.

Adding thousands of positions exactly takes most of a walk, and nearly always it is certain after a sum of two numbers
how the exact one is rounded. So `worth` adds like that first, and exactly only where that leaves the last bit open.
"""

from __future__ import annotations

from pyjobs.account.portfolio.seats import (
    AT_BUSY,
    AT_SUM,
    N_BUSY,
    QUANTITY,
    SEAT,
    SEATS,
    SIGN,
    Vector,
    value,
)

SUMS = 128  # room for an exact sum: at most 40 parts that share no bit, and one for what is not finite
TINY = 2.0**-103  # relative error of adding a rounding error to others, times the number of terms twice, with room
ULP = 2.0**-52


def worth(x: Vector, m: Vector, px: Vector, signed: bool) -> float:
    """All positions at their last closes, rounded once, to even; of shorts `signed` the negative."""
    high, low, size, n = 0.0, 0.0, 0.0, 0.0
    for h in range(m[N_BUSY]):
        k = m[m[AT_BUSY] + h]
        if x[SEATS + k * SEAT + QUANTITY] != 0.0:
            term = value(x, m, px, k)
            size += abs(term)
            n += 1.0
            if signed:
                term *= x[SEATS + k * SEAT + SIGN]
            after = high + term
            virtual = after - high
            low += (high - (after - virtual)) + (term - virtual)
            high = after
    if is_certain(high, low, n * n * size * TINY):
        return float(high + low)
    return exact_worth(x, m, px, signed)


def is_certain(high: float, low: float, slack: float) -> bool:
    """Whether high + low, rounded, is what every number within `slack` of their sum is rounded to."""
    result = high + low
    virtual = result - high
    rest = (high - (result - virtual)) + (low - virtual)
    slack += abs(rest) * ULP
    return bool(slack - slack == 0.0 and result + (rest + slack) == result and result + (rest - slack) == result)


def exact_worth(x: Vector, m: Vector, px: Vector, signed: bool) -> float:
    """What the account is worth, added without rounding."""
    n = begin_sum(x, m)
    for h in range(m[N_BUSY]):
        k = m[m[AT_BUSY] + h]
        if x[SEATS + k * SEAT + QUANTITY] != 0.0:
            n = add(x, m, n, value(x, m, px, k) * (x[SEATS + k * SEAT + SIGN] if signed else 1.0))
    return total(x, m, n)


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
