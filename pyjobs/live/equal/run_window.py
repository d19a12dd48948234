"""Which journal, which window, which bars: a backtest of a loop's window as it is asked for on a command line."""

from __future__ import annotations

import os
from dataclasses import replace

from pyjobs.live import config as live_config
from pyjobs.live.deciding.seen import Seen
from pyjobs.live.equal.logs import Log, place_of, read, spec_of
from pyjobs.live.equal.window import write
from pyjobs.live.journal.place import Place, checked_tag
from pyjobs.live.spec import Spec, code_of
from pyjobs.live.splits import as_seen, between, recorded, with_marked
from pyjobs.market.store.open_store import open_store
from utils.errors import MissingInputError, UsageError


def run(
    tag: str,
    runid: str,
    *,
    symbol: str,
    timeframe: str,
    start_ms: int | None,
    end_ms: int | None,
    from_store: bool,
    at: str,
) -> str:
    """Backtest the window of a tag's journal, or with the store's bars of a tag without one; return one line about it.

    Raises UsageError for a window that cannot be or a run that is there, MissingInputError without bars.
    """
    if not tag:
        raise UsageError("which loop? --tag, or DATA_TAG=…")
    checked_tag(tag, "DATA_TAG")
    checked_tag(runid, "RUNID")
    log, spec = _asked(tag, symbol, timeframe, from_store=from_store)
    if log is not None:
        start_ms, end_ms = start_ms or log.first_ms, end_ms or log.last_ms
    seen = stored_of(spec, log) if log is None or from_store else log.seen
    bars = seen.bars
    if not len(bars):
        where = "the store" if log is None or from_store else log.place.bars
        raise MissingInputError(f"tag {tag}: there is no bar of {spec.key} in {where}")
    start_ms, end_ms = start_ms or int(bars.ts_ms[0]), end_ms or bars.last_ms
    if start_ms > end_ms:
        raise UsageError(f"START_TS_MS {start_ms} is after END_TS_MS {end_ms}")
    window = seen.until(end_ms)
    if not len(window) or window.bars.last_ms < start_ms:
        raise UsageError(
            f"no bar from START_TS_MS {start_ms} to END_TS_MS {end_ms}; there are {bars.ts_ms[0]} to {bars.last_ms}"
        )
    place = replace(spec.place, tag=f"{tag}_bt_{runid}")
    rows, trades = write(
        place, spec.lane(f"tag {tag}"), window, start_ms, code=code_of(spec.strategy), at=at
    )  # fmt: skip
    return f"{place.tag}: {rows} decisions, {trades} trades from {start_ms} to {window.bars.last_ms}: {place.decisions}"


def _asked(tag: str, symbol: str, timeframe: str, *, from_store: bool) -> tuple[Log | None, Spec]:
    """The tag's journal and what it is; without one, of the store's bars, that of live.yaml or the environment."""
    try:
        log = read(place_of(tag, symbol, timeframe), live=True)
    except MissingInputError as error:
        if not from_store:
            raise MissingInputError(f"{error}; --bars store backtests a strategy without a loop") from None
        return None, live_config.from_environment({**os.environ, "DATA_TAG": tag}, live_config.load())
    return log, spec_of(log)


def places(live_tag: str, other_tag: str, symbol: str, timeframe: str) -> tuple[Place, Place]:
    """Both places: of the backtest the series that live has. Raises MissingInputError, naming the tags there are,
    and UsageError where they are one, or the loop's is a backtest's."""
    other = place_of(other_tag, symbol, timeframe)
    live = place_of(live_tag, symbol or other.symbol, timeframe or other.timeframe)
    if live == other:
        raise UsageError(f"tag {live_tag} would be compared with itself: --bt-tag, or RUNID, names a backtest of it")
    if "_bt_" in live_tag and not live.bars.exists():
        raise UsageError(f"tag {live_tag} is a backtest: a loop has {live.bars.name} next to its decisions")
    return live, other


def stored(place: Place) -> Seen:
    """The store's bars of a journal's series, in the shares in which the journal has them."""
    log = read(place, live=True)
    return stored_of(spec_of(log), log)


def stored_of(spec: Spec, log: Log | None = None) -> Seen:
    """The store's bars of a loop's series, and the splits between them."""
    store = open_store()
    bars, about = store.read(spec.key), store.provenance(spec.key)
    if about is None or about.adjusted == "raw":
        lane, nothing, splits = spec.lane(f"tag {spec.tag}"), Seen.of(bars.slice(0, 0)), recorded(spec)
        splits = splits if log is None else with_marked(lane, log.seen, splits)
        factors, _ = between(lane, nothing, bars, splits)
        return Seen(bars=bars, factors=factors)
    return Seen.of(bars) if log is None else as_seen(log.seen, bars)
