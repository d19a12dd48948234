"""Asking for many series at once: windows oldest first, every answer stored as it comes, no symbol hiding another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pyjobs.market.bars import TIMEFRAME_MS, IntArray, SeriesKey
from pyjobs.market.ingest import looks, lost
from pyjobs.market.ingest.backfill import RESUME_OVERLAP_BARS, pages
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK
from pyjobs.market.ingest.fetching import fetch_window, rebase
from pyjobs.market.ingest.for_each_series import foreseen
from pyjobs.market.ingest.gaps import Window
from pyjobs.market.ingest.questions import Answer, Got, Question, closed_bars, is_an_answer, take_in, to_ask
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.providers import BarRequest, ConfirmedEmpty, Fetched
from pyjobs.market.providers.base import NotAsked, Unasked
from pyjobs.market.providers.krx_stock import FetchedShare
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import NO_TIMES
from pyjobs.market.store.partitions import is_intraday
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import history_changes
from pyjobs.market.universe.due import Want, first_ms
from utils.errors import ExternalDataUnavailable, NetworkForbidden, NightdeskError

COMPARE_EVERY_MS = 7 * TIMEFRAME_MS["1d"]  # all of an adjusted history; of a whole market every night it is gigabytes
NOBODY_ASKED = (NotAsked, Unasked, NetworkForbidden)
Done = Callable[["Fetching"], object]
"""Called when nothing more is to be asked about a series."""


@dataclass(slots=True, kw_only=True)
class Fetching:
    """One series while it is fetched, and what became of it.

    `lacking`: of a share that boards may bring in, the closes of sessions that are not known to have no bar of it.
    `newest_ms` and `final` are those of the store by now; `new_bars` are those it did not have. `answered`: its
    provider has answered about the newest stretch. `error` is what the last question ended in, else None.
    `revised`: stored bars that came with other numbers; `lines`: what to report about them, a sentence each.
    `by_board`: how many of the questions `asked` were about a whole board. `put_off`: a later job fetches its history.
    `too_old`: stretches that its provider does not reach any more.
    """

    want: Want
    windows: list[Window] = field(default_factory=list)
    lacking: IntArray = field(default_factory=lambda: NO_TIMES)
    newest_ms: int | None = None
    final: bool = False
    asked: int = 0
    by_board: int = 0
    new_bars: int = 0
    answered: bool = False
    rebased: bool = False
    revised: int = 0
    lines: tuple[str, ...] = ()
    halted: bool = False
    put_off: bool = False
    too_old: list[Window] = field(default_factory=list)
    error: NightdeskError | None = None

    @property
    def open(self) -> bool:
        """Whether there is something left to ask."""
        return bool(self.windows)


def begin(one: Fetching, *, need_bars: int, now_ms: int) -> None:
    """Open what is to be asked about a series that is behind: from its newest bar on, or from its beginning."""
    want, step = one.want, TIMEFRAME_MS[one.want.key.timeframe]
    if one.newest_ms is None:
        first = first_ms(want, need_bars=need_bars, now_ms=now_ms)
    else:
        first = one.newest_ms - RESUME_OVERLAP_BARS * step
    exchange = want.exchange
    span_ms = exchange.page_days.get(want.key.timeframe, 100_000) * TIMEFRAME_MS["1d"]
    windows = []
    longest_ms = min(exchange.page_bars * step, span_ms)
    if one.newest_ms is not None:
        first = min(first, max(one.newest_ms - again_ms(want.key, one.newest_ms, now_ms), now_ms - longest_ms + 1))
    for start, stop in pages(first, now_ms, longest_ms) if now_ms - first > longest_ms else [(first, now_ms)]:
        begins = -(-start // step) * step if exchange.market == ROUND_THE_CLOCK else start
        if begins <= stop:
            windows.append((begins, stop))
    if exchange.market != ROUND_THE_CLOCK and len(windows) > 1 and windows[-1][0] > want.closed_ms:
        windows.pop()  # no bar has closed in it
    one.windows = windows


def again_ms(key: SeriesKey, newest_ms: int, now_ms: int) -> int:
    """How long before its newest bar a series is asked for besides, in the same request, so that revisions are seen.

    Days once a week (series take turns), 35 of them; shorter bars with the first fetch of a UTC day, a week.
    """
    day_ms = TIMEFRAME_MS["1d"]
    if not is_intraday(key.timeframe):
        return 35 * day_ms if looks.has_its_turn(key, now_ms) else 0
    return 7 * day_ms if newest_ms // day_ms != now_ms // day_ms else 0


def gather(store: BarStore, todo: Sequence[Fetching], sources: Sources, *, now_ms: int, done: Done) -> None:
    """Ask for everything that is open, until nothing is, or a series has failed; all of one exchange.

    In each round every series is asked for its oldest window. A series that must be compared or fetched again as a
    whole gets its own questions, after the round. Errors stay with their series.
    """
    rest = sorted((one for one in todo if one.open), key=lambda one: (one.newest_ms or 0, one.want.key.symbol))
    while rest:
        alone = list(_round(store, rest, sources, now_ms=now_ms))
        for one in alone:
            _single(store, one, sources, now_ms=now_ms)
        for one in rest:
            if not one.open:
                _name_lost(store, one)
                done(one)
        rest = [one for one in rest if one.open]


def _name_lost(store: BarStore, one: Fetching) -> None:
    """Note and report the bars since its newest one that are lost for good; of a history that begins there are none."""
    newest_ms, market = one.want.newest_ms, one.want.exchange.market
    if newest_ms is None or not one.too_old:
        return
    windows, one.too_old = one.too_old, []
    wanted = [(max(first, newest_ms + 1), last) for first, last in windows if last > newest_ms]
    try:
        with foreseen():
            count = sum(lost.note(store, one.want.key, market, window) for window in wanted)
    except NightdeskError as error:  # the others have theirs
        one.lines = (*one.lines, f"cannot find out which bars are no longer available: {error}")
        return
    if count:
        one.lines = (
            *one.lines,
            f"{count} bars since the last fetch can no longer be had: its provider reaches not so far",
        )


def _round(store: BarStore, todo: Iterable[Fetching], sources: Sources, *, now_ms: int) -> Iterator[Fetching]:
    """One question about each; those come back that one question does not answer."""
    of: dict[BarRequest, tuple[Fetching, Question]] = {}
    for one in todo:
        one.error = None
        key = one.want.key
        try:
            with foreseen():
                question = to_ask(
                    store, key, sources.of(key), one.windows[0], now_ms=now_ms, compare_every_ms=COMPARE_EVERY_MS
                )
        except NightdeskError as error:
            _failed(one, error)
            continue
        if question.alone:
            yield one
            continue
        currency = "" if one.want.exchange.market == "FX" else one.want.instrument.currency
        of[replace(question.request, currency=currency)] = one, question
    if not of:
        return
    exchange = next(iter(of.values()))[0].want.key.exchange
    for request, answer in sources.ask_many(exchange, list(of)):
        one, question = of[request]
        one.asked += not isinstance(answer, NOBODY_ASKED)
        if isinstance(answer, NightdeskError) and not isinstance(answer, ConfirmedEmpty):
            _failed(one, answer)
        elif _is_answered(store, one, question, answer, now_ms):
            one.windows.pop(0)
        elif one.error is None:
            yield one


def _is_answered(store: BarStore, one: Fetching, question: Question, answer: Answer, now_ms: int) -> bool:
    """Store the answer. False when that was not possible: the error is noted, or the series is to be re-based."""
    try:
        if isinstance(answer, FetchedShare):  # before the bars: without a split between them they are wrong
            keep_changes(one.want.key.exchange, history_changes(answer.days))
        with foreseen():
            got = take_in(store, question, answer, now_ms=now_ms)
    except NightdeskError as error:
        _failed(one, error)
        return False
    if got is None:
        return False
    one.answered = True
    one.revised, one.lines = one.revised + got.revised, one.lines + got.lines
    if isinstance(answer, FetchedShare | ConfirmedEmpty):  # KRX names the sessions without a trade
        one.halted = any(first <= one.want.due_ms <= last for first, last in answer.confirmed_empty)
    if isinstance(answer, Fetched):
        note(one, closed_bars(question, answer, now_ms).ts_ms, last_final=answer.last_final)
    return True


def note(one: Fetching, times: IntArray, *, last_final: bool) -> None:
    """Count bars that have been stored: `times` are their closes, increasing."""
    known = one.newest_ms or 0
    one.new_bars += int((times > known).sum())
    if times.size and times[-1] >= known:
        one.final = last_final or (int(times[-1]) == known and one.final)
        one.newest_ms = int(times[-1])


def _single(store: BarStore, one: Fetching, sources: Sources, *, now_ms: int) -> None:
    """The window of a series whose prices must be compared, or fetched, as a whole: by questions of its own."""
    key = one.want.key
    source = sources.of(key)
    try:
        every = {"now_ms": now_ms, "compare_every_ms": COMPARE_EVERY_MS}
        with foreseen():
            question = to_ask(store, key, source, one.windows[0], **every)
            got: Got = (
                fetch_window(store, key, source, one.windows[0], **every)
                if question.alone
                else rebase(store, question, source, now_ms=now_ms)
            )
            newest = store.newest(key)
    except NightdeskError as error:
        one.asked += not isinstance(error, NOBODY_ASKED)
        _failed(one, error)
        return
    one.asked += got.requests
    one.windows.pop(0)
    one.answered, one.rebased = True, one.rebased or got.rebased
    one.revised, one.lines = one.revised + got.revised, one.lines + got.lines
    if newest is not None:
        one.new_bars += int(newest[0] > (one.newest_ms or 0))
        one.newest_ms, one.final = newest


def _failed(one: Fetching, error: NightdeskError) -> None:
    """Note it. What a provider does not have (too long ago for it) keeps no newer window from being asked for."""
    one.error = error
    if isinstance(error, ExternalDataUnavailable) and is_an_answer(error) and len(one.windows) > 1:
        one.too_old.append(one.windows.pop(0))
        return
    one.answered = False
    one.windows.clear()
