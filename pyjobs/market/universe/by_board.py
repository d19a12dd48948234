"""KRX by the board: one question brings a session of all its shares, so a desk of 2 700 costs what one of three does.

Sessions come oldest first. A share that lacks more of them than boards are worth asking for, or of which nothing is
stored, is asked for by itself. A share on no board is gone; a share without a trade is halted. Every session's boards
are kept as the exchange's listing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from pyjobs.market.bars import IntArray
from pyjobs.market.desk import listings
from pyjobs.market.desk.snapshot import session_of
from pyjobs.market.ingest.expected import expected_closes
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.providers.krx_board import NAME, BoardDay, NoBoard
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import NO_TIMES, without
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import base_changes, before_of_listing
from pyjobs.market.universe.boards import StoredBoard, listing_of, store_board
from pyjobs.market.universe.gather import NOBODY_ASKED, Fetching, note
from utils import trading_day
from utils.errors import BadDataError, ExternalDataUnavailable, MissingInputError, NightdeskError
from utils.wording import first_of

PROVIDER = NAME
MAIN_BOARDS, REST = ("KOSPI", "KOSDAQ"), "KONEX"
SHOWN = 10
Answer = BoardDay | NightdeskError
Asked = tuple[str, dt.date]


@dataclass(slots=True, kw_only=True)
class Boards:
    """The boards of one exchange in one job. `kept`: those that were asked for before the desk could be read.

    `named` is what a command needs to be about this desk. `came` and `went` are symbols by which its listing changed;
    `notes` what to report about it. `shut`: sessions of which a board had nothing, though they have closed.
    """

    exchange: str
    market: str
    names: tuple[str, ...] = MAIN_BOARDS
    kept: dict[Asked, Answer] = field(default_factory=dict)
    named: str = ""
    came: list[str] = field(default_factory=list)
    went: list[str] = field(default_factory=list)
    shut: set[dt.date] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    questions: int = 0

    def days(self, sessions: Sequence[dt.date], sources: Sources) -> Iterator[tuple[dt.date, dict[str, Answer]]]:
        """Each session with its boards' answers, oldest first; what was not asked for yet is, in few questions."""
        got = {session: {name: self.kept[name, session] for name in self.names if (name, session) in self.kept}
               for session in sessions}  # fmt: skip
        open_ = [(name, session) for session in sessions for name in self.names if name not in got[session]]
        ready = iter(sessions)
        session = next(ready, None)
        for (name, day), answer in _and_the_end(sources.ask_boards(self.exchange, open_) if open_ else ()):
            if day is not None:
                got[day][name] = answer
                self.questions += not isinstance(answer, NOBODY_ASKED)
            while session is not None and len(got[session]) == len(self.names):
                yield session, got.pop(session)
                session = next(ready, None)

    def keep_changes(self, session: dt.date, days: Sequence[BoardDay]) -> None:
        """Keep the actions that base prices prove since the session before, where its listing is kept.

        Sessions of the calendar on which the exchange was shut after all are passed over. Raises Refused(schema) for
        boards of another day, and as `keep_changes`.
        """
        calendar = trading_day.load(self.market)
        before = calendar.previous_session(session).date
        while before in self.shut:
            before = calendar.previous_session(before).date
        if before not in listings.sessions_kept(self.exchange):
            return
        known = before_of_listing(listings.read_listing(self.exchange, before))
        changes = base_changes(known, days, shut=self.shut)
        if keep_changes(self.exchange, changes):
            named = first_of([f"{each.symbol} {each.kind}" for each in changes], SHOWN)
            self.notes.append(f"{session}: base prices have moved (splits, issues, first days): {named}")

    def keep_listing(self, session: dt.date, days: Sequence[BoardDay]) -> None:
        """Write the session's listing where it is not kept yet. Raises BadDataError when half of it is gone."""
        before = [day for day in listings.sessions_kept(self.exchange) if day <= session]
        if before and before[-1] == session:
            return
        listings.write_listing(self.exchange, session, listing_of(days))
        if before:
            old, new = (listings.read_listing(self.exchange, day) for day in (before[-1], session))
            changes = listings.between(old, new)
            self.came += [f"{each.symbol} {each.name}".strip() for each in changes.came]
            self.went += [f"{each.symbol} {each.name}".strip() for each in changes.went]
            self.notes += [
                f"{now.symbol} is called {now.name} now, it was {was.name}" for was, now in changes.renamed if now.name
            ]


def take_from_boards(
    store: BarStore,
    todo: Sequence[Fetching],
    boards: Boards,
    sources: Sources,
    *,
    done: Callable[[Fetching], object],
) -> None:
    """Answer what the boards can answer of all that is open; the rest stays open, to be asked for by itself."""
    lacking = {id(one): one.lacking for one in daily(todo) if one.open and one.newest_ms is not None}
    for one in todo:
        if id(one) in lacking and not lacking[id(one)].size:
            one.halted, one.answered = True, True  # all its sessions since were without a trade
            one.windows.clear()
            done(one)
    depth = worth_asking([times.size for times in lacking.values() if times.size], len(boards.names))
    some = [one for one in todo if one.open and id(one) in lacking and lacking[id(one)].size <= depth]
    if not some:
        return
    dated = session_of(boards.market)
    wanted = {id(one): {dated(ts_ms) for ts_ms in lacking[id(one)].tolist()} for one in some}
    sessions = sorted(set().union(*wanted.values()))
    before = trading_day.load(boards.market).previous_session(sessions[0]).date
    if before not in listings.sessions_kept(boards.exchange):  # its closes show which base prices have moved
        sessions.insert(0, before)
    for session, answers in boards.days(sessions, sources):
        open_ = [one for one in some if one.open]
        todays = [one for one in open_ if session in wanted[id(one)]]
        try:
            _take_session(store, todays, session, answers, boards, sources)
        except NightdeskError as error:
            for one in open_:  # a later session stored without this one would leave a gap
                _end(one, done, error=error)
            return
        for one in todays:
            if session == max(wanted[id(one)]) or not one.open:
                _end(one, done, error=one.error)


def daily(series: Sequence[Fetching]) -> list[Fetching]:
    """Those that boards have bars of."""
    return [one for one in series if one.want.key.timeframe == "1d"]


def worth_asking(lacking: Sequence[int], boards: int) -> int:
    """Up to how many lacking sessions a share is brought in by boards, so that the fewest questions are asked.

    `lacking`: the sessions each share lacks. A board of a session is a question, and so is a share by itself.
    """
    counts = sorted(lacking)
    cost = {0: len(counts)}
    for at, depth in enumerate(counts):
        if at + 1 == len(counts) or counts[at + 1] != depth:
            cost[depth] = depth * boards + len(counts) - at - 1
    return min(cost, key=lambda depth: (cost[depth], -depth))


def bring_listing(boards: Boards, session: dt.date, sources: Sources) -> None:
    """Have a listing of the session before the desk that names one is read; an older one will do.

    Raises as the provider does, or MissingInputError, when there is none at all.
    """
    if any(day >= session for day in listings.sessions_kept(boards.exchange)):
        return
    for _, answers in boards.days([session], sources):
        days = [each for each in answers.values() if isinstance(each, BoardDay)]
        boards.kept |= {(each.board, session): each for each in days}
        try:
            if len(days) < len(boards.names):
                raise next(each for each in answers.values() if isinstance(each, NightdeskError))
            boards.keep_listing(session, days)
        except NightdeskError as error:
            if not listings.sessions_kept(boards.exchange):
                what = f"{boards.exchange}: no listing was ever kept, and {error}"
                raise MissingInputError(what) if isinstance(error, NoBoard) else error from None
            boards.notes.append(f"the listing of {session} could not be had: {error}")


def _take_session(
    store: BarStore,
    todays: Sequence[Fetching],
    session: dt.date,
    answers: Mapping[str, Answer],
    boards: Boards,
    sources: Sources,
) -> None:
    """Store one session of those that lack it. Raises what keeps any board of it from being there.

    A share that is on none of the boards may be on the smallest, which nothing else needs.
    """
    for answer in answers.values():
        if isinstance(answer, NoBoard):
            for one in todays:
                one.answered = True  # not there yet; or no session after all, when a later one has come
            boards.shut.add(session)
            return
        if isinstance(answer, NightdeskError):
            raise answer
    days = [each for each in answers.values() if isinstance(each, BoardDay)]
    listings.check_listing(boards.exchange, session, listing_of(days))  # of half a board nothing is taken
    boards.keep_changes(session, days)  # before the bars: prices without the split between them are wrong in silence
    left = _put_away(store, todays, days)
    if left and REST not in boards.names:
        rest = [day for _, day in sources.ask_boards(boards.exchange, [(REST, session)]) if isinstance(day, BoardDay)]
        boards.questions += 1
        left = _put_away(store, left, rest)
    for one in left:
        one.asked, one.by_board = one.asked + 1, one.by_board + 1
        one.error = ExternalDataUnavailable(
            "no_data", provider=PROVIDER, symbol=one.want.key.symbol, detail=f"on no board of {session}"
        )
        one.windows.clear()
    boards.keep_listing(session, days)


def _put_away(store: BarStore, todays: Sequence[Fetching], days: Sequence[BoardDay]) -> list[Fetching]:
    """Store what the boards have; those that are on none of them come back."""
    left = list(todays)
    for day in days:
        mine = [one for one in left if _is_on(day, one.want.key.symbol)]
        _tell(mine, day, store_board(store, day, [one.want.key for one in mine]))
        left = [one for one in left if not _is_on(day, one.want.key.symbol)]
    return left


def _tell(mine: Sequence[Fetching], day: BoardDay, found: StoredBoard) -> None:
    """The bars that a board has brought each of its shares."""
    time = np.array([day.ts_ms], np.int64)
    stored, idle = {*found.stored, *found.same}, {*found.halted, *found.unpriced}
    for one in mine:
        symbol = one.want.key.symbol
        one.asked, one.by_board = one.asked + 1, one.by_board + 1
        one.answered = True
        if symbol in stored:
            note(one, time, last_final=day.final)
            one.halted = False
        elif symbol in idle:
            one.halted = True
        elif symbol in found.failed:
            one.error = found.failed[symbol]
            one.windows.clear()
        else:
            one.error = BadDataError(f"{one.want.key}: its prices of {day.session} on {day.board} cannot be true")
            one.windows.clear()


def _end(one: Fetching, done: Callable[[Fetching], object], *, error: NightdeskError | None) -> None:
    one.error = error
    one.windows.clear()
    done(one)


def _is_on(day: BoardDay, symbol: str) -> bool:
    return symbol in day.rows or symbol in day.unpriced or symbol in day.untrue


def sessions_lacking(store: BarStore, one: Fetching, market: str) -> IntArray:
    """The closes of the sessions since its newest bar (that one too while it is not final) that are not known empty."""
    if one.newest_ms is None:
        return NO_TIMES
    first = one.newest_ms + (1 if one.final else 0)
    expected = _expected(market, one.want.key.timeframe, first, one.want.closed_ms)
    return without(expected, store.confirmed_empty(one.want.key, start_ms=first)) if expected.size else expected


@lru_cache(maxsize=64)
def _expected(market: str, timeframe: str, first_ms: int, last_ms: int) -> IntArray:
    """`expected_closes`, once for all the shares that stand alike."""
    closes = expected_closes(market, timeframe, first_ms, last_ms)
    closes.flags.writeable = False
    return closes


def _and_the_end(
    answers: Iterator[tuple[Asked, Answer]] | tuple[()],
) -> Iterator[tuple[tuple[str, dt.date | None], Answer]]:
    """The answers, and then nothing, once: for what needs no answer."""
    yield from answers
    yield ("", None), MissingInputError("the end")
