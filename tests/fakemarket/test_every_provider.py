"""What holds for all providers together."""

from __future__ import annotations

import datetime as dt

import pytest
import requests

from tests.fakemarket import oracle
from tests.fakemarket.bars import day_ms
from tests.fakemarket.server import FakeMarket
from tests.fakemarket.test_alpaca import KEYS
from tests.fakemarket.test_bitfinex import candles
from tests.fakemarket.test_krx import KRX_DATA, kospi, login
from tests.fakemarket.test_yahoo import chart


def test_all_providers_tell_the_same_close_of_the_same_thing(session: requests.Session) -> None:
    day, at = dt.date(2026, 11, 19), day_ms(dt.date(2026, 11, 19))
    login(session)
    krx = float(kospi(session, "20261119", "20261119").json()["output"][0]["CLSPRC_IDX"].replace(",", ""))
    yahoo = chart(session, "^KS11", period1=at // 1000, period2=at // 1000 + 86_400).json()["chart"]["result"][0]
    assert krx == yahoo["indicators"]["quote"][0]["close"][0] == oracle.session_bar("KOSPI", day)[3]
    bitfinex = candles(session, "1D:tBTCUSD/hist", start=at, end=at)[0][2]
    asked = {"pair": "XBTUSD", "interval": 1440, "since": at // 1000 - 1}
    kraken = session.get("https://api.kraken.com/0/public/OHLC", params=asked).json()["result"]["XXBTZUSD"][0]
    assert kraken[0] == at // 1000 and float(kraken[4]) == bitfinex
    yahoo = chart(session, "BTC-USD", period1=at // 1000, period2=at // 1000 + 86_400).json()["chart"]["result"][0]
    assert bitfinex == yahoo["indicators"]["quote"][0]["close"][0] == oracle.bar("BTCUSD", at, 1440)[3]  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "provider"),
    [
        ("/v2/candles/trade:1m:tBTCUSD/hist", "bitfinex"),
        ("/v8/finance/chart/SPY", "yahoo"),
        ("/v2/stocks/bars?symbols=AAPL&timeframe=1Day", "alpaca"),
        ("/0/public/OHLC?pair=XBTUSD&interval=60", "kraken"),
        ("/sise.nhn?symbol=005930&count=1", "naver"),
    ],
)
def test_a_client_with_a_base_url_needs_no_proxy(fakemarket: FakeMarket, path: str, provider: str) -> None:
    with requests.Session() as plain:
        plain.trust_env = False
        assert plain.get(fakemarket.url + path, headers=KEYS).status_code == 200
    assert [one.provider for one in fakemarket.requests()] == [provider]


def test_nonsense_is_answered_and_does_not_hurt(session: requests.Session) -> None:
    login(session)
    assert session.post(KRX_DATA, data={"bld": "x/MDCSTAT00301", "indIdx": "1", "indIdx2": "001"}).status_code == 400
    assert chart(session, "SPY", period1="soon").status_code == 400
    assert session.get("http://127.0.0.1/elsewhere").status_code == 403


def test_a_time_that_no_calendar_covers_is_said_and_not_guessed(
    fakemarket: FakeMarket, session: requests.Session
) -> None:
    fakemarket.clock.set(day_ms(dt.date(2040, 1, 2)))
    answer = chart(session, "SPY", range="1d")
    assert answer.status_code == 500
    assert "XNYS" in answer.json()["error"]
