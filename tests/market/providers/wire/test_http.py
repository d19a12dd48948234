"""One GET: over the proxy the environment names now, not the one it named when the process began."""

from __future__ import annotations

import pytest

from pyjobs.market.providers.wire import http
from pyjobs.market.providers.wire.http_answer import Answer
from tests.fakemarket.server import FakeMarket

URL = "https://api-pub.bitfinex.com/v2/candles/trade:1h:tBTCUSD/hist"


def got(limit: int) -> Answer:
    return http.get(URL, {"limit": limit}, limit_s=30, pause_s=10)


def test_a_change_of_the_environment_s_proxy_or_authority_is_seen(
    fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fakemarket.env().items():
        monkeypatch.setenv(name, value)
    assert got(1).status == got(2).status == 200
    nobody = {**dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9"), "NO_PROXY": "", "no_proxy": ""}
    for name, value in nobody.items():
        monkeypatch.setenv(name, value)
    assert got(1).failed == "network"
    for name, value in fakemarket.env().items():
        monkeypatch.setenv(name, value)
    assert got(1).status == 200
    assert {one.params["limit"] for one in fakemarket.requests("bitfinex")} == {"1", "2"}


def test_many_requests_share_one_connection(fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in fakemarket.env().items():
        monkeypatch.setenv(name, value)
    fakemarket.fault("bitfinex", "bad_cert", after=1)  # asked for once for each new connection
    assert [got(1 + count).status for count in range(5)] == [200] * 5
