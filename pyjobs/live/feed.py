"""The recent bars of a loop's series: asked for and stored, or loaded; closed ones only, in order.

Fetched bars are used even where they cannot be stored.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from pyjobs.live.spec import Spec
from pyjobs.live.splits import Split, recorded
from pyjobs.market.bars import COLUMNS, TIMEFRAME_MS, Bars
from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.open_store import open_store
from utils.errors import CannotWriteError, ExternalDataUnavailable, LockBusyError, NetworkForbidden
from utils.settings import config

OVERLAP = 16  # decided bars that are looked at again, to see what was revised
EXTRA = 1.5  # of the first ask: markets are closed for part of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The bars and facts of now. `final`: the newest bar is past its provider's revisions, so nothing newer need
    confirm it.

    `persisted`: what came is stored. `report`: lines to print; `noted`: some are noted until `mark_printed`. `splits`:
    those that are recorded, of raw prices; None where splits are worked in, and all bars move with one.
    """

    bars: Bars
    final: bool
    persisted: bool = True
    report: tuple[str, ...] = ()
    noted: bool = False
    splits: tuple[Split, ...] | None = ()


def is_daily(timeframe: str) -> bool:
    """Whether a bar is a session: then the `last_final` mark takes the place of a newer bar."""
    return TIMEFRAME_MS[timeframe] >= TIMEFRAME_MS["1d"]


def look(spec: Spec, *, since_ms: int, bars: int, now_ms: int, fetched: bool) -> Answer:
    """The stored bars from `since_ms` on (0: the newest `bars` of them), after asking for new ones if `fetched`.

    Raises ExternalDataUnavailable when nothing could be asked, BadDataError for what cannot be true.
    """
    store = open_store()
    came: list[Bars] = []
    persisted, found, noted = True, tuple[str, ...](), False
    if fetched and os.environ.get("FORCE_FETCH_FAIL") == "1":
        raise ExternalDataUnavailable(
            "network", provider=spec.exchange, symbol=spec.stored, detail="FORCE_FETCH_FAIL=1 rehearses a failed fetch"
        )
    if fetched:
        persisted, found, noted = _fetch(spec, store, came, bars, now_ms)
    stored = store.read(spec.key, start_ms=since_ms or None)
    whole = merged(stored, [each for each in came if not persisted])
    if since_ms:
        whole = whole.slice(int(np.searchsorted(whole.ts_ms, since_ms)), len(whole))
    else:
        whole = whole.slice(max(0, len(whole) - bars), len(whole))
    newest = store.newest(spec.key)
    final = is_daily(spec.timeframe) and newest is not None and newest[1] and persisted
    about = store.provenance(spec.key)
    splits = tuple(recorded(spec)) if about is None or about.adjusted == "raw" else None
    return Answer(bars=whole, final=final, persisted=persisted, report=found, noted=noted, splits=splits)


def mark_printed(spec: Spec, report: Collection[str]) -> None:
    """These sentences have been printed: no later job prints them again for the series."""
    from pyjobs.market.ingest.news.lines import mark_printed as mark_news_printed

    mark_news_printed(open_store(), spec.key, report)


def _fetch(spec: Spec, store: BarStore, came: list[Bars], bars: int, now_ms: int) -> tuple[bool, tuple[str, ...], bool]:
    """Ask for what is new and store it; what came is added to `came` whether it could be stored or not.

    `Answer.persisted`, `report` and `noted`.
    """
    from pyjobs.market.ingest import backfill, silence
    from pyjobs.market.ingest.for_each_series import series_lock
    from pyjobs.market.ingest.questions import in_stored_unit
    from pyjobs.market.ingest.sources import Sources

    if spec.exchange not in load_exchanges(config.own_or_default("exchanges.yaml")):
        return True, (), False  # its bars come from files alone
    source = Sources().of(spec.key)
    ask = source.ask

    def noted(request):  # type: ignore[no-untyped-def]  # as SeriesSource.ask
        answer = ask(request)
        came.append(in_stored_unit(store, spec.key, answer, note=False)[0].bars)
        if os.environ.get("FORCE_PERSIST_FAIL") == "1":
            raise CannotWriteError("FORCE_PERSIST_FAIL=1 rehearses a failed write")
        return answer

    if store.partitions(spec.key) and silence.resting(store, spec.key, source, now_ms):
        return True, (), False
    back_ms = int(bars * TIMEFRAME_MS[spec.timeframe] * EXTRA)
    if is_daily(spec.timeframe):
        back_ms *= 2
    try:
        with series_lock("ingest", spec.key):
            done = backfill.ingest_resume(
                store, spec.key, replace(source, ask=noted), lookback_ms=back_ms, now_ms=now_ms, progress=_quiet
            )
            silent = silence.note_asked(store, spec.key, source, now_ms, hint="")
    except NetworkForbidden:
        return True, ("no provider was asked: ALLOW_NET_FETCH=0; the store's bars are used",), False
    except LockBusyError:
        return True, ("another ingest of the series is at work; the store's bars are used",), False
    except (CannotWriteError, OSError) as error:
        if not came:
            raise
        return False, (f"the bars could not be stored: {error}",), False
    return True, (*done.got.news, *[silent] * bool(silent)), bool(done.got.news)


def _quiet(_: int, __: int, ___: str) -> None:
    """No progress: a step is short."""


def merged(stored: Bars, came: list[Bars]) -> Bars:
    """The bars of all of them, in order; on a shared time what came later wins."""
    if not came:
        return stored
    columns = {name: np.concatenate([getattr(each, name) for each in (stored, *came)]) for name in COLUMNS}
    backwards = columns["ts_ms"][::-1]
    _, first = np.unique(backwards, return_index=True)
    at = backwards.size - 1 - first
    return Bars(**{name: values[at] for name, values in columns.items()})
