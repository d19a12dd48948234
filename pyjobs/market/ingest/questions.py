"""The questions a series has for its provider, and what of an answer is stored: closed bars, nothing invented."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from pyjobs.market.bars import COLUMNS, DAY_MS, TIMEFRAME_MS, Bars, IntArray, SeriesKey
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, are_from_open, expected_closes
from pyjobs.market.ingest.gaps import NEVER, first_bar, stored_before
from pyjobs.market.ingest.news import lines as news
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.providers import BarRequest, ConfirmedEmpty, Fetched, units
from pyjobs.market.providers.units import Step
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.basis import CHANGED, rescaled, volumes_moved
from pyjobs.market.store.confirmed_empty import NO_TIMES, within, without
from pyjobs.market.store.merge import joined
from pyjobs.market.store.names import symbol_of
from pyjobs.market.store.partitions import Provenance
from pyjobs.market.times import utc_text
from utils.errors import BadDataError, ExternalDataUnavailable, MisfitError
from utils.files import os_files

EMPTY_FOR_SURE_MS = 600_000  # a provider may deliver a quiet minute late; before that its absence proves nothing
OVERLAP_BARS = 10  # stored adjusted bars asked for again, to see whether they are still the same
OVERLAP_DAYS = 92  # the same of daily bars, in one request as well: Yahoo works some dividends in weeks late (2026-11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """The result of one stretch: bars delivered, times confirmed empty, partitions changed, and re-based or not.

    `revised`: stored final bars that came with other numbers. `lines`: what to report about it, each a sentence.
    """

    bars: int = 0
    empty: int = 0
    partitions: int = 0
    requests: int = 0
    revised: int = 0
    lines: tuple[str, ...] = ()
    rebased: bool = False

    @property
    def news(self) -> tuple[str, ...]:
        """The lines about it, each once."""
        return tuple(dict.fromkeys([*[news.REBASED] * self.rebased, *self.lines]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The question about one stretch of a series, wide enough to compare the answer with stored bars.

    `basis` and `adjusted` are those of the series when the question was made (`known`: there is one). `apart`: the
    stretch lies too far from what is stored for one request; its prices must be compared by a question of their own.
    `oldest`: and so must the oldest ones. `whole`: it covers all that is stored.
    """

    key: SeriesKey
    request: BarRequest
    known: Provenance | None
    apart: bool = False
    oldest: bool = False
    whole: bool = False

    @property
    def alone(self) -> bool:
        """Whether it takes more than this question."""
        return self.apart or self.oldest


Answer = Fetched | ConfirmedEmpty
"""A provider's answer to a `Question`, when it does not fail."""


def to_ask(
    store: BarStore,
    key: SeriesKey,
    source: SeriesSource,
    window: tuple[int, int],
    *,
    now_ms: int,
    compare_every_ms: int = looks.DAY_MS,
) -> Question:
    """The question that `window` makes: of adjusted prices some that are stored are asked for again, now and then all.

    A dividend that is worked in weeks late moves all before it: so three months of days are asked for, and every
    `compare_every_ms` the whole history, or (where that is no single request) its oldest bars besides.
    """
    known = store.provenance(key)
    if known is None and not source.letters_count:
        _refuse_other_letters(store, key)
    (first, last), apart, oldest, whole = window, False, False, False
    if known is not None and known.adjusted != "raw":
        first, last = _beside_stored(store, key, window, now_ms)
        if last - first > source.page_ms(key.timeframe):  # too far for one request
            (first, last), apart = window, True
        if looks.comparison_due(store, key, now_ms, compare_every_ms):
            begins = first_bar(store, key)
            whole = not apart and last - begins <= min(
                source.page_ms(key.timeframe), source.page_bars * TIMEFRAME_MS[key.timeframe]
            )
            oldest = not whole
            first = min(first, begins) if whole else first
    request = request_of(key, source.market, first, last, stored=known is not None)
    return Question(key=key, request=request, known=known, apart=apart, oldest=oldest, whole=whole)


def _refuse_other_letters(store: BarStore, key: SeriesKey) -> None:
    """Raises MisfitError where the same symbol is stored in other letters: a provider reads spy as SPY."""
    if key.symbol.upper() == key.symbol.lower():
        return
    folder, same = store.root / key.exchange, key.symbol.casefold()
    names = os.listdir(folder) if os_files.has_folder(folder) else []  # noqa: PTH208 - thousands of new series look here
    for symbol in (symbol_of(name) or "" for name in names):
        if symbol.casefold() == same and symbol != key.symbol and store.partitions(twin := replace(key, symbol=symbol)):
            raise MisfitError(
                f"{key}: {symbol} is stored, and the provider takes both for the same: write {symbol}, or move "
                f"{store.folder(twin)} away (for an exchange with two such symbols set `letters_count: true`)"
            )


def take_in(store: BarStore, question: Question, answer: Answer, *, now_ms: int) -> Got | None:
    """Store what came. None, and nothing stored, when the stored prices are on another basis: `rebase` is next.

    Raises BadDataError when what came cannot be true, ExternalDataUnavailable for an answer about a part only.
    """
    key, known, request = question.key, question.known, question.request
    first, last = request.start_ms, request.end_ms
    fetched, step = (None if isinstance(answer, ConfirmedEmpty) else answer), None
    if fetched is not None and known is not None:
        fetched, step = in_stored_unit(store, key, fetched)
    bars, ranges = closed_bars(question, fetched, now_ms), answer.confirmed_empty
    sure = first, min(last, now_ms - EMPTY_FOR_SURE_MS)
    empty = _confirmed(key, request.market, sure, ranges, bars)
    if fetched is None and known is None:
        return Got(requests=1)  # nothing is known of this series: there is no file to remember it in
    about = fetched or known
    assert about is not None, "one of them is there"
    before = _stored(store, key, bars, empty)
    if fetched is not None and rescaled(key, before.bars, bars, adjusted=fetched.adjusted != "raw"):
        return None
    if empty.size:  # before a series begins there is nothing to remember
        begins = min(first_bar(store, key) if known else NEVER, int(bars.ts_ms[0]) if len(bars) else NEVER)
        empty = within(empty, begins, last)
    looks.confirmed(store, key, without(empty, before.empty), now_ms)  # first: a kill in between loses no date
    revised = before.revised_by(bars)
    found_news = news.of_answer(
        looks.load(store, key) if known else None, fetched, bars, before.about(key, bars, revised)
    )
    found_news.note(store, key)  # and no line to print
    changed = store.write(
        key, bars, provider=about.provider, adjusted=about.adjusted, empty=empty,
        fetched_at_ms=fetched.fetched_at_ms if fetched else now_ms,
        last_final=fetched is None or fetched.last_final, basis=known.basis if known else 0,
    )  # fmt: skip
    if question.whole and len(bars):
        looks.change(store, key, compared_ms=now_ms)
    if step is not None:
        raise MisfitError(_waits(key, step))
    if request.market == ROUND_THE_CLOCK:
        _whole(key, about.provider, sure, ranges, bars)
    return Got(
        bars=len(bars), empty=int(without(empty, before.bars.ts_ms).size), partitions=len(changed), requests=1,
        revised=int(revised.size), lines=found_news.all,
    )  # fmt: skip


def _waits(key: SeriesKey, step: Step) -> str:
    return (
        f"{key}: {step.text} than those that are stored, and its provider lists no split. What is stored stays, and "
        "nothing newer is taken until the provider mends it or you say what it is: python -m pyjobs.ingest "
        f"{key.flags} --resume --step unit (another unit: stored prices are put into it; split: their volumes, too; "
        "traded: the price has moved so far)"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """The stored bars of an answer's stretch before it (`final` of them final), and times without one."""

    bars: Bars
    final: int
    empty: IntArray

    def revised_by(self, new: Bars) -> IntArray:
        """The closes of those that came with other numbers."""
        old = self.bars.slice(0, self.final)
        shared, at_old, at_new = np.intersect1d(old.ts_ms, new.ts_ms, assume_unique=True, return_indices=True)
        same = [
            np.isclose(getattr(old, name)[at_old], getattr(new, name)[at_new], rtol=CHANGED, atol=0.0)
            for name in COLUMNS
        ]
        return np.asarray(shared[~np.logical_and.reduce(same)], np.int64)

    def about(self, key: SeriesKey, new: Bars, revised: IntArray) -> tuple[str, ...]:
        """The sentences about those, whose volumes may have been stored in another unit by an older version."""
        moved = volumes_moved(self.bars.slice(0, self.final), new)
        of_volumes = () if moved is None else (
            f"volumes up to the bar of {utc_text(moved[1])} come {moved[0]:g} times as high: contracts before? "
            f"Older ones are so still: python -m pyjobs.ingest {key.flags} --start TIME fetches them anew",
        )  # fmt: skip
        return (*news.about_revised(revised), *of_volumes)


def _stored(store: BarStore, key: SeriesKey, bars: Bars, empty: IntArray) -> _Stored:
    newest, times = store.newest(key), np.union1d(bars.ts_ms, empty)
    if newest is None:
        return _Stored(bars=joined([]), final=0, empty=NO_TIMES)
    old = store.read(key, start_ms=int(times[0]), end_ms=int(times[-1])) if times.size else joined([])
    moving = bool(len(old)) and int(old.ts_ms[-1]) == newest[0] and not newest[1]
    known = store.confirmed_empty(key, start_ms=int(empty[0]), end_ms=int(empty[-1])) if empty.size else NO_TIMES
    return _Stored(bars=old, final=len(old) - moving, empty=np.union1d(known, old.ts_ms))


def is_an_answer(error: ExternalDataUnavailable) -> bool:
    """Whether the provider answered that it has nothing there: to ask it again is of no use."""
    return error.kind == "no_data"


def closed_bars(question: Question, fetched: Fetched | None, now_ms: int) -> Bars:
    """The bars of an answer that lie within the question and have closed. Raises BadDataError for an impossible bar."""
    if fetched is None:
        return joined([])
    key, request = question.key, question.request
    times = fetched.bars.ts_ms
    start = np.searchsorted(times, request.start_ms)
    stop = np.searchsorted(times, min(request.end_ms, now_ms), side="right")
    bars = fetched.bars.slice(int(start), int(stop))
    if request.market == ROUND_THE_CLOCK and (bars.ts_ms % TIMEFRAME_MS[key.timeframe]).any():
        raise BadDataError(f"{key}: {fetched.provider} sent closes that are no whole {key.timeframe} bars")
    return bars


def request_of(key: SeriesKey, market: str, first: int, last: int, *, stored: bool) -> BarRequest:
    """The bars of a series that close from `first` to `last`; `stored`: whether it has any."""
    return BarRequest(
        symbol=key.symbol, timeframe=key.timeframe, start_ms=first, end_ms=last, market=market, stored=stored
    )


def in_stored_unit(
    store: BarStore, key: SeriesKey, fetched: Fetched, *, note: bool = True
) -> tuple[Fetched, Step | None]:
    """`fetched` in the unit of what is stored, and from where on nothing of it is taken until a person has spoken."""
    newest = store.newest(key)
    if newest is None or fetched.adjusted == "raw" or not len(fetched.bars):
        return fetched, None
    first, last, known = int(fetched.bars.ts_ms[0]), fetched.bars.last_ms, looks.load(store, key) or looks.Looks()
    old = store.read(key, start_ms=stored_before(store, key, first) or first, end_ms=last)
    found, step = units.in_stored_unit(fetched, old, newest_ms=newest[0], traded_ms=known.traded_ms)
    waiting = (step.since_ms, step.tens) if step else None
    if note and known.waiting != waiting and last > newest[0]:
        looks.change(store, key, waiting=waiting)
    return found, step


def _confirmed(
    key: SeriesKey, market: str, window: tuple[int, int], ranges: tuple[tuple[int, int], ...], bars: Bars
) -> IntArray:
    """The closes the market should have in `window`, about which the provider answered, and that did not come.

    Round the clock the provider confirms that itself (`ranges`). Elsewhere an answer with bars before and after does.
    """
    if market != ROUND_THE_CLOCK and len(bars):
        ranges = (*ranges, (int(bars.ts_ms[0]), int(bars.ts_ms[-1])))
    if not ranges:
        return NO_TIMES
    from_open = are_from_open(market, key.timeframe, bars.ts_ms)
    expected = expected_closes(market, key.timeframe, *window, from_open=from_open)
    inside = [within(expected, first, last) for first, last in ranges]
    return without(np.unique(np.concatenate([NO_TIMES, *inside])), bars.ts_ms)


def _whole(
    key: SeriesKey, provider: str, window: tuple[int, int], ranges: tuple[tuple[int, int], ...], bars: Bars
) -> None:
    """Raises ExternalDataUnavailable when the provider answered about a part of `window` only."""
    answered = max([0, *bars.ts_ms[-1:].tolist(), *(last for _, last in ranges)])
    if answered + TIMEFRAME_MS[key.timeframe] <= window[1]:
        detail = f"it answered up to {utc_text(answered)} only; that much is stored (is the clock here ahead?)"
        raise ExternalDataUnavailable("outage", provider=provider, symbol=key.symbol, detail=detail)


def _beside_stored(store: BarStore, key: SeriesKey, window: tuple[int, int], now_ms: int) -> tuple[int, int]:
    """`window`, widened until it shares some bars with what is stored."""
    newest, reach = store.newest(key), reach_ms(key.timeframe)
    first, last = window[0] - reach, min(window[1] + reach, now_ms)
    if newest is None:
        return first, last
    return min(first, newest[0] - reach), max(last, first_bar(store, key) + reach)


def reach_ms(timeframe: str) -> int:
    """Milliseconds before the newest stored bar whose prices are compared."""
    return OVERLAP_DAYS * DAY_MS if timeframe == "1d" else OVERLAP_BARS * TIMEFRAME_MS[timeframe]
