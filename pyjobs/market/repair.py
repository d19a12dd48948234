"""Gap repair of one series: the bars its market should have and the store lacks, asked for once, with few requests."""

from __future__ import annotations

from dataclasses import dataclass

from pyjobs.market.backfill import Progress, added
from pyjobs.market.bars import IntArray, SeriesKey
from pyjobs.market.exchanges import Source
from pyjobs.market.expected import ROUND_THE_CLOCK
from pyjobs.market.fetching import EMPTY_SETTLES_MS, Got, fetch_window
from pyjobs.market.gaps import Window, missing_bars, windows
from pyjobs.market.store import BarStore

BESIDE_MS = 15 * 86_400_000  # longer than any closure: so that the answer has bars before and after the gap


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
    that cannot be read is set aside first, and its bars are missing ones.
    Raises ExternalDataUnavailable with what came before it stored.
    """
    first, last = now_ms - lookback_ms, now_ms - EMPTY_SETTLES_MS
    newest_file = max((path.stem for path in store.files(key, first, last)), default=None)
    moved = store.set_aside_unreadable(key, first, last)
    newest = store.newest(key)
    if newest is not None and newest_file not in {path.stem for path in moved}:
        last = min(last, newest[0])
    gaps = missing_bars(store, key, source.market, first_ms=first, last_ms=last)
    before = int(store.confirmed_empty(key, start_ms=first, end_ms=last).size) if gaps.size else 0
    asked, done = _requests(gaps, key, source, now_ms), Got()
    for count, window in enumerate(asked, 1):
        done = added(done, fetch_window(store, key, source, window, now_ms=now_ms))
        progress(count, len(asked), f"{key}: {gaps.size} missing bars")
    left = missing_bars(store, key, source.market, first_ms=first, last_ms=last) if gaps.size else gaps
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


def _requests(gaps: IntArray, key: SeriesKey, source: Source, now_ms: int) -> list[Window]:
    """What to ask for: the fewest windows; where a market closes, with what stands beside them (see `_confirmed`)."""
    found = windows(gaps, key.timeframe, source.page_bars)
    if source.market == ROUND_THE_CLOCK:
        return found
    return [(first - BESIDE_MS, min(last + BESIDE_MS, now_ms)) for first, last in found]
