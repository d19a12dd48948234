"""Bars that another machine has fetched, added to those here: what is stored stays, what is doubtful is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import COLUMNS, Bars, FloatArray, IntArray, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.basis import DIFFERENT, OLDEST
from pyjobs.market.store.partitions import Provenance
from pyjobs.market.times import utc_text
from utils.errors import BadDataError, LockBusyError

MOST_REVISED = 0.01  # of the shared closes; more that differ are no revisions, but another instrument's


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The result for one series: bars added, the same here, here with other numbers (those stay); or why none was."""

    key: SeriesKey
    added: int = 0
    same: int = 0
    kept: int = 0
    refused: str = ""


def take(store: BarStore, arrived: BarStore, key: SeriesKey) -> Arrival:
    """Add to `store` the final bars of the series that only `arrived` has, and the times that it confirmed empty.

    The series is refused whole where nothing shows that both are of one instrument on one basis: adjusted next to raw,
    prices a factor apart, many closes that differ, adjusted prices without a shared bar. A bar here is never changed.
    """
    try:
        bars, found = arrived.read(key), arrived.provenance(key)
        if found is None:
            return Arrival(key=key, refused="has no partition")
        bars = bars if found.last_final else bars.slice(0, max(0, len(bars) - 1))
        here, known = store.read(key), store.provenance(key)
        if known and not known.last_final:
            here = here.slice(0, max(0, len(here) - 1))  # it may still change, so a final one may take its place
        shared = _Shared.of(here, bars)
        if why := _doubt(here, bars, shared, known, found):
            return Arrival(key=key, refused=why)
        store.write(
            key, bars, provider=found.provider, fetched_at_ms=found.fetched_at_ms, adjusted=found.adjusted,
            last_final=True, empty=arrived.confirmed_empty(key), basis=known.basis if known else None, only_new=True,
        )  # fmt: skip
    except (BadDataError, LockBusyError) as error:
        return Arrival(key=key, refused=str(error))
    kept = int(shared.differ.sum())
    return Arrival(key=key, added=len(bars) - shared.times.size, same=shared.times.size - kept, kept=kept)


@dataclass(frozen=True, slots=True)
class _Shared:
    """Times that both have, whether any number differs there, and how many times as high the arrived closes are."""

    times: IntArray
    differ: npt.NDArray[np.bool_]
    ratio: FloatArray

    @property
    def apart(self) -> npt.NDArray[np.bool_]:
        """Where the closes differ by more than files round."""
        return np.abs(self.ratio - 1) > DIFFERENT

    @classmethod
    def of(cls, here: Bars, bars: Bars) -> _Shared:
        times, mine, theirs = np.intersect1d(here.ts_ms, bars.ts_ms, assume_unique=True, return_indices=True)
        columns = [getattr(here, name)[mine] != getattr(bars, name)[theirs] for name in COLUMNS]
        return cls(times, np.any(columns, axis=0), bars.close[theirs] / here.close[mine])


def _doubt(here: Bars, bars: Bars, shared: _Shared, known: Provenance | None, found: Provenance) -> str:
    """Why the two may not be one series; empty where they may."""
    if known is None or not len(here) or not len(bars):
        return ""
    if known.adjusted != found.adjusted:
        return f"the store here holds {known.adjusted} prices, those that arrived are {found.adjusted}; never mixed"
    if not shared.times.size:
        if found.adjusted == "raw":
            return ""
        return "no bar is in both, so nothing shows that the adjusted prices are on one basis"
    apart = shared.apart
    if int(apart.sum()) <= max(1, MOST_REVISED * shared.times.size):
        return ""
    oldest = shared.ratio[:OLDEST]
    if apart[0] and np.ptp(oldest) < DIFFERENT * oldest[0]:
        factor = float(np.median(oldest))
        return (
            f"what arrived is {factor:.6g} times as high: a split or a dividend apart; fetch the series again on this "
            "machine: ingest --start … --end …"
        )
    first = utc_text(int(shared.times[apart][0]))
    return f"{int(apart.sum())} of {shared.times.size} shared closes differ (the first: {first}): another instrument?"
