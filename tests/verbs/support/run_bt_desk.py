"""What the tests of run bt desk share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs import run_bt
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs.backtests import backtest_folder
from tests.support.walks import walk
from utils import paths, trading_day
from utils.run import run

LAST = "2024-06-28"
DESK = """
name: tiny
market: XKRX
dumps: dumps
session: last_bar
accounts:
  krw: {currency: KRW, cash: 10000000, max_positions: 2, max_weight: 0.5, fee_bps: 2, sell_tax_bps: 15, stop_loss: 0.08}
  usd: {currency: USD, cash: 10000, max_positions: 1, max_weight: 1, fee_bps: 10}
setups:
  ma_cross: {fast: 5, slow: 20}
instruments:
  - {symbol: AAA, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: a.csv}
  - {symbol: BBB, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: b.csv}
  - {symbol: CCC, exchange: X, market: XKRX, timeframe: 1d, currency: USD, file: c.csv}
  - {symbol: IDX, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: i.csv, role: benchmark}
"""


def store() -> BarStore:
    return BarStore(paths.data_dir() / "raw")


def put(symbol: str, bars: Bars) -> None:
    key = SeriesKey(exchange="X", symbol=symbol, timeframe="1d")
    store().write(key, bars, provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "home"
    monkeypatch.setenv("NIGHTDESK_HOME", str(home))
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    sessions = [s for s in trading_day.load("XKRX").sessions() if "2022-01-03" <= s.date.isoformat() <= LAST]
    ts_ms = np.array([s.close_utc_s * 1000 for s in sessions], dtype=np.int64)
    for seed, symbol in enumerate(("AAA", "BBB", "CCC", "IDX")):
        put(symbol, walk(ts_ms, seed, begins=30_000, decimals=0, reach=100))
    path = tmp_path / "desk.yaml"
    path.write_text(DESK)
    yield path


def latest() -> Path:
    return backtest_folder.runs_of(backtest_folder.backtests_dir(), "ma_cross")[-1]


def backtest(desk: Path, *more: str) -> int:
    beside = () if "--benchmarks" in more else ("--benchmarks", "IDX")
    return run(run_bt.main, ["--strategy", "ma_cross", "--desk", str(desk), *beside, *more])


def metrics(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return told
