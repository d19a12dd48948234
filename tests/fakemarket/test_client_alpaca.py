"""Unmodified alpaca-py against fakemarket: right bars over pages, and its known ways of failing."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest

from tests.fakemarket import oracle
from tests.fakemarket.bars import day_ms
from tests.fakemarket.clients import Case, need, run_cases
from tests.fakemarket.server import FakeMarket

IMPORTS = """
import datetime as dt, time
from alpaca.data.historical import CryptoHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.requests import CryptoBarsRequest, StockBarsRequest
from alpaca.data.timeframe import TimeFrame
def table(bars):
    return {name: [row(bar) for bar in found] for name, found in bars.data.items()}
def row(bar):
    return [int(bar.timestamp.timestamp() * 1000), bar.open, bar.high, bar.low, bar.close, bar.volume]
def stocks(symbols, frame, first, last):
    asked = StockBarsRequest(symbol_or_symbols=symbols, timeframe=frame, start=first, end=last)
    return table(StockHistoricalDataClient("k", "s").get_stock_bars(asked))
"""
MINUTES = 'rows = stocks(["MSFT", "AAPL"], TimeFrame.Minute, dt.datetime(2026, 10, 1), dt.datetime(2026, 11, 20))'
DAY = 'rows = stocks("AAPL", TimeFrame.Day, dt.datetime(2026, 11, 2), dt.datetime(2026, 11, 3))'
COINS = """
hours = dict(timeframe=TimeFrame.Hour, start=dt.datetime(2026, 11, 2), end=dt.datetime(2026, 11, 2, 1))
asked = CryptoBarsRequest(symbol_or_symbols="BTC/USD", **hours)
rows = table(CryptoHistoricalDataClient().get_crypto_bars(asked))
"""


@pytest.fixture(autouse=True)
def installed() -> None:
    need("alpaca")


def test_bars_are_right_over_pages_that_end_within_a_symbol(fakemarket: FakeMarket, client_env: dict[str, str]) -> None:
    cases = {"minutes": Case(code=MINUTES), "day": Case(code=DAY), "coins": Case(code=COINS)}
    told = run_cases(fakemarket, client_env, IMPORTS, cases)
    monday = day_ms(dt.date(2026, 11, 2))
    assert told["day"].rows == {"AAPL": [[monday + 5 * 3_600_000, *oracle.session_bar("AAPL", dt.date(2026, 11, 2))]]}
    hours = [monday, monday + 3_600_000]
    assert told["coins"].rows == {"BTC/USD": [[at, *(oracle.bar("BTCUSD", at, 60) or ())] for at in hours]}
    minutes = told["minutes"].rows
    assert {name: len(rows) for name, rows in minutes.items()} == {"AAPL": 36 * 390, "MSFT": 36 * 390}
    for name, rows in minutes.items():
        for at in (0, 9_999, 10_000, -1):  # around the end of the first page
            assert rows[at][1:] == oracle.bar(name, rows[at][0], 1)
    assert [one.bytes > 0 for one in fakemarket.requests("alpaca", "1Min")] == [True, True, True]


def test_the_faults_look_as_they_do_outside(fakemarket: FakeMarket, client_env: dict[str, str]) -> None:
    """WIRE.md §1.5, column alpaca-py: each fault is another exception, most of them not its own."""
    kinds = ["503", "401", "403", "html", "empty", "null_bars", "reset", "short_body"]
    cases = {kind: Case(code=DAY, fault={"provider": "alpaca", "kind": kind}) for kind in kinds}
    cases["hang"] = Case(code=DAY, fault={"provider": "alpaca", "kind": "hang"}, limit_s=2)
    told = run_cases(fakemarket, client_env, IMPORTS, cases)
    assert {kind: told[kind].error for kind in kinds[:6]} == {
        "503": "APIError",
        "401": "APIError",
        "403": "APIError",
        "html": "JSONDecodeError",
        "empty": "TypeError",
        "null_bars": "AttributeError",
    }
    for kind in ("reset", "short_body"):
        assert "RequestException" in told[kind].bases, told[kind]
    assert told["hang"].hung


def test_a_429_is_asked_again_three_times_without_regard_to_retry_after(
    fakemarket: FakeMarket, client_env: dict[str, str]
) -> None:
    fault: dict[str, object] = {"provider": "alpaca", "kind": "429", "retry_after": "60"}
    told = run_cases(fakemarket, client_env, IMPORTS, {"429": Case(code=DAY, fault=fault)})
    assert told["429"].error == "APIError"
    times = [one.at_s for one in fakemarket.requests("alpaca")]
    assert [round(later - earlier) for earlier, later in pairwise(times)] == [3, 3, 3]
