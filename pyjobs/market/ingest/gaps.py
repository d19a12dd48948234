"""Which bars are missing from a series, how many of them one request brings, and which are stored around them."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, IntArray, SeriesKey
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, are_from_open, expected_closes, phase_of
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import NO_TIMES, without
from pyjobs.market.store.folders import read_when_stable
from pyjobs.market.store.partitions import SUFFIX, partition_span, read_outline, read_times
from utils import trading_day
from utils.errors import BadDataError

Window = tuple[int, int]
"""First and last `ts_ms`, both included."""
NEVER = 2**62


def missing_bars(
    store: BarStore, key: SeriesKey, market: str, *, first_ms: int, last_ms: int, since_ms: int = NEVER
) -> IntArray:
    """Close times of bars that `market` should have between `first_ms` and `last_ms` and that the store lacks.

    Not among them: what the provider confirmed empty, and anything before the first bar of the series (or `since_ms`,
    should it be known to begin by then). A last bar that was stored as not final, and then passed over, counts as
    missing. Raises BadDataError naming an unreadable partition.
    """
    return read_when_stable(lambda: _missing(store, key, market, first_ms, last_ms, since_ms))


def _missing(store: BarStore, key: SeriesKey, market: str, first_ms: int, last_ms: int, since_ms: int) -> IntArray:
    files = store.paths(key)
    first = _first_of(files, key)
    begins = min(first, since_ms)
    if begins == NEVER:
        return NO_TIMES
    from_open = counted_from_open(store, key, market)
    phase_ms = phase_of(market, key.timeframe, NO_TIMES if first == NEVER else np.array([first], np.int64))
    expected = expected_closes(
        market, key.timeframe, max(first_ms, begins), last_ms, from_open=from_open, phase_ms=phase_ms
    )
    found, at = [NO_TIMES], 0
    for path in files:
        first, last = partition_span(key.timeframe, _name_of(path))
        start, stop = expected.searchsorted(first), expected.searchsorted(last, side="right")
        found.append(expected[at:start])  # there is no partition for these
        at = int(stop)
        if start < stop:
            quick = market == ROUND_THE_CLOCK and stop - start == (last - first + 1) // TIMEFRAME_MS[key.timeframe]
            found.append(_absent(path, key, expected[start:stop], quick=quick, newest=path == files[-1]))
    return np.concatenate([*found, expected[at:]])


def _absent(path: str, key: SeriesKey, expected: IntArray, *, quick: bool, newest: bool) -> IntArray:
    """The times of `expected` that the partition lacks. `quick`: every slot is expected, so counting may do."""
    if quick:
        seen = read_outline(path, key)
        if seen.aligned and seen.provenance.last_final and seen.rows + seen.empty.size == expected.size:
            return NO_TIMES
    times, outline = read_times(path, key)
    if not outline.provenance.last_final and not newest:
        times = times[:-1]
    return without(expected, np.union1d(times, outline.empty))


def first_bar(store: BarStore, key: SeriesKey) -> int:
    """The close of the first stored bar: where the series begins, before which nothing is missing.

    A first partition that cannot be read (and is older than what is looked at, else it would have been set aside)
    counts with its own beginning.
    """
    return read_when_stable(lambda: _first_of(store.paths(key), key))


def _first_of(files: list[str], key: SeriesKey) -> int:
    for path in files:
        try:
            times, _ = read_times(path, key)
        except BadDataError:
            return partition_span(key.timeframe, _name_of(path))[0]
        if times.size:
            return int(times[0])
    return NEVER


def _name_of(path: str) -> str:
    """The partition's name. A year of minutes has 366 partitions, and a Path for each costs as much as its read."""
    return path.rpartition("/")[2].removesuffix(SUFFIX)


def counted_from_open(store: BarStore, key: SeriesKey, market: str) -> bool:
    """Whether the series' bars are counted from the open of each session, by its newest partition.

    By the newest two where the market has a lunch: those of a morning may be the same both ways.
    """
    if market == ROUND_THE_CLOCK:
        return False
    enough = 2 if trading_day.load(market).breaks else 1

    def look() -> bool:
        found = list[IntArray]()
        for path in reversed(store.partitions(key)):
            with suppress(BadDataError):
                times, _ = read_times(path, key)
                found += [times] if times.size else []
            if len(found) == enough:
                break
        return are_from_open(market, key.timeframe, np.concatenate([NO_TIMES, *found]))

    return read_when_stable(look)


def stored_before(store: BarStore, key: SeriesKey, ts_ms: int) -> int | None:
    """The close of the last stored bar before `ts_ms`; None when there is none."""

    def look() -> int | None:
        for path in reversed(store.files(key, None, ts_ms)):
            times, _ = read_times(path, key)
            if times.size and times[0] < ts_ms:
                return int(times[times.searchsorted(ts_ms) - 1])
        return None

    return read_when_stable(look)


def stored_after(store: BarStore, key: SeriesKey, ts_ms: int) -> int | None:
    """The close of the first stored bar after `ts_ms`; None when there is none."""

    def look() -> int | None:
        for path in store.files(key, ts_ms, None):
            times, _ = read_times(path, key)
            if times.size and times[-1] > ts_ms:
                return int(times[times.searchsorted(ts_ms, side="right")])
        return None

    return read_when_stable(look)


def page_end(missing: IntArray, at: int, expected: IntArray, *, page_bars: int, page_ms: int) -> int:
    """Up to where (exclusive) one request brings what is missing from position `at` on.

    It may ask for `page_bars` of the bars that are `expected` at all, and for a stretch of `page_ms` at most. Cutting
    each request as late as it can be makes the fewest requests.
    """
    first = int(missing[at])
    last = int(expected[min(int(expected.searchsorted(first)) + page_bars, expected.size) - 1])
    return int(missing.searchsorted(min(last, first + page_ms), side="right"))
