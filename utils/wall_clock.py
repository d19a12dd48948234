"""When a market's local time is on this box's clock, all year round: what a crontab line must hold.

A crontab has one time and the box's own zone. Where one of the two has summer time and the other has not, or they
change on different days, a line is at the later of the times, so that it never comes too early; what must be over by a
certain time, at the earlier.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from utils.errors import UsageError
from utils.trading_day import DAY_S, Calendar, Session

DAY_MIN = 1440
AHEAD_DAYS = 370  # every change of summer time that can come, on both sides


class Placed(NamedTuple):
    """A line of a crontab. `minute`: of the box's day; `days`: ISO weekdays there, ascending.

    At the market it is `first` at the earliest and `last` at the latest, minutes of the market's day (the next day's
    are 1440 and more).
    """

    minute: int
    days: tuple[int, ...]
    first: int
    last: int

    @property
    def when(self) -> str:
        """`22 10 * * 1-5`: the five fields."""
        return f"{self.minute % 60} {self.minute // 60} * * {day_field(self.days)}"


def box_zone(localtime: Path = Path("/etc/localtime"), named: Path = Path("/etc/timezone")) -> str:
    """The name of the zone that this box's cron goes by; UTC where none is set."""
    target = os.path.realpath(localtime)
    if "/zoneinfo/" in target:
        return target.partition("/zoneinfo/")[2]
    try:
        return named.read_text(encoding="utf-8").strip() or "UTC"
    except OSError:
        return "UTC"


def zone_of(name: str) -> ZoneInfo:
    """The zone called so. Raises UsageError for a name that is none, or that this box has no data of."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{name!r} is no time zone of this box (such as Europe/Berlin; --zone names another)"
        ) from None


def ahead(calendar: Calendar, now_s: float) -> list[Session]:
    """The sessions of the year to come, as far as the calendar reaches."""
    today = calendar.local_date(now_s)
    return calendar.sessions_between(today, min(calendar.last, today + dt.timedelta(days=AHEAD_DAYS)))


def local_minutes(calendar: Calendar, session: Session, at_s: int) -> int:
    """Minutes from the market's midnight of the session's date to `at_s`."""
    return (at_s + calendar.utc_offset_s(session.open_utc_s) - _midnight_s(session)) // 60


def placed(
    calendar: Calendar, sessions: Iterable[Session], local: int, zone: ZoneInfo, *, by_then: bool = False
) -> Placed:
    """The time of `local` (minutes of the market's day, of every session) in the box's crontab.

    Never earlier at the market than that; with `by_then` never later.
    """
    offsets: set[int] = set()
    weekdays: set[int] = set()
    for session in sessions:
        at_s = _midnight_s(session) - calendar.utc_offset_s(session.open_utc_s) + local * 60
        offsets.add((at_s + _offset_s(zone, at_s) - _midnight_s(session)) // 60)
        weekdays.add(session.date.isoweekday())
    at = min(offsets) if by_then else max(offsets)
    shift = at // DAY_MIN
    days = tuple(sorted((day - 1 + shift) % 7 + 1 for day in weekdays))
    return Placed(at % DAY_MIN, days, local + at - max(offsets), local + at - min(offsets))


def hours_of(sessions: Iterable[Session], zone: ZoneInfo) -> tuple[str, str]:
    """The hour and the weekday field of a line that is to run while the market is open, whatever the season."""
    hours: set[int] = set()
    days: set[int] = set()
    for session in sessions:
        for at_s in (*range(session.open_utc_s, session.close_utc_s, 1800), session.close_utc_s - 1):
            box_s = at_s + _offset_s(zone, at_s)
            hours.add(box_s % DAY_S // 3600)
            days.add((box_s // DAY_S + 3) % 7 + 1)  # the first day of 1970 was a Thursday
    return ("*" if len(hours) == 24 else _ranges(hours)), day_field(tuple(days))


def day_field(days: Iterable[int]) -> str:
    """ISO weekdays as cron has them: `1-5`, `0,6`; `*` for all. 0 is Sunday."""
    found = {day % 7 for day in days}
    return "*" if len(found) == 7 else _ranges(found)


def clock_text(minutes: int) -> str:
    """`18:40`, and of the day after `18:40 the day after`."""
    day = minutes // DAY_MIN
    later = {0: "", 1: " the day after", -1: " the day before"}[day]
    return f"{minutes % DAY_MIN // 60:02d}:{minutes % 60:02d}{later}"


def _ranges(numbers: Iterable[int]) -> str:
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _midnight_s(session: Session) -> int:
    return int(dt.datetime.combine(session.date, dt.time(), dt.UTC).timestamp())


def _offset_s(zone: ZoneInfo, at_s: int) -> int:
    offset = dt.datetime.fromtimestamp(at_s, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0
