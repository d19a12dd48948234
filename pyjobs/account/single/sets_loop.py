"""Many parameter sets on one series in one call: the loop over them, compiled (utils/native)."""

from __future__ import annotations

from typing import NamedTuple

from pyjobs.account.single.equity_loop import DEEPEST, FINAL, alone
from pyjobs.strategy.kernel import RULES
from pyjobs.strategy.kernel import STATE as KERNEL_STATE  # `equity_loop` has a STATE of its own
from utils.native import Bytes, Floats, Ints, tail

FIGURES = 3  # of a set: total return, deepest fall, entries filled


class Prices(NamedTuple):
    """A series, bar by bar."""

    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats


class Sets(NamedTuple):
    """The signals of each set, one set's bars after the other's; `has` and `rules`: a set's after the other's.

    As the kernel reads them. A column of levels that no set has may be empty.
    """

    entry: Bytes
    leaving: Bytes
    stop: Floats
    distance: Floats
    target: Floats
    trail: Floats
    has: Ints
    rules: Floats


def each_alone(
    prices: Prices, sets: Sets, count: int, start: int, end: int, cash: float, fee: float,
    flat: Floats, s: Floats, trades: Floats, w: Floats, figures: Floats,
) -> int:  # fmt: skip
    """`alone` for each of `count` sets on bars [start, end) of `end`: FIGURES of each. Returns the last one's trades.

    `flat`: the state that each begins with. `s`, `trades` and `w` end as the last set leaves them.
    """
    n = 0
    for k in range(count):
        at = k * end
        for i in range(KERNEL_STATE):
            s[i] = flat[i]
        n = alone(
            prices.ts, prices.open, prices.high, prices.low, tail(sets.entry, at), tail(sets.leaving, at),
            tail(sets.stop, at), tail(sets.distance, at), tail(sets.target, at), tail(sets.trail, at),
            sets.has[k], start, end, s, tail(sets.rules, k * RULES), trades, prices.close, cash, fee, w,
        )  # fmt: skip
        figures[k * FIGURES] = w[FINAL] / cash - 1.0
        figures[k * FIGURES + 1] = w[DEEPEST]
        figures[k * FIGURES + 2] = float(n)
    return n
