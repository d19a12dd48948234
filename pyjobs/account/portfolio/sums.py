"""Sums that are rounded once, whatever their order: what an account's positions are worth. Compiled as `account_loop`.

Adding thousands of positions exactly takes most of a walk, and nearly always it is certain after a sum of two numbers
how the exact one is rounded. So they are added like that first, and exactly only where that leaves the last bit open.
"""

from __future__ import annotations

from pyjobs.account.portfolio.memory import Account, Lists, Seats, Series
from pyjobs.account.portfolio.seats import value
from utils.native import Floats

SUMS = 128  # room for an exact sum: at most 40 parts that share no bit, and one for what is not finite
TINY = 2.0**-103  # relative error of adding a rounding error to others, times the number of terms twice, with room
ULP = 2.0**-52


def is_certain(high: float, low: float, slack: float) -> bool:
    """Whether high + low, rounded, is what every number within `slack` of their sum is rounded to."""
    result = high + low
    virtual = result - high
    rest = (high - (result - virtual)) + (low - virtual)
    slack += abs(rest) * ULP
    return bool(slack - slack == 0.0 and result + (rest + slack) == result and result + (rest - slack) == result)


def gross_worth(account: Account, lists: Lists, seats: Seats, series: Series) -> float:
    """All positions at their last closes, shorts too, rounded once, to even."""
    high, low, n = 0.0, 0.0, 0.0
    for h in range(lists.n_busy[0]):
        k = lists.busy[h]
        if seats.quantity[k] != 0.0:
            term = value(seats, series, k)
            n += 1.0
            after = high + term
            virtual = after - high
            low += (high - (after - virtual)) + (term - virtual)
            high = after
    return (
        high + low if is_certain(high, low, n * n * high * TINY) else exact_worth(account, lists, seats, series, False)
    )


def exact_worth(account: Account, lists: Lists, seats: Seats, series: Series, signed: bool) -> float:
    """All positions at their last closes, added without rounding; of shorts `signed` the negative."""
    n = begin_sum(account.parts)
    for h in range(lists.n_busy[0]):
        k = lists.busy[h]
        if seats.quantity[k] != 0.0:
            n = add(account.parts, n, value(seats, series, k) * (seats.sign[k] if signed else 1.0))
    return total(account.parts, n)


def begin_sum(parts: Floats) -> int:
    """An exact sum of nothing yet; the number of its parts. The first place is for what is not finite."""
    parts[0] = 0.0
    return 0


def add(parts: Floats, n: int, term: float) -> int:
    """`term` into the sum, without rounding (Shewchuk 1997, as in Python's math.fsum): its new number of parts."""
    if term - term != 0.0:
        parts[0] += term
        return 0
    kept = 0
    for j in range(1, n + 1):
        part = parts[j]
        if abs(term) < abs(part):
            term, part = part, term
        high = term + part
        low = part - (high - term)
        if low != 0.0:
            kept += 1
            parts[kept] = low
        term = high
    if term != 0.0:
        kept += 1
        parts[kept] = term
    return kept


def total(parts: Floats, n: int) -> float:
    """The sum, rounded once, to even."""
    if n == 0 or parts[0] != 0.0:
        return float(parts[0])
    high, low = parts[n], 0.0
    n -= 1
    while n > 0 and low == 0.0:
        part, before = parts[n], high
        n -= 1
        high = before + part
        low = part - (high - before)
    if n > 0 and ((low < 0.0 and parts[n] < 0.0) or (low > 0.0 and parts[n] > 0.0)):
        twice = low * 2.0
        if (high + twice) - high == twice:
            high += twice
    return float(high)
