"""Boards that are stored are asked for again when they are one, five and twenty sessions old, once at each age.

A board brings a session of all its shares, so three sessions are six questions. They are put after a night is published
(`pyjobs.look_again`), not by its fetch, which is for what is due. What has changed since, in any of a bar's numbers, is
stored, counted and named as every revised bar is, and what its base prices tell is worked out anew; of every share that
came from the exchange, whichever desk has it. A bar that a board has no longer stays. Up to where they were looked at,
and what the next fetch is to report of it, stands in data/universe/<exchange>.boards.json; without it the looks begin
anew. Nothing of it is due: a failure is only said, and the next night asks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from pyjobs.market.bars import COLUMNS, SeriesKey
from pyjobs.market.desk import listings
from pyjobs.market.ingest.for_each_series import foreseen
from pyjobs.market.ingest.gaps import first_bar
from pyjobs.market.ingest.questions import told_of
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.providers.base import Refused
from pyjobs.market.providers.krx_board import BOARDS, NAME, BoardDay, BoardRow, NoBoard
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.times import utc_text
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import MOVED_SHARE, BaseChange, base_changes, before_of, before_of_listing
from pyjobs.market.universe.boards import put_bar
from pyjobs.market.universe.by_board import Answer, Boards
from utils import paths, trading_day
from utils.errors import LockBusyError, NetworkForbidden, NightdeskError
from utils.files import os_files
from utils.files.atomic import sweep, write_bytes
from utils.files.job_lock import job_lock

AGES = {"session": 1, "week": 5, "month": 20}  # in sessions
LOCK_TIMEOUT_S = 10.0
MOST = 9  # sessions a job looks at: after a pause of weeks the newest of those that are due


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What looks have found that no fetch has reported yet: how many bars were revised, and which, a sentence each.

    What could not be looked at stands there as well: nobody reads the log of a night that is well.
    """

    revised: int = 0
    told: tuple[str, ...] = ()

    def with_more(self, *, revised: int, told: Sequence[str]) -> Found:
        """Both: this, and what another look has found."""
        return Found(revised=self.revised + revised, told=tuple(dict.fromkeys((*self.told, *told))))


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """`looked`: by age, the last session that was looked at when it was so old."""

    looked: dict[str, dt.date] = {}
    found: Found = Found()


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The sessions to be looked at, oldest first, and what is to be noted when that is done."""

    sessions: tuple[dt.date, ...]
    looked: dict[str, dt.date]


@dataclass(slots=True, kw_only=True)
class Look:
    """One job's looks at an exchange. `sessions`: how many were looked at; `notes`: what could not be done."""

    store: BarStore
    sources: Sources
    boards: Boards
    sessions: int = 0
    revised: int = 0
    told: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """What is to be said besides."""
        return self.boards.notes


def due(exchange: str, market: str, last: dt.date) -> Due:
    """What is to be looked at by the session `last`, the newest one that is ready; nothing where an age is new."""
    calendar = trading_day.load(market)
    first = max(calendar.first, last - dt.timedelta(days=90))
    days = [one.date for one in calendar.sessions_between(first, last)]
    known, looked, found = _load(exchange).looked, dict[str, dt.date](), set[dt.date]()
    for age, back in AGES.items():
        if len(days) > back:
            looked[age] = days[-1 - back]
            since = known.get(age, looked[age])
            found |= {day for day in days[: len(days) - back] if day > since}
    return Due(sessions=tuple(sorted(found)[-MOST:]), looked={**known, **looked})


def look_again(store: BarStore, sources: Sources, exchange: str, market: str, last: dt.date) -> Look:
    """Ask for the boards that are due by the session `last`, store what has changed, and say what that was."""
    wanted, kept, listed = due(exchange, market, last), listings.sessions_kept(exchange), dict[dt.date, set[str]]()
    failed: NightdeskError | None = None
    for day in wanted.sessions:
        try:
            if day in kept:  # without its listing nothing says of which day rows are
                listed[day] = {row.board for row in listings.read_listing(exchange, day).rows}
        except NightdeskError as error:  # one that cannot be read hides no other
            failed = failed or error
    names = set().union(*listed.values())
    boards = Boards(exchange=exchange, market=market, names=tuple(name for name in BOARDS if name in names))
    look = Look(store=store, sources=sources, boards=boards)
    for _, answers in list(boards.days(list(listed), sources)):  # all, before others are asked
        try:
            days = _days_of(answers)
            if days:
                _look(look, days)
                look.sessions += 1
        except NetworkForbidden:
            return look
        except NightdeskError as error:  # one that is refused hides no other
            failed = failed or error
    if failed is not None:
        look.notes.append(f"boards of earlier sessions could not be looked at again: {failed}")
    looked = wanted.looked if failed is None else {}
    news = [*look.told, *(f"{exchange}: {entry}" for entry in look.notes)]
    _change(
        exchange,
        lambda known: _File(
            looked={**known.looked, **looked}, found=known.found.with_more(revised=look.revised, told=news)
        ),
    )
    return look


def take_found(exchange: str) -> Found:
    """What looks have found since the last report; it is reported once, by whichever job takes it."""
    if _load(exchange).found == Found():
        return Found()
    return _change(exchange, lambda known: _File(looked=known.looked)).found


def _days_of(answers: Mapping[str, Answer], *, whole: bool = False) -> list[BoardDay]:
    """A session's boards, those that it has still or (`whole`) all. Raises what keeps them from being there."""
    for answer in answers.values():
        if isinstance(answer, NightdeskError) and (whole or not isinstance(answer, NoBoard)):
            raise answer
    return [each for each in answers.values() if isinstance(each, BoardDay)]


def _look(look: Look, days: Sequence[BoardDay]) -> None:
    """Store what one session's boards have otherwise than they had; nothing of boards of another day."""
    boards = look.boards
    session, rows = days[0].session, {symbol: row for day in days for symbol, row in day.rows.items()}
    kept = listings.read_listing(boards.exchange, session)
    changed = {was.symbol for was in kept.rows if was.symbol in rows and _is_other(was, rows[was.symbol])}
    priced = [was for was in kept.rows if was.symbol in rows and was.close > 0]
    moved = [was for was in priced if was.close != rows[was.symbol].close]
    if len(moved) > MOVED_SHARE * len(priced):
        detail = f"{len(moved)} of {len(priced)} closes are not those that were stored: the prices of another day"
        raise Refused("schema", provider=NAME, symbol=f"{boards.exchange} {session}", detail=detail, retry_after_s=0.0)
    base = {was.symbol for was in kept.rows if was.symbol in changed and _has_other_base(was, rows[was.symbol])}
    if base:  # before the bars: prices without a split between them are wrong
        _keep_changes(boards, look.sources, days, base)
    changed -= {symbol for day in days for symbol, row in day.rows.items() if not _put(look, day, row)}
    if changed:  # what could not be written stays otherwise, for the next look
        listed = [_as_now(was, rows) if was.symbol in changed else was for was in kept.rows]
        listings.write_listing(boards.exchange, session, listed)


def _is_other(was: listings.Listed, row: BoardRow) -> bool:
    return was.turnover != row.turnover or _has_other_base(was, row)


def _has_other_base(was: listings.Listed, row: BoardRow) -> bool:
    return was.close != row.close or was.shares != row.shares


def _as_now(was: listings.Listed, rows: Mapping[str, BoardRow]) -> listings.Listed:
    row = rows[was.symbol]
    return was._replace(close=row.close, turnover=row.turnover, shares=float(row.shares))


def _keep_changes(boards: Boards, sources: Sources, days: Sequence[BoardDay], changed: set[str]) -> None:
    """Work out anew what base prices say of these shares, on the session and on the one after it, where both days of a
    comparison are there; what is known of the others stays."""
    session, calendar = days[0].session, trading_day.load(boards.market)
    before, after = calendar.previous_session(session).date, calendar.next_session(session).date
    found, anew = list[BaseChange](), set[tuple[str, dt.date]]()
    if before in listings.sessions_kept(boards.exchange):
        known = before_of_listing(listings.read_listing(boards.exchange, before))
        found += base_changes(known, days, shut=boards.shut)
        anew |= {(symbol, session) for symbol in changed}
    if after in listings.sessions_kept(boards.exchange):
        ((_, answers),) = boards.days([after], sources)
        follows = _days_of(answers, whole=True)
        found += base_changes(before_of(days), follows, shut=boards.shut)
        anew |= {(symbol, after) for day in follows for symbol in changed & day.rows.keys()}
    keep_changes(boards.exchange, [each for each in found if (each.symbol, each.session) in anew], instead_of=anew)


def _put(look: Look, day: BoardDay, row: BoardRow) -> bool:
    """Store a share's bar where it is another one, or was not there, in a series of the exchange that had begun by
    then, and say so. False where it could not be written, which hides no other."""
    key = SeriesKey(exchange=look.boards.exchange, symbol=row.symbol, timeframe="1d")
    try:
        with foreseen():
            if not row.traded or not look.store.partitions(key) or first_bar(look.store, key) > day.ts_ms:
                return True
            old = look.store.read(key, start_ms=day.ts_ms, end_ms=day.ts_ms)
            if len(old) and all(getattr(old, name)[0] == getattr(row, name) for name in COLUMNS[1:]):
                return True
            known = look.store.provenance(key)
            if known is None or known.provider != NAME:
                return True
            put_bar(look.store, key, day, row)
    except NightdeskError as error:
        look.notes.append(f"{key}: the bar of {utc_text(day.ts_ms)} could not be looked at again: {error}")
        return False
    if len(old):
        look.revised += 1
        look.told += [f"{key}: {entry}" for entry in told_of(np.array([day.ts_ms], np.int64))]
    else:
        look.told.append(f"{key}: a bar that was not there has come: that of {utc_text(day.ts_ms)}")
    return True


def _path(exchange: str) -> Path:
    return paths.data_dir() / "universe" / f"{exchange}.boards.json"


def _load(exchange: str) -> _File:
    """What is known; nothing without a file, or for one that cannot be read (`_change` tells of it)."""
    try:
        return msgspec.json.decode(os_files.held_bytes(_path(exchange)), type=_File)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return _File()


def _change(exchange: str, new: Callable[[_File], _File]) -> _File:
    """Put what `new` makes of what is known in its place, and return what was known.

    Where another job holds the file for too long nothing is changed, and nothing is known. Raises as `foreseen`.
    """
    path, lock = _path(exchange), paths.locks_dir() / f"universe-{exchange}.boards.lock"
    busy = LockBusyError(f"{path}: another job has held it for {LOCK_TIMEOUT_S:.0f} s")
    with foreseen(), suppress(LockBusyError), job_lock(lock, LOCK_TIMEOUT_S, busy):
        known = _load(exchange)
        content = new(known)
        if content != known:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep(path.parent, path.name)
            write_bytes(path, msgspec.json.encode(content) + b"\n")
        return known
    return _File()
