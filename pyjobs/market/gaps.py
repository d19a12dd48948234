"""Which bars are missing from a series, and the fewest requests that bring them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, IntArray, SeriesKey
from pyjobs.market.expected import ROUND_THE_CLOCK, expected_closes
from pyjobs.market.ledger import NO_TIMES, without
from pyjobs.market.partitions import partition_span, read_outline, read_times
from pyjobs.market.store import BarStore

Window = tuple[int, int]


def missing_bars(store: BarStore, key: SeriesKey, market: str, *, first_ms: int, last_ms: int) -> IntArray:
    """Close times of bars that `market` should have between `first_ms` and `last_ms` and that the store lacks.

    Not among them: what the provider confirmed empty, and anything before the first partition of the series. A last bar
    that was stored as not final, and then passed over, counts as missing.
    Raises BadDataError naming an unreadable partition.
    """
    files = store.partitions(key)
    if not files:
        return NO_TIMES
    expected = expected_closes(market, key.timeframe, max(first_ms, first_bar(store, key)), last_ms)
    found, at = [NO_TIMES], 0
    for path in files:
        first, last = partition_span(key.timeframe, path.stem)
        start, stop = expected.searchsorted(first), expected.searchsorted(last, side="right")
        found.append(expected[at:start])  # there is no partition for these
        at = int(stop)
        if start < stop:
            quick = market == ROUND_THE_CLOCK and stop - start == (last - first + 1) // TIMEFRAME_MS[key.timeframe]
            found.append(_absent(path, key, expected[start:stop], quick=quick, newest=path == files[-1]))
    return np.concatenate([*found, expected[at:]])


def _absent(path: Path, key: SeriesKey, expected: IntArray, *, quick: bool, newest: bool) -> IntArray:
    """Those of `expected` that the partition lacks. `quick`: every slot is expected, so that counting may suffice."""
    if quick:
        seen = read_outline(path, key)
        if seen.aligned and seen.provenance.last_final and seen.rows + seen.empty.size == expected.size:
            return NO_TIMES
    times, outline = read_times(path, key)
    if not outline.provenance.last_final and not newest:
        times = times[:-1]
    return without(expected, np.union1d(times, outline.empty))


def first_bar(store: BarStore, key: SeriesKey) -> int:
    """The close of the first stored bar: where the series begins, before which nothing is missing."""
    for path in store.partitions(key):
        times, _ = read_times(path, key)
        if times.size:
            return int(times[0])
    return 2**62


def windows(missing: IntArray, timeframe: str, page_bars: int) -> list[Window]:
    """The fewest spans (first, last ts_ms) of at most `page_bars` bars that hold every time in `missing`."""
    found: list[Window] = []
    at = 0
    while at < missing.size:
        first = int(missing[at])
        after = int(np.searchsorted(missing, first + page_bars * TIMEFRAME_MS[timeframe]))
        found.append((first, int(missing[after - 1])))
        at = after
    return found
