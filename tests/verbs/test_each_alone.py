"""Each series fails alone, in every verb that walks many: one of three cannot be had, and the other two are there."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.ingest import instances
from pyjobs.market.store.bar_store import BarStore
from tests.fakemarket.server import FakeMarket
from utils import trading_day
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
FRIDAY_S = 1_795_215_600  # 2026-11-20T23:00Z, two hours after New York's close
THREE = ("AAPL", "DIA", "MSFT")
ILL = SeriesKey(exchange="YAHOO", symbol="DIA", timeframe="1d")
DESK = """\
name: three
market: XNYS
dumps: dumps
accounts:
  usd: {currency: USD, cash: 100000, max_positions: 4, max_weight: 0.25}
setups:
  breakout_20: {window: 20}
universe:
  - {exchange: YAHOO, symbols: [AAPL, DIA, MSFT], start: 2026-08-03}
"""
POLICY = """\
required: [FIRST]
benchmarks:
  FIRST: {providers: [yf_etf], start: "2026-09-01", symbols: {yf_etf: AAPL}}
  SECOND: {providers: [yf_etf], start: "2026-09-01", symbols: {yf_etf: DIA}}
  THIRD: {providers: [yf_etf], start: "2026-09-01", symbols: {yf_etf: MSFT}}
"""
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


class House:
    """A home with three series, and the output of the verb that ran last."""

    def __init__(self, root: Path, captured: pytest.CaptureFixture[str]) -> None:
        self.root, self.captured = root, captured
        self.store = BarStore(root / "data/raw", locks=root / ".locks")
        self.desk = root / "desk.yaml"
        self.desk.write_text(DESK)
        (root / "policy.yaml").write_text(POLICY)
        (root / "out/reports").mkdir(parents=True)

    def run(self, verb: str, *flags: str) -> int:
        self.captured.readouterr()
        code = run(importlib.import_module(f"pyjobs.{verb}").main, list(flags))
        told = self.captured.readouterr()
        self.said = told.out + told.err
        return code

    def fill(self, symbols: tuple[str, ...] = THREE) -> None:
        sessions = trading_day.load("XNYS").sessions_between(dt.date(2026, 8, 3), dt.date(2026, 11, 20))
        times = np.array([each.close_utc_s * 1000 for each in sessions], np.int64)
        price = np.where(np.arange(times.size) < 40, 100.0, 110.0)  # a breakout after forty days, and one on the last
        price[-1] = 121.0
        bars = Bars(
            ts_ms=times, open=price, high=price + 1, low=price - 1, close=price, volume=np.full(times.size, 1e6)
        )
        for symbol in symbols:
            self.store.write(
                SeriesKey(exchange="YAHOO", symbol=symbol, timeframe="1d"), bars, provider="yf_etf",
                fetched_at_ms=FRIDAY_S * 1000, adjusted="adjusted", last_final=True,
            )  # fmt: skip

    def keep(self) -> None:
        for symbol in THREE:
            instances.save(
                instances.Instance(exchange="YAHOO", symbol=symbol, timeframe="1d", lookback_days=20.0, gap_repair=True)
            )

    def last(self, symbol: str) -> str:
        """The day of the newest stored bar."""
        newest = self.store.newest(SeriesKey(exchange="YAHOO", symbol=symbol, timeframe="1d"))
        return str(np.datetime64(newest[0], "ms"))[:10] if newest else ""


@pytest.fixture
def house(
    fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> House:
    own = {
        "NIGHTDESK_HOME": str(tmp_path), "NIGHTDESK_NOW": str(FRIDAY_S), "RETRY_BUDGET_S": "1",
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"), "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }  # fmt: skip
    for name, value in {**fakemarket.env(), **own}.items():
        monkeypatch.setenv(name, value)
    for name in ("NEXT_START", "JOB", "ALLOW_NET_FETCH", "CT_SYMBOL"):
        monkeypatch.delenv(name, raising=False)
    fakemarket.clock.set(FRIDAY_S * 1000)
    return House(tmp_path, capsys)


def torn(house: House) -> None:
    (path,) = house.store.partitions(ILL)
    path.write_bytes(path.read_bytes()[:300])


def no_folder(house: House) -> None:
    folder = house.store.folder(ILL)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("not a folder")


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


def ingested(house: House) -> int:
    house.keep()
    return house.run("ingest", "--all", "--resume")


def repaired(house: House) -> int:
    house.keep()
    house.run("ingest", "--all", "--resume")
    for symbol in ("AAPL", "MSFT"):
        key = SeriesKey(exchange="YAHOO", symbol=symbol, timeframe="1d")
        held = house.store.read(key)
        for path in house.store.partitions(key):
            path.unlink()
        kept = [*range(5), len(held) - 1]
        held = Bars(**{name: getattr(held, name)[kept] for name in COLUMNS})
        house.store.write(
            key, held, provider="yf_etf", fetched_at_ms=FRIDAY_S * 1000, adjusted="adjusted",
            last_final=True,
        )  # fmt: skip
    code = house.run("gap_repair", "--all")
    for symbol in ("AAPL", "MSFT"):
        assert f"YAHOO:{symbol}:1d: 9 missing: 9 filled" in house.said
    return code


def set_up(house: House) -> int:
    flags = ["--exchange", "YAHOO", "--symbols", ",".join(THREE), "--timeframe", "1d", "--lookback-days", "20"]
    code = house.run("bootstrap_symbols", *flags, "--ignore-errors")
    assert sorted(path.name for path in (house.root / "config/instances").iterdir()) == [
        "YAHOO-AAPL-1d.env",
        "YAHOO-MSFT-1d.env",
    ]
    return code


def fetched(house: House) -> int:
    return house.run("fetch", "--desk", str(house.desk))


def closed(house: House) -> int:
    return house.run("report_eod", "--desk", str(house.desk))


def warmed(house: House) -> int:
    if house.store.folder(ILL).is_file():
        folder = house.root / "data/raw/yf_etf/DIA"
        folder.mkdir(parents=True)
        (folder / "1d").write_text("not a folder")
    code = house.run("precache_benchmarks", "--policy", str(house.root / "policy.yaml"))
    assert "[WARN] benchmark unavailable: SECOND (skipped)" in house.said
    assert "FIRST: " in house.said and "THIRD: " in house.said
    return code


OF_THE_NETWORK: dict[str, Callable[[House], int]] = {
    "ingest": ingested,
    "gap_repair": repaired,
    "bootstrap_symbols": set_up,
    "fetch": fetched,
    "report_eod": closed,
    "precache_benchmarks": warmed,
}
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
