"""Boards that are stored are asked for again when they are one, five and twenty sessions old, once at each age.

A board brings a session of all its shares, so a night looks at three sessions by two questions each. What has changed
since is stored, counted and named as every revised bar is, and what its base prices tell is worked out anew; of every
share that came from the exchange, whichever desk has it. A bar that a board has no longer stays. Up to where they were
looked at stands in data/universe/<exchange>.boards.json; without it the looks begin anew. Nothing of it is due: a
failure is only said, and the next night asks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from pyjobs.market.providers.krx_board import NAME, BoardDay, BoardRow, NoBoard
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.times import utc_text
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import MOVED_SHARE, BaseChange, base_changes, before_of, before_of_listing
from pyjobs.market.universe.boards import put_bar
from pyjobs.market.universe.by_board import Answer, Boards, daily
from pyjobs.market.universe.gather import Fetching
from utils import paths, trading_day
from utils.errors import NetworkForbidden, NightdeskError
from utils.files import os_files, private
from utils.files.atomic import sweep, write_bytes

AGES = {"session": 1, "week": 5, "month": 20}  # in sessions
MOST = 9  # sessions a job looks at: after a pause of weeks the newest of those that are due


class _File(msgspec.Struct, frozen=True, kw_only=True):
    """By age, the last session that was looked at when it was so old."""

    looked: dict[str, dt.date] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The sessions to be looked at, oldest first, and what is to be noted when that is done."""

    sessions: tuple[dt.date, ...]
    looked: dict[str, dt.date]


def due(exchange: str, market: str, last: dt.date) -> Due:
    """What is to be looked at by the session `last`, the newest one that is ready; nothing where an age is new."""
    calendar = trading_day.load(market)
    first = max(calendar.first, last - dt.timedelta(days=90))
    days = [one.date for one in calendar.sessions_between(first, last)]
    known, looked, found = _load(exchange), dict[str, dt.date](), set[dt.date]()
    for age, back in AGES.items():
        if len(days) > back:
            looked[age] = days[-1 - back]
            since = known.get(age, looked[age])
            found |= {day for day in days[: len(days) - back] if day > since}
    return Due(sessions=tuple(sorted(found)[-MOST:]), looked={**known, **looked})


def look_again(store: BarStore, series: Sequence[Fetching], boards: Boards, sources: Sources, last: dt.date) -> None:
    """Ask for the boards that are due, and store what has changed; what there is to say goes to series and boards."""
    series = [one for one in daily(series) if one.newest_ms is not None]
    wanted, kept = due(boards.exchange, boards.market, last), listings.sessions_kept(boards.exchange)
    sessions = [
        day for day in wanted.sessions if day in kept and day not in boards.seen
    ]  # without its listing nothing says of which day rows are
    failed: NightdeskError | None = None
    for _, answers in list(boards.days(sessions, sources)):  # all, before others are asked
        try:
            days = _days_of(answers)
            if days:
                _look(store, series, boards, sources, days)
        except NetworkForbidden:
            return
        except NightdeskError as error:  # one that is refused hides no other
            failed = failed or error
    if failed is None:
        _save(boards.exchange, wanted.looked)
    else:
        boards.notes.append(f"boards of earlier sessions could not be looked at again: {failed}")


def _days_of(answers: Mapping[str, Answer], *, whole: bool = False) -> list[BoardDay]:
    """A session's boards, those that it has still or (`whole`) all. Raises what keeps them from being there."""
    for answer in answers.values():
        if isinstance(answer, NightdeskError) and (whole or not isinstance(answer, NoBoard)):
            raise answer
    return [each for each in answers.values() if isinstance(each, BoardDay)]


def _look(
    store: BarStore, series: Sequence[Fetching], boards: Boards, sources: Sources, days: Sequence[BoardDay]
) -> None:
    """Store what one session's boards have otherwise than they had; nothing of boards of another day."""
    session, rows = days[0].session, {symbol: row for day in days for symbol, row in day.rows.items()}
    kept = listings.read_listing(boards.exchange, session)
    changed = {was.symbol for was in kept.rows if was.symbol in rows and _is_other(was, rows[was.symbol])}
    priced = [was for was in kept.rows if was.symbol in rows and was.close > 0]
    moved = [was for was in priced if was.close != rows[was.symbol].close]
    if len(moved) > MOVED_SHARE * len(priced):
        detail = f"{len(moved)} of {len(priced)} closes are not those that were stored: the prices of another day"
        raise Refused("schema", provider=NAME, symbol=f"{boards.exchange} {session}", detail=detail, retry_after_s=0.0)
    if not changed:
        return
    base = {was.symbol for was in kept.rows if was.symbol in changed and _has_other_base(was, rows[was.symbol])}
    if base:  # before the bars: prices without a split between them are wrong
        _keep_changes(boards, sources, days, base)
    mine = {one.want.key.symbol: one for one in series}
    stored = {
        symbol
        for symbol in sorted(changed)
        if (
            _put(store, mine[symbol], days, rows[symbol], boards)
            if symbol in mine
            else _put_of_others(store, boards, days, rows[symbol])
        )
    }  # what could not be written stays otherwise, for the next look
    listings.write_listing(
        boards.exchange, session, [_as_now(was, rows) if was.symbol in stored else was for was in kept.rows]
    )


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


def _put(store: BarStore, one: Fetching, days: Sequence[BoardDay], row: BoardRow, boards: Boards) -> bool:
    """Store what is otherwise of a share of this desk, and count it; one that cannot be written hides no other."""
    try:
        with foreseen():
            told, revised, new = _put_row(store, one.want.key, days, row)
    except NightdeskError as error:
        boards.notes.append(f"{one.want.key}: {error}")
        return False
    one.told, one.revised, one.new_bars = one.told + told, one.revised + revised, one.new_bars + new
    return True


def _put_of_others(store: BarStore, boards: Boards, days: Sequence[BoardDay], row: BoardRow) -> bool:
    """Store it of a share that only another desk has, for which this session is not looked at again."""
    key = SeriesKey(exchange=boards.exchange, symbol=row.symbol, timeframe="1d")
    try:
        with foreseen():
            known = store.provenance(key)
            told, _, _ = _put_row(store, key, days, row) if known and known.provider == NAME else ((), 0, 0)
    except NightdeskError as error:
        boards.notes.append(f"{key}: {error}")
        return False
    boards.notes += [f"{key}: {each}" for each in told]
    return True


def _put_row(
    store: BarStore, key: SeriesKey, days: Sequence[BoardDay], row: BoardRow
) -> tuple[tuple[str, ...], int, int]:
    """Store a share's bar where it is another one, or was not there, in a series that had begun by then.

    Returns what there is to say, and how many bars were revised and are new.
    """
    day = next(day for day in days if row.symbol in day.rows)
    if not row.traded or first_bar(store, key) > day.ts_ms:
        return (), 0, 0
    old = store.read(key, start_ms=day.ts_ms, end_ms=day.ts_ms)
    if len(old) and all(getattr(old, name)[0] == getattr(row, name) for name in COLUMNS[1:]):
        return (), 0, 0
    try:
        with foreseen():
            put_bar(store, key, day, row)
    except NightdeskError as error:  # one that cannot be written hides no other
        return (f"the revised bar of {utc_text(day.ts_ms)} could not be stored: {error}",), 0, 0
    if len(old):
        return told_of(np.array([day.ts_ms], np.int64)), 1, 0
    return (f"a bar that was not there has come: that of {utc_text(day.ts_ms)}",), 0, 1


def _path(exchange: str) -> Path:
    return paths.data_dir() / "universe" / f"{exchange}.boards.json"


def _load(exchange: str) -> dict[str, dt.date]:
    """By age, up to where was looked; nothing without a file, or for a damaged one."""
    try:
        return msgspec.json.decode(os_files.held_bytes(_path(exchange)), type=_File).looked
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return {}


def _save(exchange: str, looked: dict[str, dt.date]) -> None:
    from filelock import FileLock, Timeout

    path, locks = _path(exchange), paths.locks_dir()
    if looked == _load(exchange):
        return
    private.make_folder(locks)
    with suppress(Timeout), FileLock(locks / f"universe-{exchange}.boards.lock", timeout=0):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        write_bytes(path, msgspec.json.encode(_File(looked=looked)) + b"\n")
