"""Series of which nothing comes any more: since when, and when they are asked for again."""

from __future__ import annotations

from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS, SeriesKey
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, expected_closes
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.times import utc_text
from utils.errors import BadDataError

FAR_MS = 21 * DAY_MS  # no market is closed for longer


def silent_since(store: BarStore, key: SeriesKey, market: str, now_ms: int) -> int | None:
    """The close of the first bar that should have come after the newest stored one; None before an hour has passed."""
    try:
        newest = store.newest(key)
    except BadDataError:  # a newest partition that cannot be read is fetched again
        return None
    if newest is None or now_ms - newest[0] < looks.SILENT_MS:
        return None
    step = TIMEFRAME_MS[key.timeframe]
    if market == ROUND_THE_CLOCK:
        since = newest[0] + step
    else:
        due = expected_closes(market, key.timeframe, newest[0] + 1, min(now_ms, newest[0] + FAR_MS))
        if not due.size:
            return None
        since = int(due[0])
    return since if now_ms - since >= looks.SILENT_MS else None


def resting(store: BarStore, key: SeriesKey, market: str, now_ms: int) -> str:
    """Why a series is not asked for yet, for a person; empty when it is."""
    since = silent_since(store, key, market, now_ms)
    known = looks.load(store, key) if since is not None else None
    if since is None or known is None or not looks.rests(known, since, now_ms):
        return ""
    again = known.asked_ms + looks.pause_ms(since, known.asked_ms)
    return f"{key}: silent since {utc_text(since)}; asked {utc_text(known.asked_ms)}, again after {utc_text(again)}"


def note_asked(store: BarStore, key: SeriesKey, market: str, now_ms: int) -> str:
    """It has been asked for; what to say of it when it is silent all the same."""
    since = silent_since(store, key, market, now_ms)
    if since is None:
        return ""
    looks.change(store, key, asked_ms=now_ms)
    return f"silent since {utc_text(since)}: asked ever less often (--start asks at once)"


def last_known(store: BarStore, key: SeriesKey, market: str, newest_ms: int, now_ms: int) -> int:
    """Up to which close everything is known of a series that is asked for in time order: bars, or that there is none.

    What was confirmed empty is asked for again by gap repair, and looked at again as all bars are.
    """
    if market != ROUND_THE_CLOCK or now_ms - newest_ms < looks.SILENT_MS:
        return newest_ms
    empty = store.confirmed_empty(key, start_ms=newest_ms)
    step = TIMEFRAME_MS[key.timeframe]
    if not empty.size or empty[0] != newest_ms + step:
        return newest_ms
    run = int((empty[1:] - empty[:-1] != step).argmax()) if (empty[1:] - empty[:-1] != step).any() else empty.size - 1
    return int(empty[run])
