"""Health's checks of instances that bring nothing: a provider that is silent, and a job that asks for nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyjobs.healthcheck import main as healthcheck
from pyjobs.ingest import main as ingest
from pyjobs.market.ingest import instances
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.ingest_verbs import NOON_S, World
from utils.run import run

DAY_S = 86_400


@pytest.fixture
def world(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(fakemarket, tmp_path, monkeypatch)
    for symbol in ("BTCUSD", "LTCUSD", "NOPEUSD"):
        instances.save(
            instances.Instance(exchange="BITFINEX", symbol=symbol, timeframe="1h", lookback_days=0.2, gap_repair=False)
        )
    return made


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """State and detail of each instance's check."""
    capsys.readouterr()
    run(healthcheck, ["--json", "1"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return {one["name"].split(":")[1]: (one["state"], one["detail"]) for one in checks if "BITFINEX" in one["name"]}


def test_a_dead_pair_is_silent_since_and_a_name_nobody_knows_is_set_aside(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ingest, ["--all", "--resume"]) == 0
    world.fake.market.halt("LTCUSD", NOON_S * 1000, (NOON_S + 9 * DAY_S) * 1000)
    world.at(NOON_S + 3 * DAY_S)
    assert told(capsys)["LTCUSD"][0] == "FAIL"  # no job has asked
    assert run(ingest, ["--all", "--resume"]) == 0
    found = told(capsys)
    assert found["BTCUSD"][0] == "OK"
    state, detail = found["LTCUSD"]
    assert state == "WARN"
    assert detail.startswith("silent since 2026-11-20 13:00 UTC, asked 2026-11-23 12:00 UTC")
    state, detail = found["NOPEUSD"]
    assert state == "WARN" and detail.startswith("unknown since 2026-11-20")
    world.at(NOON_S + 7 * DAY_S)
    assert told(capsys)["LTCUSD"][0] == "FAIL"  # and no job asks any more


def test_where_nothing_of_an_exchange_comes_silence_is_no_excuse(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ingest, ["--all", "--resume"]) == 0
    for symbol in ("BTCUSD", "LTCUSD"):
        world.fake.market.halt(symbol, NOON_S * 1000, (NOON_S + 9 * DAY_S) * 1000)
    world.at(NOON_S + 6 * DAY_S)
    run(ingest, ["--all", "--resume"])
    found = told(capsys)
    assert found["LTCUSD"][0] == found["BTCUSD"][0] == "FAIL"
    assert "nor of any other of BITFINEX" in found["LTCUSD"][1]
