"""Ingest of one series: a range asked for, or what has come since; killed at any moment, `--resume` finishes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import msgspec

from pyjobs.market.bars import TIMEFRAME_MS, SeriesKey
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK
from pyjobs.market.ingest.fetching import fetch_window
from pyjobs.market.ingest.gaps import Window
from pyjobs.market.ingest.lost import note as note_lost
from pyjobs.market.ingest.questions import EMPTY_FOR_SURE_MS, Got, is_an_answer
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.ingest.silence import last_known
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.partitions import partition_span
from pyjobs.market.times import utc_text
from utils.errors import BadDataError, ExternalDataUnavailable
from utils.files import os_files
from utils.files.atomic import sync_directory, write_bytes

RESUME_OVERLAP_BARS = 5
TASK = ".backfill.json"
Progress = Callable[[int, int, str], None]
"""Called after each request with (bars of time done, bars of time in all, what it is)."""


class Task(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range that was begun: bars that close from `start_ms` to `end_ms`; `next_ms` is the first not asked for yet."""

    start_ms: int
    end_ms: int
    next_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of an ingest of one series. `set_aside`: unreadable partitions that were moved away and fetched again.

    `first`: nothing of the series was stored before. `too_old`: the provider's answer about an older
    stretch that lies longer ago than it has bars of; else empty. `lost`: how many bars since the newest
    stored one are missing because of that.
    """

    got: Got
    first_ms: int
    last_ms: int
    set_aside: tuple[str, ...] = ()
    first: bool = False
    too_old: str = ""
    lost: int = 0

    @property
    def not_had(self) -> str:
        """The bars that are not available, and why, as the end of a line about the series; empty without any."""
        what = f"{self.lost} bars since the last run can no longer" if self.lost else "what is older cannot"
        return f"; {what} be had ({self.too_old})" if self.too_old else ""


def ingest_range(
    store: BarStore,
    key: SeriesKey,
    source: SeriesSource,
    *,
    start_ms: int,
    end_ms: int,
    now_ms: int,
    progress: Progress,
) -> Report:
    """Fetch every bar that closes from `start_ms` to `end_ms`, over what is stored; remembered until it is done."""
    task = Task(start_ms=start_ms, end_ms=end_ms, next_ms=start_ms)
    _save(store.folder(key), store, key, task)
    return _not_nothing(store, key, _finish(store, key, source, task, now_ms=now_ms, progress=progress))


def given_up(store: BarStore, key: SeriesKey, start_ms: int, end_ms: int) -> str:
    """A warning that this range replaces an unfinished earlier one; '' if there is none."""
    earlier = read_task(store.folder(key))
    if earlier is None or (start_ms <= earlier.next_ms and earlier.end_ms <= end_ms):
        return ""
    rest = f"{utc_text(earlier.next_ms - 1)} to {utc_text(earlier.end_ms)}"
    return f"{key}: an earlier range was not finished, and this one takes its place; not fetched of it: {rest}"


def ingest_resume(
    store: BarStore, key: SeriesKey, source: SeriesSource, *, lookback_ms: int, now_ms: int, progress: Progress
) -> Report:
    """Finish the range that was begun, if any; else fetch from the newest stored bar to now (`lookback_ms` if none).

    Where the provider has bars of a part of it only, those are stored, and the rest is `too_old`.
    """
    task = read_task(store.folder(key))
    if task:
        return _not_nothing(store, key, _finish(store, key, source, task, now_ms=now_ms, progress=progress))
    newest, moved = newest_readable(store, key)
    step = TIMEFRAME_MS[key.timeframe]
    if newest:
        refuse_clock_behind(key, newest[0], now_ms)
    start = now_ms - lookback_ms
    if newest:
        start = last_known(store, key, source.market, newest[0], now_ms) - RESUME_OVERLAP_BARS * step
    due = looks.to_look_at(key, looks.load(store, key), now_ms) if newest else {}
    start, apart = together(source, key, start, now_ms, due.values())
    got, refused = _fetch(store, key, source, start, now_ms, now_ms, progress, lambda _: None)
    if refused is not None and not got.bars:
        raise refused
    for first, last in apart:  # what is too long ago by now is not looked at
        got = added(got, _fetch(store, key, source, first, last, now_ms, progress, lambda _: None)[0])
    looks.note_looked(store, key, now_ms, due)
    since = (newest[0] + 1, now_ms - EMPTY_FOR_SURE_MS) if newest else None  # the last minutes may still come
    lost = note_lost(store, key, source.market, since) if since and refused is not None else 0
    why = refused.detail if refused is not None and (lost or not newest) else ""
    done = Report(
        got=got, first_ms=start, last_ms=now_ms, set_aside=moved, first=newest is None, too_old=why, lost=lost
    )
    return _not_nothing(store, key, done)


def together(
    source: SeriesSource, key: SeriesKey, start: int, now_ms: int, again: Iterable[Window]
) -> tuple[int, list[Window]]:
    """From where one request to now also brings what is to be looked at `again`; and the stretches it does not."""
    longest = min(source.page_bars * TIMEFRAME_MS[key.timeframe], source.page_ms(key.timeframe))
    begins, apart = start, []
    for first, last in sorted(again, reverse=True):
        if now_ms - first < longest:
            begins = min(begins, first)
        elif first < begins:
            apart.append((first, min(last, begins - 1)))
    return begins, apart


def _not_nothing(store: BarStore, key: SeriesKey, done: Report) -> Report:
    """The report. Raises ExternalDataUnavailable if the provider returned no bar and none is stored."""
    if done.got.requests and not done.got.bars and store.provenance(key) is None:
        detail = f"no bar from {utc_text(done.first_ms)} to {utc_text(done.last_ms)}: is that what it is called there?"
        raise ExternalDataUnavailable("no_data", provider=key.exchange, symbol=key.symbol, detail=detail)
    return done


def refuse_clock_behind(key: SeriesKey, newest_ms: int, now_ms: int) -> None:
    """Raises BadDataError when a bar is stored that by this clock cannot have closed yet."""
    if newest_ms > now_ms + TIMEFRAME_MS[key.timeframe]:
        raise BadDataError(
            f"{key}: the newest stored bar closes {utc_text(newest_ms)}, but the clock shows {utc_text(now_ms)}: "
            "set the clock right; nothing was asked for"
        )


def read_task(folder: Path) -> Task | None:
    """The range an earlier run began and did not finish; a torn file counts as none."""
    try:
        return msgspec.json.decode(os_files.held_bytes(folder / TASK), type=Task)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError, RecursionError):
        return None


def _finish(
    store: BarStore, key: SeriesKey, source: SeriesSource, task: Task, *, now_ms: int, progress: Progress
) -> Report:
    folder = store.folder(key)
    end = min(task.end_ms, now_ms)
    moved = store.set_aside_unreadable(key, task.start_ms, end)
    spans = [partition_span(key.timeframe, path.stem) for path in moved]
    done = Got()
    for first, last in _outside(spans, task.start_ms, end):
        done = added(done, _all(_fetch(store, key, source, first, min(last, now_ms), now_ms, progress, lambda _: None)))
    again = [first for first, _ in spans if task.start_ms <= first < task.next_ms]

    def reached(next_ms: int) -> None:
        _save(folder, store, key, Task(start_ms=task.start_ms, end_ms=task.end_ms, next_ms=next_ms))

    try:
        rest = _fetch(store, key, source, min([task.next_ms, *again]), end, now_ms, progress, reached)
        done = added(done, _all(rest))
    except ExternalDataUnavailable as error:
        if is_an_answer(error):
            _forget(folder)
        raise
    looks.note_looked(store, key, now_ms, {})  # from its first bars on
    _forget(folder)
    return Report(got=done, first_ms=task.start_ms, last_ms=end, set_aside=tuple(path.name for path in moved))


def _forget(folder: Path) -> None:
    (folder / TASK).unlink(missing_ok=True)
    sync_directory(folder)


def _fetch(
    store: BarStore,
    key: SeriesKey,
    source: SeriesSource,
    first: int,
    last: int,
    now_ms: int,
    progress: Progress,
    reached: Callable[[int], None],
) -> tuple[Got, ExternalDataUnavailable | None]:
    """Page after page, oldest first, so that memory stays flat and a kill loses one page; and what was too old."""
    step = TIMEFRAME_MS[key.timeframe]
    on_grid = source.market == ROUND_THE_CLOCK  # elsewhere bars may be counted from the open of a session
    total, done, refused = max(0, (last - first) // step + 1), Got(), None
    cut = list(pages(first, last, min(source.page_bars * step, source.page_ms(key.timeframe))))
    for start, stop in cut:
        begins = -(-start // step) * step if on_grid else start  # else a page would have a slot too many
        if begins <= stop:
            try:
                done = added(done, fetch_window(store, key, source, (begins, stop), now_ms=now_ms))
            except ExternalDataUnavailable as error:
                if not is_an_answer(error):
                    raise
                if store.provenance(key) is None:  # unknown, or not so long ago: the newest page shows it
                    if stop == last or refused is not None:
                        raise
                    done = added(done, fetch_window(store, key, source, cut[-1], now_ms=now_ms))
                refused = refused or error  # too long ago for it: that does not keep the newer ones from coming
        reached(stop + 1)
        progress((stop - first) // step + 1, total, f"{key} up to {utc_text(stop)}")
    return done, refused


def _all(fetched: tuple[Got, ExternalDataUnavailable | None]) -> Got:
    """The fetched bars, when nothing was refused; else that error is raised, with what is stored all the same."""
    done, refused = fetched
    if refused is None:
        return done
    if not done.bars:
        raise refused
    detail = f"{refused.detail}; what it has of the range asked for is stored"
    raise ExternalDataUnavailable(refused.kind, provider=refused.provider, symbol=refused.symbol, detail=detail)


def pages(first: int, last: int, span_ms: int) -> Iterator[Window]:
    """[first, last] cut into spans of `span_ms`, on whole multiples of it, so that every run cuts alike."""
    start = first
    while start <= last:
        stop = min((start - 1) // span_ms * span_ms + span_ms, last)
        yield start, stop
        start = stop + 1


def added(one: Got, other: Got) -> Got:
    """The sum of both."""
    sums = {f.name: getattr(one, f.name) + getattr(other, f.name) for f in fields(Got) if f.name != "rebased"}
    return Got(**sums, rebased=one.rebased or other.rebased)  # of `lines`, which is a tuple, all in turn


def _outside(spans: list[Window], first: int, last: int) -> Iterator[Window]:
    """The parts of `spans` before `first` and after `last`: what a partition that was set aside held besides."""
    for start, stop in spans:
        if start < first:
            yield start, first - 1
        if stop > last:
            yield last + 1, stop


def newest_readable(store: BarStore, key: SeriesKey) -> tuple[tuple[int, bool] | None, tuple[str, ...]]:
    """Set the newest partition aside when it cannot be read, and so on; `store.newest` after that, and their names."""
    moved: list[str] = []
    with suppress(BadDataError):
        return store.newest(key), ()
    while files := store.partitions(key):
        first, last = partition_span(key.timeframe, files[-1].stem)
        names = [path.name for path in store.set_aside_unreadable(key, first, last)]
        if not names:
            break
        moved += names
    return store.newest(key), tuple(moved)


def new_bars(store: BarStore, key: SeriesKey, start_ms: int | None = None) -> Callable[[], int]:
    """Made before bars are fetched; counts afterwards how many were not there before.

    `start_ms` (UTC) is from where they are fetched; None: on from the newest that is stored.
    """
    since, before = start_ms, 0
    with suppress(BadDataError):  # of a partition that cannot be read: it is set aside, and all that comes is new
        newest = store.newest(key)
        since = start_ms if start_ms is not None else newest[0] + 1 if newest else None
        before = len(store.read(key, start_ms=since)) if newest and since is not None else 0
    return lambda: len(store.read(key, start_ms=since)) - before


def _save(folder: Path, store: BarStore, key: SeriesKey, task: Task) -> None:
    with store.writing(key):
        write_bytes(folder / TASK, msgspec.json.encode(task) + b"\n")
