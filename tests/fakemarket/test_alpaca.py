"""Alpaca: pages, adjustments, keys and errors."""

from __future__ import annotations

import datetime as dt

import pytest
import requests

from tests.fakemarket import oracle
from tests.fakemarket.bars import day_ms
from tests.fakemarket.conftest import HOUR_MS
from tests.fakemarket.server import FakeMarket

KEYS = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}


def bars(session: requests.Session, **params: object) -> requests.Response:
    return session.get("https://data.alpaca.markets/v2/stocks/bars", params=params, headers=KEYS)  # type: ignore[arg-type]


def test_rows_are_as_traded_unless_split_adjustment_is_asked(session: requests.Session) -> None:
    friday = {"symbols": "AAPL", "timeframe": "1Day", "start": "2020-08-28", "end": "2020-08-29"}
    (raw,) = bars(session, **friday).json()["bars"]["AAPL"]
    (split,) = bars(session, **friday, adjustment="split").json()["bars"]["AAPL"]
    assert raw["t"] == "2020-08-28T04:00:00Z"
    assert [split[name] for name in "ohlc"] == pytest.approx(oracle.session_bar("AAPL", dt.date(2020, 8, 28))[:4])
    assert [raw[name] for name in "ohlc"] == pytest.approx([4 * split[name] for name in "ohlc"])


def test_a_page_may_end_in_the_middle_of_a_symbol(session: requests.Session) -> None:
    asked = {
        "symbols": "MSFT,AAPL",
        "timeframe": "1Hour",
        "start": "2026-11-19T14:00:00Z",
        "end": "2026-11-19T21:00:00Z",
        "limit": 5,
    }
    pages, token = [], ""
    while token is not None:
        page = bars(session, **asked, **({"page_token": token} if token else {})).json()
        pages.append({name: len(rows) for name, rows in page["bars"].items()})
        token = page["next_page_token"]
    assert pages == [{"AAPL": 5}, {"AAPL": 2, "MSFT": 3}, {"MSFT": 4}]


def test_minutes_are_stamped_with_their_start(session: requests.Session) -> None:
    told = bars(
        session, symbols="AAPL", timeframe="1Min", start="2026-11-19T14:30:00Z", end="2026-11-19T14:30:00Z"
    ).json()
    (row,) = told["bars"]["AAPL"]
    at = day_ms(dt.date(2026, 11, 19)) + 14 * HOUR_MS + 30 * 60_000
    assert [row[name] for name in "ohlcv"] == oracle.bar("AAPL", at, 1)


def test_coins_need_no_keys_and_stocks_do(session: requests.Session) -> None:
    coins = session.get(
        "https://data.alpaca.markets/v1beta3/crypto/us/bars", params={"symbols": "BTC/USD", "timeframe": "1Day"}
    )
    assert coins.status_code == 200
    stocks = session.get("https://data.alpaca.markets/v2/stocks/bars", params={"symbols": "AAPL", "timeframe": "1Day"})
    assert stocks.status_code == 401


@pytest.mark.parametrize(
    ("params", "status", "words"),
    [
        ({"symbols": "AAPL", "timeframe": "7Parsec"}, 422, "invalid timeframe"),
        ({"symbols": "AAPL", "timeframe": "1Min", "limit": 10_001}, 422, "invalid limit"),
        ({"symbols": "AAPL", "timeframe": "1Min", "start": "2026-11-19", "end": "2026-11-18"}, 422, "end should not"),
        ({"symbols": "AAPL", "timeframe": "1Min", "feed": "sip"}, 403, "recent SIP data"),
        ({"timeframe": "1Min"}, 422, "symbols"),
    ],
)  # fmt: skip
def test_wrong_questions_are_told_so(
    session: requests.Session, params: dict[str, object], status: int, words: str
) -> None:
    answer = bars(session, **params)
    assert answer.status_code == status
    assert words in answer.json()["message"]


def test_forbidden_keys_are_forbidden(fakemarket: FakeMarket, session: requests.Session) -> None:
    fakemarket.alpaca.wrong_keys.add("k")
    assert bars(session, symbols="AAPL", timeframe="1Day").status_code == 403
