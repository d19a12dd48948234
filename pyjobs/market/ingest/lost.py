"""Bars that are lost for good: they came while no job asked, and are too old for their provider by now.

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

MOST = 200  # separate stretches; of more the nearest two become one


def note(store: BarStore, key: SeriesKey, market: str, window: Window) -> int:
    """Note the bars that lack in `window`, which its provider does not reach any more; how many those are."""
    times = missing_bars(store, key, market, first_ms=window[0], last_ms=window[1])
    if times.size:
        new = (int(times[0]), int(times[-1]))
        looks.change(store, key, lost=lambda old: _few((*old, new)))
    return int(times.size)


def still_lost(store: BarStore, key: SeriesKey, market: str) -> IntArray:
    """The closes of those that were noted and are not there yet, increasing. Raises BadDataError as the store does."""
    return np.unique(np.concatenate([NO_TIMES, *stretches(store, key, market)]))


def stretches(store: BarStore, key: SeriesKey, market: str) -> list[IntArray]:
    """The lost bars of each noted stretch that still lacks some, in order of time. Raises as `still_lost`."""
    known = looks.load(store, key)
    windows = sorted(known.lost) if known else []
    found = [missing_bars(store, key, market, first_ms=a, last_ms=b) for a, b in windows]
    return [times for times in found if times.size]


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
    """Each once, in order of time, overlapping ones as one, and the nearest two as one while there are too many."""
    found = list[Window]()
    for first, last in sorted(windows):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    while len(found) > MOST:
        at = min(range(len(found) - 1), key=lambda here: found[here + 1][0] - found[here][1])
        found[at : at + 2] = [(found[at][0], found[at + 1][1])]
    return tuple(found)
