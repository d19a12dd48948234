"""A dump compared with its stored series: what is new, changed, the same and left; never two bases.

The dump of a desk is the truth of its series from its first to its last bar; later bars are the exchange's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pyjobs.market.bars import COLUMNS, TIMEFRAME_MS, Bars, IntArray, SeriesKey
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.read_dump import Dump
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import NO_TIMES, within, without
from pyjobs.market.store.merge import joined, merged
from pyjobs.market.times import utc_text
from utils.errors import BadDataError

PROVIDER = "local_cache"
CHANGED = 1e-6  # relative; a price that differs by less was rounded
RESCALED = 0.01  # all prices by one factor that is further from 1 than this: not corrected, but on another basis
FEWEST = 3  # shared bars that prove a basis
SEEN, ALIKE, FARTHEST_MS = 500, 0.8, 14 * 3_600_000  # how bars of another clock are looked for, and how far away
OTHER_TIMES = 0.5  # of the stored bars that the file has at other times, when its clock was read otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The result of an import: bars of the file that were new, changed or the same; stored ones it lacks (`left`).

    `gone`: of these, how many went. `rebased`: the whole series was put on the file's basis. `unconfirmed`: the close
    of the newest bar, until a later row or a file written later has it, too; None when it is confirmed.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    left: int = 0
    gone: int = 0
    rebased: bool = False
    unconfirmed: int | None = None
    partitions: list[Path] = field(default_factory=list)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Beside:
    """The file's bars and the stored ones of the same stretch; `at_old` and `at_new` pair those of one time."""

    old: Bars
    at_old: IntArray
    at_new: IntArray
    new: IntArray
    changed: IntArray
    left: IntArray


def bring_in(dump: Dump, instrument: Instrument, store: BarStore, *, now_ms: int) -> Stored:
    """Store the bars of `dump`. Raises BadDataError, with nothing stored, where two bases or two clocks would meet."""
    key, bars = instrument.key, dump.bars
    old, torn = _stored(store, key, bars)
    known = store.provenance(key)
    if known is not None and known.adjusted != instrument.prices and len(old):
        raise BadDataError(
            f"{key}: the store holds {known.adjusted} prices, these are {instrument.prices}; never mixed"
        )
    other = _compared(old, bars)
    outside = len(old) - len(within(old.ts_ms, int(bars.ts_ms[0]), int(bars.ts_ms[-1])))
    _refuse_other_times(instrument, other, old, bars, store)
    scaled = _other_basis(instrument, other, bars)
    if scaled and instrument.fetched and not other.new.size and not instrument.complete:
        return Stored(same=int(other.at_new.size), left=int(other.left.size))  # re-based by its exchange since
    before = int((old.ts_ms < bars.ts_ms[0]).sum())
    if scaled and (outside or other.left.size) and not (instrument.complete and before == outside):
        raise _two_bases(instrument, scaled, other, outside, store)
    final = _is_final(dump, store, instrument, now_ms)
    gone = other.left.size + before if instrument.complete else 0
    if len(old) and (scaled or gone):
        later = old.slice(int(np.searchsorted(old.ts_ms, bars.ts_ms[-1], side="right")), len(old))
        kept = joined([later]) if instrument.complete else old
        partitions = store.rebase(
            key,
            merged(kept, bars),
            provider=PROVIDER,
            fetched_at_ms=now_ms,
            last_final=final or bool(len(later)),
            whole=not gone,
        )
    else:
        partitions = store.write(
            key, bars, provider=PROVIDER, fetched_at_ms=now_ms, adjusted=instrument.prices, last_final=final
        )
    return Stored(
        new=int(other.new.size), changed=int(other.changed.size), left=int(other.left.size), gone=gone,
        same=int(other.at_new.size - other.changed.size), rebased=bool(scaled and len(old)), partitions=partitions,
        unconfirmed=_unconfirmed(store, instrument, bars),
        findings=(*torn, *_findings(other, before, bars, gone=gone)),
    )  # fmt: skip


def _stored(store: BarStore, key: SeriesKey, bars: Bars) -> tuple[Bars, list[Finding]]:
    """The series' bars. An unreadable file of the stretch that `bars` replace is moved aside and named."""
    try:
        return store.read(key), []
    except BadDataError:
        moved = store.set_aside_unreadable(key, int(bars.ts_ms[0]), int(bars.ts_ms[-1]))
        if not moved:
            raise
    what = "stored file that could not be read: moved to .quarantine, its time is the file's now"
    return store.read(key), [Finding(what=what, count=len(moved), first=moved[0].stem, example=str(moved[0]))]


def _compared(old: Bars, bars: Bars) -> _Beside:
    first, last = int(bars.ts_ms[0]), int(bars.ts_ms[-1])
    start, stop = np.searchsorted(old.ts_ms, first), np.searchsorted(old.ts_ms, last, side="right")
    old = old.slice(int(start), int(stop))
    if len(old) == len(bars) and np.array_equal(old.ts_ms, bars.ts_ms):
        at_old = at_new = np.arange(len(bars))
    else:
        _, at_old, at_new = np.intersect1d(old.ts_ms, bars.ts_ms, assume_unique=True, return_indices=True)
    differ = np.zeros(at_old.size, bool)
    for name in COLUMNS[1:]:
        differ |= getattr(old, name)[at_old] != getattr(bars, name)[at_new]
    return _Beside(
        old=old, at_old=at_old, at_new=at_new, new=without(bars.ts_ms, old.ts_ms), left=without(old.ts_ms, bars.ts_ms),
        changed=bars.ts_ms[at_new[differ]] if at_new.size else NO_TIMES,
    )  # fmt: skip


def _refuse_other_times(instrument: Instrument, other: _Beside, whole: Bars, bars: Bars, store: BarStore) -> None:
    """Refuse a file read by another clock than the stored bars: those would stay between its bars, or next to them."""
    old = len(other.old)
    if len(whole) < FEWEST or instrument.complete:
        return
    doubtful = other.changed.size > OTHER_TIMES * other.at_new.size or not other.at_new.size
    if old >= FEWEST and other.left.size > OTHER_TIMES * old:
        what = (
            f"{other.left.size} of {old} stored bars of this stretch are at times that the file lacks (the first: "
            f"{utc_text(int(other.left[0]))})"
        )
    elif doubtful and (shift := _shift_ms(instrument, whole, bars)):
        what = f"the file's bars stand in the store {abs(shift) / 3_600_000:g} h {'later' if shift > 0 else 'earlier'}"
    else:
        return
    raise BadDataError(
        f"{instrument.key}: {what}: was `zone`, `layout` or `timeframe` changed? Nothing was stored; "
        f"`complete: true` replaces them, or move {store.folder(instrument.key)} away"
    )


def _shift_ms(instrument: Instrument, old: Bars, bars: Bars) -> int:
    """By how much the stored bars of the same closes are later than the file's; 0 when they are not shifted."""
    bars, step = bars.slice(max(0, len(bars) - SEEN), len(bars)), TIMEFRAME_MS[instrument.timeframe]
    most = max(FARTHEST_MS // step, 1)
    for steps in (sign * count for count in range(1, most + 1) for sign in (1, -1)):
        at = np.minimum(np.searchsorted(old.ts_ms, bars.ts_ms + steps * step), len(old) - 1)
        both = old.ts_ms[at] == bars.ts_ms + steps * step
        alike = both & (old.close[at] == bars.close) & (old.open[at] == bars.open)
        if both.sum() >= FEWEST and alike.sum() > ALIKE * both.sum():
            return steps * step
    return 0


def _other_basis(instrument: Instrument, other: _Beside, bars: Bars) -> float:
    """By what the file's prices differ from the stored ones where that is another basis; 0 where it is not."""
    if other.at_old.size < 2:
        return 0.0
    ratio = bars.close[other.at_new] / other.old.close[other.at_old]
    moved = np.abs(ratio - 1) > CHANGED
    if not moved.any():
        return 0.0
    factor = float(np.median(ratio[moved]))
    if instrument.prices != "raw":
        return factor if bool(moved.sum() * 2 > ratio.size or moved[:2].all()) else 0.0
    far = abs(factor - 1) > RESCALED and moved.sum() * 2 > ratio.size
    alike = np.ptp(ratio[moved]) < RESCALED * abs(factor - 1)
    return factor if far and (alike or ratio.size < FEWEST) else 0.0


def _two_bases(instrument: Instrument, factor: float, other: _Beside, outside: int, store: BarStore) -> BadDataError:
    rest = outside + other.left.size
    cure = "Bring a file of the whole history" + ("" if instrument.complete else ", set `complete: true`")
    return BadDataError(
        f"{instrument.key}: the closes in {instrument.file!r} are {factor:.6g} times those that are stored "
        f"({other.at_old.size} shared): a split, a dividend or another unit, and {rest} stored bars are not in it; "
        f"two bases would meet, so nothing was stored. {cure}, take the instrument's `file` out of the desk, or move "
        f"{store.folder(instrument.key)} away"
    )


def _is_final(dump: Dump, store: BarStore, instrument: Instrument, now_ms: int) -> bool:
    """Whether the newest bar of the dump needs no confirmation any more.

    It does unless the store has a later one, or has the same bar from an import before this file was written.
    """
    newest = store.newest(instrument.key)
    last = int(dump.bars.ts_ms[-1])
    if newest is None or newest[0] < last:
        return False
    if newest[0] > last or newest[1]:
        return True
    known = store.provenance(instrument.key)
    stored = store.read(instrument.key, start_ms=last, end_ms=last)
    same = all(getattr(stored, name)[-1] == getattr(dump.bars, name)[-1] for name in COLUMNS)
    return bool(same and known is not None and known.fetched_at_ms < dump.written_ms <= now_ms)


def _unconfirmed(store: BarStore, instrument: Instrument, bars: Bars) -> int | None:
    newest = store.newest(instrument.key)
    return newest[0] if newest is not None and not newest[1] and newest[0] == bars.ts_ms[-1] else None


def _findings(other: _Beside, before: int, bars: Bars, *, gone: int) -> list[Finding]:
    found = []
    if other.changed.size:
        at = int(np.searchsorted(bars.ts_ms, other.changed[0]))
        was = other.old.close[np.searchsorted(other.old.ts_ms, other.changed[0])]
        example = f"close {was:.10g} -> {bars.close[at]:.10g}"
        what = "stored bar changed by the file"
        found.append(
            Finding(what=what, count=other.changed.size, first=utc_text(int(other.changed[0])), example=example)
        )
    if other.left.size:
        what = "stored bar that the file lacks: " + ("gone" if gone else "left (`complete: true` lets it go)")
        times = f"… {utc_text(int(other.left[-1]))}"
        found.append(Finding(what=what, count=other.left.size, first=utc_text(int(other.left[0])), example=times))
    if gone > other.left.size:
        what = "stored bar before the file's first: gone"
        found.append(Finding(what=what, count=before, first="", example=""))
    return found
