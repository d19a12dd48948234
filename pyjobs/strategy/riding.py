"""Whether a position rides through a bar: whether the kernel's steps before its close would leave it as it is.

An account has thousands of positions, and nearly all of them do. Compiled with the kernel.
"""

from __future__ import annotations


def rides_open(side: float, stop: float, target: float, waits: bool, price: float) -> bool:
    """Whether `kernel.at_open` would leave a position as it is. `waits`: it is to leave, or to be turned round."""
    if price != price:
        return True
    return bool(not waits and not side * (price - stop) < 0.0 and not side * (price - target) >= 0.0)


def rides_range(side: float, stop: float, target: float, high: float, low: float) -> bool:
    """Whether `kernel.in_range` would leave a position as it is."""
    worst = low if side > 0.0 else high
    best = high if side > 0.0 else low
    return not (side * (worst - stop) <= 0.0 or side * (best - target) >= 0.0)
