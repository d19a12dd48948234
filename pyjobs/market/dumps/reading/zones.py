"""Clock times of a place as instants: summer time known, an hour that comes twice in its order."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import IntArray
from utils.foreign_text import quoted

HALF_HOUR_MS = 1_800_000
MOST_STEPS = 2_000_000  # a century of half hours
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ZONE = (
    r"Z|UTC|(?:GMT|UTC)?[+-]\d{2}:?\d{2}|(?:Etc/GMT|GMT|UTC)[+-]\d{1,2}|GMT"
    r"|[A-Za-z]{3}\d[A-Za-z]{3}|[A-Za-z]{2,}(?:[/-][A-Za-z_]+)*"
)
"""How a zone is written behind a time."""
SHORT = {
    "EDT": "-04:00",
    "CDT": "-05:00",
    "MDT": "-06:00",
    "PDT": "-07:00",
    "KST": "+09:00",
    "JST": "+09:00",
    "HKT": "+08:00",
    "SGT": "+08:00",
    "CEST": "+02:00",
    "EEST": "+03:00",
    "WEST": "+01:00",
    "MEST": "+02:00",
    "MSK": "+03:00",
    "AEST": "+10:00",
    "AEDT": "+11:00",
}
WINTER = {
    "EST": ("-05:00", "America/New_York"),
    "CST": ("-06:00", "America/Chicago"),
    "MST": ("-07:00", "America/Denver"),
    "PST": ("-08:00", "America/Los_Angeles"),
    "CET": ("+01:00", "Europe/Berlin"),
    "EET": ("+02:00", "Europe/Athens"),
    "WET": ("+00:00", "Europe/Lisbon"),
}
"""Names of winter times that people also write in summer, when they mean the place. (MET is a place: IBKR's Europe.)"""
SEVERAL = ("BST", "IST")
ABBREVIATED = (*SHORT, *WINTER, *SEVERAL)


def localised(ms: IntArray, zone: str) -> tuple[IntArray, dict[int, str]]:
    """UTC milliseconds of clock times (ms as if they were UTC) in `zone`, and the rows whose time there never was.

    In an hour that comes twice, a time that is there twice is meant in its order; one that is there once is the later,
    so that no bar closes before its time.
    """
    if match := re.fullmatch(r"([+-])(\d{2}):?(\d{2})", zone):
        offset = (int(match[2]) * 60 + int(match[3])) * 60_000
        return ms + (offset if match[1] == "-" else -offset), {}
    from zoneinfo import ZoneInfo

    place = ZoneInfo(zone)
    steps, at = _steps(ms // HALF_HOUR_MS)
    first, second, never = np.zeros(steps.size, np.int64), np.zeros(steps.size, np.int64), np.zeros(steps.size, bool)
    for i, step in enumerate(steps.tolist()):
        naive = _EPOCH + dt.timedelta(milliseconds=step * HALF_HOUR_MS)
        offsets = [_offset_ms(naive.replace(tzinfo=place, fold=fold)) for fold in (0, 1)]
        first[i], second[i] = offsets
        never[i] = offsets[0] < offsets[1]  # clocks went forward over it
    twice, east = (first > second)[at], first[at]
    if twice.any():
        east[twice] = _in_order(ms, twice, east, second[at])
    wrong = dict.fromkeys(np.flatnonzero(never[at]).tolist(), f"never was in {zone}: the clocks went forward over it")
    return ms - east, wrong


def _steps(values: IntArray) -> tuple[IntArray, IntArray]:
    """The values there are, ascending, and of each row which it is; by a table where they lie close, in less memory."""
    low = int(values.min()) if values.size else 0
    if not values.size or int(values.max()) - low > MOST_STEPS:
        return np.unique(values, return_inverse=True)
    here = np.zeros(int(values.max()) - low + 1, bool)
    here[values - low] = True
    return np.flatnonzero(here) + low, (np.cumsum(here) - 1)[values - low]


def local_ms(ms: IntArray, zone: str) -> IntArray:
    """What the clock of `zone` showed at UTC milliseconds, as milliseconds as if it were UTC."""
    if re.fullmatch(r"[+-]\d{2}:?\d{2}", zone):
        return 2 * ms - localised(ms, zone)[0]
    from zoneinfo import ZoneInfo

    place, (times, at) = ZoneInfo(zone), np.unique(ms, return_inverse=True)
    east = [_offset_ms((_EPOCH + dt.timedelta(milliseconds=time)).astimezone(place)) for time in times.tolist()]
    return ms + np.array(east, np.int64)[at] if len(ms) else ms


def _in_order(ms: IntArray, twice: npt.NDArray[np.bool_], first: IntArray, second: IntArray) -> IntArray:
    """The offset of each time of a double hour: of two rows with one time the earlier row has the earlier one."""
    rows = np.flatnonzero(twice)
    descending = rows.size > 1 and ms[rows[0]] > ms[rows[-1]]
    if descending:
        rows = rows[::-1]
    counts = dict(zip(*np.unique(ms[rows], return_counts=True), strict=True))
    seen: set[int] = set()
    east = {}
    for row in rows.tolist():
        time = int(ms[row])
        east[row] = first[row] if counts[time] > 1 and time not in seen else second[row]
        seen.add(time)
    return np.array([east[row] for row in np.flatnonzero(twice).tolist()], np.int64)


def _offset_ms(moment: dt.datetime) -> int:
    offset = moment.utcoffset()
    assert offset is not None, "it has a zone"
    return int(offset.total_seconds()) * 1000


def in_zone(naive: dt.datetime, zone: str, text: str = "") -> dt.datetime:
    """A time of that zone in UTC. Raises ValueError for an unknown zone, or one that is two."""
    if zone in ("Z", "UTC", "GMT"):
        return naive.replace(tzinfo=dt.UTC)
    from zoneinfo import ZoneInfo

    named = SHORT.get(zone, zone)
    if zone in WINTER:
        named, place = WINTER[zone]
        if naive.replace(tzinfo=ZoneInfo(place)).dst():
            raise ValueError(f"{quoted(text, 60)!r}: {zone} in summer, {place}'s clock or an hour later? Set `zone:`")
    if match := re.fullmatch(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})?", named):
        sign = -1 if match[1] == "-" else 1
        offset = dt.timezone(sign * dt.timedelta(hours=int(match[2]), minutes=int(match[3] or 0)))
        return naive.replace(tzinfo=offset).astimezone(dt.UTC)
    try:
        if named in SEVERAL:
            raise KeyError
        return naive.replace(tzinfo=ZoneInfo(named)).astimezone(dt.UTC)
    except (KeyError, ValueError, OSError):
        words = f"{quoted(text, 60)!r}: {quoted(zone, 60)!r} is no known time zone"
        raise ValueError(f"{words}: set `zone:`, or write an offset like -04:00") from None
