"""The loops under `indicators`, written to be compiled (utils/native): plain indexing, no exceptions, no memory."""

from __future__ import annotations

from math import nan

import numpy as np

from utils.native import Bytes, Floats, Ints, tail

DECIMALS = 9  # 0 to 8 of them
DIGITS_VALUE = 1e15  # below it two different decimals never read as the same float64 (DBL_DIG = 15)
SPLITTER = 134217729.0  # 2^27 + 1: Dekker's product
TINY = 2.0**-103  # relative error of one double-double step, with room
ULP = 2.0**-52


def is_broken(value: float) -> bool:
    """NaN or infinite."""
    difference = value - value
    return difference != difference


def decimals_of_all(values: Floats, size: int) -> float:
    """The least power of ten (10^0 to 10^8) at which every finite value is an integer; 0 when there is none."""
    power, k, largest = 1.0, 0, 0.0
    for i in range(size):
        value = values[i]
        if is_broken(value):
            continue
        while np.floor(value * power + 0.5) / power != value:
            k += 1
            power *= 10.0
            if k == DECIMALS:
                return 0.0
        largest = max(largest, abs(value))
    return power if largest * power < DIGITS_VALUE else 0.0


def decimal_sums(values: Floats, size: int, sums: Ints, broken: Ints, scale: Floats) -> int:
    """Running sums of short decimals as integers; 0 when the values have more digits, and nothing is set but `scale`.

    `sums[t]`: of the finite values before t, modulo 2^64; `broken[t]`: how many before t are not finite. Both have
    size + 1 places. `scale`: the power of ten that makes the values integers (0: none does), and the largest integer.
    """
    power = scale[0] = decimals_of_all(values, size)
    if power == 0.0:
        return 0
    total, count, largest = 0, 0, 0.0
    for i in range(size):
        sums[i], broken[i] = total, count
        if is_broken(values[i]):
            count += 1
        else:
            integer = np.floor(values[i] * power + 0.5)
            largest = max(largest, abs(integer))
            total += int(integer)
    sums[size], broken[size] = total, count
    scale[1] = largest
    return 1


def mean_decimals(sums: Ints, broken: Ints, size: int, n: int, divisor: float, out: Floats) -> int:
    """Exact means over windows with `decimal_sums` below 2^53; NaN while a value is not finite.

    `divisor`: n times the power of ten.
    """
    for t in range(min(n - 1, size)):
        out[t] = nan
    for t in range(n - 1, size):
        mean = float(sums[t + 1] - sums[t + 1 - n]) / divisor
        out[t] = mean if broken[t + 1] == broken[t + 1 - n] else nan
    return 0


def product_error(a: float, b: float, product: float) -> float:
    """a * b - product, exactly (Dekker)."""
    x = SPLITTER * a
    a_high = x - (x - a)
    a_low = a - a_high
    y = SPLITTER * b
    b_high = y - (y - b)
    b_low = b - b_high
    return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def decimal_rest(value: float) -> float:
    """How far the short decimal of `value` lies above it; 0 when the value represents itself."""
    if abs(value) >= DIGITS_VALUE or np.floor(value) == value:
        return 0.0
    power = 10.0
    for _ in range(1, DECIMALS):
        if abs(value) * power >= DIGITS_VALUE:
            return 0.0
        integer = np.floor(value * power + 0.5)
        if integer / power == value:
            product = value * power
            rest: float = ((integer - product) - product_error(value, power, product)) / power
            return rest
        power *= 10.0
    return 0.0


def running_sums(values: Floats, size: int, highs: Floats, lows: Floats, rests: Floats, broken: Floats) -> float:
    """Sums of all values up to each, of the decimals they stand for, as double-doubles highs + lows.

    `rests` becomes the `decimal_rest` of each value; `broken` how many up to each are not finite, which add nothing.
    Returns the largest magnitude of the finite ones.
    """
    high, low, count, largest = 0.0, 0.0, 0.0, 0.0
    for i in range(size):
        rests[i] = 0.0
        if is_broken(values[i]):
            count += 1.0
        else:
            largest = max(largest, abs(values[i]))
            rests[i] = decimal_rest(values[i])
            total = high + values[i]
            virtual = total - high
            error = (high - (total - virtual)) + (values[i] - virtual) + (low + rests[i])
            high = total + error
            low = error - (high - total)
        highs[i], lows[i], broken[i] = high, low, count
    return largest


def mean_floats(
    size: int, n: int, largest: float, out: Floats, doubtful: Bytes, highs: Floats, lows: Floats, broken: Floats
) -> int:
    """Means of any values, from their `running_sums` and `largest` magnitude.

    `doubtful` becomes 1 where the error bound leaves the last bit open; returns how many are. What is certain is the
    one correct rounding, however it was reached.
    """
    first = min(n - 1, size)
    for t in range(first):
        out[t] = nan
    if first < size:
        slack = (8.0 * first + 64.0) * TINY * largest
        mean, sure = window_mean(highs[first], lows[first], 0.0, 0.0, float(n), slack)
        out[first] = mean if broken[first] == 0.0 else nan
        doubtful[first] = 1 if broken[first] == 0.0 and not (sure and largest <= 1e150) else 0
    for t in range(n, size):  # no branch in here, so that several are worked on at a time
        slack = (8.0 * t + 64.0) * TINY * largest
        mean, sure = window_mean(highs[t], lows[t], highs[t - n], lows[t - n], float(n), slack)
        whole = broken[t] == broken[t - n]
        out[t] = mean if whole else nan
        doubtful[t] = 1 if whole & ((not sure) | (largest > 1e150)) else 0
    open_bits = 0
    for t in range(first, size):
        open_bits += doubtful[t]
    return open_bits


def window_mean(
    high: float, low: float, high_before: float, low_before: float, n: float, slack: float
) -> tuple[float, bool]:
    """(high + low - high_before - low_before) / n, and whether an error of `slack` leaves its last bit as it is."""
    total = high - high_before
    virtual = total - high
    error = (high - (total - virtual)) - (high_before + virtual) + (low - low_before)
    upper = total + error
    lower = error - (upper - total)
    quotient = upper / n
    product = quotient * n
    rest = ((upper - product) - product_error(quotient, n, product) + lower) / n
    mean = quotient + rest
    rest = rest - (mean - quotient)
    slack += abs(rest) * ULP
    return mean, (mean + (rest + slack) == mean) & (mean + (rest - slack) == mean)


def recursive_mean(values: Floats, size: int, window: int, weight: float, out: Floats) -> int:
    """m += weight * (value - m) over each `window` of values, beginning with m = its first. NaN before it is full."""
    for t in range(min(window - 1, size)):
        out[t] = nan
    block = 1024
    for begin in range(window - 1, size, block):
        end = min(begin + block, size)
        for t in range(begin, end):
            out[t] = values[t - window + 1]
        for j in range(1, window - 1, 2):  # two steps at a time: half the way to memory
            for t in range(begin, end):
                mean = out[t] + weight * (values[t - window + 1 + j] - out[t])
                out[t] = mean + weight * (values[t - window + 2 + j] - mean)
        if window % 2 == 0:
            for t in range(begin, end):
                out[t] = out[t] + weight * (values[t] - out[t])
    return 0


def changes(a: Floats, b: Floats, size: int, out: Floats) -> int:
    """a - b as the decimals they stand for: a difference within rounding of a short decimal is that decimal."""
    for i in range(size):
        difference = a[i] - b[i]
        largest = max(abs(a[i]), abs(b[i]))
        power = 1e8 if largest < 1e7 else (1e4 if largest < 1e11 else 1.0)
        short = np.floor(difference * power + 0.5) / power
        out[i] = short if abs(difference - short) <= largest * ULP else difference
    return 0


def cross(a: Floats, b: Floats, size: int, out: Bytes) -> int:
    """1 where a has risen above b: a[t] > b[t] and a[t-1] <= b[t-1]; -1 where it has fallen below; else 0."""
    if size > 0:
        out[0] = 0
    for t in range(1, size):
        rose, fell = (a[t] > b[t]) & (a[t - 1] <= b[t - 1]), (a[t] < b[t]) & (a[t - 1] >= b[t - 1])
        out[t] = int(rose) - int(fell)  # without a branch: several bars at once
    return 0


def crosses(lines: Floats, size: int, pairs: Ints, count: int, above: Bytes, below: Bytes) -> int:
    """`cross` of each of `count` pairs of lines: 1 in its row of `above` or `below` where one rises above the other,
    or falls below it. `lines` stand one after the other; `pairs`: the numbers of two.
    """
    for k in range(count):
        one, other, at = tail(lines, pairs[2 * k] * size), tail(lines, pairs[2 * k + 1] * size), k * size
        crosses_of_two(one, other, size, tail(above, at), tail(below, at))
    return 0


def crosses_of_two(one: Floats, other: Floats, size: int, above: Bytes, below: Bytes) -> None:
    """A pair's rows of `crosses`."""
    if size > 0:
        above[0] = below[0] = 0
    for t in range(1, size):
        rose = (one[t] > other[t]) & (one[t - 1] <= other[t - 1])
        fell = (one[t] < other[t]) & (one[t - 1] >= other[t - 1])
        above[t], below[t] = int(rose), int(fell)


def shares(gains: Floats, losses: Floats, size: int, out: Floats) -> int:
    """100 * gains / (gains + losses); 50 where both are 0, NaN where either is."""
    for i in range(size):
        total = gains[i] + losses[i]
        out[i] = 50.0 if total == 0.0 else 100.0 * gains[i] / total
    return 0
