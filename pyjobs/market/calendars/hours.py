"""When a session's daily bar closes: from the compiled calendar, and by a stated assumption before it begins."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import IntArray
from utils.trading_day import Calendar, load

DAY_S = 86_400
EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedClose:
    """The close taken for a session older than the calendar: seconds after local midnight, and that clock's offset."""

    seconds: int
    utc_offset_s: int

    def __str__(self) -> str:
        hours, minutes = divmod(self.seconds // 60, 60)
        return f"{hours:02d}:{minutes:02d} at UTC{self.utc_offset_s / 3600:+.0f}"


# One rule per market for all sessions before its calendar file (2010). Half days, Saturdays and summer time of those
# years are not in it: the time of day is an assumption, the date is the dump's. Regular closes: KRX until
# 2016-07-31 and TSE until 2024-11-04 15:00, NYSE 16:00, FX 17:00 New York, Xetra until November 2003 20:00. In winter
# time, so that no summer's bar closes too early; CME's day ends at 17:00 Chicago.
def _at(clock: str, utc_offset_h: float) -> AssumedClose:
    hour, minute = map(int, clock.split(":"))
    return AssumedClose(seconds=hour * 3600 + minute * 60, utc_offset_s=int(utc_offset_h * 3600))


BEFORE_CALENDAR: dict[str, AssumedClose] = {
    "XKRX": AssumedClose(seconds=15 * 3600, utc_offset_s=9 * 3600),
    "XTKS": AssumedClose(seconds=15 * 3600, utc_offset_s=9 * 3600),
    "XNYS": AssumedClose(seconds=16 * 3600, utc_offset_s=-5 * 3600),
    "FX": AssumedClose(seconds=DAY_S, utc_offset_s=2 * 3600),
    "24/7": AssumedClose(seconds=DAY_S, utc_offset_s=0),
    "CMES": AssumedClose(seconds=DAY_S, utc_offset_s=3600),
    "XLON": _at("16:30", 0),
    "XETR": _at("20:00", 1),
    **dict.fromkeys(("XPAR", "XAMS", "XSWX", "XMIL", "XMAD", "XSTO"), _at("17:30", 1)),
    "XHKG": _at("16:00", 8),
    "XSHG": _at("15:00", 8),
    "XTAI": _at("13:30", 8),
    "XASX": _at("16:00", 10),
    "XTSE": _at("16:00", -5),
    "XBOM": _at("15:30", 5.5),
    "XSES": _at("17:00", 8),
}


class MarketHours:
    """Close times of one market's sessions, by date ordinal (`datetime.date.toordinal`).

    `days`, `opens_ms` and `closes_ms`: those of the calendar file, ascending, one entry a session.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.market = calendar.market
        self.first = calendar.first.toordinal()
        self.last = calendar.last.toordinal()
        self.assumed = BEFORE_CALENDAR.get(calendar.market)
        sessions = calendar.sessions()
        self._closes_s = {s.date.toordinal(): s.close_utc_s for s in sessions}
        self.days = np.array(list(self._closes_s), np.int64)
        self.opens_ms = np.array([s.open_utc_s * 1000 for s in sessions], np.int64)
        self.closes_ms = np.array(list(self._closes_s.values()), np.int64) * 1000

    def is_session(self, ordinal: int) -> bool | None:
        """Whether the market has a session on that date; None where the calendar does not reach."""
        return ordinal in self._closes_s if self.first <= ordinal <= self.last else None

    def close_ms(self, ordinal: int) -> int:
        """UTC milliseconds at which that date's session closes.

        Raises CalendarRangeError for a date past the calendar (or before it, without an assumption for the market),
        KeyError for a date without a session.
        """
        if ordinal < self.first and self.assumed is not None:
            midnight_s = (ordinal - EPOCH_ORDINAL) * DAY_S - self.assumed.utc_offset_s
            return (midnight_s + self.assumed.seconds) * 1000
        if not self.first <= ordinal <= self.last:
            self.calendar.session(dt.date.fromordinal(ordinal))  # knows how to refuse
        return self._closes_s[ordinal] * 1000

    def local_ms(self, ts_ms: IntArray) -> IntArray:
        """The market's local time of UTC times, as if it were UTC; before its first offset by that one."""
        since = np.array([second for second, _ in self.calendar.offsets], np.int64)
        east = np.array([seconds for _, seconds in self.calendar.offsets], np.int64)
        at = np.maximum(np.searchsorted(since, ts_ms // 1000, side="right") - 1, 0)
        return np.asarray(ts_ms + east[at] * 1000, np.int64)

    def dates_of(self, ts_ms: IntArray) -> IntArray:
        """The local dates (ordinals) of UTC times; before the calendar's first offset that offset is used."""
        return np.asarray(self.local_ms(ts_ms) // (DAY_S * 1000) + EPOCH_ORDINAL, np.int64)

    def clocks_ms(self) -> tuple[int, int]:
        """From which time of its date (ms after midnight; less than 0 is the day before) to which one sessions last."""
        midnights = (self.days - EPOCH_ORDINAL) * (DAY_S * 1000)
        first, last = self.local_ms(self.opens_ms) - midnights, self.local_ms(self.closes_ms) - midnights
        return int(first.min()), int(last.max())

    def sessions_at(self, ordinals: IntArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """(index of each date's session in `days`, whether it has one); the index means nothing where it has none."""
        at = np.minimum(np.searchsorted(self.days, ordinals), self.days.size - 1)
        return at, self.days[at] == ordinals


def hours_of(market: str) -> MarketHours:
    """The hours of `market` from config/calendars. Raises ConfigError when there is no such file."""
    return MarketHours(load(market))
