"""The bar schema, in one place: six columns, and what a series of bars must satisfy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from utils.errors import BadDataError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PIECE_BARS = 1 << 19  # a longer series is looked at and worked on in pieces, so that memory does not grow with it
COLUMNS = ("ts_ms", "open", "high", "low", "close", "volume")
DAY_MS = 86_400_000
EXTENDED = "-ext"  # ends the timeframe of a series that has the hours before the open and after the close, too
_STEPS: dict[str, int] = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": DAY_MS,
}
FETCHED = tuple(_STEPS)  # what providers are asked for
LONGER: dict[str, int] = {"1w": 7 * DAY_MS, "1mo": 28 * DAY_MS}  # the least a bar lasts: calendars say when one closes
TIMEFRAMES = (*FETCHED, *LONGER)  # what a person may name
TIMEFRAME_MS: dict[str, int] = (
    _STEPS | LONGER | {f"{name}{EXTENDED}": step for name, step in _STEPS.items() if step < DAY_MS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """Names one series of bars: where it trades, what it is, how long a bar lasts."""

    exchange: str
    symbol: str
    timeframe: str

    @property
    def flags(self) -> str:
        """What names it on a command line."""
        return f"--exchange {self.exchange} --symbol {self.symbol} --timeframe {self.timeframe}"

    def __str__(self) -> str:
        return f"{self.exchange}:{self.symbol}:{self.timeframe}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """A series of closed bars: six arrays of one length, strictly increasing in `ts_ms`.

    `ts_ms` is each bar's *close*, UTC milliseconds (int64). Prices and volume are float64, in the instrument's
    currency and in units. No NaN, no infinity, no price <= 0, low <= open, close <= high, volume >= 0.
    """

    ts_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        return int(self.ts_ms.size)

    @property
    def last_ms(self) -> int:
        """The close of the last bar, of which there must be one."""
        return int(self.ts_ms[-1])

    def slice(self, start: int, stop: int) -> Bars:
        """Bars [start, stop) as views on the same memory."""
        return Bars(  # spelled out: a scan takes tens of thousands of slices
            ts_ms=self.ts_ms[start:stop],
            open=self.open[start:stop],
            high=self.high[start:stop],
            low=self.low[start:stop],
            close=self.close[start:stop],
            volume=self.volume[start:stop],
        )

    def until(self, ts_ms: int) -> Bars:
        """The bars that had closed at `ts_ms` (inclusive)."""
        return self.slice(0, int(np.searchsorted(self.ts_ms, ts_ms, side="right")))

    def together(self) -> Bars:
        """These bars; their columns lie in one place already."""
        return self


def is_long(bars: Bars) -> bool:
    """Whether there is more than a piece of them."""
    return len(bars) > PIECE_BARS


def pieces(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """[start, stop) in ranges of at most PIECE_BARS."""
    for begin in range(start, stop, PIECE_BARS):
        yield begin, min(begin + PIECE_BARS, stop)


def last(bars: Bars, count: int) -> Bars:
    """The `count` newest bars, or all when there are fewer."""
    return bars.slice(max(0, len(bars) - count), len(bars))


def first_problem(bars: Bars, walk: Callable[[Iterable[Bars]], Iterator[Bars]] = iter) -> str | None:
    """The fault of the first bad bar, or None. Checks exactly what the class docstring promises.

    `walk`: how to go over the pieces of a long series, `cache.release.one_at_a_time` where it lies in a mapped file.
    """
    found: dict[int, tuple[str, int, int]] = {}
    start = stop = 0
    for piece in walk(bars.slice(*edges) for edges in pieces(0, len(bars))):
        start, stop = stop, stop + len(piece)
        before = bars.ts_ms[start - 1 : start] if start else bars.ts_ms[:1] - 1
        if _is_good(piece, before):
            continue
        for rank, (what, where) in enumerate(_problems(piece, before)):
            bad = np.flatnonzero(where)
            if bad.size:
                _, first, count = found.get(rank, ("", start + int(bad[0]), 0))
                found[rank] = what, first, count + bad.size
    if not found:
        return None
    what, first, count = found[min(found)]
    return f"bar {first} (ts_ms {bars.ts_ms[first]}) {what}; {count} such"


def in_order(opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> npt.NDArray[np.bool_]:
    """Which bars have their open and close within low..high; those with a missing number have not."""
    inside: npt.NDArray[np.bool_] = (low <= np.minimum(opened, close)) & (np.maximum(opened, close) <= high)
    return inside


def _is_good(bars: Bars, before: IntArray) -> bool:
    """Whether `_problems` finds none, in a third of the time: every comparison with a NaN is false."""
    if not len(bars):
        return True
    times, low, high = bars.ts_ms, bars.low, bars.high
    least, most = np.minimum.reduce, np.maximum.reduce
    return bool(
        times[0] > before[0]
        and np.logical_and.reduce(times[1:] > times[:-1])
        and least(low) > 0
        and np.logical_and.reduce(in_order(bars.open, high, low, bars.close))
        and most(high) < np.inf
        and least(bars.volume) >= 0
        and most(bars.volume) < np.inf
    )


def _problems(bars: Bars, before: IntArray) -> tuple[tuple[str, npt.NDArray[np.bool_]], ...]:
    """Each thing that can be wrong, and the bars that have it. `before`: the time of the bar before them."""
    steps = np.diff(bars.ts_ms, prepend=before)
    return (
        ("comes before the bar before it: not sorted", steps < 0),
        ("has the time of the bar before it: a duplicate", steps == 0),
        (
            "has a missing or infinite value",
            ~np.logical_and.reduce([np.isfinite(getattr(bars, c)) for c in COLUMNS[1:]]),
        ),
        ("has a price of zero or less", bars.low <= 0),
        ("has its high below its low", bars.high < bars.low),
        ("has its open outside low..high", (bars.open < bars.low) | (bars.open > bars.high)),
        ("has its close outside low..high", (bars.close < bars.low) | (bars.close > bars.high)),
        ("has a negative volume", bars.volume < 0),
    )


def checked(bars: Bars, *, name: str) -> Bars:
    """`bars` itself when the schema holds; raises BadDataError naming `name` and the first bad bar otherwise."""
    problem = first_problem(bars)
    if problem:
        raise BadDataError(f"{name}: {problem}")
    return bars
