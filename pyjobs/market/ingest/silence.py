"""Series without trades: since when, and when they are asked for again."""

from __future__ import annotations

import numpy as np

from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS, SeriesKey
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, expected_closes
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.partitions import partition_span
from pyjobs.market.times import utc_text
from utils.errors import BadDataError

FAR_MS = 21 * DAY_MS  # no market is closed for longer


def last_trade(store: BarStore, key: SeriesKey) -> int | None:
    """The close of the newest bar with a trade; the oldest bar's where there was none, None without a bar.

    A bar without volume at one price, that of the bar before it, is none: some exchanges go on sending those for a
    pair that is dead. Opens files from the newest on, until one has a trade. Raises BadDataError.
    """
    first = None
    for path in reversed(store.partitions(key)):
        low, high = partition_span(key.timeframe, path.stem)
        bars = store.read(key, start_ms=low, end_ms=high)
        if not len(bars):
            continue
        moved = (bars.volume > 0) | (bars.high > bars.low)
        moved[1:] |= bars.close[1:] != bars.close[:-1]
        if moved.any():
            return int(bars.ts_ms[np.flatnonzero(moved)[-1]])
        first = int(bars.ts_ms[0])
    return first


def silent_since(
    store: BarStore, key: SeriesKey, market: str, now_ms: int, *, silent_ms: int = looks.HOUR_MS
) -> int | None:
    """The close of the first bar that should have had a trade after the newest that had one.

    None before `silent_ms` have passed.
    """
    try:
        newest = last_trade(store, key)
    except BadDataError:  # a newest partition that cannot be read is fetched again
        return None
    if newest is None or now_ms - newest < silent_ms:
        return None
    step = TIMEFRAME_MS[key.timeframe]
    if market == ROUND_THE_CLOCK:
        since = newest + step
    else:
        due = expected_closes(market, key.timeframe, newest + 1, min(now_ms, newest + FAR_MS))
        if not due.size:
            return None
        since = int(due[0])
    return since if now_ms - since >= silent_ms else None


def resting(store: BarStore, key: SeriesKey, source: SeriesSource, now_ms: int) -> str:
    """Why a series is not asked for yet, for a person; empty when it is."""
    since = silent_since(store, key, source.market, now_ms, silent_ms=source.silent_ms)
    known = looks.load(store, key) if since is not None else None
    if since is None or known is None or not looks.rests(known, since, now_ms):
        return ""
    again = known.asked_ms + looks.pause_ms(since, known.asked_ms)
    return f"{key}: silent since {utc_text(since)}; asked {utc_text(known.asked_ms)}, again after {utc_text(again)}"


def note_asked(
    store: BarStore, key: SeriesKey, source: SeriesSource, now_ms: int, *, hint: str = " (--start asks for it at once)"
) -> str:
    """It has been asked for; return the line about it where it is silent still. `hint`: what a person can do."""
    since = silent_since(store, key, source.market, now_ms, silent_ms=source.silent_ms)
    if since is None:
        return ""
    looks.change(store, key, asked_ms=now_ms)
    return f"silent since {utc_text(since)}: asked for less and less often{hint}"


def last_known(store: BarStore, key: SeriesKey, market: str, newest_ms: int, now_ms: int) -> int:
    """Up to which close everything is known of a series that is asked for in time order: bars, or that there is none.

    What was confirmed empty is asked for again by gap repair, and looked at again as all bars are.
    """
    if market != ROUND_THE_CLOCK or now_ms - newest_ms < looks.HOUR_MS:
        return newest_ms
    empty = store.confirmed_empty(key, start_ms=newest_ms)
    step = TIMEFRAME_MS[key.timeframe]
    if not empty.size or empty[0] != newest_ms + step:
        return newest_ms
    run = int((empty[1:] - empty[:-1] != step).argmax()) if (empty[1:] - empty[:-1] != step).any() else empty.size - 1
    return int(empty[run])
