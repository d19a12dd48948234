"""The two reports that cron makes outside the night, on bars put into the store by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs import report_eod, report_watchlist
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from utils import trading_day
from utils.run import run

LAST = dt.date(2026, 11, 17)
DESK = """\
name: small
market: XKRX
dumps: dumps
session: last_bar
accounts:
  krw: {currency: KRW, cash: 1000000, max_positions: 2, max_weight: 0.5}
setups:
  breakout_20: {window: 20}
instruments:
  - {symbol: AAA, exchange: HAND, market: XKRX, timeframe: 1d, currency: KRW, file: AAA.csv, name: Alpha}
  - {symbol: BBB, exchange: HAND, market: XKRX, timeframe: 1d, currency: KRW, file: BBB.csv}
  - {symbol: CCC, exchange: HAND, market: XKRX, timeframe: 1d, currency: KRW, file: CCC.csv}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """AAA and BBB have bars up to LAST, CCC lacks the last one; AAA breaks out on LAST."""
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "desk.yaml").write_text(DESK, encoding="utf-8")
    for symbol, jump, bars in (("AAA", 10.0, 40), ("BBB", -10.0, 40), ("CCC", 0.0, 39)):
        store(tmp_path, symbol, jump, bars)
    return tmp_path


def store(home: Path, symbol: str, jump: float, count: int) -> None:
    closes = [
        s.close_utc_s * 1000 for s in trading_day.load("XKRX").sessions_between(LAST - dt.timedelta(days=90), LAST)
    ][-40:]
    close = np.full(count, 100.0)
    close[-1] += jump
    bars = Bars(
        ts_ms=np.array(closes[:count], np.int64),
        open=close,
        high=close + 1,
        low=close - 1,
        close=close,
        volume=np.full(count, 7.0),
    )
    key = SeriesKey(exchange="HAND", symbol=symbol, timeframe="1d")
    target = BarStore(home / "data/raw", locks=home / ".locks")
    target.write(key, bars, provider="hand", fetched_at_ms=0, adjusted="raw", last_final=True)


def eod(home: Path, *flags: str) -> int:
    return run(report_eod.main, ["--desk", str(home / "desk.yaml"), *flags])


def watchlist(home: Path, *flags: str) -> int:
    return run(report_watchlist.main, ["--desk", str(home / "desk.yaml"), *flags])


def cells(page: Path, symbol: str) -> list[str]:
    (row,) = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {symbol} ")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_end_of_day_page_has_a_line_per_instrument_with_context_and_signals(home: Path) -> None:
    assert eod(home) == 0
    page = home / "reports/eod_2026-11-17.md"
    # by hand: 110/100 - 1; the highest high of twenty is 111, the lowest low 99
    first = ["AAA", "Alpha", "1d", "2026-11-17", "110", "+10.00 %", "+10.0 %", "-0.9 %", "+11.1 %", "1.0 ×"]
    assert cells(page, "AAA") == [*first, "breakout_20 long", "ok"]
    assert cells(page, "BBB")[4:6] == ["90.00", "-10.00 %"]
    assert cells(page, "CCC")[-1] == "stale"
    assert "3 instruments: 1 rose, 1 fell, 1 signal." in page.read_text(encoding="utf-8")


def test_a_session_whose_bars_are_not_there_yet_is_stale_and_writes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert eod(home, "--date", "2026-11-18") == 2
    assert "3 of 3 traded instruments have no bar of session 2026-11-18 yet (their newest: 2026-11-17)" in (
        capsys.readouterr().err
    )
    assert not (home / "reports").exists()


def test_news_of_the_series_count_as_said_when_the_page_is_there_and_not_before(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[list[str]] = []
    monkeypatch.setattr(report_eod, "reported", lambda _: pages.append([each.name for each in home.glob("reports/*")]))
    assert eod(home, "--date", "2026-11-18") == 2 and pages == []
    assert eod(home) == 0 and pages == [["eod_2026-11-17.md"]]


def test_half_of_the_instruments_missing_is_stale(home: Path) -> None:
    store(home, "CCC", 0.0, 40)
    assert eod(home) == 0
    text = DESK.replace("CCC", "DDD").replace("BBB", "EEE")  # two that have no bars at all
    (home / "desk.yaml").write_text(text, encoding="utf-8")
    assert eod(home) == 2


def test_what_trades_round_the_clock_does_not_hide_that_the_markets_bars_are_late(home: Path) -> None:
    pair = "  - {symbol: P%d, exchange: HAND, market: 24/7, timeframe: 1d, currency: KRW, file: P.csv}\n"
    (home / "desk.yaml").write_text(DESK + "".join(pair % number for number in range(4)), encoding="utf-8")
    midnight = int(dt.datetime(2026, 11, 18, tzinfo=dt.UTC).timestamp()) * 1000
    one = np.array([100.0])
    bars = Bars(ts_ms=np.array([midnight], np.int64), open=one, high=one, low=one, close=one, volume=one)
    for number in range(4):
        key = SeriesKey(exchange="HAND", symbol=f"P{number}", timeframe="1d")
        target = BarStore(home / "data/raw", locks=home / ".locks")
        target.write(key, bars, provider="hand", fetched_at_ms=0, adjusted="raw", last_final=True)
    assert eod(home, "--date", "2026-11-18") == 2


def test_a_past_session_is_reported_as_it_was_known_then(home: Path) -> None:
    assert eod(home, "--date", "2026-11-16") == 0
    assert cells(home / "reports/eod_2026-11-16.md", "AAA")[4:6] == ["100", "0.00 %"]


@pytest.mark.parametrize(("date", "code"), [("2026-11-15", 64), ("today", 64), ("2099-01-04", 78)])
def test_a_date_that_is_no_session_is_refused(home: Path, date: str, code: int) -> None:
    assert eod(home, "--date", date) == code


def test_an_empty_store_is_a_missing_input(home: Path) -> None:
    (home / "data").rename(home / "elsewhere")
    assert eod(home) == 66
    assert watchlist(home) == 66


def test_your_own_watchlist_wins_and_an_unknown_symbol_is_a_line(home: Path) -> None:
    (home / "secret").mkdir()
    (home / "secret/watchlist.yaml").write_text("symbols: [BBB, 'HAND:AAA', NOPE]\n", encoding="utf-8")
    assert watchlist(home, "--date", "2026-11-17") == 0
    page = home / "reports/watchlist_2026-11-17.md"
    assert cells(page, "BBB")[4] == "90.00" and cells(page, "AAA")[4] == "110"
    assert cells(page, "NOPE")[-1] == "not on this desk"
    told = "3 lines from secret/watchlist.yaml, prices as of session 2026-11-17; without prices: NOPE."
    assert told in page.read_text(encoding="utf-8")


def test_on_a_sunday_the_watchlist_looks_at_fridays_prices(home: Path) -> None:
    assert watchlist(home, "--date", "2026-11-15") == 0
    text = (home / "reports/watchlist_2026-11-15.md").read_text(encoding="utf-8")
    assert "from config/watchlist.yaml, prices as of session 2026-11-13" in text
    assert cells(home / "reports/watchlist_2026-11-15.md", "SMP001")[-1] == "not on this desk"


def test_a_watchlist_with_a_number_for_a_symbol_is_refused_with_its_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "secret").mkdir()
    (home / "secret/watchlist.yaml").write_text("symbols:\n  - AAA\n  - 660\n", encoding="utf-8")
    assert watchlist(home) == 78
    assert "secret/watchlist.yaml:3" in capsys.readouterr().err
