"""What the tests of ask many share."""

from __future__ import annotations

import datetime as dt
import importlib.util
from pathlib import Path

import pytest

from pyjobs.market.providers import BarRequest, Fetched, provider
from pyjobs.market.providers.asking.ask_many import ask_many
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import RetryBudget, TimeLost
from pyjobs.market.providers.quotes import ask_quotes
from tests.fakemarket.server import FakeMarket
from tests.market.providers.asking.support.made_up import ms
from utils.errors import NightdeskError

NOW_MS = ms("2026-11-20T12:00")
FRIDAY, THURSDAY = dt.date(2026, 11, 20), dt.date(2026, 11, 19)


class World:
    def __init__(self, fake: FakeMarket, states: ProviderStates) -> None:
        self.fake, self.states, self.now_s = fake, states, NOW_MS / 1000

    def budget(self, budget_s: float = 0.0, tries: int = 4) -> RetryBudget:
        """Time stands still but for what is slept."""

        def sleep(seconds: float) -> None:
            self.now_s += seconds

        return RetryBudget(
            deadline_s=self.now_s + budget_s, end_s=self.now_s + 600, tries=tries, time_lost=TimeLost(),
            now=lambda: self.now_s, sleep=sleep, jitter=lambda: 0.5,
        )  # fmt: skip

    def many(self, name: str, requests: list[BarRequest], budget_s: float = 0.0) -> dict[str, Fetched | NightdeskError]:
        asked = provider(name)
        found = ask_many(asked, requests, states=self.states, budget=self.budget(budget_s))
        return {request.symbol: answer for request, answer in found}

    def charts(self) -> list[str]:
        return [one.path.rpartition("/")[2] for one in self.fake.requests("yahoo", "/chart/")]


@pytest.fixture
def world(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for client in ("yfinance", "alpaca"):
        if importlib.util.find_spec(client) is None:
            pytest.skip(f"{client} is not installed: make setup-providers")
    keys = {"APCA_API_KEY_ID": "fake-key", "APCA_API_SECRET_KEY": "fake-secret", "NIGHTDESK_HOME": str(tmp_path)}
    for name, value in {**fakemarket.env(), **keys, "NIGHTDESK_NOW": str(NOW_MS // 1000)}.items():
        monkeypatch.setenv(name, value)
    fakemarket.clock.set(NOW_MS)
    return World(fakemarket, ProviderStates(tmp_path / "state", locks=tmp_path / "locks"))


def days(symbol: str, first: str = "2026-11-18", market: str = "XNYS", currency: str = "USD") -> BarRequest:
    return BarRequest(
        symbol=symbol, timeframe="1d", start_ms=ms(first), end_ms=NOW_MS, market=market, currency=currency
    )


def quotes(
    world: World, name: str, symbols: list[str], market: str = "XNYS", currency: str = "USD"
) -> dict[str, object]:
    return dict(ask_quotes(name, symbols, states=world.states, budget=world.budget(), market=market, currency=currency))
