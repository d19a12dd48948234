"""Dumps, CSV and JSON as people have them, into bars: `read_dump` is the whole of it.

`layout:` of an instrument says what a row is: `ohlcv` (daily: time, open, high, low, close, volume), `ohlcv_start` and
`ohlcv_close` (intraday, by which end of the bar the time marks), `bitfinex` (start, open, close, high, low, volume), or
`auto`, which takes column names where there are any, and an order of columns only when no other one fits the prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars, checked
from pyjobs.market.calendars.hours import MarketHours
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.findings import Finding
from pyjobs.market.dumps.rows import Rows, read_rows
from pyjobs.market.dumps.table import Ledger, Source, table_of, when
from pyjobs.market.dumps.treatment import bars_from
from pyjobs.market.dumps.warts import note_warts
from utils.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What a dump file gave: bars, how many rows were read for them, and what was found on the way."""

    bars: Bars
    rows_read: int
    first: str
    last: str
    treated: list[Finding]
    warts: list[Finding]


def read_dump(path: Path, instrument: Instrument, hours: MarketHours, *, now_ms: int) -> Dump:
    """The bars of `path`, all of them closed. `first` and `last` name the session (daily) or UTC start of a bar.

    Raises MissingInputError, BadDataError (file, line, values), ConfigError when the layout must be said.
    """
    rows = read_rows(path, instrument.layout)
    _check_layout(path, instrument, rows)
    taken_ms = min(now_ms, path.stat().st_mtime_ns // 1_000_000)
    source = Source(path=path, instrument=instrument, hours=hours, now_ms=now_ms, taken_ms=taken_ms, unit=rows.unit)
    ledger = Ledger(source)
    _note_file(rows, ledger)
    read, table = rows.read, table_of(rows, source)
    del rows  # as much again
    bars, table = bars_from(table, ledger)
    note_warts(table, ledger)
    return Dump(
        bars=checked(bars, name=str(path)),
        rows_read=read,
        first=when(source, int(table.day[0]), int(table.ts_ms[0])),
        last=when(source, int(table.day[-1]), int(table.ts_ms[-1])),
        treated=ledger.treated,
        warts=ledger.warts,
    )


def _check_layout(path: Path, instrument: Instrument, rows: Rows) -> None:
    """An intraday time marks a bar's start or its end; only Bitfinex's own order tells which."""
    told = instrument.layout in ("ohlcv_start", "ohlcv_close", "bitfinex") or rows.order == "bitfinex"
    if instrument.key.timeframe != "1d" and not told:
        raise ConfigError(
            f"{path}: does a row's time mark the start or the end of its {instrument.timeframe} bar? "
            f"Say `layout: ohlcv_start` or `layout: ohlcv_close` for {instrument.key}"
        )


def _note_file(rows: Rows, ledger: Ledger) -> None:
    """What is peculiar about the file as a whole."""
    if rows.empty:
        first = f"line {rows.empty[0]}"
        example = "only separators"
        ledger.treated.append(Finding(what="empty row: left out", count=len(rows.empty), first=first, example=example))
    adjusted = np.flatnonzero(~np.isnan(rows.rows.adj_close))
    if adjusted.size:
        scaled = ledger.source.instrument.prices == "adjusted"
        what = "prices scaled by Adj Close" if scaled else "Adj Close not used (the desk says `prices: raw`)"
        first = adjusted[0]
        example = f"Adj Close {rows.rows.adj_close[first]:.10g}"
        finding = Finding(what=what, count=adjusted.size, first=rows.rows.when[first], example=example)
        (ledger.treated if scaled else ledger.warts).append(finding)
    if not rows.ends_cleanly:
        what = "no line end at the end of the file: its last number may be cut"
        ledger.warts.append(Finding(what=what, count=1, first="", example=""))
