"""Gap repair of one series: the bars its market should have and the store lacks, asked for once, with few requests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pyjobs.market.bars import IntArray, SeriesKey
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.backfill import Progress, added, refuse_clock_behind
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, expected_closes
from pyjobs.market.ingest.fetching import fetch_window
from pyjobs.market.ingest.gaps import (
    NEVER,
    Window,
    counted_from_open,
    missing_bars,
    page_end,
    stored_after,
    stored_before,
)
from pyjobs.market.ingest.questions import EMPTY_FOR_SURE_MS, Got, is_an_answer
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.partitions import partition_span
from utils.errors import ExternalDataUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """The result for the gaps: `missing` bars before, `filled`, `confirmed_empty`, and `left` (asked for in vain).

    `refused`: what the provider answered about the first stretch that is too old for it.
    `again`: bars that were confirmed empty a while ago and were asked for again; those that came are among `filled`.
    """

    key: SeriesKey
    missing: int
    again: int
    filled: int
    confirmed_empty: int
    left: int
    got: Got
    set_aside: tuple[str, ...]
    refused: ExternalDataUnavailable | None = None


def repair(
    store: BarStore, key: SeriesKey, source: SeriesSource, *, lookback_ms: int, now_ms: int, progress: Progress
) -> Repaired:
    """Fill the gaps between now minus `lookback_ms` and the newest stored bar.

    A bar that the provider confirms it does not have is remembered, asked for again after an hour, a day, a week and a
    month (however far back), and then final; nothing is made up. A partition that cannot be read is set aside first,
    and its bars are missing ones. Raises BadDataError when the clock is behind the newest stored bar,
    ExternalDataUnavailable (never of kind no_data) with what came before it stored.
    """
    first, last = now_ms - lookback_ms, now_ms - EMPTY_FOR_SURE_MS
    newest_file = max((path.stem for path in store.files(key, first, last)), default=None)
    moved = store.set_aside_unreadable(key, first, last)
    newest = store.newest(key)
    if newest is not None:
        refuse_clock_behind(key, newest[0], now_ms)
        if newest_file not in {path.stem for path in moved}:
            last = min(last, newest[0])
    since = min((partition_span(key.timeframe, path.stem)[0] for path in moved), default=NEVER)
    gaps = missing_bars(store, key, source.market, first_ms=first, last_ms=last, since_ms=since)
    again = looks.to_ask_again(store, key, now_ms)
    anew = replace(source, ask=lambda request: source.ask(replace(request, anew=True)))  # a kept answer lacked them
    asked = _Asked(store=store, key=key, source=anew, gaps=gaps, now_ms=now_ms, progress=progress)
    done = asked.filled(np.union1d(gaps, again))
    if again.size:
        looks.note_asked_again(store, key, now_ms)
    left = missing_bars(store, key, source.market, first_ms=first, last_ms=last, since_ms=since) if gaps.size else gaps
    empty, delivered = _now_empty(store, key, gaps), int(again.size) - _now_empty(store, key, again)
    return Repaired(
        key=key,
        missing=int(gaps.size),
        again=int(again.size),
        filled=int(gaps.size) - int(left.size) - empty + delivered,
        confirmed_empty=empty,
        left=int(left.size),
        got=done,
        set_aside=tuple(path.name for path in moved),
        refused=asked.refused,
    )


def _now_empty(store: BarStore, key: SeriesKey, times: IntArray) -> int:
    """How many of these closes are confirmed empty by now."""
    if not times.size:
        return 0
    known = store.confirmed_empty(key, start_ms=int(times[0]), end_ms=int(times[-1]))
    return int(np.isin(times, known).sum())


@dataclass(slots=True, kw_only=True)
class _Asked:
    """The questions of one repair. `refused`: the first stretch with one of `gaps` that cannot be decided."""

    store: BarStore
    key: SeriesKey
    source: SeriesSource
    gaps: IntArray
    now_ms: int
    progress: Progress
    refused: ExternalDataUnavailable | None = None

    def filled(self, times: IntArray) -> Got:
        """Ask for all of `times`, oldest first, with the fewest requests.

        A stretch that is too old for the provider (as Yahoo's minutes after a month) does not keep the newer ones from
        being asked for.
        """
        if not times.size:
            return Got()
        store, key, source = self.store, self.key, self.source
        from_open = counted_from_open(store, key, source.market)
        expected = expected_closes(source.market, key.timeframe, int(times[0]), int(times[-1]), from_open=from_open)
        expected = np.union1d(expected, times)
        page_ms = source.page_ms(key.timeframe)
        at, done = 0, Got()
        while at < times.size:
            end = page_end(times, at, expected, page_bars=source.page_bars, page_ms=page_ms)
            window = (int(times[at]), int(times[end - 1]))
            if source.market != ROUND_THE_CLOCK:
                after = int(times[end]) if end < times.size else self.now_ms + 1
                window = _with_neighbours(store, key, window, after, page_ms)
            try:
                done = added(done, fetch_window(store, key, source, window, now_ms=self.now_ms))
            except ExternalDataUnavailable as error:
                if not is_an_answer(error):
                    raise
                if np.isin(times[at:end], self.gaps).any():
                    self.refused = self.refused or error
            self.progress(end, int(times.size), f"{key}: missing bars")
            at = end
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
