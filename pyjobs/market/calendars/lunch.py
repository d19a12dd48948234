"""When a market rests in the middle of its session, by the `# break SINCE HH:MM HH:MM` lines of its calendar file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from pyjobs.market.bars import IntArray
from pyjobs.market.calendars.hours import DAY_S, EPOCH_ORDINAL, MarketHours
from utils.errors import ConfigError
from utils.trading_day import Calendar, Session


def lunch_utc_s(calendar: Calendar, session: Session) -> tuple[int, int] | None:
    """When the session's lunch begins and ends, UTC seconds; None without one, and when the session is over by then.

    Raises ConfigError for a line of the calendar that is damaged.
    """
    held = [hours for since, hours in map(_parsed, calendar.breaks) if since <= session.date.isoformat()]
    if not held:
        return None
    midnight_s = (session.date.toordinal() - EPOCH_ORDINAL) * DAY_S - calendar.utc_offset_s(session.open_utc_s)
    begin, end = (midnight_s + seconds for seconds in held[-1])
    return (begin, end) if session.open_utc_s < begin and end < session.close_utc_s else None


def lunches_ms(hours: MarketHours) -> tuple[IntArray, IntArray]:
    """When the lunch of each of the calendar's sessions begins and ends, UTC ms; both are the close without one."""
    begin, end = hours.closes_ms.copy(), hours.closes_ms.copy()
    midnight = (hours.days - EPOCH_ORDINAL) * DAY_S * 1000 - (hours.local_ms(hours.opens_ms) - hours.opens_ms)
    for since, (first, last) in map(_parsed, hours.calendar.breaks):
        held = hours.days >= dt.date.fromisoformat(since).toordinal()
        held &= (hours.opens_ms < midnight + first * 1000) & (midnight + last * 1000 < hours.closes_ms)
        begin[held], end[held] = midnight[held] + first * 1000, midnight[held] + last * 1000
    return begin, end


def but_at_lunch(closes: IntArray, step_ms: int, calendar: Calendar, sessions: Sequence[Session]) -> IntArray:
    """`closes` (increasing) of bars of these sessions, without the bars of which every minute is lunch."""
    lunches = [lunch for session in sessions if (lunch := lunch_utc_s(calendar, session))]
    if not lunches or not closes.size:
        return closes
    edges = np.array(lunches, np.int64) * 1000
    at = np.maximum(np.searchsorted(edges[:, 0], closes - step_ms, side="right") - 1, 0)
    resting = (closes - step_ms >= edges[at, 0]) & (closes <= edges[at, 1])
    return np.asarray(closes[~resting], np.int64)


def _parsed(line: str) -> tuple[str, tuple[int, int]]:
    try:
        since, *clocks = line.split()
        begin, end = (int(clock[:2]) * 3600 + int(clock[3:]) * 60 for clock in clocks)
    except ValueError:
        raise ConfigError(f"a calendar's line `# break {line}` is not a date and two times of day") from None
    return since, (begin, end)
