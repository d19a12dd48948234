"""The bars of an account in one piece, a stretch for each series, as a walk reads them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import Bars, FloatArray, IntArray
from pyjobs.market.cache.column_file import done_with
from pyjobs.market.chained import parts_of

KEPT_TAPES = 2  # so many desks' bars are kept in one piece for the next run on them, 40 bytes a bar


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """Bars one series after the other: `starts` of each with the end, `ts_ms`, and opens, highs, lows, closes."""

    starts: IntArray
    ts_ms: IntArray
    prices: FloatArray

    def put(self, at: int, bars: Bars) -> None:
        """Lay bars from place `at` on."""
        end = at + len(bars)
        self.ts_ms[at:end] = bars.ts_ms
        for row, column in zip(self.prices, (bars.open, bars.high, bars.low, bars.close), strict=True):
            row[at:end] = column

    def stretches(self) -> Iterator[IntArray]:
        """The times of each stretch, in order."""
        return itertools.starmap(lambda start, end: self.ts_ms[start:end], itertools.pairwise(self.starts.tolist()))

    def times(self) -> IntArray:
        """Every moment at which a bar closes, once, ascending."""
        different: list[IntArray] = [self.ts_ms[:0]]
        for times in self.stretches():
            if not np.array_equal(times, different[-1]):
                different.append(times)
        return np.unique(np.concatenate(different))

    def moments(self, times: IntArray) -> npt.NDArray[np.int32]:
        """The place in `times` of each bar's close, which is among them (int32)."""
        found, at = np.empty(self.ts_ms.size, np.int32), 0
        for mine in self.stretches():
            first = int(np.searchsorted(times, mine[0])) if mine.size else 0
            same = np.array_equal(times[first : first + mine.size], mine)
            found[at : at + mine.size] = np.arange(first, first + mine.size) if same else np.searchsorted(times, mine)
            at += mine.size
        return found


@lru_cache(maxsize=KEPT_TAPES)
def tape_of(series: tuple[Bars, ...], start_ms: int) -> Tape:
    """The bars that close at or after `start_ms`."""
    firsts = [len(bars.until(start_ms - 1)) if len(bars) else 0 for bars in series]
    sizes = [len(bars) - first for bars, first in zip(series, firsts, strict=True)]
    starts = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    tape = Tape(starts=starts, ts_ms=np.empty(starts[-1], np.int64), prices=np.empty((4, starts[-1])))
    for bars, first, begin in zip(series, firsts, starts.tolist(), strict=False):
        at = begin
        for part in parts_of(bars.slice(first, len(bars))):
            tape.put(at, part)
            at += len(part)
        done_with(bars)
    return tape
