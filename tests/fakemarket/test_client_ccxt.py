"""Unmodified ccxt against fakemarket's Bitfinex: right candles, and its known ways of failing.

ccxt looks at proxies in the environment only when it is made with `requests_trust_env`, a documented option.
"""

from __future__ import annotations

import datetime as dt

import pytest

from tests.fakemarket import oracle
from tests.fakemarket.bars import day_ms
from tests.fakemarket.clients import Case, need, run_cases
from tests.fakemarket.server import FakeMarket

IMPORTS = (
    'import ccxt\nexchange = ccxt.bitfinex({"requests_trust_env": True, "timeout": 60000, "enableRateLimit": False})'
)
SINCE = day_ms(dt.date(2026, 11, 2))
FETCH = f'rows = exchange.fetch_ohlcv("BTC/USD", "1m", since={SINCE}, limit=200)'


@pytest.fixture(autouse=True)
def installed() -> None:
    need("ccxt")


def test_candles_are_right_and_the_markets_cost_two_requests(
    fakemarket: FakeMarket, client_env: dict[str, str]
) -> None:
    cases = {
        "good": Case(code=FETCH),
        "days": Case(code=f'rows = exchange.fetch_ohlcv("DOGE/USD", "1d", since={SINCE}, limit=2)'),
    }
    told = run_cases(fakemarket, client_env, IMPORTS, cases)
    expected = []
    for minute in range(260):
        if row := oracle.bar("BTCUSD", SINCE + minute * 60_000, 1):
            expected.append([SINCE + minute * 60_000, *row])
    assert told["good"].rows == expected[:200]
    for day, row in enumerate(told["days"].rows):
        at = SINCE + day * 86_400_000
        assert row == pytest.approx([at, *(oracle.bar("DOGEUSD", at, 1440) or ())], rel=1e-12)
    assert [one.path[:9] for one in fakemarket.requests("bitfinex")][:3] == ["/v2/conf/", "/v2/conf/", "/v2/candl"]


def test_the_faults_look_as_they_do_outside(fakemarket: FakeMarket, client_env: dict[str, str]) -> None:
    """WIRE.md §1.5, column ccxt: a page or an empty answer is a list without rows and no error.

    A broken connection is a plain NetworkError (only what requests calls "Read timed out" is a RequestTimeout). So is
    a bad certificate, because through a proxy urllib3 makes a proxy error of it.
    """
    kinds = ["429", "503", "html", "empty", "hang", "reset", "short_body", "bad_cert"]
    cases = {kind: Case(code=FETCH, fault={"provider": "bitfinex", "kind": kind, "match": "candles"}) for kind in kinds}
    cases["hang"] = Case(code=f"exchange.timeout = 2000\n{FETCH}", fault=cases["hang"].fault)
    cases["bad_cert"] = Case(code=FETCH, fault={"provider": "bitfinex", "kind": "bad_cert"})
    for kind in ("429", "503"):
        object_body: dict[str, object] = {"provider": "bitfinex", "kind": kind, "match": "candles", "variant": "object"}
        cases[f"{kind} object"] = Case(code=FETCH, fault=object_body)
    told = run_cases(fakemarket, client_env, IMPORTS, cases)
    assert {name: outcome.error or outcome.rows for name, outcome in told.items()} == {
        "429": "RateLimitExceeded",
        "429 object": "ExchangeError",
        "503": "ExchangeError",
        "503 object": "ExchangeNotAvailable",
        "html": [],
        "empty": [],
        "hang": "RequestTimeout",
        "reset": "NetworkError",
        "short_body": "NetworkError",
        "bad_cert": "NetworkError",
    }
