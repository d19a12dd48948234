"""krx_ma200 on a desk: the index is the desk's own benchmark, and every page shows since when it decides."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs import account_backtest, report_eod, report_scan, run_bt, scan, setup_backtest
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs.backtests import backtest_folder
from utils import paths, trading_day
from utils.exit_codes import ExitCode
from utils.run import run

DESK = """
name: regime
market: XKRX
dumps: dumps
session: last_bar
accounts:
  krw: {currency: KRW, cash: 100000000, max_positions: 2, max_weight: 0.5}
setups:
  krx_ma200: {window: 3, regime: 4, index: IDX}
  krx_ma200_monthly: {window: 3, regime: 4, index: IDX}
instruments:
  - {symbol: AAA, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: a.csv}
  - {symbol: IDX, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: i.csv, role: benchmark}
"""
SESSIONS = [s for s in trading_day.load("XKRX").sessions() if "2024-04-01" <= s.date.isoformat() <= "2024-06-28"]
NOTE = "krx_ma200: index IDX from 2024-05-08 on; cash before"


def bars_of(closes: list[float], sessions: list[trading_day.Session]) -> Bars:
    close = np.array(closes, dtype=float)
    ts_ms = np.array([s.close_utc_s * 1000 for s in sessions], np.int64)
    return Bars(ts_ms=ts_ms, open=close, high=close, low=close, close=close, volume=np.ones(close.size))


def put(symbol: str, bars: Bars) -> None:
    key = SeriesKey(exchange="X", symbol=symbol, timeframe="1d")
    store = BarStore(paths.data_dir() / "raw")
    store.write(key, bars, provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)


def index_from(first: str, closes: dict[str, float] | None = None) -> None:
    """An index that rises by one a session from `first` on, but for the closes given."""
    sessions = [s for s in SESSIONS if s.date.isoformat() >= first]
    values = [(closes or {}).get(s.date.isoformat(), 100.0 + n) for n, s in enumerate(sessions)]
    put("IDX", bars_of(values, sessions))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    put("AAA", bars_of([1000.0 + 10 * n for n in range(len(SESSIONS))], SESSIONS))
    path = tmp_path / "desk.yaml"
    path.write_text(DESK)
    return path


def night(desk: Path, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    for name in ("reports", "backtests", "portfolio", "queue", "logs"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for verb in (scan, setup_backtest, account_backtest):
        assert run(verb.main, ["--desk", str(desk), "--out", str(out)]) == ExitCode.OK
    return out


def told(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def day_of(ts_ms: str) -> str:
    return dt.datetime.fromtimestamp(int(ts_ms) / 1000, dt.UTC).date().isoformat()


def test_the_index_decides_from_its_first_average_on(desk: Path, tmp_path: Path) -> None:
    """The share rises from the start. The index begins on 2024-05-02 (a Thursday) and has four closes by hand on the
    8th (2, 3, 7 May, as the 6th is a holiday): signalled there, filled on the 9th. It falls below its average on
    2024-06-10 (50 against a mean of about 99), out on the 11th; above again on the 11th, so in on the 12th.
    The monthly one first decides at the close of June's first session, the 3rd: in on the 4th, and stays.
    """
    index_from("2024-05-02", {"2024-06-10": 50.0})
    out = night(desk, tmp_path)
    trades = rows(out / "portfolio/krw/unconstrained/trades.csv")
    times = [(t["setup"], day_of(t["signal_ts_ms"]), day_of(t["entry_ts_ms"]), t["reason"]) for t in trades]
    assert sorted(times) == [
        ("krx_ma200", "2024-05-08", "2024-05-09", "signal"),
        ("krx_ma200", "2024-06-11", "2024-06-12", "open"),
        ("krx_ma200_monthly", "2024-06-03", "2024-06-04", "open"),
    ]
    assert {t["setup"] for t in rows(out / "backtests/triggers.csv")} == {"krx_ma200", "krx_ma200_monthly"}
    assert min(t["session"] for t in rows(out / "backtests/triggers.csv")) == "2024-05-08"
    for file in ("reports/scan.json", "backtests/setups.json", "portfolio/krw/constrained/metrics.json"):
        assert NOTE in told(out / file)["notes"], file
    assert [s["setup"] for s in told(out / "reports/scan.json")["signals"]] == ["krx_ma200"]
    assert run(report_scan.main, ["--desk", str(desk), "--out", str(out)]) == ExitCode.OK
    assert NOTE in (out / "reports/scan.md").read_text()
    assert run(report_eod.main, ["--desk", str(desk)]) == ExitCode.OK
    assert NOTE in next(paths.reports_dir().glob("eod_*.md")).read_text()


def test_run_bt_takes_the_same_index_and_says_that_it_sits_in_cash_before(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index_from("2024-05-02", {"2024-06-10": 50.0})
    out = night(desk, tmp_path)
    assert run(run_bt.main, ["--strategy", "krx_ma200", "--desk", str(desk), "--benchmarks", "IDX"]) == ExitCode.OK
    kept = backtest_folder.runs_of(backtest_folder.backtests_dir(), "krx_ma200")[-1]
    assert NOTE in (kept / "report.txt").read_text() and NOTE in capsys.readouterr().out
    assert told(kept / "metrics.json")["params"]["index"] == "IDX"
    at_night = rows(out / "portfolio/krw/unconstrained/trades.csv")
    mine = [[day_of(t["entry_ts_ms"]), t["reason"]] for t in rows(kept / "trades.csv")]
    assert mine == [[day_of(t["entry_ts_ms"]), t["reason"]] for t in at_night if t["setup"] == "krx_ma200"]


@pytest.mark.parametrize(
    ("closes", "said"),
    [
        (0, "krx_ma200: there are no bars of IDX to decide by; cash throughout"),
        (3, "krx_ma200: 3 bars of IDX are too few to decide by; cash throughout"),
        (30, "krx_ma200: index IDX ends on 2024-05-16; its last close decides from then on"),
    ],
)
def test_an_index_that_is_missing_short_or_old_is_said_and_bought_nothing_on(
    desk: Path, tmp_path: Path, closes: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if closes:
        put("IDX", bars_of([100.0 + n for n in range(closes)], SESSIONS[:closes]))
    out = night(desk, tmp_path)
    assert said in told(out / "reports/scan.json")["notes"]
    assert capsys.readouterr().out.count(said) == 3
    assert bool(rows(out / "portfolio/krw/constrained/trades.csv")) == (closes == 30)


def test_an_index_that_the_desk_does_not_name_is_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index_from("2024-05-02")
    for old, new, message in (
        ("index: IDX}", "index: SPX}", "setups.krx_ma200: follows SPX, and no instrument of the desk with role"),
        (", index: IDX}", "}", "setups.krx_ma200: follows KOSPI, and no instrument of the desk"),
        ("index: IDX}", "index: 5}", "setups.krx_ma200.index: 5 is not a name"),
    ):
        desk.write_text(DESK.replace(old, new))
        assert run(scan.main, ["--desk", str(desk)]) == ExitCode.BAD_CONFIG
        assert message in capsys.readouterr().err
    desk.write_text(DESK.replace("index: IDX}", "index: SPX}"))
    assert run(run_bt.main, ["--strategy", "krx_ma200", "--desk", str(desk)]) == ExitCode.BAD_CONFIG


def test_a_setup_for_both_sides_is_scanned_and_followed_on_both(desk: Path, tmp_path: Path) -> None:
    desk.write_text(DESK.replace("index: IDX}", "index: IDX, side: both}"))
    put("AAA", bars_of([3000.0 - 10 * n for n in range(len(SESSIONS))], SESSIONS))
    put("IDX", bars_of([3000.0 - n for n in range(len(SESSIONS))], SESSIONS))
    out = night(desk, tmp_path)
    assert [(s["setup"], s["side"]) for s in told(out / "reports/scan.json")["signals"]] == [("krx_ma200", "short")]
    assert {t["side"] for t in rows(out / "backtests/triggers.csv")} == {"short"}
