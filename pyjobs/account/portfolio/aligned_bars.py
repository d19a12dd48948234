"""The bars of an account's series in one piece, a stretch for each, where signals are made and a walk reads them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import COLUMNS, Bars, FloatArray, IntArray
from pyjobs.market.cache.release import one_at_a_time
from pyjobs.market.chained import parts_of
from utils.pieces import forked

AHEAD = 64  # so many series are copied in one go: one at a time, between signals, costs twice as much
KEPT_ALIGNED = 2  # so many desks' bars are kept in one piece for the next run on them, 32 bytes a bar
Places = npt.NDArray[np.int32]  # of things in other arrays
PRICES = ("open", "high", "low", "close")


class AlignedSeries(Bars):
    """A series as it lies in `AlignedBars`. Its volume stays where it was."""

    __slots__ = ("aligned", "number", "source")
    number: int
    source: Bars
    aligned: AlignedBars

    def __init__(self, aligned: AlignedBars, number: int, source: Bars, ts_ms: IntArray) -> None:
        columns = aligned.prices[:, aligned.starts[number] : aligned.starts[number + 1]]
        values = {"aligned": aligned, "number": number, "source": source, "ts_ms": ts_ms}
        for name, value in (values | dict(zip(PRICES, columns, strict=True))).items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False  # signals are made of it, and an account walks over it
            object.__setattr__(self, name, value)

    @property
    def volume(self) -> FloatArray:
        """As in Bars."""
        return self.source.volume

    def __reduce__(self) -> tuple[Callable[[], Bars], tuple[()]]:
        """Pickle it as a series by itself: without the arrays it is a view of, and without its neighbours there."""
        columns = {name: getattr(self, name) for name in COLUMNS}
        return partial(Bars, **columns), ()

    def slice(self, start: int, stop: int) -> Bars:
        """Bars [start, stop): views, but of the volume."""
        prices = {name: getattr(self, name)[start:stop] for name in PRICES}
        return Bars(ts_ms=self.ts_ms[start:stop], volume=self.source.slice(start, stop).volume, **prices)


class AlignedBars:
    """Room for series one after the other: `starts` of each and the end, `prices`: opens, highs, lows, closes.

    A series is copied once, with its neighbours, when one of them is asked for. Series with the same times share the
    array of these. `shared`: a copy of this process may copy some of them.
    """

    def __init__(self, series: Sequence[Bars], *, shared: bool) -> None:
        self.starts: list[int] = [0, *itertools.accumulate(len(bars) for bars in series)]
        shape = 4, self.starts[-1]
        self.prices: FloatArray = forked.shared_room(shape) if shared else np.empty(shape)
        self._sources = series
        self._laid: list[AlignedSeries | None] = [None] * len(series)
        self._times: IntArray = np.empty(0, np.int64)
        self._copied: set[int] = set()

    def size(self, number: int) -> int:
        """How many bars the series with this number has."""
        return self.starts[number + 1] - self.starts[number]

    def are_copied(self, numbers: Iterable[int]) -> None:
        """Say that another process has copied these series here, each with its neighbours."""
        self._copied |= {number - number % AHEAD for number in numbers}

    def bars(self, number: int) -> AlignedSeries:
        """The series with this number, copied here."""
        laid = self._laid[number]
        if laid is None:
            laid = self._laid[number] = self._made(number, self._sources[number])
        return laid

    def _made(self, number: int, bars: Bars) -> AlignedSeries:
        if number - number % AHEAD not in self._copied:
            self._copy(number - number % AHEAD)
        parts = parts_of(bars)
        if not _same(parts, self._times):
            self._times = np.concatenate([np.empty(0, np.int64), *(part.ts_ms for part in parts)])
        return AlignedSeries(self, number, bars, self._times)

    def _copy(self, first: int) -> None:
        opens, highs, lows, closes = self.prices
        sources = enumerate(self._sources[first : first + AHEAD], first)
        for number, bars in one_at_a_time(sources, itemgetter(1), for_good=True):
            at = self.starts[number]
            for part in parts_of(bars):
                end = at + len(part)
                opens[at:end], highs[at:end], lows[at:end], closes[at:end] = part.open, part.high, part.low, part.close
                at = end
        self._copied.add(first)


def _same(parts: Sequence[Bars], times: IntArray) -> bool:
    """Whether these are the times of the parts, one after the other."""
    at = 0
    for part in parts:
        own = part.ts_ms
        there = times[at : at + own.size]
        if own.size != there.size or not (own == there).all():
            return False
        at += own.size
    return at == times.size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """When the bars of some aligned series close.

    `begins`, `ends`: which aligned bars are theirs, from the first that counts. `times`: every moment at which one
    of these closes, once, ascending; `moments`: the place in it of each bar's close, of no meaning for other bars.
    """

    begins: IntArray
    ends: IntArray
    times: IntArray
    moments: Places

    def at(self, times: IntArray) -> Places:
        """`moments`, as places in other `times`, which hold these and more."""
        if times is self.times:
            return self.moments
        found, places = self.moments.copy(), np.searchsorted(times, self.times).astype(np.int32)
        for begin, end in zip(self.begins.tolist(), self.ends.tolist(), strict=True):
            found[begin:end] = places[self.moments[begin:end]]
        return found


@lru_cache(maxsize=KEPT_ALIGNED)
def aligned_bars_of(series: tuple[Bars, ...], *, shared: bool = False) -> AlignedBars:
    """These series aligned; `shared` with copies of this process."""
    return AlignedBars(series, shared=shared)


def laid(series: Sequence[Bars]) -> list[AlignedSeries]:
    """`series`, all aligned together: the object itself, or a new one."""
    already = [bars for bars in series if isinstance(bars, AlignedSeries)]
    if len(already) == len(series) and len({id(bars.aligned) for bars in already}) <= 1:
        return already
    aligned = aligned_bars_of(tuple(series))
    return [aligned.bars(number) for number, _ in one_at_a_time(enumerate(series), itemgetter(1))]


@lru_cache(maxsize=KEPT_ALIGNED)
def timeline_of(series: tuple[AlignedSeries, ...], start_ms: int) -> Timeline:
    """When the bars of series aligned together close, of those that close at or after `start_ms`."""
    stretches: list[IntArray] = []
    begins, ends = [], []
    for bars in series:
        first = int(np.searchsorted(bars.ts_ms, start_ms))
        begins.append(bars.aligned.starts[bars.number] + first)
        ends.append(bars.aligned.starts[bars.number + 1])
        alike = bool(stretches) and bars.ts_ms is series[len(stretches) - 1].ts_ms
        stretches.append(stretches[-1] if alike else bars.ts_ms[first:])
    times = np.unique(np.concatenate([np.empty(0, np.int64), *{id(each): each for each in stretches}.values()]))
    moments = np.empty(series[0].aligned.starts[-1] if series else 0, np.int32)
    known, places = None, np.empty(0, np.int32)
    for begin, end, mine in zip(begins, ends, stretches, strict=True):
        if mine is not known:
            known, places = mine, np.searchsorted(times, mine).astype(np.int32)
        moments[begin:end] = places
    return Timeline(begins=np.array(begins, np.int64), ends=np.array(ends, np.int64), times=times, moments=moments)
