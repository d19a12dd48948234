"""Each series fails alone, in every verb that walks many: one of three cannot be had, and the other two are there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.verbs.support.each_alone import (
    ILL,
    OF_THE_NETWORK,
    THREE,
    House,
    house,  # noqa: F401  # a fixture
    no_folder,
)

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {
    "import_bars": "tests/verbs/test_one_bad_thing.py",
    "live_step": "tests/live",
    "live_check": "tests/live",
    "look_again": "tests/market/universe/test_board_looks.py",
    "mirror_candles": "tests/verbs/test_mirror_verbs.py",
    "push_data": "tests/machines",
    "take_data": "tests/machines",
}
"""Verbs that walk many series, and whose proof needs other things than these."""
ONE_RESULT = ("run_bt", "run_sweep", "walk_forward")
"""An account without one of its instruments is another account: these refuse, and name it."""
DOORS = re.compile(
    r"\bBarStore\(|\bopen_store\(|\bopen_desk\.opened\(|\blook_up\(|\bfor_each\(|\bbring_up_to_date\(|\bbenchmark_bars\.|\blook\."
)
"""By what a verb comes to the series of a desk, of the store or of the instances."""
NO_RESULT_OF_SERIES = ("make_manifest", "new_desk", "nightly", "report_ops", "report_scan", "why")
"""Verbs that pass such a door and print nothing that one series could keep from being printed."""


def torn(house: House) -> None:
    (path,) = house.store.partitions(ILL)
    path.write_bytes(path.read_bytes()[:300])


def test_every_verb_that_comes_to_many_series_is_proven_here() -> None:
    verbs = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "pyjobs").glob("[a-z]*.py")}
    found = {name for name, source in verbs.items() if DOORS.search(source)}
    proven = {*OF_THE_STORE, *OF_THE_NETWORK, *ELSEWHERE, *ONE_RESULT}
    assert found - proven == set(NO_RESULT_OF_SERIES)
    assert proven <= set(verbs)
    assert all((ROOT / where).exists() for where in ELSEWHERE.values())


def checked(house: House) -> int:
    code = house.run("check_data")
    assert all(f"YAHOO:{symbol}:1d" in house.said for symbol in THREE)
    return code


def healthy(house: House) -> int:
    code = house.run("healthcheck", "--json", "1", "--desk", str(house.desk))
    states = {one["name"]: one["state"] for one in json.loads(house.said)["checks"]}
    assert [states[f"data YAHOO:{symbol}:1d"] for symbol in THREE] == ["OK", "FAIL", "OK"]
    return 65 if code == 3 else code


def scanned(house: House) -> int:
    code = house.run("scan", "--desk", str(house.desk), "--out", str(house.root / "out"))
    found = json.loads((house.root / "out/reports/scan.json").read_text())
    assert {each["symbol"]: each["status"] for each in found["instruments"]}["DIA"] == "unreadable"
    assert {each["symbol"] for each in found["signals"]} == {"AAPL", "MSFT"}
    return code


def triggered(house: House) -> int:
    code = house.run("setup_backtest", "--desk", str(house.desk), "--out", str(house.root / "out"))
    rows = (house.root / "out/backtests/triggers.csv").read_text()
    assert "AAPL," in rows and "MSFT," in rows and "DIA," not in rows
    return code


def traded(house: House) -> int:
    code = house.run("account_backtest", "--desk", str(house.desk), "--out", str(house.root / "out"))
    rows = (house.root / "out/portfolio/usd/unconstrained/trades.csv").read_text()
    metrics = json.loads((house.root / "out/portfolio/usd/unconstrained/metrics.json").read_text())
    assert "AAPL" in rows + (house.root / "out/portfolio/usd/constrained/positions.csv").read_text()
    assert metrics["left_out"][0]["symbol"] == "DIA" and "cannot be read" in metrics["left_out"][0]["why"]
    return code


def watched(house: House) -> int:
    (house.root / "secret").mkdir()
    (house.root / "secret/watchlist.yaml").write_text(f"symbols: [{', '.join(THREE)}]\n")
    code = house.run("report_watchlist", "--desk", str(house.desk))
    page = next(house.root.glob("reports/**/watchlist_*.md")).read_text()
    assert "AAPL" in page and "MSFT" in page and "unreadable" in page
    return code


OF_THE_STORE: dict[str, Callable[[House], int]] = {
    "check_data": checked,
    "healthcheck": healthy,
    "scan": scanned,
    "setup_backtest": triggered,
    "account_backtest": traded,
    "report_watchlist": watched,
}


@pytest.mark.parametrize("spoil", [torn, no_folder])
@pytest.mark.parametrize("verb", OF_THE_STORE)
def test_one_series_that_cannot_be_read_is_named_and_the_others_results_are_there(
    house: House, verb: str, spoil: Callable[[House], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    house.fill()
    spoil(house)
    assert OF_THE_STORE[verb](house) == 65
    assert "DIA" in house.said


def test_a_backtest_of_one_account_refuses_and_names_the_series(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    house.fill()
    torn(house)
    for verb, *flags in (
        ["run_bt"],
        ["run_sweep", "--sweep", "window=10,20"],
        ["walk_forward", "--sweep", "window=10,20"],
    ):
        assert house.run(verb, "--strategy", "breakout_20", "--desk", str(house.desk), *flags) == 65
        assert "YAHOO:DIA:1d cannot be read" in house.said
        assert not list((house.root / "backtests").glob("*"))
