"""Expected bars of a market: their closes, by its own calendar."""

from __future__ import annotations

import datetime as dt

import numpy as np

from pyjobs.market.bars import DAY_MS, LONGER, TIMEFRAME_MS, IntArray
from pyjobs.market.calendars.lunch import but_at_lunch, lunch_utc_s
from pyjobs.market.store.confirmed_empty import NO_TIMES, within
from pyjobs.market.store.partitions import is_intraday
from utils import trading_day

ROUND_THE_CLOCK = "24/7"
_EPOCH = dt.date(1970, 1, 1)
_DAY, _MONTH = dt.timedelta(days=1), dt.timedelta(days=31)
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05


def expected_closes(
    market: str, timeframe: str, first_ms: int, last_ms: int, *, from_open: bool = False, phase_ms: int = 0
) -> IntArray:
    """The close times (ts_ms, increasing) of every bar that should close from `first_ms` to `last_ms`, both included.

    An intraday bar is expected where it overlaps a session, but not where all of it is lunch; a daily one closes with
    its session, one of a week or month with the last session in it. `from_open`: bars are counted from the session's
    open, and anew after its lunch, not from midnight UTC. `phase_ms`: how long after midnight UTC the days of a market
    round the clock end (see `phase_of`). Before the calendar's first day nothing is known, so nothing is expected.
    Raises CalendarRangeError past its last day.
    """
    step = TIMEFRAME_MS[timeframe]
    if last_ms < first_ms:
        return NO_TIMES
    if market == ROUND_THE_CLOCK and timeframe not in LONGER:
        return np.arange(-(-(first_ms - phase_ms) // step) * step + phase_ms, last_ms + 1, step, dtype=np.int64)
    calendar = trading_day.load(market)
    if _date(last_ms) < calendar.first:
        return NO_TIMES
    if timeframe in LONGER:
        return _period_ends(calendar, timeframe, first_ms, last_ms, phase_ms)
    first, last = max(_date(first_ms) - _DAY, calendar.first), min(_date(last_ms) + _DAY, calendar.last)
    if _date(last_ms) > calendar.last:
        calendar.session(_date(last_ms))  # knows how to refuse
    sessions = calendar.sessions_between(first, last)
    if not is_intraday(timeframe):
        closes = np.array([s.close_utc_s * 1000 for s in sessions], np.int64)
    else:
        edges = [(s.open_utc_s * 1000, s.close_utc_s * 1000) for s in sessions]
        spans = [(opens // step * step, close) for opens, close in edges]
        if from_open:
            spans = [half for s in sessions for half in _halves(calendar, s, step)]
        closes = np.concatenate([NO_TIMES, *(np.arange(a, b, step, dtype=np.int64) + step for a, b in spans)])
        if calendar.breaks:
            closes = but_at_lunch(closes, step, calendar, sessions)
    return within(closes, first_ms, last_ms)


def _halves(calendar: trading_day.Calendar, session: trading_day.Session, step: int) -> list[tuple[int, int]]:
    """(begin, end) in ms of what a session's bars are counted in: all of it, or before and after its lunch."""
    opens, close = session.open_utc_s * 1000, session.close_utc_s * 1000
    lunch = lunch_utc_s(calendar, session) if calendar.breaks else None
    if lunch is None or lunch[0] * 1000 - opens < step:
        return [(opens, close)]
    return [(opens, lunch[0] * 1000), (lunch[1] * 1000, close)]


def phase_of(market: str, timeframe: str, ts_ms: IntArray) -> int:
    """How long after midnight UTC the days (or weeks, after a Monday) of a series round the clock end."""
    if market != ROUND_THE_CLOCK or is_intraday(timeframe) or timeframe == "1mo" or not ts_ms.size:
        return 0
    step = TIMEFRAME_MS[timeframe]
    phases, counts = np.unique((ts_ms - (_MONDAY_MS if timeframe == "1w" else 0)) % step, return_counts=True)
    return int(phases[counts.argmax()])


def _period_ends(
    calendar: trading_day.Calendar, timeframe: str, first_ms: int, last_ms: int, phase_ms: int
) -> IntArray:
    """The closes of the last sessions of weeks or months; weeks round the clock end `phase_ms` after a Monday."""
    if calendar.market == ROUND_THE_CLOCK and timeframe == "1w":
        step, origin = TIMEFRAME_MS["1w"], _MONDAY_MS + phase_ms
        return np.arange(-(-(first_ms - origin) // step) * step + origin, last_ms + 1, step, dtype=np.int64)
    until = min(_date(last_ms) + _MONTH, calendar.last)
    sessions = calendar.sessions_between(max(_date(first_ms) - _MONTH, calendar.first), until)
    ends: dict[tuple[int, int], int] = {}
    for session in sessions:
        year, week, _ = session.date.isocalendar()
        ends[(year, week) if timeframe == "1w" else (session.date.year, session.date.month)] = (
            session.close_utc_s * 1000
        )
    return within(np.array(list(ends.values()), np.int64), first_ms, last_ms)


def are_from_open(market: str, timeframe: str, ts_ms: IntArray) -> bool:
    """Whether bars with these closes are counted from the open: Yahoo's hours of New York run from half past nine.

    In a market with a lunch half of them may be whole hours all the same: Tokyo's run from nine and half past twelve.
    """
    if market == ROUND_THE_CLOCK or not is_intraday(timeframe):
        return False
    off = int((ts_ms % TIMEFRAME_MS[timeframe] != 0).sum())
    return off * (4 if trading_day.load(market).breaks else 2) > ts_ms.size


def _date(ts_ms: int) -> dt.date:
    return _EPOCH + dt.timedelta(days=ts_ms // 86_400_000)
