"""Causal, finite-window indicators: the value at t is a function of the n bars ending at t and of nothing else.

Two things usual libraries get wrong are settled here. A running sum depends on where the array starts, so the same bar
gets another last bit, and now and then another decision, in a backtest than live. And binary rounding breaks ties that
are exact in decimal: the mean of twenty closes of 0.1 is not 0.1. Both vanish when the mean is exact: each price
represents the decimal it was quoted as, sums are exact, and the one rounding is the final division. Recursive averages
(EMA, Wilder) are defined over a fixed number of bars, each window from its own first value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import FloatArray, IntArray
from pyjobs.strategy import compiled
from pyjobs.strategy.trace import remembered, windowed
from utils.native import address

BoolArray = npt.NDArray[np.bool_]
Out = TypeVar("Out", bound=npt.NDArray[Any])

MAX_DECIMALS = 8
# Below 10^15 two different decimals never read as the same float64 (IEEE 754 double: DBL_DIG = 15).
MAX_DIGITS_VALUE = 1e15
# A recursive average forgets by (1 - weight) a bar: after these windows, what came before counts e^-10, 0.005 %.
EMA_WARMUP = 5
WILDER_WARMUP = 10
EXACT_IN_FLOAT = 2.0**53  # every integer below it


@windowed(lambda n: n)
def sma(values: FloatArray, n: int) -> FloatArray:
    """Simple moving average: mean(values[t-n+1 .. t]), exact, rounded once to the nearest float64.

    A value represents the shortest decimal that reads as it, if that has at most 8 decimals and 15 digits; any other
    value represents itself, exactly. So equal means are equal floats whatever their windows, and never by luck. Shape:
    as `values`. NaN for t < n-1 and while a NaN or infinity is in the window. O(len), whatever n.
    """
    values = np.ascontiguousarray(values, dtype=np.float64)
    if values.size < n:
        return np.full(values.size, np.nan)
    out = np.empty(values.size)
    loops = compiled.library()
    integers, holes, (power, largest) = _decimal_sums(values)
    if power and largest * n < EXACT_IN_FLOAT:
        loops.mean_decimals(address(integers), address(holes), values.size, n, n * power, address(out))
    else:
        sums, largest = _running_sums(values)  # held: loops are given addresses
        highs, lows, rests, broken = map(address, sums)
        doubtful = np.zeros(values.size, dtype=np.int8)
        at, where, unsure = address(values), address(out), address(doubtful)
        if loops.mean_floats(values.size, n, largest, where, unsure, highs, lows, broken) and loops.round_exactly(
            n, values.size, at, rests, unsure, where
        ):
            for t in np.flatnonzero(doubtful).tolist():
                out[t] = _mean_of_rationals(values[t - n + 1 : t + 1], sums[2, t - n + 1 : t + 1])
    return out


@remembered
def _decimal_sums(values: FloatArray) -> tuple[IntArray, IntArray, tuple[float, float]]:
    """What `windows.decimal_sums` returns: sums, how many are not finite, and the scale."""
    sums, broken, scale = np.empty(values.size + 1, np.int64), np.empty(values.size + 1, np.int64), np.zeros(2)
    where = address(sums), address(broken), address(scale)
    compiled.library().decimal_sums(address(values), values.size, *where)
    power, largest = scale.tolist()
    return sums, broken, (power, largest)


@remembered
def _running_sums(values: FloatArray) -> tuple[FloatArray, float]:
    """The four rows of `windows.running_sums`, which means over all windows are made of, and the largest magnitude."""
    sums = np.empty((4, values.size))
    largest: float = compiled.library().running_sums(address(values), values.size, *map(address, sums))
    return sums, largest


@windowed(lambda n: EMA_WARMUP * n)
def ema(values: FloatArray, n: int) -> FloatArray:
    """Exponential average of weight 2 / (n + 1), over the 5 n values ending at t, from the first of them on.

    Shape: as `values`. NaN for t < 5n-1 and while a NaN is in those. O(len * n).
    """
    return _recursive(values, EMA_WARMUP * n, 2.0 / (n + 1))


@windowed(lambda n: WILDER_WARMUP * n)
def wilder(values: FloatArray, n: int) -> FloatArray:
    """Wilder's average (weight 1 / n), over the 10 n values ending at t, from the first of them on. NaN as `ema`."""
    return _recursive(values, WILDER_WARMUP * n, 1.0 / n)


def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """max(high, previous close) - min(low, previous close), as decimals; NaN at t = 0, which has no previous close."""
    before = previous(close)
    return change(np.maximum(high, before), np.minimum(low, before))


def atr(high: FloatArray, low: FloatArray, close: FloatArray, n: int) -> FloatArray:
    """Average true range: exact simple mean of the n true ranges ending at t. NaN for t < n: they take n+1 bars."""
    return sma(true_range(high, low, close), n)


def rsi(values: FloatArray, n: int) -> FloatArray:
    """Relative strength index, 0 to 100: 100 * gains / (gains + losses), Wilder's averages over 10 n changes.

    50 when nothing moved. NaN for t < 10 n and while a NaN is within those 10 n + 1 values.
    """
    moved = change(values, previous(values))
    gains, losses = wilder(np.maximum(moved, 0.0), n), wilder(np.maximum(-moved, 0.0), n)
    return _share(gains, losses)


@windowed(lambda n: n)
def highest(values: FloatArray, n: int) -> FloatArray:
    """Largest of values[t-n+1 .. t]. NaN for t < n-1 and while a NaN is in the window. Shape: as `values`."""
    return _rolling(np.maximum, values, n)


@windowed(lambda n: n)
def lowest(values: FloatArray, n: int) -> FloatArray:
    """Smallest of values[t-n+1 .. t]. NaN for t < n-1 and while a NaN is in the window. Shape: as `values`."""
    return _rolling(np.minimum, values, n)


@windowed(lambda n=1: n + 1)
def returns(values: FloatArray, n: int = 1) -> FloatArray:
    """values[t] / values[t-n] - 1, a fraction. NaN for t < n."""
    out = np.full(values.size, np.nan)
    out[n:] = values[n:] / values[:-n] - 1.0
    return out


@windowed(lambda: 2)
def previous(values: FloatArray) -> FloatArray:
    """values[t-1] at t; NaN at t = 0."""
    out = np.empty(values.size)
    out[:1] = np.nan
    out[1:] = values[:-1]
    return out


@windowed(lambda: 1)
def change(a: FloatArray, b: FloatArray) -> FloatArray:
    """a - b as the decimals they stand for: 0.3 - 0.2 is 0.1 here. NaN where either is."""
    return _pairwise(compiled.library().changes, a, b, np.empty(a.size))


@windowed(lambda: 2)
def crossing(a: FloatArray, b: FloatArray) -> npt.NDArray[np.int8]:
    """+1 where a rises above b: a[t] > b[t] and a[t-1] <= b[t-1]; -1 where it falls below; 0 else, and with any NaN."""
    return _pairwise(compiled.library().cross, a, b, np.empty(a.size, dtype=np.int8))


def crossings(lines: Sequence[FloatArray], pairs: Sequence[tuple[int, int]]) -> tuple[BoolArray, BoolArray]:
    """Where one of each pair of `lines` (their numbers) rises above the other, and where it falls below: `crossing`.

    `lines` are of one length; both results have shape (pairs, that length).
    """
    table, numbers = np.stack(lines), np.array(pairs, np.int64)
    above, below = np.empty((2, len(pairs), table.shape[1]), dtype=np.bool_)
    where = address(table), table.shape[1], address(numbers), len(pairs), address(above), address(below)
    compiled.library().crosses(*where)
    return above, below


def crosses_above(a: FloatArray, b: FloatArray) -> BoolArray:
    """True at t when a[t] > b[t] and a[t-1] <= b[t-1], all four defined (a comparison with NaN is False)."""
    return crossing(a, b) > 0


@windowed(lambda: 2)
def first_of_month(ts_ms: IntArray) -> BoolArray:
    """True where a bar (by the UTC date of its last instant) is in a new month; False at t = 0."""
    return _first_of_month(np.ascontiguousarray(ts_ms).tobytes())


@lru_cache(maxsize=4)
def _first_of_month(times: bytes) -> BoolArray:
    """By the bytes of `ts_ms`, because the series of one market have equal times."""
    ts_ms = np.frombuffer(times, np.int64)
    out = np.zeros(ts_ms.size, dtype=np.bool_)
    if ts_ms.size:
        first, last = (ts_ms[[0, -1]] - 1).astype("datetime64[ms]").astype("datetime64[M]")
        begins_ms = np.arange(first + 1, last + 1).astype("datetime64[ms]").astype(np.int64)
        out[np.searchsorted(ts_ms, begins_ms, side="right")] = True
    out.flags.writeable = False
    return out


@windowed(lambda: 1)
def as_of(ts_ms: IntArray, other_ts_ms: IntArray, values: FloatArray) -> FloatArray:
    """The newest of another series' `values` that is not later than each `ts_ms`; NaN before its first."""
    if values.size == 0 or ts_ms.size == 0:
        return np.full(ts_ms.size, np.nan)
    begin = int(np.searchsorted(other_ts_ms, ts_ms[0]))
    alike = other_ts_ms[begin : begin + ts_ms.size]
    if alike.size == ts_ms.size and (alike == ts_ms).all():
        return values[begin : begin + ts_ms.size].copy()  # bar by bar, as on one market they are
    at = np.searchsorted(other_ts_ms, ts_ms, side="right") - 1
    return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)


@windowed(lambda: 1)
def _share(gains: FloatArray, losses: FloatArray) -> FloatArray:
    return _pairwise(compiled.library().shares, gains, losses, np.empty(gains.size))


def _pairwise(loop: Callable[..., Any], a: FloatArray, b: FloatArray, out: Out) -> Out:
    """`out`, as a compiled loop over two arrays of its length fills it."""
    a, b = np.ascontiguousarray(a, dtype=np.float64), np.ascontiguousarray(b, dtype=np.float64)
    loop(address(a), address(b), a.size, address(out))
    return out


def _recursive(values: FloatArray, window: int, weight: float) -> FloatArray:
    values = np.ascontiguousarray(values, dtype=np.float64)
    out = np.empty(values.size)
    compiled.library().recursive_mean(address(values), values.size, window, weight, address(out))
    return out


def _rolling(ufunc: np.ufunc, values: FloatArray, n: int) -> FloatArray:
    out = np.empty(values.size)
    out[: n - 1] = np.nan
    if values.size >= n:
        # Doubling: a window of n is two overlapping windows of a power of two. The order of maxima cannot matter.
        width, held = 1, values
        while width * 2 <= n:
            held = ufunc(held[:-width], held[width:])
            width *= 2
        out[n - 1 :] = ufunc(held[: values.size - n + 1], held[n - width : n - width + values.size - n + 1])
    return out


def _mean_of_rationals(values: FloatArray, rests: FloatArray) -> float:
    """The mean in Python's unbounded integers, over 10^8 * 2^s, for windows whose last bit is uncertain otherwise.

    `rests`: as `windows.running_sums` has them: where not 0, the value represents a decimal and not itself.
    """
    short, total = values[rests != 0.0], 0  # in units of 10^-8
    if short.size and np.abs(short).max() * 10.0**MAX_DECIMALS < min(MAX_DIGITS_VALUE, 2.0**62 / short.size):
        units = np.rint(short * 10.0**MAX_DECIMALS)  # below 2^50 each: none rounds elsewhere
        total = int(units.astype(np.int64).sum())
    elif short.size:
        total = sum(_scaled(value) for value in short.tolist())
    ratios = [value.as_integer_ratio() for value in values[rests == 0.0].tolist()]
    shift = max((denominator.bit_length() - 1 for _, denominator in ratios), default=0)
    common = sum(numerator << (shift - denominator.bit_length() + 1) for numerator, denominator in ratios)
    mean: float = ((total << shift) + common * 10**MAX_DECIMALS) / (values.size * (10**MAX_DECIMALS << shift))
    return mean


def _scaled(value: float) -> int:
    """The short decimal of `value` (see `sma`), in units of 10^-8."""
    k = next(k for k in range(MAX_DECIMALS + 1) if round(value * 10.0**k) / 10**k == value)
    units: int = round(value * 10.0**k) * 10 ** (MAX_DECIMALS - k)
    return units
