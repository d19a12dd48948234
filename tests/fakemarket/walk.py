"""Prices out of nothing but a seed and a minute: any minute of any year at once, the same on every machine.

The log price is a sum of eleven straight-line noises; noise k has a fresh value in -1..1 every 4^k minutes and weighs
2^k, so that it wanders like a random walk up to two years and returns to the centre after that. A value is SplitMix64's
finalizer (Steele, Lea, Flood 2014) of seed, stream and number: no state, no order, no generator to version.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

OCTAVES = 11
STEP = 0.0004
WICK = 0.0003
HIGH, LOW, VOLUME, QUIET, HALT = 101, 102, 103, 104, 105


def uniform(seed: int, stream: int, numbers: IntArray) -> FloatArray:
    """One number in [0, 1) for each of `numbers`, which may be negative."""
    x = numbers.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return np.asarray((x >> np.uint64(11)).astype(np.float64) * 2.0**-53, np.float64)


def log_walk(seed: int, minutes: FloatArray) -> FloatArray:
    """The log price, less its centre, at each of `minutes` since 1970 (ascending; fractions allowed)."""
    total = np.zeros(len(minutes))
    for octave in range(OCTAVES if len(minutes) else 0):
        span = 4**octave
        knots = np.arange(int(minutes[0] // span), int(minutes[-1] // span) + 2, dtype=np.int64)
        total += STEP * 2**octave * np.interp(minutes / span, knots, 2 * uniform(seed, octave, knots) - 1)
    return total


def minute_prices(seed: int, centre: float, minutes: IntArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Open, high, low and close of each minute, unrounded; a minute opens where the one before it closed."""
    at = minutes.astype(np.float64)
    opened, closed = log_walk(seed, at), log_walk(seed, at + 1)
    high = np.maximum(opened, closed) + WICK * uniform(seed, HIGH, minutes)
    low = np.minimum(opened, closed) - WICK * uniform(seed, LOW, minutes)
    priced = [centre * np.exp(log) for log in (opened, high, low, closed)]
    return priced[0], priced[1], priced[2], priced[3]


def minute_volume(seed: int, size: float, minutes: IntArray) -> FloatArray:
    """The volume of each minute: mostly little, now and then four times `size`."""
    return np.asarray(size * (0.05 + 4 * uniform(seed, VOLUME, minutes) ** 4), np.float64)
