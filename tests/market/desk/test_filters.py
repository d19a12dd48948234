"""What a desk's filters on a listing let in and out from one listing to the next."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pyjobs.market.desk.completed import members_moved
from pyjobs.market.desk.listings import Listed, write_listing

FRIDAY, MONDAY = dt.date(2026, 11, 13), dt.date(2026, 11, 16)
TUESDAY_NOON = dt.datetime(2026, 11, 17, 3, tzinfo=dt.UTC).timestamp()
DESK = """\
name: mine
market: XKRX
accounts: {krw: {currency: KRW, cash: 1000000, max_positions: 5, max_weight: 0.2}}
setups: {ma_cross: {fast: 20, slow: 60}}
universe:
  - {exchange: KRX, timeframe: 1d, listing: [KOSDAQ]}
  - {exchange: KRX, timeframe: 1d, listing: [KOSPI], min_turnover: 1000}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    path = tmp_path / "desk.yaml"
    path.write_text(DESK, encoding="utf-8")
    return path


def listed(symbol: str, turnover: float, board: str = "KOSPI") -> Listed:
    return Listed(symbol, f"Share {symbol[-1]}", board, 100.0, turnover, 1.0)


def test_a_share_that_passes_now_and_one_that_no_longer_does_are_named_with_the_bound(desk: Path) -> None:
    write_listing("KRX", FRIDAY, [listed("000001", 1000), listed("000002", 1000), listed("000003", 1)])
    assert members_moved(desk, now_s=TUESDAY_NOON) == {}, "one listing has nothing to be compared with"
    rows = [listed("000001", 999), listed("000002", 5000), listed("000003", 1000), listed("000009", 9e9, "KOSDAQ")]
    write_listing("KRX", MONDAY, rows)
    assert members_moved(desk, now_s=TUESDAY_NOON) == {
        "KRX": [
            "universe.1 (min_turnover 1,000): 2 shares pass; new since 2026-11-13: 000003 Share 3; "
            "no longer: 000001 Share 1"
        ]
    }


def test_where_nothing_moved_nothing_is_written(desk: Path) -> None:
    for session in (FRIDAY, MONDAY):
        write_listing("KRX", session, [listed("000001", 1000), listed("000002", 1)])
    assert members_moved(desk, now_s=TUESDAY_NOON) == {"KRX": []}
