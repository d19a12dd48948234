"""Boards that are stored are asked for again when they are one, five and twenty sessions old, once at each age.

A board brings a session of all its shares, so three sessions are six questions. They are put after a night or an end of
day is published, not by its fetch, which is for what is due. What has changed since, in any of a bar's numbers, is
noted, then stored, counted and named as every revised bar is, and what its base prices show is worked out again; of
every share that came from the exchange, whichever desk has it. A bar that a board has no longer stays. Nothing of it is
due: a session that cannot be looked at is named, asked for again after an hour, a day, a week and a month, and then
final.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from pyjobs.market.bars import COLUMNS, SeriesKey
from pyjobs.market.desk import listings
from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.exchanges import Exchange
from pyjobs.market.ingest.for_each_series import foreseen
from pyjobs.market.ingest.gaps import first_bar
from pyjobs.market.ingest.news.lines import about_revised
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.providers.base import Refused
from pyjobs.market.providers.krx_board import BOARDS, NAME, BoardDay, BoardRow, NoBoard
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.times import utc_text
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import MOVED_SHARE, BaseChange, base_changes, before_of, before_of_listing
from pyjobs.market.universe.boards import put_bar
from pyjobs.market.universe.by_board import PROVIDER, Answer, Boards
from pyjobs.market.universe.due import fetched_instruments, ready_session
from pyjobs.market.universe.gather import NOBODY_ASKED
from pyjobs.market.universe.looking import looked
from utils import trading_day
from utils.errors import NetworkForbidden, NightdeskError


@dataclass(slots=True, kw_only=True)
class Look:
    """One job's looks at an exchange. `sessions`: how many were looked at; `notes`: what could not be done."""

    store: BarStore
    sources: Sources
    boards: Boards
    sessions: int = 0
    revised: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """The other lines to print."""
        return self.boards.notes


def has_boards(desk: Desk, exchanges: Mapping[str, Exchange]) -> bool:
    """Whether any series of the desk comes by the board."""
    return any(exchanges[each.exchange].provider == PROVIDER for each in fetched_instruments(desk, exchanges))


def look_at_all(store: BarStore, sources: Sources, exchanges: Mapping[str, Exchange], now_s: float) -> Iterator[str]:
    """Look at the boards of every exchange that has some, and return the result, a line each."""
    for name, exchange in exchanges.items():
        if exchange.provider == PROVIDER:
            last = ready_session(exchange, now_s).date
            yield from lines(name, look_again(store, sources, name, exchange.market, last, now_ms=int(now_s * 1000)))


def lines(exchange: str, look: Look) -> list[str]:
    """What one exchange's looks have come to."""
    questions = look.boards.questions
    head = f"{exchange}: {look.sessions} sessions looked at again by {questions} questions, {look.revised} bars revised"
    return [
        head,
        *(f"[news] {entry}" for entry in look.lines),
        *(f"[WARN] {exchange}: {entry}" for entry in look.notes),
    ]


def look_again(store: BarStore, sources: Sources, exchange: str, market: str, last: dt.date, *, now_ms: int) -> Look:
    """Ask for the boards that are due by the session `last`, store what has changed, and return the lines about that.

    Where another job is at it nothing is done.
    """
    with looked.looking(exchange) as mine:
        if mine:
            return _look_again(store, sources, exchange, market, last, now_ms)
    boards = Boards(exchange=exchange, market=market)
    boards.notes.append("another job looks at earlier sessions now")
    return Look(store=store, sources=sources, boards=boards)


def _look_again(store: BarStore, sources: Sources, exchange: str, market: str, last: dt.date, now_ms: int) -> Look:
    wanted, failed = looked.due(exchange, market, last, now_ms), dict[dt.date, NightdeskError]()
    listed = _boards_of(exchange, wanted.sessions, failed)
    names = set().union(*listed.values())
    boards = Boards(exchange=exchange, market=market, names=tuple(name for name in BOARDS if name in names))
    look = Look(store=store, sources=sources, boards=boards)
    for session, answers in list(boards.days(list(listed), sources)):  # all, before others are asked
        try:
            _look(look, _days_of(answers))
            look.sessions += 1
        except NetworkForbidden:
            return look
        except NightdeskError as error:  # one that is refused hides no other
            failed[session] = error
    _note(look, wanted, failed, now_ms)
    return look


def _boards_of(
    exchange: str, sessions: Iterable[dt.date], failed: dict[dt.date, NightdeskError]
) -> dict[dt.date, set[str]]:
    """The boards in the listing of each session that has one; without it the day of the rows is not known."""
    kept, listed = listings.sessions_kept(exchange), dict[dt.date, set[str]]()
    for day in sessions:
        try:
            rows = listings.read_listing(exchange, day).rows if day in kept else ()
            if names := {row.board for row in rows} & set(BOARDS):
                listed[day] = names
        except NightdeskError as error:  # one that cannot be read hides no other
            failed[day] = error
    return listed


def _note(look: Look, wanted: looked.Due, failed: Mapping[dt.date, NightdeskError], now_ms: int) -> None:
    """Keep what was looked at, what could not be, and what is to be reported of that."""
    exchange = look.boards.exchange
    asked = {day: not isinstance(error, NOBODY_ASKED) for day, error in failed.items()}
    if failed:
        days = f"{len(failed)} sessions, the first" if len(failed) > 1 else "the session"
        first = min(failed)
        look.notes.append(f"boards of earlier sessions could not be looked at again: {days} {first}: {failed[first]}")

    def noted(known: looked.Known) -> looked.Known:
        tried, stand = looked.after(known.tried, wanted.sessions, asked, now_ms)
        if stand:
            text = ", ".join(map(str, stand))
            look.notes.append(f"not asked for any more, after a month in vain: {text}; its stored bars are kept")
        known = msgspec.structs.replace(known, looked={**known.looked, **wanted.looked}, tried=tried)
        return looked.with_news(known, lines=[f"{exchange}: {entry}" for entry in look.notes])

    looked.change(exchange, noted)


def _days_of(answers: Mapping[str, Answer], *, whole: bool = False) -> list[BoardDay]:
    """A session's boards, those that it has still or (`whole`) all. Raises what keeps them from being there."""
    days = [each for each in answers.values() if isinstance(each, BoardDay)]
    for answer in answers.values():
        if isinstance(answer, NightdeskError) and (whole or not days or not isinstance(answer, NoBoard)):
            raise answer
    return days


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
    others, unread = _stored_otherwise(look, days)
    _tell(look, others)  # before they are stored: killed in between, it is reported twice rather than never
    changed -= unread | {row.symbol for day, row, _ in others if not _put(look, day, row)}
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
    """Work out again what base prices show of these shares, on the session and on the one after it, where both days
    of a comparison are there; the entries of the others stay."""
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


def _stored_otherwise(look: Look, days: Sequence[BoardDay]) -> tuple[list[tuple[BoardDay, BoardRow, bool]], set[str]]:
    """The rows that are stored with other numbers, or (False) not yet, in series of the exchange that had begun by
    then; and the symbols whose stored bars cannot be read, which hide no other."""
    found, unread = list[tuple[BoardDay, BoardRow, bool]](), set[str]()
    for day, row in ((each, row) for each in days for row in each.rows.values()):
        key = _key(look, row)
        try:
            with foreseen():
                if not row.traded or not look.store.partitions(key) or first_bar(look.store, key) > day.ts_ms:
                    continue
                old = look.store.read(key, start_ms=day.ts_ms, end_ms=day.ts_ms)
                if len(old) and all(getattr(old, name)[0] == getattr(row, name) for name in COLUMNS[1:]):
                    continue
                known = look.store.provenance(key)
        except NightdeskError as error:
            look.notes.append(_not_looked_at(key, day, error))
            unread.add(row.symbol)
            continue
        if known is not None and known.provider == NAME:
            found.append((day, row, bool(len(old))))
    return found, unread


def _tell(look: Look, others: Sequence[tuple[BoardDay, BoardRow, bool]]) -> None:
    """Say what has been revised, and what has come, here and in the file that the next reports read."""
    revised, lines = list[str](), list[str]()
    for day, row, was_there in others:
        key = _key(look, row)
        if was_there:
            revised += [f"{key}: {entry}" for entry in about_revised(np.array([day.ts_ms], np.int64))]
        else:
            lines.append(f"{key}: a bar that was not there has come: that of {utc_text(day.ts_ms)}")
    look.revised, look.lines = look.revised + len(revised), [*look.lines, *revised, *lines]
    if others:
        looked.change(look.boards.exchange, lambda known: looked.with_news(known, revised=revised, lines=lines))


def _put(look: Look, day: BoardDay, row: BoardRow) -> bool:
    """Store a share's bar. False where it could not be written, which hides no other."""
    key = _key(look, row)
    try:
        with foreseen():
            put_bar(look.store, key, day, row)
    except NightdeskError as error:
        look.notes.append(_not_looked_at(key, day, error))
        return False
    return True


def _key(look: Look, row: BoardRow) -> SeriesKey:
    return SeriesKey(exchange=look.boards.exchange, symbol=row.symbol, timeframe="1d")


def _not_looked_at(key: SeriesKey, day: BoardDay, error: NightdeskError) -> str:
    return f"{key}: the bar of {utc_text(day.ts_ms)} could not be looked at again: {error}"
