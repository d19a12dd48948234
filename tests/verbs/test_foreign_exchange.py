"""EUR/USD by the minute through the real yfinance: the market's week, no weekend, the fewest requests."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.merge import same_bars
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.killing import Here, Home

KEY = SeriesKey(exchange="YAHOO_FX", symbol="EURUSD=X", timeframe="1m")
SERIES = ["--exchange", "YAHOO_FX", "--symbol", "EURUSD=X"]
REPAIR = ["gap_repair", *SERIES, "--timeframe", "1m", "--lookback-days", "20"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Here(fakemarket, tmp_path, monkeypatch)
    shutil.copy(ROOT / "config/exchanges.yaml", tmp_path / "secret/exchanges.yaml")  # as it ships
    return made


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp() * 1000)


def charts(home: Home) -> int:
    return len(home.fake.requests("yahoo", "/finance/chart/"))


def test_a_week_of_minutes_and_its_holes_come_back_and_the_weekend_stays_empty(home: Home) -> None:
    start = ["ingest", *SERIES, "--timeframe", "1m", "--start", "2026-11-12", "--end", "2026-11-18"]
    assert home.run(start).code == 0
    whole, quiet = home.store.read(KEY), home.store.confirmed_empty(KEY)
    weekend = (ms("2026-11-13T22:00"), ms("2026-11-15T22:00"))  # 17:00 to 17:00 in New York, on winter time
    for times in (whole.ts_ms, quiet):
        assert not ((times > weekend[0]) & (times <= weekend[1])).any()
    minutes = 6 * 1440 - 2 * 1440  # six days without two
    assert len(whole) + quiet.size == minutes - 1  # the last one was Yahoo's 23:59, about which there is no proof yet
    assert ms("2026-11-17T00:00") in quiet  # the minute that begins 23:59 in London: the client drops it every day

    for name in ("2026-11-13", "2026-11-16"):
        (home.store.folder(KEY) / f"{name}.parquet").unlink()
    asked = charts(home)
    done = home.run(REPAIR)
    assert done.code == 0 and " 0 left, by 1 requests" in done.said
    assert charts(home) - asked == 1
    assert same_bars(home.store.read(KEY), whole)
    assert np.array_equal(home.store.confirmed_empty(KEY), quiet)
    again = home.run(REPAIR)
    assert "nothing missing, no provider asked" in again.said and charts(home) - asked == 1


def test_days_of_currencies_are_refused_because_they_end_elsewhere(home: Home) -> None:
    done = home.run(["ingest", *SERIES, "--timeframe", "1d", "--resume"])
    assert done.code == 64
    assert "its days end at midnight in London, the market's at 17:00 in New York; take 1h" in done.errors
