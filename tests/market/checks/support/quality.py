"""What the tests of quality share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.checks.inspection import inspect
from pyjobs.market.store.bar_store import BarStore
from tests.market.support.made_up_exchange import MINUTE_MS, walk

KEY = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BarStore:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    return BarStore(tmp_path / "data" / "raw", locks=tmp_path / ".locks")


def put(store: BarStore, bars: Bars, empty: object = ()) -> None:
    store.write(
        KEY, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True, empty=np.array(empty, np.int64)
    )


def day(count: int = 1440) -> Bars:
    return walk(count, first_ms=MIDNIGHT_MS + MINUTE_MS)


def found(store: BarStore, market: str = "24/7", now_ms: int = MIDNIGHT_MS + DAY_MS) -> dict[str, int]:
    flaws = inspect(store, KEY, market, now_ms=now_ms).flaws
    return {f"{flaw.level} {flaw.partition} {flaw.what.partition(':')[0]}": flaw.count for flaw in flaws}
