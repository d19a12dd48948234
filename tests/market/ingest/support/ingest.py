"""What the tests of ingest share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.ingest import backfill
from pyjobs.market.store.bar_store import BarStore
from tests.market.support.made_up_exchange import MINUTE_MS, MadeUpExchange, walk

KEY = SeriesKey(exchange="TEST", symbol="BTCUSD", timeframe="1m")
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")


def minutes(count: int) -> Bars:
    return walk(count, first_ms=MIDNIGHT_MS + MINUTE_MS)


def silent(done: int, total: int, what: str) -> None:
    pass


def ranged(store: BarStore, exchange: MadeUpExchange, first: int, last: int, key: SeriesKey = KEY) -> backfill.Report:
    return backfill.ingest_range(
        store, key, exchange.source, start_ms=first, end_ms=last, now_ms=exchange.now_ms, progress=silent
    )


def resumed(store: BarStore, exchange: MadeUpExchange, key: SeriesKey = KEY, days: int = 1) -> backfill.Report:
    return backfill.ingest_resume(
        store, key, exchange.source, lookback_ms=days * DAY_MS, now_ms=exchange.now_ms, progress=silent
    )
