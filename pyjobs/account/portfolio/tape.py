"""The bars of an account in one piece, a stretch for each series, as a walk reads them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import Bars, FloatArray, IntArray
from pyjobs.market.cache.column_file import done_with
from pyjobs.market.chained import parts_of

KEPT_TAPES = 2  # so many desks' bars are kept in one piece for the next run on them, 36 bytes a bar
Places = npt.NDArray[np.int32]  # of things in other arrays


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """Bars one series after the other: `starts` of each with the end, and their opens, highs, lows, closes.

    `times`: every moment at which a bar closes, once, ascending; `moments`: the place in it of each bar's close.
    """

    starts: IntArray
    times: IntArray
    moments: Places
    prices: FloatArray

    def at(self, times: IntArray) -> Places:
        """`moments`, as places in other `times`, which hold these and more."""
        if times is self.times:
            return self.moments
        return np.searchsorted(times, self.times).astype(np.int32)[self.moments]


@lru_cache(maxsize=KEPT_TAPES)
def tape_of(series: tuple[Bars, ...], start_ms: int) -> Tape:
    """The bars that close at or after `start_ms`."""
    firsts = [len(bars.until(start_ms - 1)) if len(bars) else 0 for bars in series]
    sizes = [len(bars) - first for bars, first in zip(series, firsts, strict=True)]
    starts = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    ts_ms, prices = np.empty(starts[-1], np.int64), np.empty((4, starts[-1]))
    for bars, first, begin in zip(series, firsts, starts.tolist(), strict=False):
        at = begin
        for part in parts_of(bars.slice(first, len(bars))):
            end = at + len(part)
            ts_ms[at:end] = part.ts_ms
            for row, column in zip(prices, (part.open, part.high, part.low, part.close), strict=True):
                row[at:end] = column
            at = end
        done_with(bars)
    stretches = [ts_ms[start:end] for start, end in itertools.pairwise(starts.tolist())]
    times = _times(stretches)
    return Tape(starts=starts, times=times, moments=_moments(stretches, times), prices=prices)


def _times(stretches: Sequence[IntArray]) -> IntArray:
    different: list[IntArray] = [np.empty(0, np.int64)]
    for times in stretches:
        if not np.array_equal(times, different[-1]):
            different.append(times)
    return np.unique(np.concatenate(different))


def _moments(stretches: Sequence[IntArray], times: IntArray) -> Places:
    found = [np.empty(0, np.int32)]
    for mine in stretches:
        first = int(np.searchsorted(times, mine[0])) if mine.size else 0
        same = np.array_equal(times[first : first + mine.size], mine)
        places = np.arange(first, first + mine.size) if same else np.searchsorted(times, mine)
        found.append(places.astype(np.int32))
    return np.concatenate(found)
