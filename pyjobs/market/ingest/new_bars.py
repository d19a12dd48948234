"""How many bars a fetch has added: what is asked for again, to be compared with what is stored, is none of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from utils.errors import BadDataError


def counter(store: BarStore, key: SeriesKey, start_ms: int | None = None) -> Callable[[], int]:
    """Made before bars are fetched; tells how many there are then that were not there before.

    `start_ms` (UTC) is from where they are fetched; None: on from the newest that is stored.
    """
    since, before = start_ms, 0
    with suppress(BadDataError):  # of a partition that cannot be read: it is set aside, and all that comes is new
        newest = store.newest(key)
        since = start_ms if start_ms is not None else newest[0] + 1 if newest else None
        before = len(store.read(key, start_ms=since)) if newest and since is not None else 0
    return lambda: len(store.read(key, start_ms=since)) - before
