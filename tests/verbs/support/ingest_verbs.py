"""What the tests of ingest verbs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from tests.fakemarket.server import FakeMarket

NOON_S = 1_795_176_000  # 2026-11-20T12:00Z
BTC = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")
SERIES = ["--symbol", "BTCUSD", "--timeframe", "1m"]


class World:
    """fakemarket and nightdesk's own state, both at one simulated time."""

    def __init__(self, fake: FakeMarket, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fake, self.home, self.patch = fake, home, monkeypatch
        for name, value in fake.env().items():
            monkeypatch.setenv(name, value)
        for name in ("CT_SYMBOL", "CT_TIMEFRAME", "CT_LOOKBACK_DAYS", "CT_EXCHANGE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NIGHTDESK_HOME", str(home))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
        monkeypatch.setenv("RETRY_BUDGET_S", "1")
        self.at(NOON_S)
        self.store = BarStore(home / "data" / "raw")

    def at(self, now_s: float) -> None:
        self.now_s = now_s
        self.patch.setenv("NIGHTDESK_NOW", str(now_s))
        self.fake.market.clock.set(round(now_s * 1000))

    def asked(self) -> int:
        return len(self.fake.requests("bitfinex"))


@pytest.fixture
def world(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(fakemarket, tmp_path, monkeypatch)
