"""When a daily bar closes, inside the calendar and outside of it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pyjobs.market.calendars.hours import BEFORE_CALENDAR, MarketHours, hours_of
from utils.trading_day import CalendarRangeError, known_markets


def utc_ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("market", "day", "close"),
    [
        ("XKRX", "2018-01-25", "2018-01-25T15:30:00+09:00"),
        ("XKRX", "1999-05-06", "1999-05-06T15:00:00+09:00"),
        ("XNYS", "2024-07-03", "2024-07-03T13:00:00-04:00"),  # half day before Independence Day
        ("XNYS", "2001-09-17", "2001-09-17T16:00:00-05:00"),  # summer time is not in the assumption
        ("XTKS", "2005-01-04", "2005-01-04T15:00:00+09:00"),
        ("24/7", "2024-02-29", "2024-03-01T00:00:00+00:00"),
        ("24/7", "2009-12-31", "2010-01-01T00:00:00+00:00"),
    ],
)
def test_a_daily_bar_closes_with_its_session(market: str, day: str, close: str) -> None:
    assert hours_of(market).close_ms(dt.date.fromisoformat(day).toordinal()) == utc_ms(close)


def test_every_market_with_a_calendar_has_an_assumption_for_the_years_before_it() -> None:
    assert set(BEFORE_CALENDAR) == set(known_markets())


def test_a_date_past_the_calendar_is_refused_and_one_without_a_session_is_no_session() -> None:
    hours = hours_of("XKRX")
    with pytest.raises(CalendarRangeError, match="2028-01-03 is outside"):
        hours.close_ms(dt.date(2028, 1, 3).toordinal())
    saturday = dt.date(2018, 1, 27).toordinal()
    assert hours.is_session(saturday) is False
    assert hours.is_session(saturday - 1) is True
    assert hours.is_session(dt.date(1999, 5, 8).toordinal()) is None
    with pytest.raises(KeyError):
        hours.close_ms(saturday)


def test_local_dates_follow_the_markets_clock() -> None:
    seoul, york = hours_of("XKRX"), hours_of("XNYS")

    def date(hours: MarketHours, text: str) -> str:
        (ordinal,) = hours.dates_of(np.array([utc_ms(text)], np.int64)).tolist()
        return dt.date.fromordinal(ordinal).isoformat()

    assert date(seoul, "2018-01-24T15:00:00+00:00") == "2018-01-25"
    assert date(seoul, "2018-01-24T14:59:59+00:00") == "2018-01-24"
    assert date(york, "2024-07-04T03:59:59+00:00") == "2024-07-03"  # UTC-4 in summer
    assert date(york, "2024-01-04T04:59:59+00:00") == "2024-01-03"  # UTC-5 in winter
