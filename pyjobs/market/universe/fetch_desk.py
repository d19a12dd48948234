"""Bring every fetched series of a desk up to date: what is due, healthy providers first, one patience for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.exchanges import Exchange
from pyjobs.market.ingest import silence
from pyjobs.market.ingest.backfill import newest_readable, refuse_clock_behind
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK
from pyjobs.market.ingest.for_each_series import foreseen
from pyjobs.market.ingest.news.lines import REBASED, mark_printed
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import symbol_states
from pyjobs.market.universe.by_board import PROVIDER, Boards, bring_listing, sessions_lacking, take_from_boards
from pyjobs.market.universe.due import MarketClock, Want, fetched_instruments, nothing_known, ready_session, wanted
from pyjobs.market.universe.gather import Fetching, begin, gather
from pyjobs.market.universe.history_by_board import FEW, ByBoard
from pyjobs.market.universe.looking import looked
from pyjobs.market.universe.looking.looked import Found
from pyjobs.market.universe.symbol_states import SymbolState
from pyjobs.market.universe.verdict import Verdict, due_session, judged, name_of
from utils.errors import BadDataError, ConfigError, ExternalDataUnavailable, LockBusyError, NightdeskError

Progress = Callable[[int, int, str], object]


@dataclass(slots=True, kw_only=True)
class Part:
    """One exchange's share of the work, and the `seconds` that took. `found`: by looks since the last fetch."""

    exchange: str
    series: list[Fetching] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    seconds: float = 0.0
    found: Found = field(default_factory=Found)


@dataclass(slots=True, kw_only=True)
class Result:
    """The result of a fetch."""

    parts: list[Part]
    verdict: Verdict


@dataclass(slots=True, kw_only=True)
class Job:
    """The input of one fetch. `need_bars` returns how many bars setups look back; it is called when that matters.

    `until_ms`: what is due is judged by this time, and not by `now_ms`. `boards`: those asked for so far, by exchange.
    `history`: by how many sessions histories by the board may go back (None: to the end; 0: none is begun either).
    `lines`: the lines about its series; `result`: what it has found and done.
    """

    store: BarStore
    sources: Sources
    exchanges: Mapping[str, Exchange]
    need_bars: Callable[[], int]
    now_ms: int
    progress: Progress
    until_ms: int | None = None
    history: int | None = 0
    named: str = ""
    boards: dict[str, Boards] = field(default_factory=dict)
    by_board: dict[str, ByBoard] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    result: Result | None = None
    finished: int = 0
    total: int = 0

    def boards_of(self, exchange: str) -> Boards | None:
        """The boards of an exchange whose provider has some."""
        if self.exchanges[exchange].provider != PROVIDER:
            return None
        return self.boards.setdefault(
            exchange, Boards(exchange=exchange, market=self.exchanges[exchange].market, named=self.named)
        )

    def histories_of(self, exchange: str) -> ByBoard | None:
        """The histories by the board of an exchange whose provider has some, in a job that may ask for them."""
        boards = self.boards_of(exchange)
        if boards is None or self.history == 0:
            return None
        made = ByBoard(store=self.store, sources=self.sources, boards=boards, now_ms=self.now_ms)
        return self.by_board.setdefault(exchange, made)

    def done(self, one: Fetching) -> None:
        """A series needs nothing more."""
        self.finished += 1
        self.progress(self.finished, self.total, f"{one.want.key}")


def fetch_desk(desk: Desk, job: Job) -> Result:
    """Fetch, store and judge; what is known of symbols is kept. Errors of single series are part of the result."""
    parts, known = _stock(desk, job)
    todo = {part.exchange: [one for one in part.series if one.open] for part in parts}
    job.total = sum(map(len, todo.values()))
    _first_pass(parts, todo, job)
    _second_pass(parts, todo, job)
    _look_again(parts, job)
    _note_silent(parts, job)
    verdict = judged({part.exchange: part.series for part in parts}, known, now_ms=job.now_ms)
    _keep_states(verdict.changes)
    for part in parts:  # last: nothing of it is due
        histories = job.histories_of(part.exchange)
        if histories is not None:
            part.found = looked.load(part.exchange).found
            began = time.monotonic()
            histories.go_back(part.series, most=job.history, progress=job.progress)
            part.seconds += time.monotonic() - began
    job.result = Result(parts=parts, verdict=verdict)
    return job.result


def reported(job: Job) -> None:
    """The lines about the series, and about looks, have been printed: they are noted no more.

    A note that cannot be removed now is printed again by the next job.
    """
    for part in job.result.parts if job.result else ():
        with suppress(NightdeskError, OSError):
            if part.found != Found():
                looked.take_found(part.exchange, part.found)
        for one in (one for one in part.series if one.lines or one.rebased):
            with suppress(NightdeskError, OSError):
                mark_printed(job.store, one.want.key, (*one.lines, REBASED))


def bring_listings(wanted: Mapping[str, Sequence[str]], job: Job) -> None:
    """Have the newest listings a desk needs (boards by exchange) before it can be read; older ones will do.

    Raises ConfigError for an exchange without listings, and as the provider when there is none at all.
    """
    for exchange, names in wanted.items():
        boards = job.boards_of(exchange) if exchange in job.exchanges else None
        if boards is None:
            raise ConfigError(f"exchange {exchange}: its provider has no listings (KRX has)")
        boards.names = tuple(dict.fromkeys([*boards.names, *names]))
        bring_listing(boards, ready_session(job.exchanges[exchange], job.now_ms / 1000).date, job.sources)


def _keep_states(changes: Mapping[str, dict[str, SymbolState | None]]) -> None:
    """Save those of each exchange; the first that cannot be is raised when the others are saved."""
    failed: list[OSError | LockBusyError] = []
    for exchange, some in changes.items():
        try:
            if some:
                symbol_states.save(exchange, some)
        except (OSError, LockBusyError) as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _stock(desk: Desk, job: Job) -> tuple[list[Part], dict[str, dict[str, SymbolState]]]:
    """The state of every series, and the question about it."""
    clock = MarketClock(now_ms=job.now_ms, until_ms=job.until_ms)
    parts: dict[str, Part] = {}
    known: dict[str, dict[str, SymbolState]] = {}
    for instrument in fetched_instruments(desk, job.exchanges):
        name = instrument.exchange
        part = parts.setdefault(name, Part(exchange=name))
        states = known.setdefault(name, symbol_states.load(name)) if name not in known else known[name]
        try:
            want: Want | Fetching = wanted(job.store, instrument, job.exchanges[name], clock)
        except (BadDataError, OSError):
            want = _wanted_anew(part, instrument, job, clock)
        part.series.append(_fetching(want, states, job) if isinstance(want, Want) else want)
    return list(parts.values()), known


def _wanted_anew(part: Part, instrument: Instrument, job: Job, clock: MarketClock) -> Want | Fetching:
    """The request for a series with an unreadable newest partition, when that is set aside; else its failure."""
    exchange = job.exchanges[instrument.exchange]
    try:
        with foreseen():
            _, moved = newest_readable(job.store, instrument.key)
            part.set_aside += [f"{instrument.key} {each}" for each in moved]
            return wanted(job.store, instrument, exchange, clock)
    except NightdeskError as error:
        return Fetching(want=nothing_known(instrument, exchange, clock), error=error)


def _fetching(want: Want, states: Mapping[str, SymbolState], job: Job) -> Fetching:
    one = Fetching(want=want, newest_ms=want.newest_ms, final=want.final)
    state = states.get(name_of(one))
    if state is not None and state.rests(job.now_ms, due_session(one)):
        return one
    try:
        with foreseen():
            if want.newest_ms is not None:
                refuse_clock_behind(want.key, want.newest_ms, job.now_ms)
            if want.is_to_be_asked(job.now_ms) and not _is_silent(want, job):
                _begin(one, job)
    except NightdeskError as error:
        one.error = error
    return one


def _is_silent(want: Want, job: Job) -> bool:
    """Whether it has no trades any more round the clock, and is not due yet."""
    if want.exchange.market != ROUND_THE_CLOCK or want.newest_ms is None:
        return False
    return bool(silence.resting(job.store, want.key, job.sources.of(want.key), job.now_ms))


def _note_silent(parts: Sequence[Part], job: Job) -> None:
    """Note the series that were asked for round the clock and are silent still, and report them."""
    for one in (one for part in parts for one in part.series if one.asked and one.error is None):
        if one.want.exchange.market == ROUND_THE_CLOCK:
            with suppress(NightdeskError, OSError):  # it is asked for again, and reported then at the latest
                source = job.sources.of(one.want.key)
                if text := silence.note_asked(job.store, one.want.key, source, job.now_ms, hint=""):
                    one.lines = (*one.lines, text)


def _begin(one: Fetching, job: Job) -> None:
    begin(one, need_bars=job.need_bars() if one.newest_ms is None else 0, now_ms=job.now_ms)
    boards = job.boards_of(one.want.key.exchange)
    if boards is not None:
        one.lacking = sessions_lacking(job.store, one, boards.market)


def _first_pass(parts: Sequence[Part], todo: Mapping[str, list[Fetching]], job: Job) -> None:
    """Ask for every series once; in a hurry without waiting."""
    with job.sources.only_healthy():
        for part in parts:
            _gather(part, todo[part.exchange], job, lambda one: None if _again(one, job) else job.done(one))


def _second_pass(parts: Sequence[Part], todo: Mapping[str, list[Fetching]], job: Job) -> None:
    """Those that can wait, with the patience of the job; who failed last is asked last."""
    if not job.sources.scheduled:
        return
    late = [part for part in parts if any(_again(one, job) for one in todo[part.exchange])]
    for part in sorted(late, key=lambda each: job.sources.state(each.series[0].want.key).last_failure_s):
        again = [one for one in todo[part.exchange] if _again(one, job)]
        for one in again:
            _begin(one, job)
        _gather(part, again, job, job.done)


def _look_again(parts: Sequence[Part], job: Job) -> None:
    """Look again at what could not be fetched: another job may have stored it while this one waited for its turn."""
    for one in (one for part in parts for one in part.series if isinstance(one.error, ExternalDataUnavailable)):
        with suppress(BadDataError):
            newest = job.store.newest(one.want.key)
            if newest is not None:
                one.newest_ms, one.final = newest


def _gather(part: Part, todo: Sequence[Fetching], job: Job, done: Callable[[Fetching], object]) -> None:
    began = time.monotonic()
    boards = job.boards_of(part.exchange)
    if boards is not None:
        histories = job.histories_of(part.exchange)
        if histories is not None:
            histories.begin([one for one in todo if one.open and one.newest_ms is None], done=done)
        take_from_boards(job.store, todo, boards, job.sources, done=done)
        _put_off(todo, job, done)
    gather(job.store, todo, job.sources, now_ms=job.now_ms, done=done)
    part.seconds += time.monotonic() - began


def _put_off(todo: Sequence[Fetching], job: Job, done: Callable[[Fetching], object]) -> None:
    """Fetch the first of many shares without any history now, the others on later nights: each costs a request.

    By hand, where a person watches, all of them.
    """
    new = [one for one in todo if one.open and one.newest_ms is None]
    for one in new[FEW:] if job.sources.scheduled else ():
        one.windows.clear()
        one.put_off = True
        done(one)


def _again(one: Fetching, job: Job) -> bool:
    return one.error is not None and job.sources.scheduled and job.sources.can_wait(one.error)
