"""What the tests of store share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.partitions import Adjusted

DAILY = SeriesKey(exchange="TEST", symbol="005930", timeframe="1d")
FIVE = SeriesKey(exchange="TEST", symbol="BTC/USD", timeframe="5m")
DAY_MS = 86_400_000
NEW_YEAR_2026_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def bars_at(ts_ms: list[int], close: float | list[float] = 100.0) -> Bars:
    closes = np.broadcast_to(np.asarray(close, float), (len(ts_ms),)).copy()
    return Bars(
        ts_ms=np.array(ts_ms, np.int64),
        open=closes.copy(),
        high=closes + 1,
        low=closes - 1,
        close=closes,
        volume=np.full(len(ts_ms), 5.0),
    )


def put(
    store: BarStore, key: SeriesKey, bars: Bars, adjusted: Adjusted = "raw", fetched: int = 1, final: bool = True
) -> list[Path]:
    return store.write(key, bars, provider="test", fetched_at_ms=fetched, adjusted=adjusted, last_final=final)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")
