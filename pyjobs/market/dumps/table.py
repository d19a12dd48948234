"""The rows of a dump as arrays, and the ledger of what was found in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import TIMEFRAME_MS, FloatArray, IntArray
from pyjobs.market.calendars.hours import MarketHours
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.fields import epoch_ms, instant
from pyjobs.market.dumps.findings import Finding
from pyjobs.market.dumps.rows import Rows
from utils.errors import BadDataError

Mask = npt.NDArray[np.bool_]
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The dump being read. `now_ms` is the wall clock; nothing in the file is younger than `taken_ms`."""

    path: Path
    instrument: Instrument
    hours: MarketHours
    now_ms: int
    taken_ms: int
    unit: str = "line"

    @property
    def bar_ms(self) -> int:
        """Length of a bar in milliseconds."""
        return TIMEFRAME_MS[self.instrument.timeframe]

    @property
    def intraday(self) -> bool:
        """True when several bars make a day."""
        return self.bar_ms < _DAY_MS

    def refuse(self, line: int, what: str, count: int = 1) -> BadDataError:
        """The error for a row that cannot be true."""
        more = f" ({count} such {self.unit}s)" if count > 1 else ""
        return BadDataError(f"{self.path}: {self.unit} {line}: {what}{more}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows as arrays of one length: line in the file, local date (ordinal), close (UTC ms), numbers (n x 5 OHLCV)."""

    line: IntArray
    day: IntArray
    ts_ms: IntArray
    ohlcv: FloatArray

    def __len__(self) -> int:
        return int(self.line.size)

    def pick(self, rows: Mask | IntArray) -> Table:
        """The rows chosen by a mask or by indices."""
        return Table(line=self.line[rows], day=self.day[rows], ts_ms=self.ts_ms[rows], ohlcv=self.ohlcv[rows])


@dataclass(slots=True)
class Ledger:
    """What was found: `treated` rows were changed or left out, `warts` were kept. `halted`: days without a trade."""

    source: Source
    halted: set[int] = field(default_factory=set)
    treated: list[Finding] = field(default_factory=list)
    warts: list[Finding] = field(default_factory=list)

    def drop(self, what: str, table: Table, gone: Mask) -> Table:
        """`table` without the rows in `gone`, noted as treated when there are any."""
        self._note(self.treated, what, table, gone)
        return table.pick(~gone) if gone.any() else table

    def treat(self, what: str, table: Table, where: Mask) -> None:
        """Note rows that were changed."""
        self._note(self.treated, what, table, where)

    def wart(self, what: str, table: Table, where: Mask) -> None:
        """Note rows that were kept as they are."""
        self._note(self.warts, what, table, where)

    def _note(self, notes: list[Finding], what: str, table: Table, where: Mask) -> None:
        found = np.flatnonzero(where)
        if found.size:
            first = table.pick(found[:1])
            numbers = " ".join(f"{value:.10g}" for value in first.ohlcv[0])
            example = f"{self.source.unit} {first.line[0]}: {numbers}"
            label = when(self.source, int(first.day[0]), int(first.ts_ms[0]))
            notes.append(Finding(what=what, count=int(found.size), first=label, example=example))


def when(source: Source, day: int, ts_ms: int) -> str:
    """A bar's time for a person: the session of a daily bar, the UTC start of an intraday one."""
    if not source.intraday:
        return dt.date.fromordinal(day).isoformat()
    start_s = (ts_ms - source.bar_ms) // 1000
    return dt.datetime.fromtimestamp(start_s, tz=dt.UTC).strftime("%Y-%m-%dT%H:%MZ")


def table_of(rows: Rows, source: Source) -> Table:
    """The rows as arrays. A daily row's `ts_ms` is 0 until its session is known; an intraday one's is final.

    Raises BadDataError for a time that cannot be read, lies in the future or off the timeframe's grid.
    """
    day, ts_ms = _intraday_times(rows, source) if source.intraday else _dates(rows, source)
    return Table(
        line=np.array(rows.rows.line, np.int64),
        day=day,
        ts_ms=ts_ms,
        ohlcv=_numbers(rows, source),
    )


def _moment(source: Source, line: int, text: str) -> dt.date | dt.datetime:
    try:
        return instant(text)
    except ValueError as error:
        raise source.refuse(line, str(error)) from None


def _dates(rows: Rows, source: Source) -> tuple[IntArray, IntArray]:
    day = np.array([_session_date(source, line, text) for line, text in _times(rows)], np.int64)
    today = int(source.hours.dates_of(np.array([source.now_ms], np.int64))[0])
    late = np.flatnonzero(day > today)
    if late.size:
        line, text = _time(rows, late[0])
        what = f"{text} is in the future (it is {dt.date.fromordinal(today)} at {source.hours.market})"
        raise source.refuse(line, what, late.size)
    return day, np.zeros(len(day), np.int64)


def _times(rows: Rows) -> Iterator[tuple[int, str]]:
    """(line, time as it stands there) of each row."""
    return zip(rows.rows.line, rows.rows.when, strict=True)


def _time(rows: Rows, at: int) -> tuple[int, str]:
    return rows.rows.line[at], rows.rows.when[at]


def _session_date(source: Source, line: int, text: str) -> int:
    """The session a daily row is about: a plain date, a UTC midnight's date, else the date at the market."""
    moment = _moment(source, line, text)
    if not isinstance(moment, dt.datetime):
        return moment.toordinal()
    if moment.tzinfo is None or moment.time() == dt.time(0):
        return moment.toordinal()
    return int(source.hours.dates_of(np.array([epoch_ms(moment)], np.int64))[0])


def _intraday_times(rows: Rows, source: Source) -> tuple[IntArray, IntArray]:
    stamps = np.array([_stamp_ms(source, line, text) for line, text in _times(rows)], np.int64)
    off = np.flatnonzero(stamps % source.bar_ms)
    if off.size:
        line, text = _time(rows, off[0])
        raise source.refuse(line, f"{text} is not on a {source.instrument.timeframe} boundary", off.size)
    start = stamps - source.bar_ms if source.instrument.layout == "ohlcv_close" else stamps
    late = np.flatnonzero(start > source.now_ms)
    if late.size:
        line, text = _time(rows, late[0])
        raise source.refuse(line, f"{text} is in the future", late.size)
    return source.hours.dates_of(start), start + source.bar_ms


def _stamp_ms(source: Source, line: int, text: str) -> int:
    moment = _moment(source, line, text)
    if not isinstance(moment, dt.datetime):
        raise source.refuse(line, f"{text} has no time of day, but {source.instrument.timeframe} bars need one")
    if moment.tzinfo is None:
        raise source.refuse(line, f"{text} has no time zone: write Z or +09:00, or epoch seconds")
    return epoch_ms(moment)


def _numbers(rows: Rows, source: Source) -> FloatArray:
    """OHLCV; for adjusted prices with an `Adj Close` column, OHLC scaled by it."""
    numbers = np.array(rows.rows.prices, np.float64).reshape(-1, 5)
    if source.instrument.prices == "adjusted":
        adj_close = np.array(rows.rows.adj_close, np.float64)
        known = np.isfinite(adj_close) & (numbers[:, 3] > 0)
        numbers[known, :4] *= (adj_close[known] / numbers[known, 3])[:, None]
    return numbers
