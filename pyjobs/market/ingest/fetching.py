"""One stretch of bars from a provider into the store; a series whose prices moved as a whole is replaced."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from pyjobs.market.bars import TIMEFRAME_MS, Bars, SeriesKey
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.gaps import first_bar
from pyjobs.market.ingest.left_out import refuse_other, with_left_out
from pyjobs.market.ingest.news import lines as news
from pyjobs.market.ingest.questions import (
    OVERLAP_BARS,
    Answer,
    Got,
    Question,
    closed_bars,
    in_stored_unit,
    is_an_answer,
    reach_ms,
    request_of,
    take_in,
    to_ask,
)
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.providers import ConfirmedEmpty, Fetched
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.basis import rescaled
from pyjobs.market.store.merge import joined
from pyjobs.market.times import utc_text
from utils.errors import BadDataError, ExternalDataUnavailable, UsageError


def fetch_window(
    store: BarStore,
    key: SeriesKey,
    source: SeriesSource,
    window: tuple[int, int],
    *,
    now_ms: int,
    compare_every_ms: int = looks.DAY_MS,
) -> Got:
    """Ask for the bars that close within `window` (both ends included), and for `to_ask`, and store them.

    Raises ExternalDataUnavailable as the provider does, and BadDataError when what came cannot be true.
    """
    question = to_ask(store, key, source, window, now_ms=now_ms, compare_every_ms=compare_every_ms)
    if question.alone and _rescaled_apart(store, question, source, now_ms):
        return rebase(store, question, source, now_ms=now_ms)
    try:
        answer: Answer = source.ask(question.request)
    except ConfirmedEmpty as nothing:
        answer = nothing
    return take_in(store, question, answer, now_ms=now_ms) or rebase(store, question, source, now_ms=now_ms)


def _asked(
    store: BarStore, key: SeriesKey, source: SeriesSource, first: int, last: int, now_ms: int
) -> tuple[Bars, Fetched | None]:
    """The closed bars within the stretch, in the stored unit, and the answer (None: confirmed empty)."""
    question = Question(key=key, request=request_of(key, source.market, first, last, stored=True), known=None)
    try:
        fetched = source.ask(question.request)
    except ConfirmedEmpty:
        return joined([]), None
    fetched, _ = in_stored_unit(store, key, fetched)
    return closed_bars(question, fetched, now_ms), fetched


def _rescaled_apart(store: BarStore, question: Question, source: SeriesSource, now_ms: int) -> bool:
    """Whether the newest, or the oldest, stored prices are on another basis now, where the question does not show
    it.
    """
    key = question.key
    if question.apart and _newest_rescaled(store, key, source, now_ms):
        return True
    if not question.oldest:
        return False
    first = first_bar(store, key)
    try:
        bars, _ = _asked(store, key, source, first, first + OVERLAP_BARS * TIMEFRAME_MS[key.timeframe], now_ms)
    except ExternalDataUnavailable as error:
        if not is_an_answer(error):
            raise
        bars = joined([])  # too long ago for it: what it still has is compared as it comes
    looks.change(store, key, compared_ms=now_ms)
    return _moved(store, key, bars)


def _newest_rescaled(store: BarStore, key: SeriesKey, source: SeriesSource, now_ms: int) -> bool:
    """Whether the newest stored prices are on another basis now. Raises BadDataError where that can no longer be found
    out.
    """
    newest = store.newest(key)
    if newest is None:
        return False
    try:
        bars, _ = _asked(store, key, source, newest[0] - reach_ms(key.timeframe), newest[0], now_ms)
    except ExternalDataUnavailable as error:
        if not is_an_answer(error):
            raise
        raise BadDataError(
            f"{key}: what is stored ends {utc_text(newest[0])}, and the provider has no bars of that time any more "
            f"({error.detail}): whether a split or dividend lies between is not known. Nothing was stored; "
            f"move {store.folder(key)} away to begin again"
        ) from None
    return _moved(store, key, bars)


def _moved(store: BarStore, key: SeriesKey, bars: Bars) -> bool:
    """Whether the stored adjusted prices of `bars`' stretch are on another basis."""
    if not len(bars):
        return False
    old = store.read(key, start_ms=int(bars.ts_ms[0]), end_ms=int(bars.ts_ms[-1]))
    return rescaled(key, old, bars, adjusted=True)


def rebase(store: BarStore, question: Question, source: SeriesSource, *, now_ms: int) -> Got:
    """Fetch the whole series again, as far as the question goes, and put it in the stored one's place.

    A few bars that the provider leaves out stay, on the new basis, where that basis is known; all are named.
    Raises BadDataError when more are gone.
    """
    key, last = question.key, question.request.end_ms
    newest = store.newest(key)
    span = min(source.page_bars * TIMEFRAME_MS[key.timeframe], source.page_ms(key.timeframe))
    first, last = first_bar(store, key), max(last, newest[0] if newest else last)
    parts, answer, requests, why, known = list[Bars](), None, 0, "it has none", set[str]()
    for start in range(first, last + 1, span):
        try:
            bars, fetched = _asked(store, key, source, start, min(start + span - 1, last), now_ms)
        except ExternalDataUnavailable as error:
            if not is_an_answer(error):
                raise
            answer, why = None, error.detail
            break
        late = {session: factor for session, factor in (fetched.worked_in if fetched else ()) if session not in known}
        parts = [*(_cheaper(part, prod(late.values())) for part in parts), bars]  # what is older moves, too
        known |= late.keys()
        answer, requests = fetched or answer, requests + 1
    if answer is None:
        raise BadDataError(
            f"{key}: cannot be re-based: a split or dividend changed its prices, and the provider no longer has the "
            f"history that is stored ({why}). Nothing was stored; move {store.folder(key)} away to begin again"
        )
    refuse_other(key, store.read(key), joined(parts))
    got = put_in_place(store, key, joined(parts), answer, now_ms=now_ms)
    return replace(got, requests=requests + 1)


def _cheaper(bars: Bars, factor: float) -> Bars:
    """`bars` with their prices times `factor`."""
    return replace(bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})


def put_in_place(
    store: BarStore, key: SeriesKey, new: Bars, answer: Fetched, *, now_ms: int, silent: bool = False
) -> Got:
    """Put `new` in the place of the whole series, with what `with_left_out` keeps of the stored one.

    `silent`: its lines are not printed.
    """
    whole, found, few = with_left_out(store.read(key), new)
    found_news = news.of_answer(looks.load(store, key), answer, new, found)
    if not silent:
        found_news.note(store, key, news.REBASED)  # first: killed in between, it is reported still
    changed = store.rebase(
        key, whole, provider=answer.provider, fetched_at_ms=answer.fetched_at_ms, last_final=answer.last_final,
        whole=not few,
    )  # fmt: skip
    looks.change(store, key, compared_ms=now_ms)
    return Got(bars=len(whole), partitions=len(changed), requests=1, rebased=True, lines=found_news.all)


def take_step(store: BarStore, key: SeriesKey, word: str) -> str:
    """Apply a person's word on prices that wait (`in_stored_unit`), and return the line; the next answer uses it.

    `unit` puts the stored prices into the new unit, `split` their volumes too; `traded`: the price has moved so far.
    Raises UsageError where nothing waits, or bars as new as what waits are stored; and as `BarStore.rebase`.
    """
    known, newest, about = looks.load(store, key), store.newest(key), store.provenance(key)
    if known is None or known.waiting is None or newest is None or about is None:
        raise UsageError(f"{key}: no prices of it wait for a word (--step)")
    since_ms, tens = known.waiting
    if newest[0] >= since_ms:  # from a file, say: those would be moved, too
        raise UsageError(f"{key}: bars from {utc_text(since_ms)} on are stored meanwhile; run it without --step first")
    looks.change(store, key, waiting=None, traded_ms=since_ms if word == "traded" else 0)  # first: never twice
    if word == "traded":
        return f"{key}: from the bar of {utc_text(since_ms)} on prices are taken as traded"
    bars, factor = store.read(key), 10.0**tens
    moved = replace(_cheaper(bars, factor), volume=bars.volume / (factor if word == "split" else 1))
    store.rebase(key, moved, provider=about.provider, fetched_at_ms=about.fetched_at_ms, last_final=newest[1])
    also = f", volumes by {1 / factor:g}" if word == "split" else ""
    return f"{key}: {len(bars)} stored bars before the bar of {utc_text(since_ms)}: prices times {factor:g}{also}"
