"""Pictures and the page of a backtest: the same bytes for the same data, nothing from outside."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.reporting.backtests import interactive
from pyjobs.reporting.backtests.files import trade_files
from pyjobs.reporting.sheet.pictures import (
    MarkedTrade,
    equity_picture,
    month_returns,
    monthly_picture,
    rebased,
    trades_picture,
)
from pyjobs.reporting.sheet.report import ended_early

SESSIONS = ["2025-12-29", "2025-12-30", "2026-01-02", "2026-01-05", "2026-02-02"]
EQUITY = [100.0, 110.0, 121.0, 99.0, 108.9]
TRADES = [
    MarkedTrade(side="long", entry_bar=0, entry_price=10, exit_bar=2, exit_price=12, pnl=2, open=False),
    MarkedTrade(side="short", entry_bar=2, entry_price=12, exit_bar=4, exit_price=13, pnl=-1, open=True),
]


def test_a_month_is_measured_from_the_end_of_the_one_before() -> None:
    months = month_returns(SESSIONS, EQUITY)
    assert list(months) == [(2025, 12), (2026, 1), (2026, 2)]
    assert list(months.values()) == pytest.approx([0.1, -0.1, 0.1])


def test_a_benchmark_begins_with_the_accounts_money() -> None:
    assert rebased([100.0, 110.0, 120.0], [math.nan, 5.0, 10.0])[1:] == [110.0, 220.0]


def test_pictures_are_the_same_bytes_for_the_same_data(tmp_path: Path) -> None:
    for name in ("a", "b"):
        equity_picture(tmp_path / f"{name}1.png", "x", SESSIONS, EQUITY, {"KOSPI": [math.nan, 5.0, 6.0, 5.5, 5.6]})
        monthly_picture(tmp_path / f"{name}2.png", "x", month_returns(SESSIONS, EQUITY))
        trades_picture(tmp_path / f"{name}3.png", "x", SESSIONS, [10, 11, 12, 12.5, 13], TRADES)
    for number in "123":
        first = (tmp_path / f"a{number}.png").read_bytes()
        assert first == (tmp_path / f"b{number}.png").read_bytes()
        assert first.startswith(b"\x89PNG")


def test_a_short_points_down_on_the_page_as_in_the_picture() -> None:
    _, won, lost = interactive.trades_figure("x", SESSIONS, [10, 11, 12, 12.5, 13], TRADES)["data"]
    assert [each["marker"]["symbol"][0] for each in (won, lost)] == ["triangle-up", "triangle-down"]


def test_the_report_names_a_few_of_many_series_that_end_early() -> None:
    behind = [{"symbol": f"S{n}", "timeframe": "1d", "last_session": "2026-01-05"} for n in range(500)]
    behind.append({"symbol": "OLD", "timeframe": "1d", "last_session": "2025-01-03"})
    assert ended_early(behind) == [
        "bars of OLD 1d end at 2025-01-03",
        "bars of S0 1d, S1 1d, S2 1d, S3 1d, S4 1d and 495 more end at 2026-01-05",
    ]


def test_the_page_loads_nothing_and_no_name_can_break_out_of_it(tmp_path: Path) -> None:
    evil = "</script><img src=//evil>"
    figures = [
        interactive.equity_figure("x", SESSIONS, EQUITY, {evil: [math.nan, 5.0, 6.0, 5.5, 5.6]}),
        interactive.trades_figure(evil, SESSIONS, [10, 11, 12, 12.5, 13], TRADES),
    ]
    for name in ("a", "b"):
        interactive.write_page(tmp_path / f"{name}.html", evil, figures, evil)
    page = (tmp_path / "a.html").read_text()
    assert page == (tmp_path / "b.html").read_text()
    ours = page.replace(interactive.script(), "")
    assert "://" not in ours
    assert "<img" not in ours
    assert "default-src 'none'" in ours
    assert ours.count("</script>") == 2
    assert len(page) < 6_000_000


def test_each_series_has_a_picture_of_its_own_also_where_two_exchanges_have_one_symbol() -> None:
    keys = [
        ("BITFINEX", "BTC/USD", "1h"),
        ("KRAKEN", "BTC/USD", "1h"),
        ("KRAKEN", "BTC:USD", "1h"),
        ("KRX", "005930", "1d"),
    ]
    assert trade_files([SeriesKey(exchange=a, symbol=b, timeframe=c) for a, b, c in keys]) == [
        "trades_BTC%2FUSD_1h_BITFINEX.png",
        "trades_BTC%2FUSD_1h_KRAKEN.png",
        "trades_BTC%3AUSD_1h.png",
        "trades_005930_1d.png",
    ]
