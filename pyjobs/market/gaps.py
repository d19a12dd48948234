"""Which bars are missing from a series, and the fewest requests that bring them."""

from __future__ import annotations

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, IntArray, SeriesKey
from pyjobs.market.expected import ROUND_THE_CLOCK, expected_closes
from pyjobs.market.ledger import NO_TIMES, within, without
from pyjobs.market.partitions import partition_name, partition_span, read_outline, read_times
from pyjobs.market.store import BarStore

Window = tuple[int, int]


def missing_bars(store: BarStore, key: SeriesKey, market: str, *, first_ms: int, last_ms: int) -> IntArray:
    """Close times of bars that `market` should have between `first_ms` and `last_ms` and that the store lacks.

    Not among them: what the provider confirmed empty, and anything before the first partition of the series. A last bar
    that was stored as not final, and then passed over, counts as missing.
    Raises BadDataError naming an unreadable partition.
    """
    files = store.files(key, first_ms, last_ms)
    everything = store.partitions(key)
    if not everything:
        return NO_TIMES
    begins = first_bar(store, key)
    expected = expected_closes(market, key.timeframe, max(first_ms, begins), last_ms)
    full = market == ROUND_THE_CLOCK
    have = [NO_TIMES]
    for path in files:
        span = partition_span(key.timeframe, path.stem)
        wanted = within(expected, *span)
        outline = read_outline(path, key) if full else None
        if (
            outline
            and outline.aligned
            and outline.provenance.last_final
            and outline.rows + outline.empty.size == wanted.size == _slots(key.timeframe, span)
        ):
            have.append(wanted)
            continue
        times, outline = read_times(path, key)
        if not outline.provenance.last_final and path != everything[-1]:
            times = times[:-1]
        have.append(np.union1d(times, outline.empty))
    return without(expected, np.concatenate(have))


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


def runs(times: IntArray, expected: IntArray) -> list[Window]:
    """`times` (all among `expected`, both increasing) as (first, last) of each unbroken run of expected bars."""
    if not times.size:
        return []
    at = np.searchsorted(expected, times)
    heads = np.flatnonzero(np.append(True, np.diff(at) != 1))
    tails = np.append(heads[1:] - 1, times.size - 1)
    return list(zip(times[heads].tolist(), times[tails].tolist(), strict=True))


def partition_of(key: SeriesKey, ts_ms: int) -> str:
    """The name of the partition a bar belongs into."""
    return partition_name(key.timeframe, ts_ms)


def _slots(timeframe: str, span: Window) -> int:
    return (span[1] - span[0] + 1) // TIMEFRAME_MS[timeframe]
