"""One series looked at, partition by partition: what is wrong with it, what is only worth knowing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pyjobs.market.bars import EXTENDED, TIMEFRAME_MS, Bars, IntArray, SeriesKey
from pyjobs.market.checks import quality
from pyjobs.market.checks.splits import breaks
from pyjobs.market.desk.snapshot import is_stale
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, are_from_open, expected_closes, phase_of
from pyjobs.market.ingest.questions import EMPTY_FOR_SURE_MS
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import NO_TIMES, within, without
from pyjobs.market.store.folders import QUARANTINE, read_when_stable
from pyjobs.market.store.partitions import Partition, partition_name, partition_span, read_partition, runs
from pyjobs.market.times import utc_text
from utils.errors import BadDataError
from utils.files import os_files

Level = Literal["FAIL", "WARN", "note"]
BREAK = "adjustment break: the price jumps for good, as by a split"
SMALL_SPLIT = math.log(7 / 6)
SMALL_BREAK = "the price jumps for good on an ordinary day: news, or a split below 7 for 6"
TOGETHER, TOGETHER_SHARE = 4, 0.2  # series of one market that break at one time: the market fell, none was split
STALE_BARS, STALE_MS = 3, 900_000  # round the clock a series may be so far behind, whichever is more: minutes are quiet


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """`count` cases of one thing in one partition (`-`: the series as a whole); `first` is the close of the first."""

    series: str
    partition: str
    level: Level
    what: str
    count: int
    first: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A series, how many bars and partitions it has, and what was found; `market` None: its calendar is not known."""

    key: SeriesKey
    market: str | None
    partitions: int
    bars: int
    last: str
    flaws: tuple[Flaw, ...]


def inspect(store: BarStore, key: SeriesKey, market: str | None, *, now_ms: int) -> Inspected:
    """Everything that can be known about one series. Reads all of it; raises nothing about its content."""
    parts, flaws = read_when_stable(lambda: _read(store, key), lambda: store.partitions(key))
    flaws += _set_aside(store, key, parts)
    for name, part in parts.items():
        flaws += _impossible(key, name, part)
    if len({part.provenance.basis for part in parts.values()}) > 1:
        flaws.append(_flaw(key, "-", "FAIL", "prices of two bases (a split or dividend apart)", 1))
    empty = np.concatenate([NO_TIMES, *(part.empty for part in parts.values())])
    partitions, bars = len(parts), quality.usable([part.bars for part in parts.values()])
    parts.clear()  # the bars are held once
    flaws += _statistical(key, bars, market)
    if market is not None and len(bars):
        flaws += _calendar(key, market, bars, empty, now_ms)
    return Inspected(
        key=key,
        market=market,
        partitions=partitions,
        bars=len(bars),
        last=utc_text(int(bars.ts_ms[-1])) if len(bars) else "-",
        flaws=tuple(flaws),
    )


def without_crashes(found: Sequence[Inspected]) -> list[Inspected]:
    """`found`, where breaks that many series of a market have at one time are noted as the market's crash."""
    markets = Counter(one.market for one in found)
    times = Counter((one.market, flaw.first) for one in found for flaw in one.flaws if flaw.what == BREAK)
    crashes = {
        (market, first)
        for (market, first), count in times.items()
        if count >= TOGETHER and count >= TOGETHER_SHARE * markets[market]
    }

    def told(one: Inspected, flaw: Flaw) -> Flaw:
        if flaw.what != BREAK or (one.market, flaw.first) not in crashes:
            return flaw
        return replace(flaw, level="note", what="jump with many others at once: the market's, no split")

    return [replace(one, flaws=tuple(told(one, flaw) for flaw in one.flaws)) for one in found]


def failed(key: SeriesKey, market: str | None, error: Exception) -> Inspected:
    """A series that could not be looked at, which hides no other."""
    flaw = _flaw(key, "-", "FAIL", "cannot be looked at", 1, example=str(error))
    return Inspected(key=key, market=market, partitions=0, bars=0, last="-", flaws=(flaw,))


def _read(store: BarStore, key: SeriesKey) -> tuple[dict[str, Partition], list[Flaw]]:
    """The partitions by name, and what cannot be read."""
    parts: dict[str, Partition] = {}
    flaws: list[Flaw] = []
    for path in store.partitions(key):
        try:
            parts[path.stem] = read_partition(path, key)
        except (BadDataError, OSError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            why = str(error).partition(": ")[2] if isinstance(error, BadDataError) else str(error.strerror)
            flaws.append(_flaw(key, path.stem, "FAIL", "cannot be read", 1, example=why))
    return parts, flaws


def _flaw(
    key: SeriesKey, partition: str, level: Level, what: str, count: int, *, first: str = "", example: str = ""
) -> Flaw:
    return Flaw(series=str(key), partition=partition, level=level, what=what, count=count, first=first, example=example)


def _set_aside(store: BarStore, key: SeriesKey, parts: Collection[str]) -> Iterator[Flaw]:
    """The files in .quarantine/: a warning until a readable partition is in their place again."""
    for path in os_files.matching(store.folder(key) / QUARANTINE, "*"):
        name = path.name.partition(".")[0]
        replaced = name in parts
        cure = "fetched again since: remove it when you have looked" if replaced else "gap_repair fetches it again"
        what = "was set aside as unreadable"
        yield _flaw(key, name, "note" if replaced else "WARN", what, 1, example=f"{QUARANTINE}/{path.name}: {cure}")


def _impossible(key: SeriesKey, name: str, part: Partition) -> Iterator[Flaw]:
    bars = part.bars
    low, high = partition_span(key.timeframe, name)
    masks = quality.impossible(bars) | {"time of another partition": (bars.ts_ms < low) | (bars.ts_ms > high)}
    for what, mask in masks.items():
        yield from _masked(key, "FAIL", what, bars, mask, partition=name)


def _statistical(key: SeriesKey, bars: Bars, market: str | None) -> Iterator[Flaw]:
    yield from _masked(key, "note", "halt: no volume, one price", bars, quality.halts(bars))
    bad = quality.bad_prints(bars)
    yield from _masked(key, "WARN", "bad print: a price at which no trade can have been", bars, bad)
    good = Bars(**{name: getattr(bars, name)[~bad] for name in bars.__slots__}) if bad.any() else bars
    for at, factor in breaks(good, market):
        small = abs(math.log(factor)) < SMALL_SPLIT
        yield _flaw(
            key,
            partition_name(key.timeframe, int(good.ts_ms[at])),
            "note" if small else "WARN",
            SMALL_BREAK if small else BREAK,
            1,
            first=utc_text(int(good.ts_ms[at])),
            example=f"{good.close[at - 1]:.10g} then {good.close[at]:.10g} (times {factor:.3g})",
        )


def _calendar(key: SeriesKey, market: str, bars: Bars, empty: IntArray, now_ms: int) -> Iterator[Flaw]:
    if key.timeframe.endswith(EXTENDED):
        return  # no calendar has which bars of those hours there should be
    from_open = are_from_open(market, key.timeframe, bars.ts_ms)
    phase_ms = phase_of(market, key.timeframe, bars.ts_ms)
    expected = expected_closes(
        market, key.timeframe, int(bars.ts_ms[0]), int(bars.ts_ms[-1]), from_open=from_open, phase_ms=phase_ms
    )
    missing = without(without(expected, bars.ts_ms), empty)
    missing = missing[(missing <= now_ms - EMPTY_FOR_SURE_MS) | (missing > now_ms)]  # a quiet minute may still come
    yield from _by_partition(key, "WARN", "gap: missing by the market's calendar", missing)
    yield from _by_partition(key, "note", "confirmed empty by the provider", within(empty, 0, int(bars.ts_ms[-1])))
    known = bars.ts_ms[bars.ts_ms >= expected[0]] if expected.size else NO_TIMES
    yield from _by_partition(key, "WARN", "bar at a time the market does not close one", without(known, expected))
    last = int(bars.ts_ms[-1])
    late_ms = max(STALE_BARS * TIMEFRAME_MS[key.timeframe], STALE_MS)
    if (market == ROUND_THE_CLOCK and now_ms - last > late_ms) or is_stale(market, last, now_ms):
        yield _flaw(key, "-", "WARN", "stale: newer bars should be here", 1, first=utc_text(last))


def _masked(
    key: SeriesKey, level: Level, what: str, bars: Bars, mask: quality.Mask, *, partition: str = ""
) -> Iterator[Flaw]:
    """One flaw per partition that has a bar under `mask`, with the first of them as it is.

    `partition`: the one that all the bars are from; else they are increasing in time.
    """
    at = np.flatnonzero(mask)
    whole = [(partition, 0, at.size)] if at.size else []
    for name, start, stop in whole if partition else runs(key.timeframe, bars.ts_ms[at]):
        i = int(at[start])
        example = " ".join(f"{getattr(bars, column)[i]:.10g}" for column in ("open", "high", "low", "close", "volume"))
        yield _flaw(key, name, level, what, stop - start, first=utc_text(int(bars.ts_ms[i])), example=example)


def _by_partition(key: SeriesKey, level: Level, what: str, times: IntArray) -> Iterator[Flaw]:
    for name, start, stop in runs(key.timeframe, times):
        last = f"… {utc_text(int(times[stop - 1]))}" if stop - start > 1 else ""
        yield _flaw(key, name, level, what, stop - start, first=utc_text(int(times[start])), example=last)
