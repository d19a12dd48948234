"""One series that cannot be fetched or ingested stops no other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.each_alone import (
    ILL,
    OF_THE_NETWORK,
    THREE,
    House,
    house,  # noqa: F401  # a fixture
    no_folder,
)

TOLD_TO_GO_ON = ("bootstrap_symbols", "precache_benchmarks")


def no_lock(house: House) -> None:
    """Nobody can lock the series, as where the lock belongs to another user."""
    for exchange in ("YAHOO", "yf_etf"):
        (house.root / f".locks/store-{exchange}-DIA-1d.lock").mkdir(parents=True)


@pytest.mark.parametrize("ill", ["unknown at the provider", "no folder", "no lock"])
@pytest.mark.parametrize("verb", OF_THE_NETWORK)
def test_one_series_that_cannot_be_fetched_is_named_and_the_others_are_up_to_date(
    house: House, fakemarket: FakeMarket, verb: str, ill: str
) -> None:
    spoiled = {"no folder": (no_folder, 65), "no lock": (no_lock, 73)}
    if ill in spoiled:
        spoiled[ill][0](house)
    else:
        fakemarket.fault("yahoo", "404", match="DIA", variant="unknown")
    code = OF_THE_NETWORK[verb](house)
    assert "DIA" in house.said or "SECOND" in house.said
    goes_on = verb in TOLD_TO_GO_ON or (verb, ill) == ("gap_repair", "no lock")  # there nothing is stored to repair
    goes_on = goes_on and (verb, ill) != ("bootstrap_symbols", "no lock")  # what we cannot write is said at the end
    assert code == (spoiled[ill][1] if ill in spoiled and not goes_on else 0), house.said
    if verb != "precache_benchmarks":
        assert (house.last("AAPL"), house.last("MSFT")) == ("2026-11-20", "2026-11-20")


def test_an_instance_file_that_is_none_is_named_and_the_others_are_ingested(house: House) -> None:
    house.keep()
    (house.root / "config/instances/YAHOO-DIA-1d.env").write_text("CT_SYMBOL\n")
    assert house.run("ingest", "--all", "--resume") == 78
    assert "YAHOO-DIA-1d: failed: " in house.said and "YAHOO-DIA-1d.env:1: " in house.said
    assert (house.last("AAPL"), house.last("MSFT")) == ("2026-11-20", "2026-11-20")
    house.run("healthcheck", "--json", "1", "--desk", str(house.desk))
    states = {one["name"]: one["state"] for one in json.loads(house.said)["checks"]}
    assert states["config instances"] == "FAIL"
    assert states["data YAHOO:AAPL:1d"] == states["data YAHOO:MSFT:1d"] == "OK"


def test_a_series_that_ended_before_the_calendar_begins_stops_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    house.fill(("AAPL", "MSFT"))
    price = np.array([10.0, 11.0])
    march = np.array([1_109_710_800_000, 1_109_797_200_000])  # 2005-03-01 and 02, 21:00Z
    house.store.write(
        ILL, Bars(ts_ms=march, open=price, high=price, low=price, close=price, volume=price), provider="yf_etf",
        fetched_at_ms=1, adjusted="adjusted", last_final=True,
    )  # fmt: skip
    out = ("--desk", str(house.desk), "--out", str(house.root / "out"))
    assert house.run("check_data") == 0
    for verb in ("scan", "setup_backtest", "account_backtest"):
        assert house.run(verb, *out) == 0, house.said
    assert house.run("report_watchlist", "--desk", str(house.desk)) == 0
    house.run("healthcheck", "--json", "1", "--desk", str(house.desk))
    states = {one["name"]: one["state"] for one in json.loads(house.said)["checks"]}
    assert [states[f"data YAHOO:{symbol}:1d"] for symbol in THREE] == ["OK", "FAIL", "OK"]
