"""From the rows of a dump to bars that can be true: what is refused, what is treated, what is only noted.

Refused (BadDataError): a price of zero or less, high below low, open or close outside low..high, half a row of prices.
Treated: rows without prices; rows before the desk's start; halts (nobody traded: no volume, one price or none);
duplicates (the last row wins); order; dates without a session; a bar that had not closed when the dump was written.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.market.dumps.table import Ledger, Source, Table, when
from utils.errors import BadDataError

ROUNDING = 1e-9


def bars_from(table: Table, ledger: Ledger) -> tuple[Bars, Table]:
    """The bars of `table` and the rows they came from, in time order. Everything found on the way is in `ledger`."""
    source = ledger.source
    table = _priced(table, ledger)
    if source.instrument.start:
        start = dt.date.fromisoformat(source.instrument.start).toordinal()
        early = np.asarray(table.day < start, np.bool_)
        table = ledger.drop(f"before {source.instrument.start}, the desk's start: left out", table, early)
    table = _traded(table, ledger)
    table = _possible(table, ledger)
    table = _in_order_once(table, ledger)
    table = _in_sessions(table, ledger)
    table = _closed(table, ledger)
    if not len(table):
        raise BadDataError(f"{source.path}: no bar is left after treatment")
    opened, high, low, close, volume = np.ascontiguousarray(table.ohlcv.T)
    return Bars(ts_ms=table.ts_ms, open=opened, high=high, low=low, close=close, volume=volume), table


def _priced(table: Table, ledger: Ledger) -> Table:
    missing = np.isnan(table.ohlcv[:, :4])
    absent = np.asarray(missing.all(axis=1), np.bool_)
    half = np.flatnonzero(missing.any(axis=1) & ~absent)
    if half.size:
        raise ledger.source.refuse(int(table.line[half[0]]), "some prices are missing, some are there", half.size)
    table = ledger.drop("no prices in the row: left out", table, absent)
    unknown = np.isnan(table.ohlcv[:, 4])
    ledger.treat("volume missing: taken as 0", table, unknown)
    table.ohlcv[unknown, 4] = 0.0
    return table


def _traded(table: Table, ledger: Ledger) -> Table:
    """Without the halts. A series that never reports volume (an index, FX) has none to find."""
    opened, high, low, close, volume = table.ohlcv.T
    if not volume.any():
        return table
    flat = (opened == high) & (high == low)
    nobody = (volume == 0) & flat & ((low == close) | (low == 0))
    ledger.halted.update(table.day[nobody].tolist())
    table = ledger.drop("halt (no volume, no price range): no bar", table, nobody)
    ledger.wart("no volume although the price moved", table, table.ohlcv[:, 4] == 0)
    return table


def _possible(table: Table, ledger: Ledger) -> Table:
    """Refuse what cannot be; widen high and low by a rounding of the adjustment."""
    source = ledger.source
    body_high = table.ohlcv[:, [0, 3]].max(axis=1)
    body_low = table.ohlcv[:, [0, 3]].min(axis=1)
    high, low = table.ohlcv[:, 1], table.ohlcv[:, 2]
    slack = np.abs(table.ohlcv[:, :4]).max(axis=1) * ROUNDING + _last_place(source, table)
    checks = (
        (table.ohlcv[:, :4].min(axis=1) <= 0, "a price is zero or less"),
        (high < low - slack, "high is below low; are columns swapped (see `layout:`)?"),
        ((body_high > high + slack) | (body_low < low - slack), "open or close is outside low..high"),
        (table.ohlcv[:, 4] < 0, "the volume is negative"),
    )
    for wrong, what in checks:
        found = np.flatnonzero(wrong)
        if found.size:
            i = found[0]
            o, h, lo, c, v = (f"{value:,.10g}" for value in table.ohlcv[i])
            day = when(source, int(table.day[i]), int(table.ts_ms[i]))
            values = f"{day} open {o} high {h} low {lo} close {c} volume {v}"
            raise source.refuse(int(table.line[i]), f"{what} {values}", found.size)
    ledger.treat("high or low widened by a rounding", table, (body_high > high) | (body_low < low))
    table.ohlcv[:, 1] = np.maximum(high, body_high)
    table.ohlcv[:, 2] = np.minimum(low, body_low)
    return table


def _last_place(source: Source, table: Table) -> float:
    """How far adjusting may have pushed a close over its high: one unit of the last place, nothing for raw prices."""
    if source.instrument.prices == "raw":
        return 0.0
    return 1.0 if (table.ohlcv[:, :4] % 1 == 0).all() else 0.01


def _in_order_once(table: Table, ledger: Ledger) -> Table:
    time = table.ts_ms if ledger.source.intraday else table.day
    newest = np.maximum.accumulate(time) if len(table) else time
    ledger.treat("out of order: sorted", table, time < newest)
    table = table.pick(np.argsort(time, kind="stable"))
    time = table.ts_ms if ledger.source.intraday else table.day
    repeated = np.append(time[1:] == time[:-1], False) if len(table) else np.zeros(0, bool)
    same = repeated & np.append((table.ohlcv[1:] == table.ohlcv[:-1]).all(axis=1), False) if len(table) else repeated
    conflicting = repeated & ~same
    ledger.treat("repeated with the same numbers: one kept", table, same)
    ledger.treat("repeated with other numbers: the last one kept", table, conflicting)
    return table.pick(~repeated)


def _in_sessions(table: Table, ledger: Ledger) -> Table:
    """Without dates the calendar knows to be closed; daily rows get the close of their session."""
    hours = ledger.source.hours
    closed = np.array([hours.is_session(day) is False for day in table.day.tolist()], bool)
    table = ledger.drop(f"not a session of {hours.market}: left out", table, closed)
    if ledger.source.intraday:
        return table
    ts_ms = np.array([hours.close_ms(day) for day in table.day.tolist()], np.int64)
    return Table(line=table.line, day=table.day, ts_ms=ts_ms, ohlcv=table.ohlcv)


def _closed(table: Table, ledger: Ledger) -> Table:
    """The closed-bar rule. A daily bar is final once its session has closed and the file is younger than that close.

    An intraday dump cannot show whether its newest bar was complete, so that bar is left out, as in a live fetch.
    """
    source = ledger.source
    if not len(table):
        return table
    newest = table.ts_ms == table.ts_ms[-1]
    running = (table.ts_ms > source.now_ms) | (newest & (table.ts_ms > source.taken_ms))
    if source.intraday and not running.any():
        return ledger.drop("newest bar: perhaps not complete, left out", table, newest)
    return ledger.drop("not closed yet when the dump was written: left out", table, running)
