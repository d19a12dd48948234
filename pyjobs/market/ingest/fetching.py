"""One stretch of bars from a provider into the store: closed bars only, nothing invented, no two bases mixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, Bars, IntArray, SeriesKey
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, are_from_open, expected_closes
from pyjobs.market.ingest.gaps import NEVER, first_bar
from pyjobs.market.ingest.left_out import with_left_out
from pyjobs.market.ingest.series_source import Source
from pyjobs.market.providers import BarRequest, ConfirmedEmpty, Fetched
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.ledger import NO_TIMES, within, without
from pyjobs.market.store.merge import joined
from pyjobs.market.store.partitions import Provenance
from pyjobs.market.times import utc_text
from utils.errors import BadDataError, ExternalDataUnavailable, NetworkForbidden

EMPTY_SETTLES_MS = 600_000  # a provider may deliver a quiet minute late; before that its absence proves nothing
OVERLAP_BARS = 10  # asked for again beside adjusted bars, to see whether they are still the same
OVERLAP_DAYS = 92  # the same of daily bars, in one request as well: Yahoo works some dividends in weeks late
CHANGED = 1e-6  # relative; providers round
RESCALED = 0.01  # a raw price moved by more than this, everywhere by the same factor, was not revised but rescaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What one stretch brought: bars delivered, times confirmed empty, partitions changed, and re-based or not."""

    bars: int = 0
    empty: int = 0
    partitions: int = 0
    requests: int = 0
    rebased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to ask about one stretch of a series, so that the answer can be compared with what is stored.

    `basis` and `adjusted` are those of the series when the question was made (`known`: there is one). `apart`: the
    stretch lies too far from what is stored for one request; its prices must be compared by a question of their own.
    """

    key: SeriesKey
    request: BarRequest
    known: Provenance | None
    apart: bool = False


Answer = Fetched | ConfirmedEmpty
"""What a provider says to a `Question`, when it does not fail."""


def fetch_window(store: BarStore, key: SeriesKey, source: Source, window: tuple[int, int], *, now_ms: int) -> Got:
    """Ask for the bars that close within `window` (both ends included) and store them.

    Raises ExternalDataUnavailable as the provider does, and BadDataError when what came cannot be true.
    """
    question = to_ask(store, key, source, window, now_ms=now_ms)
    if question.apart and _rescaled_since(store, key, source, now_ms):
        return rebase(store, question, source, now_ms=now_ms)
    try:
        answer: Answer = source.ask(question.request)
    except ConfirmedEmpty as nothing:
        answer = nothing
    return take_in(store, question, answer, now_ms=now_ms) or rebase(store, question, source, now_ms=now_ms)


def to_ask(store: BarStore, key: SeriesKey, source: Source, window: tuple[int, int], *, now_ms: int) -> Question:
    """The question that `window` makes: of adjusted prices some that are stored are asked for again."""
    known = store.provenance(key)
    (first, last), apart = window, False
    if known is not None and known.adjusted == "adjusted":
        first, last = _beside_stored(store, key, window, now_ms)
        if last - first > source.page_ms(key.timeframe):  # too far for one request
            (first, last), apart = window, True
    return Question(key=key, request=_request(key, source.market, first, last), known=known, apart=apart)


def take_in(store: BarStore, question: Question, answer: Answer, *, now_ms: int) -> Got | None:
    """Store what came. None, and nothing stored, when the stored prices are on another basis: `rebase` is next.

    Raises BadDataError when what came cannot be true, ExternalDataUnavailable for an answer about a part only.
    """
    key, known, request = question.key, question.known, question.request
    first, last = request.start_ms, request.end_ms
    fetched = None if isinstance(answer, ConfirmedEmpty) else answer
    bars = closed_bars(question, fetched, now_ms)
    ranges = answer.confirmed_empty
    empty = _confirmed(key, request.market, (first, min(last, now_ms - EMPTY_SETTLES_MS)), ranges, bars)
    if fetched is None:
        if known is None:
            return Got(requests=1)  # nothing is known of this series: there is no file to remember it in
        provider, final = known.provider, True
    else:
        provider, final = fetched.provider, fetched.last_final
        if _rescaled(store, key, bars, adjusted=fetched.adjusted == "adjusted"):
            return None
    if empty.size:  # before a series begins there is nothing to remember
        begins = min(first_bar(store, key) if known else NEVER, int(bars.ts_ms[0]) if len(bars) else NEVER)
        empty = within(empty, begins, last)
    changed = store.write(
        key,
        bars,
        provider=provider,
        fetched_at_ms=now_ms if fetched is None else fetched.fetched_at_ms,
        adjusted=known.adjusted if fetched is None and known else fetched.adjusted if fetched else "raw",
        last_final=final,
        empty=empty,
        basis=known.basis if known else 0,
    )
    if request.market == ROUND_THE_CLOCK:
        _whole(key, provider, (first, min(last, now_ms - EMPTY_SETTLES_MS)), ranges, bars)
    return Got(bars=len(bars), empty=int(empty.size), partitions=len(changed), requests=1)


def is_an_answer(error: ExternalDataUnavailable) -> bool:
    """Whether the provider was asked and said that it has nothing there: to ask the same again is of no use."""
    return error.kind == "no_data" and not isinstance(error, NetworkForbidden)


def closed_bars(question: Question, fetched: Fetched | None, now_ms: int) -> Bars:
    """Those of an answer that lie within the question and have closed. Raises BadDataError for what is no bar there."""
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


def _request(key: SeriesKey, market: str, first: int, last: int) -> BarRequest:
    return BarRequest(symbol=key.symbol, timeframe=key.timeframe, start_ms=first, end_ms=last, market=market)


def _asked(key: SeriesKey, source: Source, first: int, last: int, now_ms: int) -> tuple[Bars, Fetched | None]:
    """The closed bars within the stretch, and the answer (None: confirmed empty)."""
    question = Question(key=key, request=_request(key, source.market, first, last), known=None)
    try:
        fetched = source.ask(question.request)
    except ConfirmedEmpty:
        return joined([]), None
    return closed_bars(question, fetched, now_ms), fetched


def _confirmed(
    key: SeriesKey, market: str, window: tuple[int, int], ranges: tuple[tuple[int, int], ...], bars: Bars
) -> IntArray:
    """The closes the market should have in `window`, about which the provider answered, and that did not come.

    Round the clock the provider says so itself (`ranges`). Elsewhere an answer that has bars before and after is one.
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
    newest = store.newest(key)
    reach = _reach(key.timeframe)
    first, last = window[0] - reach, min(window[1] + reach, now_ms)
    if newest is None:
        return first, last
    return min(first, newest[0] - reach), max(last, first_bar(store, key) + reach)


def _reach(timeframe: str) -> int:
    """Milliseconds before the newest stored bar whose prices are compared."""
    return OVERLAP_DAYS * TIMEFRAME_MS["1d"] if timeframe == "1d" else OVERLAP_BARS * TIMEFRAME_MS[timeframe]


def _rescaled_since(store: BarStore, key: SeriesKey, source: Source, now_ms: int) -> bool:
    """Whether the newest stored prices are on another basis now. Raises BadDataError where nobody can tell any more."""
    newest = store.newest(key)
    if newest is None:
        return False
    try:
        bars, _ = _asked(key, source, newest[0] - _reach(key.timeframe), newest[0], now_ms)
    except ExternalDataUnavailable as error:
        if not is_an_answer(error):
            raise
        raise BadDataError(
            f"{key}: what is stored ends {utc_text(newest[0])}, and the provider has no bars of then any more "
            f"({error.detail}): whether a split or dividend lies between cannot be told. Nothing was stored; "
            f"move {store.folder(key)} away to begin anew"
        ) from None
    return _rescaled(store, key, bars, adjusted=True)


def _rescaled(store: BarStore, key: SeriesKey, bars: Bars, *, adjusted: bool) -> bool:
    """Whether stored prices are on another basis than `bars`. Raises BadDataError when that must not be: raw prices."""
    if len(bars) < 2:
        return False
    old = store.read(key, start_ms=int(bars.ts_ms[0]), end_ms=int(bars.ts_ms[-1]))
    shared, at_old, at_new = np.intersect1d(old.ts_ms, bars.ts_ms, assume_unique=True, return_indices=True)
    if shared.size < 2:
        return False
    ratio = bars.close[at_new] / old.close[at_old]
    changed = np.abs(ratio - 1) > CHANGED
    if not changed.any():
        return False
    if adjusted:  # the oldest ones suffice: a provider may be days late to work a split in
        return bool(changed.sum() * 2 > shared.size or changed[:2].all())
    factor = float(np.median(ratio))
    if shared.size >= 3 and abs(factor - 1) > RESCALED and np.ptp(ratio) < RESCALED * abs(factor - 1):
        raise BadDataError(
            f"{key}: {shared.size} stored raw closes now come {factor:.6g} times as high: the provider rescales "
            "what it calls raw; nothing was stored (move the series away to take the new prices)"
        )
    return False


def rebase(store: BarStore, question: Question, source: Source, *, now_ms: int) -> Got:
    """Fetch the whole series again, as far as the question goes, and put it in the stored one's place.

    A few bars that the provider leaves out stay, on the new basis. Raises BadDataError when more are gone.
    """
    key, last = question.key, question.request.end_ms
    newest = store.newest(key)
    span = min(source.page_bars * TIMEFRAME_MS[key.timeframe], source.page_ms(key.timeframe))
    first, last = first_bar(store, key), max(last, newest[0] if newest else last)
    parts, answer, requests, why = [], None, 0, "it has none"
    for start in range(first, last + 1, span):
        try:
            bars, fetched = _asked(key, source, start, min(start + span - 1, last), now_ms)
        except ExternalDataUnavailable as error:
            if not is_an_answer(error):
                raise
            answer, why = None, error.detail
            break
        parts.append(bars)
        answer, requests = fetched or answer, requests + 1
    if answer is None:
        raise BadDataError(
            f"{key}: cannot be re-based: a split or dividend changed its prices, and the provider no longer has the "
            f"history that is stored ({why}). Nothing was stored; move {store.folder(key)} away to begin anew"
        )
    whole = with_left_out(store.read(key), joined(parts))
    changed = store.rebase(
        key, whole, provider=answer.provider, fetched_at_ms=answer.fetched_at_ms, last_final=answer.last_final
    )
    return Got(bars=len(whole), partitions=len(changed), requests=requests + 1, rebased=True)
