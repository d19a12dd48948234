"""What the tests of each alone share."""

from __future__ import annotations

import datetime as dt
import importlib
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


def no_folder(house: House) -> None:
    folder = house.store.folder(ILL)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("not a folder")


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
