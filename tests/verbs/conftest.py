"""A tiny desk of two Korean symbols, stored as bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from utils import paths, trading_day

DESK = """
name: tiny
market: XKRX
dumps: dumps
session: last_bar
accounts:
  krw: {currency: KRW, cash: 10000000, max_positions: 2, max_weight: 0.5, fee_bps: 2, rules: KRX, slippage_bps: 5}
setups:
  ma_cross: {fast: 5, slow: 20}
instruments:
  - {symbol: AAA, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: a.csv, group: one}
  - {symbol: BBB, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: b.csv, group: two}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    sessions = [s for s in trading_day.load("XKRX").sessions() if "2023-01-02" <= s.date.isoformat() <= "2024-06-28"]
    ts_ms = np.array([s.close_utc_s * 1000 for s in sessions], dtype=np.int64)
    for seed, symbol in enumerate(("AAA", "BBB")):
        rng = np.random.default_rng(seed)
        close = np.round(30_000 * np.exp(np.cumsum(rng.normal(0.0005, 0.02, ts_ms.size))), -2)
        start = np.concatenate((close[:1], close[:-1]))
        high, low = np.maximum(start, close) + 100, np.minimum(start, close) - 100
        bars = Bars(ts_ms=ts_ms, open=start, high=high, low=low, close=close, volume=np.ones(ts_ms.size))
        key = SeriesKey(exchange="X", symbol=symbol, timeframe="1d")
        store = BarStore(paths.data_dir() / "raw")
        store.write(key, bars, provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)
    path = tmp_path / "desk.yaml"
    path.write_text(DESK)
    return ["--strategy", "ma_cross", "--desk", str(path)]
