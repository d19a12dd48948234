"""The times of a grid's rows, with their clock: a column, or a date and a time of day apart."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np

from pyjobs.market.bars import IntArray
from pyjobs.market.dumps.meaning.columns import Reading
from pyjobs.market.dumps.meaning.source import DumpSource, Findings
from pyjobs.market.dumps.reading.fields import clock
from pyjobs.market.dumps.reading.grid import give_back
from pyjobs.market.dumps.reading.spans import as_dates, put_apart, span_of
from pyjobs.market.dumps.reading.stamps import (
    DATE,
    DAY_MS,
    INSTANT,
    NAIVE,
    Stamps,
    order_of,
    stamps,
    without_abbreviations,
)
from pyjobs.market.dumps.reading.zones import localised
from utils.errors import BadDataError
from utils.foreign_text import quoted

SMALLEST_EPOCH_MS = 1_000_000_000
MIDNIGHT = r"24:?00(:?00)?"  # of the day that ends
JULIAN, MATLAB = 2_000_000, 600_000
SHORT = "day, month and the last two digits of a year"
YEAR_AND_DAY = 7  # digits: 2024002


class Complaints:
    """The first fault of each row."""

    def __init__(self, rows: int, findings: Findings) -> None:
        self.of_row = np.full(rows, -1, np.int32)
        self._ledger = findings

    def add(self, errors: dict[int, str]) -> None:
        for at, what in errors.items():
            if self.of_row[at] < 0:
                self.of_row[at] = len(self._ledger.complaints)
                self._ledger.complaints.append(what)


def times_of(reading: Reading, source: DumpSource, complaints: Complaints) -> Stamps:
    """The time of each row, as an instant where its zone is known; what is wrong with one is in `complaints`."""
    grid, shape = reading.grid, reading.shape
    cells = grid.columns[reading.places["time"]]
    cells = without_abbreviations(cells) if source.instrument.zone else cells
    cells = put_apart(as_dates(cells, source.instrument.timeframe, all_day=source.all_day), source.instrument.dates)
    order = source.instrument.dates or order_of(cells) or (shape.dates if shape else "")
    st = stamps(cells, order)
    give_back(len(grid))
    if shape and shape.time == "milliseconds":
        st = Stamps(np.full(len(grid), NAIVE, np.uint8), st.ms)
    if source.instrument.layout == "ohlcv_close" and str(cells.type).startswith("timestamp"):
        st.kind[st.kind == DATE] = NAIVE  # midnights of a column of times are the ends that the desk's `layout` means
    if "clock" in reading.places:
        _with_clock(st, grid.columns[reading.places["clock"]], complaints)
    if source.instrument.layout == "lean":
        _since_midnight(st, grid)
    elif shape is None or not shape.time:
        _refuse_small(st, reading, source)
    complaints.add(_hinted(st, reading, source))
    zone = source.instrument.zone or _own_zone(reading) or (shape.zone if shape else "")
    if shape and shape.broker:
        st.kind[st.kind == INSTANT] = NAIVE
    local = st.kind == NAIVE
    days_of_a_zone = source.all_day or source.hours.market == "FX"
    if not source.intraday:
        _refuse_days_of_a_broker(reading, st, zone or not days_of_a_zone)
        if days_of_a_zone and source.instrument.zone:
            named = st.kind == DATE
            st.ms[named] += DAY_MS if source.mark == "end" else 0  # a date is a day's name, and its end is the next one
            local |= named
        elif not st.has_clock()[local].any() and not (
            (source.hours.market == "FX" and source.bar_ms == DAY_MS) or (source.all_day and source.mark == "end")
        ):
            local[:] = False  # a date is a session's name
    source.zone = zone if local.any() else ""
    if zone and local.any():
        ms, never = localised(st.ms[local], zone)
        rows = np.flatnonzero(local)
        complaints.add({int(rows[at]): f"{time_text(reading, int(rows[at]))} {what}" for at, what in never.items()})
        st.ms[local], st.kind[local] = ms, INSTANT
    return st


def _refuse_days_of_a_broker(reading: Reading, st: Stamps, known: str | bool) -> None:
    """Dates round the clock in a format of brokers, of no zone: the midnight that ends them is not known."""
    named = np.flatnonzero(st.kind == DATE)
    if named.size and reading.shape is not None and reading.shape.without and not known:
        grid, at = reading.grid, int(named[0])
        what = f"{time_text(reading, at)} is a day of its writer's clock ({reading.shape.name}): set `zone:`"
        raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[at])}: {what}")


def _refuse_small(st: Stamps, reading: Reading, source: DumpSource) -> None:
    """Numbers that would all be of the first days of 1970: days as Excel counts them, months like 202401, or clocks."""
    if not len(st.ms) or not (st.kind == INSTANT).all():
        return
    largest = int(np.abs(st.ms).max())
    if source.intraday and largest < DAY_MS * 1000 and reading.order != "names":
        grid, text = reading.grid, reading.grid.cell(0, reading.places["time"])
        what = f"{text} is no epoch (milliseconds since midnight, as in Lean's files? set `layout: lean`)"
        raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[0])}: {what}")
    text = reading.grid.cell(0, reading.places["time"]) if len(reading.grid) else ""
    of_year = largest < 10 * SMALLEST_EPOCH_MS and len(text.strip().split(".")[0]) == YEAR_AND_DAY
    if largest < SMALLEST_EPOCH_MS or of_year:
        grid = reading.grid
        if re.fullmatch(r"\d+(\.\d+)?", text.strip()):
            seems = "a year and its day" if of_year and "." not in text else _day_count(text.strip())
            seems = "a month, which `timeframe: 1mo` reads" if span_of(text)[0] == "month" else seems
            seems = "a year, and no timeframe is so long" if re.fullmatch(r"(?:19|20)\d\d", text.strip()) else seems
            cure = "write dates as YYYY-MM-DD" if seems != SHORT else "set `dates:` (`ymd`, `dmy` or `mdy`)"
            what = f"{text} is no epoch ({seems}?): {cure}"
            raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[0])}: {reading.name_of('time')}: {what}")


def _day_count(text: str) -> str:
    """The program whose count of days a number probably is."""
    value = float(text)
    if re.fullmatch(r"(?:0[1-9]|[12]\d|3[01]){2}\d\d|\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", text):
        return SHORT
    if value > JULIAN:
        return "a Julian day"
    return "MATLAB's number of a day" if value > MATLAB else "Excel's number of a day"


def dates_of_another_zone(reading: Reading, st: Stamps, day: IntArray, source: DumpSource) -> dict[int, str]:
    """Days written as another date than that of the session they fall into: a zone that is not the exchange's.

    Stored by the session they fall into they would be known a day early.
    """
    hours = source.hours
    if source.intraday or source.all_day or hours.market == "FX" or not (st.kind == INSTANT).any():
        return {}
    at, here = hours.sessions_at(day)
    inside = here & (st.kind == INSTANT) & (st.ms > hours.opens_ms[at]) & (st.ms < hours.closes_ms[at])
    found = np.flatnonzero(inside)
    result = (
        re.match(r"\s*(\d{4}-\d{2}-\d{2})", reading.grid.cell(int(found[0]), reading.places["time"]))
        if found.size
        else None
    )
    if result is None or dt.date.fromisoformat(result[1]).toordinal() == day[found[0]]:
        return {}
    return {
        row: f"{time_text(reading, row)} is within the session of {dt.date.fromordinal(int(day[row]))}, another date: "
        "of another zone? Write dates alone"
        for row in found.tolist()
    }


def time_text(reading: Reading, at: int) -> str:
    """A row's time as it is in the file."""
    text = reading.grid.cell(at, reading.places["time"])
    return f"{text} {reading.grid.cell(at, reading.places['clock'])}" if "clock" in reading.places else text


def _own_zone(reading: Reading) -> str:
    """The zone that a file gives for its times. Raises BadDataError for an unknown one."""
    from zoneinfo import ZoneInfo

    found = reading.grid.about.get("zone", "")
    if found:
        try:
            ZoneInfo(found)
        except (KeyError, ValueError, OSError):
            what = f"its time zone is {quoted(found, 40)!r}, which is not known: set `zone:`"
            raise BadDataError(f"{reading.grid.label}: {what}") from None
    return str(found)


def _cure_of(span: str, timeframe: str) -> str:
    own = {"month": "1mo", "week": "1w"}.get(span)
    if own == timeframe:
        return "its days are not Monday to Sunday"
    return f"`timeframe: {own}` reads it" if own else "no timeframe is so long"


def _hinted(st: Stamps, reading: Reading, source: DumpSource) -> dict[int, str]:
    """The faults of the rows; the key that would help is named where a whole column cannot be read."""
    for at, what in st.errors.items():
        span, timeframe = span_of(time_text(reading, at))[0], source.instrument.timeframe
        if span and "is not a time" in what:
            said = quoted(time_text(reading, at), 40)
            st.errors[at] = f"{said!r} is a {span}, no {timeframe} bar: {_cure_of(span, timeframe)}"
        elif "is not a time" in what and len(st.errors) > 1:
            st.errors[at] = f"{what}; `dates:` sets the order of day and month, `columns:` the column"
            break
    return st.errors


def _with_clock(st: Stamps, cells: Any, complaints: Complaints) -> None:
    """Date and time of day apart: put together, as a clock of no zone."""
    texts = cells.cast("string").to_pylist()
    seen: dict[str, int] = {}
    for at, text in enumerate(texts):
        text = text or ""
        if text not in seen:
            try:
                seen[text] = DAY_MS if re.fullmatch(MIDNIGHT, text.strip()) else milliseconds(clock(text))
            except ValueError as error:
                complaints.add({at: str(error)})
                continue
        st.ms[at] += seen[text]
    st.kind[st.kind == DATE] = NAIVE


def milliseconds(time: dt.time) -> int:
    """How long after midnight a time of day is."""
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1000


def _since_midnight(st: Stamps, grid: Any) -> None:
    """Lean's intraday files: milliseconds since midnight of the date in the file's name."""
    match = re.search(r"(\d{8})_[^/]*$", grid.label)
    if len(st.ms) == 0 or int(st.ms.max()) >= DAY_MS * 1000:
        return
    if match is None:
        what = "milliseconds since midnight, of which date? Lean's files are called YYYYMMDD_….csv: keep their names"
        raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[0])}: {grid.cell(0, 0)}: {what}")
    from pyjobs.market.dumps.reading.fields import instant

    day = instant(match[1])
    raw = st.ms // 1000  # epochs so small were taken for seconds
    st.ms[:] = (day.toordinal() - 719_163) * DAY_MS + raw
    st.kind[:] = NAIVE
