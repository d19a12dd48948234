"""What the price pictures of a scan are drawn of."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.desk.corporate_actions import file_of, read_actions
from pyjobs.market.desk.desk_file import Desk, load_desk
from pyjobs.market.store.bar_store import BarStore
from pyjobs.reporting.price_pictures import draw_all, shown
from pyjobs.scanning.scan_file import Scan
from utils import trading_day

KEY = SeriesKey(exchange="X", symbol="AAA", timeframe="1d")
DESK = """
name: tiny
market: XKRX
dumps: dumps
session: last_bar
accounts: {krw: {currency: KRW, cash: 10000000, max_positions: 1, max_weight: 1}}
setups: {ma_cross: {fast: 5, slow: 20}}
instruments:
  - {symbol: AAA, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: a.csv}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A share at 50 000 won until it is split 50:1 on 2018-05-04, and at 1 000 from then on; another split follows."""
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "dumps").mkdir()
    (tmp_path / "desk.yaml").write_text(DESK)
    lines = "symbol,session,action,ratio,note\nAAA,2018-05-04,split,50:1,\nAAA,2018-06-18,split,2:1,not known yet\n"
    (tmp_path / "dumps/corporate_actions.csv").write_text(lines)
    sessions = [s for s in trading_day.load("XKRX").sessions() if "2018-03-02" <= s.date.isoformat() <= "2018-06-15"]
    price = np.array([50_000.0 if s.date.isoformat() < "2018-05-04" else 1_000.0 for s in sessions])
    bars = Bars(
        ts_ms=np.array([s.close_utc_s * 1000 for s in sessions], np.int64),
        **dict.fromkeys(("open", "high", "low", "close"), price),
        volume=np.ones(price.size),
    )
    store(tmp_path).write(KEY, bars, provider="t", fetched_at_ms=0, adjusted="raw", last_final=True)
    return load_desk(tmp_path / "desk.yaml")


def store(home: Path) -> BarStore:
    return BarStore(home / "data/raw", locks=home / ".locks")


def scan_of(session: str) -> Scan:
    closed = trading_day.load("XKRX").session(dt.date.fromisoformat(session))
    assert closed is not None
    return Scan(session=session, asof_ts_ms=closed.close_utc_s * 1000, instruments=[], signals=[])


def test_a_split_is_no_cliff_once_it_is_known(desk: Desk, tmp_path: Path) -> None:
    actions = read_actions(file_of(desk))
    after = shown(KEY, scan_of("2018-06-15"), desk, actions, store(tmp_path))
    before = shown(KEY, scan_of("2018-05-03"), desk, actions, store(tmp_path))
    assert after is not None and set(after.close.tolist()) == {1_000.0}
    assert before is not None and set(before.close.tolist()) == {50_000.0}


def test_the_picture_of_it_is_drawn(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "backtests").mkdir()
    scan = scan_of("2018-06-15")
    line = f"X,AAA,1d,ma_cross,{scan.asof_ts_ms}\n"
    (tmp_path / "backtests/triggers.csv").write_text("exchange,symbol,timeframe,setup,ts_ms\n" + line)
    assert draw_all(tmp_path, scan, desk, store(tmp_path)) == ["price_X_AAA_1d.png"]
    assert (tmp_path / "reports/price_X_AAA_1d.png").read_bytes()[:4] == b"\x89PNG"
