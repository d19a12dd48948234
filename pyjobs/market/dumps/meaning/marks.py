"""Which end of its bar a row's time marks: the desk's word, the format's, what the rows show, or asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from pyjobs.market.bars import DAY_MS, IntArray
from pyjobs.market.calendars.lunch import lunches_ms
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.meaning.columns import Reading
from pyjobs.market.dumps.meaning.names import ENDS, STARTS
from pyjobs.market.dumps.meaning.source import DumpSource, Findings, Mark
from pyjobs.market.dumps.meaning.times import Complaints, time_text, times_of
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.stamps import DATE, INSTANT, NAIVE, Stamps, stamps
from pyjobs.market.dumps.reading.zones import local_ms, localised
from utils.errors import ConfigError

SAMPLE = 5000  # rows of a file that show which end it is
MINUTE_MS, SECOND_MS = 60_000, 1000


def mark_of(readings: Sequence[Reading], source: DumpSource, findings: Findings) -> Mark:
    """The marked end; "" for days and longer where it makes no difference. Raises ConfigError naming the key."""
    instrument, shape = source.instrument, readings[0].shape
    if instrument.layout in ("ohlcv_start", "ohlcv_close"):
        return "start" if instrument.layout == "ohlcv_start" else "end"
    if readings[0].order in ("bitfinex", "coinbase") or instrument.layout == "bitfinex":
        return "start"
    if shape is not None and shape.mark:
        return shape.mark
    if named := _by_its_name(readings[0]):
        return named
    if shown := _shown(readings[0], source):
        return shown
    if not source.intraday:
        return ""
    if not instrument.zone:
        first, reading = readings[0].grid, readings[0]
        naive = " (and `zone:`, as it has none)" if len(first) and _is_naive(reading) else ""
        raise ConfigError(
            f"{first.label}: {first.unit} {int(first.lines[0])}: does a row's time ({time_text(reading, 0)}) mark the "
            f"start or the end of its {instrument.timeframe} bar? Set `layout: ohlcv_start` or `layout: ohlcv_close` "
            f"for {instrument.key}{naive}"
        )
    what = "times taken for the starts of their bars (if they are the ends, set `layout: ohlcv_close`)"
    count = sum(len(each.grid) for each in readings)
    findings.say(Finding(what=what, count=count, first="", example="nothing in the file shows it"))
    return "start"


def _by_its_name(reading: Reading) -> Literal["", "start", "end"]:
    """`open_time` is a start, `close_time` an end, where the time of the rows is a column of that name."""
    grid = reading.grid
    name = column(grid.names[reading.places["time"]]) if grid.names else ""
    return "start" if name in STARTS else "end" if name in ENDS else ""


def _is_naive(reading: Reading) -> bool:
    cells = reading.grid.columns[reading.places["time"]].slice(0, 1)
    return "clock" in reading.places or bool((stamps(cells).kind == NAIVE).all())


def whole_ends(st: Stamps, source: DumpSource) -> Stamps:
    """Times that are the last second of a bar, or the last minute of a day, moved to its end."""
    if source.mark != "end":
        return st
    if not _are_last(st, source):
        seconds = _last_seconds(st)
        return replace(st, ms=(st.ms // MINUTE_MS + 1) * MINUTE_MS) if seconds else _short_ones_whole(st, source)
    step = MINUTE_MS if source.intraday else DAY_MS
    local = local_ms(st.ms, source.zone) if source.zone else st.ms
    ends = (local // step + 1) * step
    return replace(st, ms=localised(ends, source.zone)[0] if source.zone else ends)


def _short_ones_whole(st: Stamps, source: DumpSource) -> Stamps:
    """The last bar of a session or before its lunch, where it is shorter than the others, moved to a whole bar's end.

    It is one where the end before it, of the bars that are counted from the open, is in the file, too.
    """
    if not source.intraday or source.all_day:
        return st
    hours, ends = source.hours, st.ms[st.kind == INSTANT]
    halves = [(hours.opens_ms, hours.closes_ms)]
    if hours.calendar.breaks:
        begin, after = lunches_ms(hours)
        halves = [(hours.opens_ms, begin), (after, hours.closes_ms)]
    first, until = (np.concatenate(each) for each in zip(*halves, strict=True))
    short = (until - first) % source.bar_ms
    last = np.flatnonzero((short > 0) & np.isin(until, ends) & np.isin(until - short, ends))
    last = last[np.argsort(until[last])]
    closes, more = until[last], (source.bar_ms - short)[last]
    if not closes.size:
        return st
    at = np.minimum(np.searchsorted(closes, st.ms), closes.size - 1)
    here = (closes[at] == st.ms) & (st.kind == INSTANT)
    return replace(st, ms=np.where(here, st.ms + more[at], st.ms))


def _shown(reading: Reading, source: DumpSource) -> Literal["", "start", "end"]:
    """What the rows show: the last moment of their bar, its other end in a second column, a session's open or close."""
    others = [at for at, name in enumerate(reading.grid.names or ()) if column(name) in ENDS]
    if others and reading.places["time"] not in others:
        return "start"  # its length is compared with the desk's
    if not source.intraday and not source.all_day:
        return ""
    grid = reading.grid
    some = replace(grid, columns=[each.slice(0, SAMPLE) for each in grid.columns], lines=grid.lines[:SAMPLE])
    st = times_of(replace(reading, grid=some), source, Complaints(len(some), Findings(source)))
    if not st.kind.any() or (source.intraday and (st.kind == DATE).all()):
        return "start"  # no time can be read, or none has a time of day, and the import will report that
    if _are_last(st, source) or _last_seconds(st):
        return "end"
    timed = st.kind == INSTANT
    return _by_session(st.ms[timed], source) if source.intraday and not source.all_day else ""


def _are_last(st: Stamps, source: DumpSource) -> bool:
    timed = st.kind == INSTANT
    if not timed.any() or (not source.intraday and not source.all_day):
        return False
    step, slack = (MINUTE_MS, SECOND_MS) if source.intraday else (DAY_MS, MINUTE_MS)
    local = local_ms(st.ms[timed], source.zone) if source.zone else st.ms[timed]
    return bool((local % step >= step - slack).all())


def _last_seconds(st: Stamps) -> bool:
    """Whether each time is the last second of a minute, of days and weeks of a clock that is not known, too."""
    return bool((st.kind == INSTANT).all() and (st.ms % MINUTE_MS >= MINUTE_MS - SECOND_MS).all() and st.ms.size)


def _by_session(ms: IntArray, source: DumpSource) -> Literal["", "start", "end"]:
    """A row at the open of a session, and none at a close, is a start; the other way round an end.

    Where one session opens as the other closes (currencies, in the week) a row there shows nothing.
    """
    hours = source.hours
    gap = hours.opens_ms[1:] > hours.closes_ms[:-1]
    opening = np.isin(ms, hours.opens_ms[1:][gap]).any()
    closing = np.isin(ms, hours.closes_ms[:-1][gap]).any()
    if bool(opening) == bool(closing):
        return ""
    return "start" if opening else "end"
