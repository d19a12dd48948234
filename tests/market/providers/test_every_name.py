"""Each provider is in all the places that DESIGN.md names for a new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.provider_names import NAMES, RATE_LIMIT_GROUPS
from pyjobs.market.providers import BarRequest, provider
from tests.fakemarket.server import FakeMarket

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", [name for name in NAMES if provider(name).network and name != "ccxt"])
def test_a_provider_has_its_group_an_exchange_a_made_up_server_and_a_row(name: str) -> None:
    group = provider(name).rate_limit_group(BarRequest(symbol="X", timeframe="1d", start_ms=0, end_ms=1))
    assert RATE_LIMIT_GROUPS.get(name) == group, f"RATE_LIMIT_GROUPS: {name} is of {group}"
    assert group in {each.name for each in FakeMarket().providers}, f"tests/fakemarket has no {group}"
    assert name in {each.provider for each in load_exchanges(ROOT / "config/exchanges.yaml").values()}, "no exchange"
    rows = (ROOT / "docs/operations/providers.md").read_text(encoding="utf-8").casefold()
    assert f"\n| {group}" in rows, f"no row for {group}: what are its numbers?"
