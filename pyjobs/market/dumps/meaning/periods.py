"""When the bar of a row closes: its own day's, week's or month's end, or its start and length; never before that."""

from __future__ import annotations

import datetime as dt

import numpy as np

from pyjobs.market.bars import DAY_MS, IntArray
from pyjobs.market.calendars.lunch import lunches_ms
from pyjobs.market.dumps.meaning.source import EPOCH_ORDINAL, DumpSource, Mask
from pyjobs.market.dumps.reading.stamps import BAD, DATE, INSTANT, NAIVE, Stamps
from pyjobs.market.dumps.reading.zones import local_ms, localised
from utils.errors import BadDataError

HOUR_MS, HALF_HOUR_MS = 3_600_000, 1_800_000
FARTHEST_MS = 14 * HOUR_MS  # how far a place's clock is from UTC
NOT_YET = 0  # the close of a date: its session's, when the calendar has been asked
SATURDAY, SUNDAY = 5, 6
MANY = 100_000
NO_ZONE = "no time zone: write Z or +09:00, or epoch seconds, or set `zone:` to the file's clock"
FEWEST = 3  # rows of which one differs from the others
SETTLED_MS = 10 * 60_000  # after a session's close: its own last price, no later trade's
FEW_OFF = 20  # one day of so many may begin at an hour of its own
Errors = dict[int, str]


def closes(st: Stamps, source: DumpSource) -> tuple[IntArray, IntArray, Errors]:
    """(local date, close in UTC ms or NOT_YET, what is wrong) of each row."""
    if source.intraday:
        return _intraday(st, source)
    if source.bar_ms == DAY_MS:
        return _daily(st, source)
    return _longer(st, source)


def utc_days(ms: IntArray) -> IntArray:
    """The UTC dates (ordinals) of times."""
    return ms // DAY_MS + EPOCH_ORDINAL


def _intraday(st: Stamps, source: DumpSource) -> tuple[IntArray, IntArray, Errors]:
    errors: Errors = {}
    _refuse_most(st.kind == NAIVE, f"have {NO_ZONE}", source)
    for at in np.flatnonzero(st.kind == DATE).tolist():
        errors[at] = f"has no time of day, but {source.instrument.timeframe} bars need one (is it `timeframe: 1d`?)"
    for at in np.flatnonzero(st.kind == NAIVE).tolist():
        errors[at] = f"has {NO_ZONE}"
    start = st.ms - source.bar_ms if source.mark == "end" else st.ms
    day = source.hours.dates_of(start)
    off = (start % source.bar_ms != 0) & ~_from_open(start, day, source) & (st.kind == INSTANT)
    first = source.hours.first
    unknown = f", and the calendar of {source.hours.market} begins later: `start: {_date(first)}` leaves older rows out"
    for at in np.flatnonzero(off).tolist():
        errors[at] = f"is not on a {source.instrument.timeframe} boundary" + (unknown if day[at] < first else "")
    return day, start + source.bar_ms, errors


def _refuse_most(wrong: Mask, what: str, source: DumpSource) -> None:
    """Refuse at once what so many rows have that a line for each would take more memory than all of them."""
    count = int(wrong.sum())
    if count > MANY and count > source.instrument.bad_rows_limit * wrong.size:
        raise BadDataError(f"{source.path}: {count:,} of {wrong.size:,} rows {what}")


def _from_open(start: IntArray, day: IntArray, source: DumpSource) -> Mask:
    """Which bars are counted from their session's open or the end of its lunch: New York's from half past nine."""
    if source.all_day:
        return np.zeros(len(start), bool)
    at, here = source.hours.sessions_at(day)
    whole = (start - source.hours.opens_ms[at]) % source.bar_ms == 0
    if source.hours.calendar.breaks:
        after = lunches_ms(source.hours)[1][at]
        whole |= (start >= after) & ((start - after) % source.bar_ms == 0)
    return np.asarray(here & whole, np.bool_)


def _daily(st: Stamps, source: DumpSource) -> tuple[IntArray, IntArray, Errors]:
    day, ts_ms, errors = utc_days(st.ms), np.full(len(st.ms), NOT_YET, np.int64), dict[int, str]()
    timed = st.kind == INSTANT
    errors |= _of_no_zone(st, source)
    if source.all_day:
        if timed.any() and ((st.ms[timed] % DAY_MS).any() or source.mark == "end"):
            late, odd = _off_the_others(st, timed, source)
            start = st.ms[timed] - late[timed]
            ends = start if source.mark == "end" else _ends(start, DAY_MS, source)
            ts_ms[timed], day[timed] = ends, utc_days(ends - 1)
            if odd and (newest := int(np.where(timed, st.ms, 0).argmax())) in odd:
                ts_ms[newest] = source.now_ms + 1  # a price of when the file was made: that day has not closed
                odd.pop(newest)
            errors |= odd
        return day, ts_ms, errors
    whole = timed & (st.ms % DAY_MS == 0)
    own = timed & ~whole
    day[own] = source.hours.dates_of(st.ms[own] - (1 if source.mark == "end" else 0))
    errors |= _outside(st.ms, day, np.flatnonzero(timed), source)
    apart, after = _newest_apart(st, day, source)
    if apart is not None and after < 0:
        ts_ms[apart] = source.now_ms + 1  # a price of when the file was made: that session had not closed
    elif apart is not None and timed[apart] and after <= SETTLED_MS:
        errors.pop(apart, None)  # its session's last price, as Yahoo's charts have it in the evening
    return day, ts_ms, errors


def _newest_apart(st: Stamps, day: IntArray, source: DumpSource) -> tuple[int | None, int]:
    """The newest row, where its time of day is after its session's open and that of no other row, which share one; and
    how long after the session's close it is.
    """
    hours = source.hours
    if source.mark == "end" or hours.market == "FX" or len(day) < FEWEST or (st.kind == BAD).any():
        return None, 0
    local = np.where((st.kind == INSTANT) & (st.ms % DAY_MS != 0), hours.local_ms(st.ms), st.ms)
    newest, clock = int(local.argmax()), local % DAY_MS
    at, here = hours.sessions_at(day[newest : newest + 1])
    first, last = hours.local_ms(hours.opens_ms[at])[0], hours.local_ms(hours.closes_ms[at])[0]
    alike = np.unique(np.delete(clock, newest)).size == 1 and clock[newest] not in np.delete(clock, newest)
    return newest if alike and here[0] and first < local[newest] else None, int(local[newest] - last)


def _of_no_zone(st: Stamps, source: DumpSource) -> Errors:
    """Times of day of no zone, where they do not show that they are the exchange's: another zone's name another day."""
    naive, hours = st.kind == NAIVE, source.hours
    if not naive.any():
        return {}
    clocked = naive & st.has_clock()
    what = "has no time zone: set `zone:` to the file's clock"
    if source.all_day:
        clocked = naive if source.mark == "end" else clocked
    elif hours.market != "FX":
        first, last = hours.clocks_ms()
        clock, whole = st.ms % DAY_MS, last - first >= DAY_MS
        inside = clocked & _within(st.ms, source)
        if inside.sum() == 1 < len(inside) and (st.ms % DAY_MS == st.ms[inside] % DAY_MS).sum() == 1:
            inside[:] = False  # a price of when the file was made
        clocked &= whole | (clock < first) | (clock > last) | (hours.dates_of(st.ms) != utc_days(st.ms)) | inside
        what += ", or write dates alone: it may be of another day"
    return dict.fromkeys(np.flatnonzero(clocked).tolist(), what)


def _within(local: IntArray, source: DumpSource) -> Mask:
    """Which times, by the exchange's clock, are neither near the open nor near the close of their session."""
    hours = source.hours
    at, here = hours.sessions_at(utc_days(local))
    first, last = hours.local_ms(hours.opens_ms[at]) + HALF_HOUR_MS, hours.local_ms(hours.closes_ms[at]) - HALF_HOUR_MS
    return np.asarray(here & (local > first) & (local < last), np.bool_)


def _off_the_others(st: Stamps, timed: Mask, source: DumpSource) -> tuple[IntArray, Errors]:
    """By how much some few days begin after the hour of all the others, and the line about them."""
    local = local_ms(st.ms, source.zone) if source.zone else st.ms
    clocks, counts = np.unique(local[timed] % DAY_MS, return_counts=True)
    usual = int(clocks[counts.argmax()])
    late = (local - usual) % DAY_MS
    off = timed & (np.minimum(late, DAY_MS - late) > HOUR_MS)
    if off.sum() * FEW_OFF > max(timed.sum(), FEW_OFF) or timed.sum() < FEWEST:
        return np.zeros(len(late), np.int64), {}  # the spacing decides what they are
    what = f"begins at another time of day than the others ({_clock(usual)})"
    return np.where(off, late, 0), dict.fromkeys(np.flatnonzero(off).tolist(), what)


def _clock(ms: int) -> str:
    return f"{ms // HOUR_MS:02d}:{ms // 60_000 % 60:02d}"


def _ends(start: IntArray, length: int, source: DumpSource) -> IntArray:
    """A day or a week after each start, by the clock of the file's zone.

    Where another clock's summer time moves the starts by an hour: the next start or an hour more.
    """
    local = local_ms(start, source.zone) if source.zone else start
    if np.unique(local % DAY_MS).size == 1:
        return localised(local + length, source.zone)[0] if source.zone else start + length
    order = np.unique(start)
    after = np.append(order[1:], 2**62)[np.searchsorted(order, start)]
    return np.asarray(np.where(after - start < length, start + length, np.minimum(after, start + length + HOUR_MS)))


def _outside(ms: IntArray, day: IntArray, rows: IntArray, source: DumpSource) -> Errors:
    """Rows whose own day ends after the session of their date: stored by it they would be known too early."""
    errors: Errors = {}
    hours, fx = source.hours, source.hours.market == "FX"
    for at in rows.tolist():
        if hours.is_session(int(day[at])) is False or day[at] > hours.last:
            continue  # no session, or one of a far future, which is refused later
        time, close = int(ms[at]), hours.close_ms(int(day[at]))
        if source.mark == "end":
            if time > close and time % DAY_MS:
                errors[at] = f"is after the close of the session {_date(day[at])}: not the end of its bar"
        elif fx and time + DAY_MS > close:
            errors[at] = (
                "begins a day that ends after 17:00 in New York, where days of currencies end: "
                "take hours, or write plain dates if the file's days are New York's"
            )
        elif time >= close and time % DAY_MS:
            errors[at] = (
                f"begins a day after the session {_date(day[at])} has closed; is it the end? `layout: ohlcv_close`"
            )
    return errors


def _date(ordinal: int) -> str:
    return dt.date.fromordinal(int(ordinal)).isoformat()


def _longer(st: Stamps, source: DumpSource) -> tuple[IntArray, IntArray, Errors]:
    """Weeks end with the last session of their Monday to Sunday, months with that of the calendar's month."""
    day, errors = _dates(st, source)
    errors |= _of_no_zone(st, source)
    weekly, timed = source.instrument.timeframe == "1w", st.kind == INSTANT
    weekday = (day - 1) % 7  # ordinal 1 is a Monday
    if weekly and source.all_day:
        fixed, own = np.unique(weekday), bool((st.ms[timed] % DAY_MS).any())
        if source.mark != "end" and (fixed.size == 1 or _one_clock(st.ms)) and (fixed[0] != 0 or own):
            ends = _ends(np.where(timed, st.ms, (day - EPOCH_ORDINAL) * DAY_MS), 7 * DAY_MS, source)
            return utc_days(ends - 1), ends, errors
    if weekly and not source.all_day:
        weekend = weekday >= SATURDAY
        if source.mark == "start":
            day = np.where(weekend, day + 7 - weekday, day)
        elif source.mark == "":
            what = "is a weekend: of the week before or after it? Set `layout: ohlcv_start` or `layout: ohlcv_close`"
            errors |= dict.fromkeys(np.flatnonzero(weekend).tolist(), what)
    first, last = _span(day, weekly)
    if source.all_day and (st.ms[timed] % DAY_MS).any():
        ends = _own_ends(st, first, last, source)
        return utc_days(ends - 1), ends, errors
    return _last_session(first, last, source), np.full(len(day), NOT_YET, np.int64), errors


def _one_clock(ms: IntArray) -> bool:
    """Whether all weeks begin at one time of the week, give or take summer time's hour."""
    late = (ms - ms[:1] + 7 * DAY_MS // 2) % (7 * DAY_MS)
    return bool(late.size and late.max() - late.min() <= HOUR_MS)


def _dates(st: Stamps, source: DumpSource) -> tuple[IntArray, Errors]:
    """The date that each time has where it was written; of months also what may be of the one before or after."""
    back, timed, local = 1 if source.mark == "end" else 0, st.kind == INSTANT, st.ms.copy()
    moved = timed & ((st.ms % DAY_MS != 0) | (back == 1))
    if source.zone:
        clock = local_ms(st.ms, source.zone)
        named = timed & (source.all_day | (source.hours.market == "FX") | (clock % DAY_MS == 0))
        local[named] = clock[named]
        moved &= ~named  # a time of day shows another clock than the exchange's, whose date it is
    local[moved] = source.hours.local_ms(st.ms[moved])
    local -= back * timed
    day = utc_days(local)
    if source.instrument.timeframe != "1mo":
        return day, {}
    turn = FARTHEST_MS if source.mark != "end" else -FARTHEST_MS
    near = np.where(timed | ((st.kind == NAIVE) & st.has_clock()), utc_days(local + turn), day)
    other = _span(near, weekly=False)[0] != _span(day, weekly=False)[0]
    if source.mark:
        return np.where(other, near, day), {}
    what = "is the end of a month, or the start of the next one elsewhere: set `layout: ohlcv_start` or `ohlcv_close`"
    return day, dict.fromkeys(np.flatnonzero(other).tolist(), what)


def _own_ends(st: Stamps, first: IntArray, last: IntArray, source: DumpSource) -> IntArray:
    """Ends of weeks and months round the clock that are not UTC's: as far after it as the starts are, or more."""
    timed = st.kind == INSTANT
    midnight = (last + 1 - EPOCH_ORDINAL) * DAY_MS
    if source.mark == "end":
        return np.where(timed, np.maximum(st.ms, midnight - FARTHEST_MS), midnight)
    local = local_ms(st.ms, source.zone) if source.zone else st.ms
    late = int((local - (first - EPOCH_ORDINAL) * DAY_MS)[timed].max(initial=0))
    ends = midnight + (late if late < DAY_MS else 0)
    return localised(ends, source.zone)[0] if source.zone else ends


def _span(day: IntArray, weekly: bool) -> tuple[IntArray, IntArray]:
    """The first and last date of each date's week or month."""
    if weekly:
        monday = day - (day - 1) % 7
        return monday, monday + 6
    months = (day - EPOCH_ORDINAL).astype("datetime64[D]").astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64) + EPOCH_ORDINAL
    after = (months + 1).astype("datetime64[D]").astype(np.int64) + EPOCH_ORDINAL
    return first, after - 1


def _last_session(first: IntArray, last: IntArray, source: DumpSource) -> IntArray:
    """The last session in each span of dates; before the calendar its last weekday, where it has none its end."""
    hours = source.hours
    at = np.maximum(np.searchsorted(hours.days, last, side="right") - 1, 0)
    inside = (hours.days[at] >= first) & (hours.days[at] <= last)
    weekday = (last - 1) % 7
    usual = last if source.all_day else last - np.maximum(weekday - 4, 0)
    return np.asarray(np.where(inside, hours.days[at], usual), np.int64)
