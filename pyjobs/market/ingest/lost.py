"""Bars that nobody can have any more: they came while no job asked, and are too old for their provider by now.

They are noted in the series' `.looks.json`, and health names them until they are there (from a file, or by another
provider) or a person takes them for lost (`gap_repair --accept-lost`); then they count as confirmed empty.
"""

from __future__ import annotations

import numpy as np

from pyjobs.market.bars import IntArray, SeriesKey
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.gaps import Window, missing_bars
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import NO_TIMES
from pyjobs.market.store.merge import joined

MOST = 20  # stretches that are told apart; more become one


def note(store: BarStore, key: SeriesKey, market: str, window: Window) -> int:
    """Note the bars that lack in `window`, which its provider does not reach any more; how many those are."""
    times = missing_bars(store, key, market, first_ms=window[0], last_ms=window[1])
    if times.size:
        new = (int(times[0]), int(times[-1]))
        looks.change(store, key, lost=lambda old: _few((*old, new)))
    return int(times.size)


def still_lost(store: BarStore, key: SeriesKey, market: str) -> IntArray:
    """The closes of those that were noted and are not there yet, increasing. Raises BadDataError as the store does."""
    known = looks.load(store, key)
    found = [missing_bars(store, key, market, first_ms=a, last_ms=b) for a, b in known.lost] if known else []
    return np.unique(np.concatenate([NO_TIMES, *found]))


def accept(store: BarStore, key: SeriesKey, market: str, now_ms: int) -> int:
    """Take them for bars that there are not; how many those are. Raises as `BarStore.write`."""
    times, about = still_lost(store, key, market), store.provenance(key)
    if times.size and about is not None:
        store.write(
            key, joined([]), provider=about.provider, fetched_at_ms=now_ms, adjusted=about.adjusted,
            last_final=about.last_final, empty=times,
        )  # fmt: skip
    looks.change(store, key, lost=())
    return int(times.size)


def _few(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    each = tuple(dict.fromkeys(windows))
    if len(each) <= MOST:
        return each
    return ((min(first for first, _ in each), max(last for _, last in each)),)
