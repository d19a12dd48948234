"""Causal, finite-window indicators: the value at t is a function of the n bars ending at t and of nothing else.

Two things usual libraries get wrong are settled here. A running sum depends on where the array starts, so the same bar
gets another last bit, and now and then another decision, in a backtest than live. And binary rounding breaks ties that
are exact in decimal: the mean of twenty closes of 0.1 is not 0.1. Both vanish when the mean is exact: each price stands
for the decimal it was quoted as, sums are integers, and the one rounding is the final division.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]

MAX_DECIMALS = 8
# Below 10^15 two different decimals never read as the same float64 (IEEE 754 double: DBL_DIG = 15).
MAX_DIGITS_VALUE = 1e15
EXACT_IN_FLOAT = 2**53
INT64_LIMIT = 2**63


def sma(values: FloatArray, n: int) -> FloatArray:
    """Simple moving average: mean(values[t-n+1 .. t]), exact, rounded once to the nearest float64.

    A value stands for the shortest decimal that reads as it, if that has at most 8 decimals and 15 digits; any other
    value stands for itself, exactly. So equal means are equal floats whatever their windows, and never by luck.
    Shape: as `values`. NaN for t < n-1 and while a NaN or infinity is in the window. O(len), whatever n.
    """
    out = np.full(values.size, np.nan)
    if values.size < n:
        return out
    broken = ~np.isfinite(values)
    usable = np.where(broken, 0.0, values)
    scaled = _decimal_integers(usable)
    if scaled is not None and int(np.abs(scaled[0]).max()) * n < INT64_LIMIT:
        out[n - 1 :] = _means_of_integers(*scaled, n)
    else:
        out[n - 1 :] = _means_of_rationals(usable, n)
    if broken.any():
        out[n - 1 :][_window_sums(broken.astype(np.int64), n) > 0] = np.nan
    return out


def highest(values: FloatArray, n: int) -> FloatArray:
    """Largest of values[t-n+1 .. t]. NaN for t < n-1 and while a NaN is in the window. Shape: as `values`."""
    return _rolling(np.maximum, values, n)


def lowest(values: FloatArray, n: int) -> FloatArray:
    """Smallest of values[t-n+1 .. t]. NaN for t < n-1 and while a NaN is in the window. Shape: as `values`."""
    return _rolling(np.minimum, values, n)


def previous(values: FloatArray) -> FloatArray:
    """values[t-1] at t; NaN at t = 0."""
    out = np.full(values.size, np.nan)
    out[1:] = values[:-1]
    return out


def crosses_above(a: FloatArray, b: FloatArray) -> BoolArray:
    """True at t when a[t] > b[t] and a[t-1] <= b[t-1], all four defined (a comparison with NaN is False)."""
    return np.asarray((a > b) & (previous(a) <= previous(b)), dtype=np.bool_)


def _rolling(ufunc: np.ufunc, values: FloatArray, n: int) -> FloatArray:
    out = np.full(values.size, np.nan)
    if values.size >= n:
        # Doubling: a window of n is two overlapping windows of a power of two. The order of maxima cannot matter.
        width, held = 1, values
        while width * 2 <= n:
            held = ufunc(held[:-width], held[width:])
            width *= 2
        out[n - 1 :] = ufunc(held[: values.size - n + 1], held[n - width : n - width + values.size - n + 1])
    return out


def _decimal_integers(values: FloatArray) -> tuple[IntArray, int] | None:
    """(integers, k) with values == integers / 10^k as decimals and k <= 8 the least; None if there is no such k.

    10^k and the integers are exact in float64, so one correctly rounded division tells whether the decimal reads back.
    """
    for k in range(MAX_DECIMALS + 1):
        scaled = np.rint(values * 10.0**k)
        if bool(((scaled / 10.0**k == values) & (np.abs(scaled) < MAX_DIGITS_VALUE)).all()):
            return scaled.astype(np.int64), k
    return None


def _window_sums(integers: IntArray, n: int) -> IntArray:
    """Exact sums of each n neighbours. The running total may wrap around 2^64; differences are right all the same."""
    total = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(integers, dtype=np.int64)))
    return np.asarray(total[n:] - total[:-n], dtype=np.int64)


def _means_of_integers(integers: IntArray, k: int, n: int) -> FloatArray:
    sums, divisor = _window_sums(integers, n), n * 10**k
    means = sums / divisor
    # Past 2^53 the sum itself would be rounded before the division; Python divides integers with one rounding.
    for i in np.flatnonzero(np.abs(sums) >= EXACT_IN_FLOAT).tolist():
        means[i] = int(sums[i]) / divisor
    return np.asarray(means, dtype=np.float64)


def _means_of_rationals(values: FloatArray, n: int) -> FloatArray:
    """The same means when some value is no short decimal: integers over 10^8 * 2^s, in Python's unbounded integers."""
    ratios = [_rational(value) for value in values.tolist()]
    shift = max((d & -d).bit_length() - 1 for _, d in ratios)
    common = 5**MAX_DECIMALS << max(shift, MAX_DECIMALS)
    totals = [0, *accumulate(numerator * (common // denominator) for numerator, denominator in ratios)]
    divisor = n * common
    return np.array([(b - a) / divisor for a, b in zip(totals, totals[n:], strict=False)], dtype=np.float64)


def _rational(value: float) -> tuple[int, int]:
    """Numerator and denominator of the number that `value` stands for (see `sma`)."""
    for k in range(MAX_DECIMALS + 1):
        if abs(value) * 10.0**k >= MAX_DIGITS_VALUE:
            break
        scaled = round(value * 10.0**k)
        if scaled / 10**k == value:
            return scaled, 10**k
    return value.as_integer_ratio()
