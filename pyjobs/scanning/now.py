"""A scan of now: intraday series by their last closed bar, daily ones by a provisional bar of the running session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.desk.snapshot import Series, Snapshot
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.providers.base import Quote
from pyjobs.market.store.partitions import is_intraday
from pyjobs.scanning.provisional import Running, with_quote
from pyjobs.scanning.records import Record, instrument_record, signal_records, status_of
from pyjobs.strategy.scan import longest_lookback
from pyjobs.strategy.signals import Setup
from utils.errors import ExternalDataUnavailable, NightdeskError, StaleDataError
from utils.trading_day import Session

Quotes = Mapping[tuple[str, str], Quote | NightdeskError]
"""By exchange and symbol."""


def quotes_of(desk: Desk, running: Mapping[str, Session], sources: Sources) -> Quotes:
    """A quote, or why there is none, for each daily instrument of an open market whose exchange has quotes."""
    wanted: dict[str, list[str]] = {}
    for each in desk.instruments:
        if is_live(each, running) and sources.has_quotes(each.exchange):
            wanted.setdefault(each.exchange, []).append(each.symbol)
    return {
        (exchange, symbol): answer
        for exchange, symbols in wanted.items()
        for symbol, answer in sources.quotes(exchange, symbols).items()
    }


def is_live(instrument: Instrument, running: Mapping[str, Session]) -> bool:
    """Whether a running session of its market makes its newest bar a provisional one."""
    return not is_intraday(instrument.timeframe) and instrument.market in running


@dataclass(slots=True, kw_only=True)
class NowScan:
    """One scan. `bars` are the provisional bars by series, `looked_at` the series with a price of now."""

    running: Mapping[str, Session]
    quotes: Quotes
    need: int
    instruments: list[Record] = field(default_factory=list)
    signals: list[Record] = field(default_factory=list)
    bars: dict[str, dict[str, float]] = field(default_factory=dict)
    looked_at: set[str] = field(default_factory=set)
    errors: list[NightdeskError] = field(default_factory=list)
    strategy_errors: StrategyErrors = field(default_factory=StrategyErrors)
    live: int = 0
    behind: int = 0

    def error(self) -> NightdeskError | None:
        """How the scan ends: 2 when half of the live series lack older sessions, 69 when half of them lack a quote."""
        outside = [error for error in self.errors if isinstance(error, ExternalDataUnavailable)]
        ours = [error for error in self.errors if not isinstance(error, ExternalDataUnavailable)]
        if self.live and 2 * self.behind >= self.live:
            return StaleDataError(
                f"{self.behind} of {self.live} series lack sessions before the running one: nothing is scanned of them"
            )
        if self.live and 2 * len(self.errors) >= self.live:
            return (ours or outside)[0]
        return None


def live_series(
    snapshot: Snapshot, running: Mapping[str, Session], quotes: Quotes, need: int
) -> Iterator[Running | None]:
    """For each series of the snapshot its bars with the running session's, None where it is not a live one.

    `need`: how many stored bars setups look back on; of a benchmark all are kept.
    """
    for series in snapshot.series:
        answer = quotes.get((series.instrument.exchange, series.instrument.symbol))
        if answer is None or not is_live(series.instrument, running):
            yield None
        elif isinstance(answer, NightdeskError):
            yield Running(status="no_price", bars=series.bars)
        else:
            kept = need if series.instrument.scanned else len(series.bars)
            yield with_quote(series, answer, running[series.instrument.market], need=kept)


def with_running(snapshot: Snapshot, lives: Sequence[Running | None]) -> Snapshot:
    """The snapshot with the running bars of its benchmarks: what setups that follow an index know of it now."""
    series = tuple(
        replace(each, bars=live.bars)
        if live is not None and live.status == "ok" and not each.instrument.scanned
        else each
        for each, live in zip(snapshot.series, lives, strict=True)
    )
    return replace(snapshot, series=series)


def scan_now(
    snapshot: Snapshot, setups: Mapping[str, Setup], lives: Sequence[Running | None], scan: NowScan
) -> dict[str, Any]:
    """The content of the scan's record; `lives` as `live_series`, `setups` bound to an index with its running bar."""
    scan.need = longest_lookback(setups)
    for series, live in zip(snapshot.series, lives, strict=True):
        if live is None:
            _closed(scan, series, setups)
        else:
            _live(scan, series, live, setups)
    return {
        "desk": snapshot.desk.name,
        "session": snapshot.session.isoformat(),
        "asof_ts_ms": snapshot.asof_ts_ms,
        "instruments": scan.instruments,
        "signals": scan.signals,
    }


def _closed(scan: NowScan, series: Series, setups: Mapping[str, Setup]) -> None:
    """By the last closed bar: intraday, or daily from files, without a price of now."""
    status = status_of(series, scan.need)
    record = {**instrument_record(series, status), "provisional": False}
    scan.instruments.append({**record, "as_of_ms": record["last_ts_ms"]})
    if status in ("ok", "too_few_bars") and series.instrument.scanned:
        scan.looked_at.add(str(series.instrument.key))
        session = series.last_session.isoformat() if series.last_session else None
        scan.signals += [
            {**signal, "provisional": False, "as_of_ms": signal["ts_ms"]}
            for signal in signal_records(series.instrument, series.bars, session, setups, scan.strategy_errors)
        ]


def _live(scan: NowScan, series: Series, live: Running, setups: Mapping[str, Setup]) -> None:
    each, key = series.instrument, str(series.instrument.key)
    scan.live += 1
    scan.behind += live.status == "behind"
    record = {**instrument_record(series, live.status), "provisional": False, "as_of_ms": None}
    answer = scan.quotes[(each.exchange, each.symbol)]
    if isinstance(answer, NightdeskError):
        scan.errors.append(answer)
        record["why"] = str(answer)
    if live.status != "ok":
        record["as_of_ms"] = record["last_ts_ms"]
        scan.instruments.append(record)
        return
    last = live.bars.slice(len(live.bars) - 1, len(live.bars))
    session = scan.running[each.market].date.isoformat()
    close, before = float(last.close[0]), float(live.bars.close[-2])
    scan.bars[key] = {
        **{name: float(getattr(last, name)[0]) for name in ("open", "high", "low", "close", "volume")},
        "as_of_ms": float(live.as_of_ms or 0),
    }
    bars = record["bars"] + 1
    if bars < scan.need and each.scanned:
        record["status"] = "too_few_bars"
    record |= {"bars": bars, "close": close, "change": close / before - 1, "last_session": session}
    scan.instruments.append(record | {"provisional": True, "as_of_ms": live.as_of_ms})
    if each.scanned:
        scan.looked_at.add(key)
        scan.signals += [
            {**signal, "provisional": True, "as_of_ms": live.as_of_ms}
            for signal in signal_records(each, live.bars, session, setups, scan.strategy_errors)
        ]
