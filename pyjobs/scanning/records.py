"""The content of scan.json: a record for each instrument and for each signal, as of a session's close."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.bars import Bars, last
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.desk.snapshot import Series, Snapshot
from pyjobs.scanning.scan_file import Scanned, Signal
from pyjobs.strategy.scan import last_bar_signals, longest_lookback
from pyjobs.strategy.signals import Setup

Record = dict[str, Any]


def scanned(snapshot: Snapshot, setups: Mapping[str, Setup], strategy_errors: StrategyErrors) -> Record:
    """The content of scan.json, without the notes; what cannot be decided is reported to `strategy_errors`."""
    need = longest_lookback(setups)
    instruments, signals = [], []
    for series in snapshot.series:
        status = status_of(series, need)
        instruments.append(instrument_record(series, status))
        if status in ("ok", "too_few_bars") and series.instrument.scanned:
            session = series.last_session.isoformat() if series.last_session else None
            signals += signal_records(series.instrument, series.bars, session, setups, strategy_errors)
    return {
        "desk": snapshot.desk.name,
        "session": snapshot.session.isoformat(),
        "asof_ts_ms": snapshot.asof_ts_ms,
        "instruments": instruments,
        "signals": signals,
    }


def status_of(series: Series, need: int) -> str:
    """`too_few_bars`: some setup cannot be decided yet; the others can."""
    if not len(series.bars):
        return "unreadable" if series.fault else "no_bars"
    if series.stale:
        return "stale"
    return "ok" if len(series.bars) >= need or not series.instrument.scanned else "too_few_bars"


def instrument_record(series: Series, status: str) -> Record:
    """One row of scan.json's instruments; `change` is a fraction of the previous bar's close."""
    each, bars = series.instrument, series.bars
    n, newest = len(bars), last(bars, 2)
    row = Scanned(
        symbol=each.symbol,
        exchange=each.exchange,
        timeframe=each.timeframe,
        market=each.market,
        currency=each.currency,
        name=each.name,
        role=each.role,
        status=status,
        bars=n,
        last_ts_ms=int(newest.ts_ms[-1]) if n else None,
        last_session=series.last_session.isoformat() if series.last_session else None,
        close=float(newest.close[-1]) if n else None,
        change=float(newest.close[-1] / newest.close[-2] - 1) if n > 1 and newest.close[-2] > 0 else None,
    )
    return Record(msgspec.to_builtins(row))


def signal_records(
    instrument: Instrument,
    bars: Bars,
    session: str | None,
    setups: Mapping[str, Setup],
    strategy_errors: StrategyErrors,
) -> list[Record]:
    """The signals of the last of `bars`, which is of `session`, as rows of scan.json."""
    failed: dict[str, Exception] = {}
    found = [
        Signal(
            symbol=instrument.symbol,
            exchange=instrument.exchange,
            timeframe=instrument.timeframe,
            setup=signal.setup,
            side=signal.side,
            ts_ms=signal.ts_ms,
            session=session,
            close=signal.close,
            stop=signal.stop,
            why=signal.why,
        )
        for signal in last_bar_signals(bars, setups, failed)
    ]
    strategy_errors.add(instrument, failed)
    return [Record(msgspec.to_builtins(each)) for each in found]
