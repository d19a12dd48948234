"""Short cuts past the kernel for bars on which a position only ages, which is most of them; compiled beside it.

An account has thousands of positions, each a row of one vector: here a position is looked at where it stands (state
from index `q` on), and the kernel's steps, which need it taken out and put back, are for what is left.
"""

from __future__ import annotations

from typing import Any

from pyjobs.strategy.kernel import (
    BY_SIGNAL,
    BY_TIME,
    EXIT,
    HELD,
    ORDER,
    SIDE,
    STOP,
    TARGET,
    TRAIL,
)

Vector = Any  # a list here, a pointer to float64 when compiled


def rides_open(s: Vector, q: int, price: float) -> bool:
    """Whether `kernel.at_open` would leave the state at `q`, of a position, as it is."""
    if price != price:
        return True
    side = s[q + SIDE]
    stays = s[q + EXIT] == 0.0 and s[q + ORDER] == 0.0
    return bool(stays and not side * (price - s[q + STOP]) < 0.0 and not side * (price - s[q + TARGET]) >= 0.0)


def rides_range(s: Vector, q: int, high: float, low: float) -> bool:
    """Whether `kernel.in_range` would leave the state at `q`, of a position, as it is."""
    side = s[q + SIDE]
    worst = low if side > 0.0 else high
    best = high if side > 0.0 else low
    return not (side * (worst - s[q + STOP]) <= 0.0 or side * (best - s[q + TARGET]) >= 0.0)


def ages(s: Vector, q: int, max_bars: float, trail_fraction: float, told_to_leave: bool) -> bool:
    """`kernel.at_close`, without an entry, for the state at `q`; False, and nothing done, where it does more than age.

    That is so without a position and with a trailing stop. `told_to_leave`: the exit signal of its side.
    """
    if s[q + SIDE] == 0.0 or s[q + TRAIL] == s[q + TRAIL] or trail_fraction > 0.0:
        return False
    s[q + HELD] = s[q + HELD] + 1.0
    if s[q + EXIT] == 0.0:
        if told_to_leave:
            s[q + EXIT] = BY_SIGNAL
        elif 0.0 < max_bars <= s[q + HELD]:
            s[q + EXIT] = BY_TIME
    return True
