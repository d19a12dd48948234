"""Yahoo: answers of chart v8, right and wrong, compared with the scalar oracle."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import requests

from tests.fakemarket import oracle
from tests.fakemarket.bars import day_ms
from tests.fakemarket.conftest import NOW
from tests.fakemarket.server import FakeMarket

TODAY = NOW // 1000


def chart(session: requests.Session, ticker: str, **params: object) -> Any:
    return session.get(f"https://query2.finance.yahoo.com/v8/finance/chart/{ticker}", params=params)  # type: ignore[arg-type]


def test_daily_rows_are_stamped_with_the_open_and_dividends_are_out_of_adjclose(session: requests.Session) -> None:
    first, last = dt.date(2026, 8, 6), dt.date(2026, 8, 11)
    told = chart(session, "AAPL", period1=day_ms(first) // 1000, period2=day_ms(last) // 1000, interval="1d").json()
    (result,) = told["chart"]["result"]
    quote, days = result["indicators"]["quote"][0], [dt.date(2026, 8, day) for day in (6, 7, 10)]
    expected = [oracle.session_bar("AAPL", day) for day in days]
    assert [
        list(row) for row in zip(*(quote[name] for name in ("open", "high", "low", "close", "volume")), strict=True)
    ] == expected
    assert result["timestamp"] == [day_ms(day) // 1000 + 13 * 3600 + 1800 for day in days]  # 09:30 in New York
    later = 1 - 0.26 / oracle.session_bar("AAPL", dt.date(2026, 11, 6))[3]  # the next one, on 2026-11-09
    factor = later * (1 - 0.26 / expected[1][3])
    adjusted = [expected[0][3] * factor, expected[1][3] * factor, expected[2][3] * later]
    assert result["indicators"]["adjclose"][0]["adjclose"] == pytest.approx(adjusted)
    assert [paid["amount"] for paid in result["events"]["dividends"].values()] == [0.26]
    assert result["meta"]["exchangeTimezoneName"] == "America/New_York"


def test_intraday_answers_have_trading_periods(session: requests.Session) -> None:
    told = chart(session, "SPY", range="5d", interval="1m").json()["chart"]["result"][0]
    assert len(told["meta"]["tradingPeriods"]) == 5
    assert len(told["timestamp"]) == 5 * 390


def test_a_range_without_a_session_has_an_empty_quote_and_no_times(session: requests.Session) -> None:
    saturday = day_ms(dt.date(2026, 11, 14)) // 1000
    (result,) = chart(session, "SPY", period1=saturday, period2=saturday + 86_400, interval="1d").json()["chart"][
        "result"
    ]
    assert result["indicators"]["quote"] == [{}]
    assert "timestamp" not in result


def test_the_row_of_a_running_session_is_stamped_now(fakemarket: FakeMarket, session: requests.Session) -> None:
    fakemarket.clock.advance(4 * 3600)  # 11:00 in New York
    (result,) = chart(session, "SPY", range="5d", interval="1d").json()["chart"]["result"]
    assert result["timestamp"][-1] == NOW // 1000 + 4 * 3600
    assert result["timestamp"][-2] % 86_400 == 14.5 * 3600


def test_rows_can_be_null(fakemarket: FakeMarket, session: requests.Session) -> None:
    fakemarket.yahoo.null_rows.add(day_ms(dt.date(2026, 11, 18)))  # 09:00 in Seoul
    (result,) = chart(session, "^KS11", range="5d", interval="1d").json()["chart"]["result"]
    assert result["indicators"]["quote"][0]["close"].count(None) == 1


@pytest.mark.parametrize(
    ("ticker", "params", "status", "words"),
    [
        ("NOPE", {"range": "5d"}, 404, "No data found, symbol may be delisted"),
        ("SPY", {"range": "5d", "interval": "7m"}, 422, "Invalid input - interval=7m is not supported"),
        ("SPY", {"period1": TODAY - 86_400 * 20, "period2": TODAY, "interval": "1m"}, 422, "Only 8 days worth"),
        ("SPY", {"period1": TODAY - 86_400 * 50, "period2": TODAY - 86_400 * 44, "interval": "1m"}, 422, "30 days"),
        ("SPY", {"range": "5d", "crumb": "old"}, 401, "Invalid Crumb"),
    ],
)  # fmt: skip
def test_wrong_questions_are_told_so(
    session: requests.Session, ticker: str, params: dict[str, object], status: int, words: str
) -> None:
    answer = chart(session, ticker, **params)
    assert answer.status_code == status
    assert words in answer.text


def test_the_crumb_needs_the_cookie_and_can_be_rotated(fakemarket: FakeMarket, session: requests.Session) -> None:
    crumb = "https://query1.finance.yahoo.com/v1/test/getcrumb"
    assert session.get(crumb).status_code == 401
    session.get("https://fc.yahoo.com")
    good = session.get(crumb).text
    assert chart(session, "SPY", crumb=good).status_code == 200
    fakemarket.yahoo.rotate_crumb()
    assert chart(session, "SPY", crumb=good).status_code == 401
