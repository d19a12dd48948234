"""From the rows of a dump to bars that can be true: what is refused, what is cleaned, what is only noted.

First go the rows that would go anyway: before the desk's start, dates without a session, outside the session, not
closed yet. Then what cannot be read or be true is refused (BadDataError) or, with `bad_rows`, left out and counted: a
price of zero or less, high below low, open or close outside low..high, half a row of prices. Cleaned: rows without
prices; halts (no trade: no volume, one price or none); duplicates (the last row wins); order.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.market.dumps.halts import halted, missing_prices
from pyjobs.market.dumps.meaning.periods import NOT_YET
from pyjobs.market.dumps.meaning.source import EXAMPLES, UNTIMED, DumpSource, Findings, Mask, Table, date_text
from pyjobs.market.dumps.units import one_unit
from utils.errors import BadDataError

ROUNDING = 1e-9
CLOSED_SHARE, FEWEST_CLOSED = 0.18, 3  # of a five-day week one day is a fifth
IMPOSSIBLE = (
    "a price is zero or less",
    "high is below low; are columns swapped (see `layout:`)?",
    "open or close is outside low..high",
    "the volume is negative",
)


def bars_from(table: Table, findings: Findings) -> tuple[Bars, Table]:
    """The bars of `table` and the rows they came from, in time order. Everything found on the way is in `findings`."""
    source, rows = findings.source, len(table)
    table = _readable(table, findings, np.asarray(table.day == UNTIMED, np.bool_))
    if source.instrument.start:
        early = np.asarray((table.day < source.start_day) & (table.day != UNTIMED), np.bool_)
        table = findings.drop(f"before {source.instrument.start}, the desk's start: left out", table, early)
    _refuse_future(table, source)
    table = _in_sessions(table, findings)
    table = _closed(table, findings)
    table = _readable(table, findings, np.ones(len(table), bool))
    table = _in_order_once(table, findings)
    table = _priced(table, findings)
    table = _traded(table, findings)
    table = one_unit(_possible(table, findings), findings)
    if findings.bad > source.instrument.bad_rows_limit * rows:
        raise BadDataError(
            f"{source.path}: {findings.bad} of {rows} rows cannot be true, more than the "
            f"{100 * source.instrument.bad_rows_limit:g} % that `bad_rows` lets go"
        )
    if not len(table):
        why = "; ".join(f"{each.count} {each.what}" for each in findings.cleaned)
        raise BadDataError(f"{source.path}: no bar is left of {rows} rows" + (f": {why}" if why else ""))
    columns = np.ascontiguousarray(table.ohlcv.T)
    table = replace(table, ohlcv=columns.T)  # one copy of the numbers is enough
    opened, high, low, close, volume = columns
    return Bars(ts_ms=table.ts_ms, open=opened, high=high, low=low, close=close, volume=volume), table


def _readable(table: Table, findings: Findings, among: Mask) -> Table:
    """Without the rows `among` these that have a complaint: it is the error, or they are left out."""
    complaints, found = findings.complaints, 0
    wrong = (table.wrong >= 0) & among
    kinds = complaints if findings.source.instrument.bad_rows_limit or not wrong.any() else [*map(_kind, complaints)]
    while wrong.any():
        first = int(table.wrong[np.argmax(wrong)])
        what = complaints[first]
        alike = [i for i, kind in enumerate(kinds) if kind == kinds[first]]
        gone = wrong if found == EXAMPLES else wrong & np.isin(table.wrong, alike)
        table, wrong, found = findings.refuse(what, table, gone), wrong[~gone], found + 1
    return table


def _kind(complaint: str) -> str:
    """A complaint without the row's own time and value."""
    return re.sub(r"'[^']*'|\d[\d\s:.TZ/+-]*", "", complaint)


def _refuse_future(table: Table, source: DumpSource) -> None:
    """A bar that begins after now is a file misread, or made up."""
    today = int(source.hours.dates_of(np.array([source.now_ms], np.int64))[0])
    early = source.bar_ms if source.intraday else 0
    late = (table.ts_ms - early > source.now_ms) if source.intraday else (table.day > today + _still_open(source))
    found = np.flatnonzero(late)
    if not found.size:
        return
    at, more = int(found[0]), ""
    if source.intraday:
        text = dt.datetime.fromtimestamp((int(table.ts_ms[at]) - early) / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%MZ")
    else:
        text = date_text(int(table.day[at]))
        more = f" (it is {date_text(today)} at {source.hours.market})"
    raise source.refuse(int(table.line[at]), f"{text} is in the future{more}", found.size, int(table.part[at]))


def _still_open(source: DumpSource) -> int:
    """How far ahead the end of a running week or month lies, in days at most; a day's is today; a stamp's tomorrow."""
    return {"1w": 7, "1mo": 31}.get(source.instrument.timeframe, 1 if source.all_day else 0)


def _priced(table: Table, findings: Findings) -> Table:
    absent = missing_prices(table.ohlcv)
    table = findings.drop("no prices in the row: left out", table, absent)
    half = np.asarray(np.isnan(table.ohlcv[:, :4]).any(axis=1), np.bool_)
    table = findings.refuse("some prices are missing, some are there", table, half)
    unknown = np.isnan(table.ohlcv[:, 4])
    findings.clean("volume missing: taken as 0", table, unknown)
    return table


def _traded(table: Table, findings: Findings) -> Table:
    """Without the halts. A series that never reports volume (an index, FX) has none to find."""
    nobody = halted(table.ohlcv)
    findings.halted.update(table.day[nobody].tolist())
    table = findings.drop("halt (no volume, no price range): no bar", table, nobody)
    unknown = np.isnan(table.ohlcv[:, 4])
    counted = np.nan_to_num(table.ohlcv[:, 4]) > 0
    if counted.any():
        since = int(np.argmax(counted))
        quiet = (table.ohlcv[:, 4] == 0) & (np.arange(len(table)) > since)
        findings.oddity("no volume although the price moved", table, np.asarray(quiet, np.bool_))
    table.ohlcv[unknown, 4] = 0.0
    return table


def _possible(table: Table, findings: Findings) -> Table:
    """Refuse what cannot be; widen high and low by a rounding of the adjustment."""
    opened, high, low, close, volume = table.ohlcv.T  # column by column: of all at once a copy would be made
    slack = np.abs(opened)
    for each in (high, low, close):
        np.maximum(slack, np.abs(each), out=slack)
    slack *= ROUNDING
    slack += _last_place(findings.source, table)
    body_high, body_low = np.maximum(opened, close), np.minimum(opened, close)
    wrong = np.full(len(table), -1, np.int8)
    for rank, cannot in enumerate((
        np.minimum(np.minimum(body_low, high), low) <= 0,
        high < low - slack,
        (body_high > high + slack) | (body_low < low - slack),
        volume < 0,
    )):  # fmt: skip
        wrong[cannot & (wrong < 0)] = rank
    for rank, what in enumerate(IMPOSSIBLE):
        table, wrong = findings.refuse(what, table, wrong == rank, of_row=True), wrong[wrong != rank]
    opened, high, low, close, _ = table.ohlcv.T
    body_high, body_low = np.maximum(opened, close), np.minimum(opened, close)
    findings.clean("high or low widened by a rounding", table, (body_high > high) | (body_low < low))
    np.maximum(high, body_high, out=high)
    np.minimum(low, body_low, out=low)
    return table


def _last_place(source: DumpSource, table: Table) -> float:
    """How far adjusting may have pushed a close over its high: one unit of the last place, nothing for raw prices."""
    if source.instrument.prices == "raw":
        return 0.0
    return 1.0 if (table.ohlcv[:, :4] % 1 == 0).all() else 0.01


def _in_order_once(table: Table, findings: Findings) -> Table:
    newest = np.maximum.accumulate(table.ts_ms) if len(table) else table.ts_ms
    backwards = table.ts_ms < newest
    if len(table) > 1 and (table.ts_ms[1:] <= table.ts_ms[:-1]).all():
        findings.clean("newest first: turned round", table, np.arange(len(table)) == 0)
    else:
        findings.clean("out of order: sorted", table, backwards)
    if backwards.any() or (len(table) > 1 and table.ts_ms[0] == table.ts_ms[-1]):
        table = table.pick(np.argsort(table.ts_ms, kind="stable"))
    repeated = np.append(table.ts_ms[1:] == table.ts_ms[:-1], False)[: len(table)]
    if not repeated.any():
        return table
    same = repeated & np.append(((table.ohlcv[1:] == table.ohlcv[:-1]) | np.isnan(table.ohlcv[1:])).all(axis=1), False)
    findings.clean("repeated with the same numbers: one kept", table, same)
    findings.clean("repeated with other numbers: the last one kept", table, repeated & ~same)
    return table.pick(~repeated)


def _in_sessions(table: Table, findings: Findings) -> Table:
    """Without dates on which the calendar has no session, and bars outside the hours; days get their session's
    close.
    """
    source, hours = findings.source, findings.source.hours
    at, here = hours.sessions_at(table.day)
    known = (table.day >= hours.first) & (table.day <= hours.last)
    closed = ~here & known
    _refuse_another_market(table, closed, int(known.sum()), source)
    table = findings.drop(f"not a session of {hours.market}: left out", table, closed)
    at, here = at[~closed], here[~closed]
    if source.intraday:
        if source.all_day or source.instrument.hours == "extended":
            return table
        start = table.ts_ms - source.bar_ms
        outside = here & ((start >= hours.closes_ms[at]) | (table.ts_ms <= hours.opens_ms[at]))
        what = f"outside the session of {hours.market}: left out (`hours: extended` keeps them)"
        return findings.drop(what, table, outside)
    ts_ms = np.where(here & (table.ts_ms == NOT_YET), hours.closes_ms[at], table.ts_ms)
    for row in np.flatnonzero(ts_ms == NOT_YET).tolist():
        ts_ms[row] = hours.close_ms(int(table.day[row]))
    return replace(table, ts_ms=ts_ms)


def _refuse_another_market(table: Table, closed: Mask, known: int, source: DumpSource) -> None:
    """Rows of so many dates without a session that they are of another market, or another zone's dates."""
    if closed.sum() < FEWEST_CLOSED or closed.sum() <= CLOSED_SHARE * known:
        return
    at = int(np.flatnonzero(closed)[0])
    date = dt.date.fromordinal(int(table.day[at]))
    what = (
        f"{date} ({date:%A}) is no session of {source.hours.market}, nor are the dates of {int(closed.sum()) - 1} more "
        f"of {known} rows: is it another `market:`, or are they dates of another zone?"
    )
    raise source.refuse(int(table.line[at]), what, part=int(table.part[at]))


def _closed(table: Table, findings: Findings) -> Table:
    """The closed-bar rule: a bar has closed by now, and the newest one before the file was written, too."""
    source = findings.source
    if not len(table):
        return table
    newest = table.ts_ms == table.ts_ms.max()
    running = (table.ts_ms > source.now_ms) | (newest & (table.ts_ms > source.taken_ms))
    return findings.drop("not closed yet when the dump was written: left out", table, running)
