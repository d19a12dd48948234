"""What an account's positions are worth: sums that are rounded once, whatever their order. Compiled as `account_loop`.

Adding thousands of positions exactly takes most of a walk, and nearly always it is certain after a sum of two numbers
how the exact one is rounded. So they are added like that first, and exactly only where that leaves the last bit open.
"""

from __future__ import annotations

from pyjobs.account.portfolio.memory import Account, Lists, Seats, Series
from pyjobs.account.portfolio.seats import value
from pyjobs.strategy.exact_sums import TINY, add, begin_sum, is_certain, total


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
