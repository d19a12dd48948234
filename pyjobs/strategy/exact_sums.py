"""Sums and means that are rounded once.

Sums of any numbers: `add` keeps parts that share no bit (Shewchuk 1997, as in Python's math.fsum), `total` rounds
them, and `is_certain` decides when a sum of two numbers is enough. Means of windows: by 120-bit integers, where
double-double arithmetic leaves the last bit uncertain.

In units of the smallest value's last bit every value of a window is an integer. They are added as such, in two limbs of
60 bits, divided, and rounded once (half to even), as Python divides its unbounded integers. Mostly it is about exact
ties, one window in n for an even n. What does not fit is left for those. (No frexp: that is a call into numba, which is
not there when the machine code comes from the cache.)
"""

from __future__ import annotations

from math import nan

import numpy as np

from utils.native import Bytes, Floats

HALF, LIMB = 30, 60
HALF_MASK, LIMB_MASK = (1 << HALF) - 1, (1 << LIMB) - 1
TWO_60 = 1152921504606846976.0
MANTISSA = 53
LAST_BIT = 2.0**-53  # of the power of two above a value
WIDEST = 2.0**40  # the largest value over the smallest: 53 + 40 + 16 bits fit
MOST = 65536
LOWEST, HIGHEST = 1e-250, 1e250
SUMS = 128  # room for an exact sum: at most 40 parts that share no bit, and one for what is not finite
TINY = 2.0**-103  # relative error of adding a rounding error to others, times the number of terms twice, with room
ULP = 2.0**-52


def round_exactly(n: int, size: int, values: Floats, rests: Floats, doubtful: Bytes, out: Floats) -> int:
    """Set `out` where `doubtful` is 1 and the window fits, and `doubtful` to 0 there; how many are left.

    `rests`: where not 0, the value represents a short decimal and not itself; such a window does not fit.
    """
    left = 0
    for t in range(size):
        if doubtful[t] == 1:
            mean = mean_of_window(n, t, values, rests)
            if mean == mean:
                out[t] = mean
                doubtful[t] = 0
            else:
                left += 1
    return left


def mean_of_window(n: int, t: int, values: Floats, rests: Floats) -> float:
    """The mean of values[t-n+1 .. t], correctly rounded; NaN when it does not fit."""
    smallest, largest = HIGHEST, LOWEST
    for i in range(t - n + 1, t + 1):
        if rests[i] != 0.0:
            return nan
        smallest = min(smallest, values[i])
        largest = max(largest, values[i])
    if not LOWEST < smallest <= largest < HIGHEST or n > MOST:
        return nan
    unit = power_above(smallest) * LAST_BIT
    if largest * LAST_BIT >= unit * WIDEST:
        return nan
    high, low = 0, 0
    for i in range(t - n + 1, t + 1):
        integer = values[i] / unit
        part = np.floor(integer / TWO_60)
        high += int(part)
        low += int(integer - part * TWO_60)
        high += low >> LIMB
        low &= LIMB_MASK
    return divided(high, low, n, unit)


def power_above(value: float) -> float:
    """The least power of two above `value`."""
    power = 1.0
    while power <= value:
        power *= 2.0
    while power * 0.5 > value:
        power *= 0.5
    return power


def divided(high: int, low: int, n: int, unit: float) -> float:
    """(high 2^60 + low) / n * unit, rounded once."""
    top, rest = (high >> HALF) // n, (high >> HALF) % n
    part = (rest << HALF) + (high & HALF_MASK)
    above, rest = (top << HALF) + part // n, part % n
    part = (rest << HALF) + (low >> HALF)
    middle, rest = part // n, part % n
    part = (rest << HALF) + (low & HALF_MASK)
    return rounded(above, (middle << HALF) + part // n, part % n, n, unit)


def rounded(high: int, low: int, rest: int, n: int, unit: float) -> float:
    """(high 2^60 + low + rest / n) * unit to the nearest float64, half to even. It has at least 53 bits before rest."""
    dropped = (bit_length(high) + LIMB if high > 0 else bit_length(low)) - MANTISSA
    kept = (high << (LIMB - dropped)) + (low >> dropped)
    tail = low & ((1 << dropped) - 1)
    if dropped == 0:
        more, tie = 2 * rest > n, 2 * rest == n
    else:
        half = 1 << (dropped - 1)
        more, tie = tail > half or (tail == half and rest > 0), tail == half and rest == 0
    if more or (tie and kept & 1 == 1):
        kept += 1
    return float(kept) * (unit * float(1 << dropped))


def bit_length(value: int) -> int:
    """As int.bit_length."""
    bits = 0
    while value > 0:
        value >>= 1
        bits += 1
    return bits


def is_certain(high: float, low: float, slack: float) -> bool:
    """Whether high + low, rounded, is what every number within `slack` of their sum is rounded to."""
    result = high + low
    virtual = result - high
    rest = (high - (result - virtual)) + (low - virtual)
    slack += abs(rest) * ULP
    return bool(slack - slack == 0.0 and result + (rest + slack) == result and result + (rest - slack) == result)


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
