"""Gap repair of one series: the bars its market should have and the store lacks, asked for once, with few requests."""

from __future__ import annotations

from dataclasses import dataclass

from pyjobs.market.bars import IntArray, SeriesKey
from pyjobs.market.ingest.backfill import Progress, added, refuse_clock_behind
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, expected_closes
from pyjobs.market.ingest.fetching import EMPTY_SETTLES_MS, Got, fetch_window, is_an_answer
from pyjobs.market.ingest.gaps import (
    NEVER,
    Window,
    counted_from_open,
    missing_bars,
    page_end,
    stored_after,
    stored_before,
)
from pyjobs.market.ingest.series_source import Source
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.partitions import partition_span
from utils.errors import ExternalDataUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What became of the gaps: `missing` bars before, `filled`, `confirmed_empty`, and `left` (asked for in vain)."""

    key: SeriesKey
    missing: int
    filled: int
    confirmed_empty: int
    left: int
    got: Got
    set_aside: tuple[str, ...]


def repair(
    store: BarStore, key: SeriesKey, source: Source, *, lookback_ms: int, now_ms: int, progress: Progress
) -> Repaired:
    """Fill the gaps between now minus `lookback_ms` and the newest stored bar.

    What the provider confirms it does not have is remembered and not asked for again; nothing is made up. A partition
    that cannot be read is set aside first, and its bars are missing ones. Raises BadDataError when the clock is behind
    the newest stored bar, ExternalDataUnavailable with what came before it stored.
    """
    first, last = now_ms - lookback_ms, now_ms - EMPTY_SETTLES_MS
    newest_file = max((path.stem for path in store.files(key, first, last)), default=None)
    moved = store.set_aside_unreadable(key, first, last)
    newest = store.newest(key)
    if newest is not None:
        refuse_clock_behind(key, newest[0], now_ms)
        if newest_file not in {path.stem for path in moved}:
            last = min(last, newest[0])
    since = min((partition_span(key.timeframe, path.stem)[0] for path in moved), default=NEVER)
    gaps = missing_bars(store, key, source.market, first_ms=first, last_ms=last, since_ms=since)
    before = int(store.confirmed_empty(key, start_ms=first, end_ms=last).size) if gaps.size else 0
    done = _filled(store, key, source, gaps, now_ms=now_ms, progress=progress)
    left = missing_bars(store, key, source.market, first_ms=first, last_ms=last, since_ms=since) if gaps.size else gaps
    empty = int(store.confirmed_empty(key, start_ms=first, end_ms=last).size) - before if gaps.size else 0
    return Repaired(
        key=key,
        missing=int(gaps.size),
        filled=int(gaps.size) - int(left.size) - empty,
        confirmed_empty=empty,
        left=int(left.size),
        got=done,
        set_aside=tuple(path.name for path in moved),
    )


def _filled(store: BarStore, key: SeriesKey, source: Source, gaps: IntArray, *, now_ms: int, progress: Progress) -> Got:
    """Ask for all of `gaps`, oldest first, with the fewest requests.

    A stretch the provider has nothing to say about (too old for it, as Yahoo's minutes after a month) does not keep the
    newer ones from being asked for; it is raised in the end.
    """
    if not gaps.size:
        return Got()
    from_open = counted_from_open(store, key, source.market)
    expected = expected_closes(source.market, key.timeframe, int(gaps[0]), int(gaps[-1]), from_open=from_open)
    page_ms = source.page_ms(key.timeframe)
    at, done, refused = 0, Got(), None
    while at < gaps.size:
        end = page_end(gaps, at, expected, page_bars=source.page_bars, page_ms=page_ms)
        window = (int(gaps[at]), int(gaps[end - 1]))
        if source.market != ROUND_THE_CLOCK:
            after = int(gaps[end]) if end < gaps.size else now_ms + 1
            window = _with_neighbours(store, key, window, after, page_ms)
        try:
            done = added(done, fetch_window(store, key, source, window, now_ms=now_ms))
        except ExternalDataUnavailable as error:
            if not is_an_answer(error):
                raise
            refused = refused or error
        progress(end, int(gaps.size), f"{key}: missing bars")
        at = end
    if refused is not None:
        raise refused
    return done


def _with_neighbours(store: BarStore, key: SeriesKey, window: Window, after: int, page_ms: int) -> Window:
    """`window` and the stored bars on either side of it, as far as one request may reach and they come before `after`.

    A market that closes is asked for them too: what lacks between two bars of one answer is confirmed empty. They are
    looked up when the windows before have been stored, so that of two full windows the second begins with a bar of the
    first.
    """
    first, last = window
    low = stored_before(store, key, first)
    if low is not None and last - low <= page_ms:
        first = low
    high = stored_after(store, key, last)
    if high is not None and high < after and high - first <= page_ms:
        last = high
    return first, last
