"""data/universe/<exchange>.boards.json: which sessions were looked at again, which could not be, and what was found.

Without the file, or with one that cannot be read, the looks start again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pyjobs.market.desk import listings
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.for_each_series import foreseen
from utils import paths, trading_day
from utils.errors import LockBusyError
from utils.files import os_files
from utils.files.atomic import sweep, write_bytes
from utils.files.job_lock import job_lock

AGES = {"session": 1, "week": 5, "month": 20}  # in sessions
LOCK_TIMEOUT_S = 10.0
MOST = 9  # sessions a job looks at: after a pause of weeks the newest of those that are due
MOST_LINES = 100  # sentences that wait for a reader; of more the newest stay
LATE = 5  # sessions that may wait to be looked at before health says so


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of looks that are not reported yet: how many bars were revised, and which, a sentence each.

    A board that could not be looked at is there as well: the log of a night that is well is not read.
    """

    revised: int = 0
    lines: tuple[str, ...] = msgspec.field(default=(), name="told")

    def with_more(self, *, revised: Sequence[str], lines: Sequence[str]) -> Found:
        """Both: this, and what another look has found; a bar that a killed one has reported already counts once."""
        both = tuple(dict.fromkeys((*self.lines, *revised, *lines)))
        return Found(revised=self.revised + len({*revised} - {*self.lines}), lines=both[-MOST_LINES:])

    def without(self, printed: Found) -> Found:
        """The part of this that is not printed yet."""
        lines = tuple(entry for entry in self.lines if entry not in printed.lines)
        return Found(revised=max(0, self.revised - printed.revised), lines=lines)


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A session that could not be looked at: since when, and when it was last asked for (0: it was not asked for)."""

    since_ms: int
    asked_ms: int = 0

    def due(self, now_ms: int) -> bool:
        """Whether it is due: at once where no provider was asked, else after an hour, a day, a week, a month."""
        return not self.asked_ms or looks.interval_over(self.since_ms, self.asked_ms, now_ms)

    @property
    def stands(self) -> bool:
        """Whether it has been asked for after the longest interval: its stored bars are final."""
        return looks.intervals_through(self.since_ms, self.asked_ms)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The file. `looked`: by age, the last session that was looked at when it was so old. `tried`: those that could
    not be. `found` is for the next fetch's report, `pages` for the next end of day's of each desk, and `for_page` for
    that of a desk that has had none yet."""

    looked: dict[str, dt.date] = {}
    tried: dict[dt.date, Tried] = {}
    found: Found = Found()
    for_page: Found = Found()
    pages: dict[str, Found] = {}

    def page_of(self, desk: str) -> Found:
        """The lines for the next page of a desk."""
        return self.pages.get(desk, self.for_page)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The sessions to be looked at, oldest first, and what is to be noted when that is done."""

    sessions: tuple[dt.date, ...]
    looked: dict[str, dt.date]


def due(exchange: str, market: str, last: dt.date, now_ms: int) -> Due:
    """What is to be looked at by the session `last`, the newest one that is ready; nothing where an age is new."""
    known, days = load(exchange), _sessions(market, last)
    looked, found = dict[str, dt.date](), {day for day, one in known.tried.items() if one.due(now_ms)}
    for age, back in AGES.items():
        if len(days) > back:
            looked[age] = days[-1 - back]
            since = known.looked.get(age, looked[age])
            found |= {day for day in days[: len(days) - back] if day > since}
    return Due(sessions=tuple(sorted(found)[-MOST:]), looked={**known.looked, **looked})


def late(exchange: str, market: str, last: dt.date) -> list[dt.date]:
    """The sessions before `last` with kept boards that no job has looked at again; oldest first."""
    days = set(_sessions(market, last)[:-1]) & set(listings.sessions_kept(exchange))
    since = load(exchange).looked.get("session")
    return sorted(day for day in days if since is None or day > since)


def after(
    known: Mapping[dt.date, Tried], asked: Sequence[dt.date], failed: Mapping[dt.date, bool], now_ms: int
) -> tuple[dict[dt.date, Tried], list[dt.date]]:
    """What is known of sessions that cannot be looked at after `asked` were tried, and which of them stand from now on.

    `failed`: those that failed, and whether anybody was asked.
    """
    left = {day: one for day, one in known.items() if day not in asked}
    stand = []
    for day, was_asked in failed.items():
        before = known.get(day, Tried(since_ms=now_ms))
        begun = before if before.asked_ms or not was_asked else Tried(since_ms=now_ms)
        begun = msgspec.structs.replace(begun, since_ms=min(begun.since_ms, now_ms))  # of a clock that was ahead
        left[day] = msgspec.structs.replace(begun, asked_ms=now_ms) if was_asked else begun
        if left[day].stands:
            stand.append(day)
            del left[day]
    return left, stand


def take_found(exchange: str, printed: Found | None = None) -> Found:
    """What looks have found since the last report of a fetch; it is reported once, by whichever job takes it.

    `printed`: no more is removed than was printed; what another job has found meanwhile stays.
    """

    def left(known: Known) -> Known:
        return msgspec.structs.replace(known, found=known.found.without(printed or known.found))

    known = load(exchange)
    return change(exchange, left).found if known.found != Found() else known.found


def take_for_page(exchange: str, desk: str, printed: Found | None = None) -> Found:
    """As `take_found`, for the page of the end of day of one desk: each has them once."""

    def left(known: Known) -> Known:
        taken = printed or known.page_of(desk)
        pages = {**known.pages, desk: known.page_of(desk).without(taken)}
        return msgspec.structs.replace(known, pages=pages, for_page=known.for_page.without(taken))

    return change(exchange, left).page_of(desk)


def with_news(known: Known, *, revised: Sequence[str] = (), lines: Sequence[str] = ()) -> Known:
    """`known`, and what a look has found, for each of its readers; `revised`: a sentence for each such bar."""
    found, for_page = (each.with_more(revised=revised, lines=lines) for each in (known.found, known.for_page))
    pages = {desk: each.with_more(revised=revised, lines=lines) for desk, each in known.pages.items()}
    return msgspec.structs.replace(known, found=found, for_page=for_page, pages=pages)


def load(exchange: str) -> Known:
    """The stored state; nothing without a file, or for one that cannot be read (`change` reports it)."""
    try:
        return msgspec.json.decode(os_files.held_bytes(_path(exchange)), type=Known)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return Known()


@contextmanager
def looking(exchange: str) -> Iterator[bool]:
    """Whether this job is the one that looks now: two at once would ask twice, and count what they find twice."""
    path = paths.locks_dir() / f"universe-{exchange}.looking.lock"
    with ExitStack() as held:
        try:
            held.enter_context(job_lock(path, 0.0, LockBusyError(f"{path}: another job looks")))
        except LockBusyError:
            yield False
            return
        yield True


def change(exchange: str, new: Callable[[Known], Known]) -> Known:
    """Put what `new` makes of what is known in its place, and return what was known.

    Where another job holds the file for too long nothing is changed, and nothing is known. Raises as `foreseen`.
    """
    path, lock = _path(exchange), paths.locks_dir() / f"universe-{exchange}.boards.lock"
    busy = LockBusyError(f"{path}: another job has held it for {LOCK_TIMEOUT_S:.0f} s")
    with foreseen(), suppress(LockBusyError), job_lock(lock, LOCK_TIMEOUT_S, busy):
        known = load(exchange)
        content = new(known)
        if content != known:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep(path.parent, path.name)
            write_bytes(path, msgspec.json.encode(content) + b"\n")
        return known
    return Known()


def _path(exchange: str) -> Path:
    return paths.data_dir() / "universe" / f"{exchange}.boards.json"


def _sessions(market: str, last: dt.date) -> list[dt.date]:
    """Those of ninety days up to `last`, oldest first."""
    calendar = trading_day.load(market)
    first = max(calendar.first, last - dt.timedelta(days=90))
    return [one.date for one in calendar.sessions_between(first, last)]
