"""scan, setup_backtest and account_backtest as a user runs them, on a small desk of generated prices."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pyjobs import account_backtest, scan, setup_backtest
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from tests.support.walks import walk
from utils import trading_day
from utils.exit_codes import ExitCode
from utils.run import run

LAST = "2024-06-28"
DESK = """
name: tiny
market: XKRX
dumps: dumps
session: last_bar
accounts:
  krw: {currency: KRW, cash: 10000000, max_positions: 2, max_weight: 0.5, fee_bps: 2, sell_tax_bps: 15, stop_loss: 0.08}
setups:
  ma_cross: {fast: 5, slow: 20}
  breakout_20: {window: 20}
  pullback_ma200: {trend: 60, dip: 5}
instruments:
  - {symbol: AAA, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: a.csv}
  - {symbol: BBB, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: b.csv}
  - {symbol: NEW, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: n.csv}
  - {symbol: OLD, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: o.csv, role: watch}
  - {symbol: NIL, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: z.csv}
  - {symbol: IDX, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: i.csv, role: benchmark}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    sessions = [s for s in trading_day.load("XKRX").sessions() if "2021-01-04" <= s.date.isoformat() <= LAST]
    ts_ms = np.array([s.close_utc_s * 1000 for s in sessions], dtype=np.int64)
    store = BarStore(tmp_path / "data" / "raw", locks=tmp_path / ".locks")
    times_of = {"AAA": ts_ms, "BBB": ts_ms, "NEW": ts_ms[-30:], "OLD": ts_ms[:-5], "IDX": ts_ms[100:]}
    made = {
        symbol: walk(times, seed, begins=30_000, decimals=0, reach=100)
        for seed, (symbol, times) in enumerate(times_of.items(), 1)
    }
    made["AAA"].close[-1] = made["AAA"].close.max() * 1.1
    made["AAA"].high[-1] = made["AAA"].close[-1] + 100  # it breaks out
    for symbol, bars in made.items():
        key = SeriesKey(exchange="X", symbol=symbol, timeframe="1d")
        store.write(key, bars, provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)
    path = tmp_path / "desk.yaml"
    path.write_text(DESK, encoding="utf-8")
    return path


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    for name in ("reports", "backtests", "portfolio"):
        (folder / name).mkdir(parents=True)
    return folder


def load(path: Path) -> dict[str, Any]:
    def never(word: str) -> float:
        raise AssertionError(f"{word} in {path}")

    return dict(json.loads(path.read_text(encoding="utf-8"), parse_constant=never))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_scan_tells_every_instruments_state_and_the_signals_of_the_last_bar(desk: Path, run_dir: Path) -> None:
    assert run(scan.main, ["--desk", str(desk), "--out", str(run_dir)]) == ExitCode.OK
    result = load(run_dir / "reports" / "scan.json")
    assert (result["desk"], result["session"]) == ("tiny", LAST)
    states = {each["symbol"]: (each["status"], each["role"]) for each in result["instruments"]}
    assert states == {
        "AAA": ("ok", "trade"),
        "BBB": ("ok", "trade"),
        "NEW": ("too_few_bars", "trade"),
        "OLD": ("stale", "watch"),
        "NIL": ("no_bars", "trade"),
        "IDX": ("ok", "benchmark"),
    }
    jumped = [each for each in result["signals"] if each["symbol"] == "AAA"]
    assert "breakout_20" in {each["setup"] for each in jumped}
    assert all(each["ts_ms"] == result["asof_ts_ms"] and each["session"] == LAST for each in result["signals"])
    assert not any(each["symbol"] in ("OLD", "IDX", "NIL") for each in result["signals"])


def test_scan_without_a_run_folder_writes_its_own_report(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(scan.main, ["--desk", str(desk)]) == ExitCode.OK
    report = (tmp_path / "reports" / f"scan_{LAST}.md").read_text(encoding="utf-8")
    assert "| AAA " in report and "breakout_20" in report
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in table] == ["symbol", "AAA", "BBB", "NEW", "OLD", "NIL", "IDX"]
    assert len({line.index(word) for line, word in zip(table, ("role", *["trade"] * 3), strict=False)}) == 1


def test_scan_of_an_earlier_session_sees_nothing_later(desk: Path, run_dir: Path) -> None:
    assert run(scan.main, ["--desk", str(desk), "--out", str(run_dir), "--session", "2024-06-14"]) == ExitCode.OK
    result = load(run_dir / "reports" / "scan.json")
    assert all(each["last_session"] <= "2024-06-14" for each in result["instruments"] if each["last_session"])


def test_every_traded_instrument_stale_is_exit_2_and_still_written(
    desk: Path, run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(scan.main, ["--desk", str(desk), "--out", str(run_dir), "--session", "2024-07-01"])
    assert code == ExitCode.STALE
    assert (
        "none of 4 traded instruments has a bar of session 2024-07-01 (newest: 2024-06-28)" in capsys.readouterr().err
    )
    assert load(run_dir / "reports" / "scan.json")["signals"] == []


def test_last_closed_goes_by_the_rehearsed_clock(desk: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write_text(DESK.replace("last_bar", "last_closed"), encoding="utf-8")
    monkeypatch.setenv("NIGHTDESK_NOW", "1718928000")  # 2024-06-21 00:00 UTC, 09:00 in Seoul: the 20th has closed
    assert run(scan.main, ["--desk", str(desk), "--out", str(run_dir)]) == ExitCode.OK
    assert load(run_dir / "reports" / "scan.json")["session"] == "2024-06-20"


def test_an_empty_store_is_exit_66(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "elsewhere"))
    assert run(scan.main, ["--desk", str(desk)]) == ExitCode.MISSING_INPUT


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("ma_cross:", "ma_crss:", "unknown setup 'ma_crss'"),
        ("fast: 5", "fast: 50", "fast 50 must be less than slow 20"),
        ("window: 20", "widow: 20", "unknown parameter 'widow'"),
    ],
)
def test_a_wrong_setup_is_exit_78(
    desk: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, problem: str
) -> None:
    desk.write_text(DESK.replace(old, new), encoding="utf-8")
    assert run(scan.main, ["--desk", str(desk)]) == ExitCode.BAD_CONFIG
    message = capsys.readouterr().err
    assert problem in message and "desk.yaml" in message


def test_wrong_flags_are_exit_64(desk: Path, tmp_path: Path) -> None:
    for argv in (["--session", "yesterday"], ["--sess", LAST], ["--desk", str(desk), "--out", str(tmp_path / "none")]):
        try:
            code = run(scan.main, argv)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        assert code == ExitCode.USAGE


def test_setup_backtest_writes_what_came_of_every_trigger(desk: Path, run_dir: Path) -> None:
    assert run(setup_backtest.main, ["--desk", str(desk), "--out", str(run_dir)]) == ExitCode.OK
    result = load(run_dir / "backtests" / "setups.json")
    triggers = rows(run_dir / "backtests" / "triggers.csv")
    assert [(window["days"], window["start"]) for window in result["windows"]] == [
        (30, "2024-05-30"),
        (90, "2024-03-31"),
        (180, "2024-01-01"),
    ]
    for window in result["windows"]:
        for row in window["rows"]:
            mine = [t for t in triggers if t["setup"] == row["setup"] and t["session"] >= window["start"]]
            closed = [float(t["net_return"]) for t in mine if t["status"] == "closed"]
            assert (row["n"], row["n_closed"]) == (len(mine), len(closed))
            assert row["verdict"] == ("ok" if (row["n_effective"] or 0) >= 10 else "too few")
            assert row["n_effective"] is None if not closed else 1 <= row["n_effective"] <= len(closed)
            if closed:
                assert row["expectancy"] == pytest.approx(sum(closed) / len(closed))
                assert row["win_rate"] == pytest.approx(sum(x > 0 for x in closed) / len(closed))
    assert {t["symbol"] for t in triggers} <= {"AAA", "BBB", "NEW", "OLD"}
    assert [t["status"] for t in triggers if t["symbol"] == "AAA" and t["session"] == LAST][-1] == "pending"
    assert len(rows(run_dir / "backtests" / "setups_30d.csv")) == 3


def test_account_backtest_writes_both_books_and_they_balance(desk: Path, run_dir: Path) -> None:
    assert run(account_backtest.main, ["--desk", str(desk), "--out", str(run_dir)]) == ExitCode.OK
    for variant in ("constrained", "unconstrained"):
        folder = run_dir / "portfolio" / "krw" / variant
        metrics, curve, trades = (
            load(folder / "metrics.json"),
            rows(folder / "equity_curve.csv"),
            rows(folder / "trades.csv"),
        )
        assert (metrics["end"], curve[-1]["session"], float(curve[0]["equity"])) == (LAST, LAST, 10_000_000)
        gained = sum(float(trade["pnl"]) for trade in trades)
        assert float(curve[-1]["equity"]) - 10_000_000 == pytest.approx(gained)
        assert metrics["n_trades"] == len(trades) > 5
        assert metrics["total_return"] == pytest.approx(gained / 10_000_000)
        left_out = {each["symbol"]: each["why"] for each in metrics["left_out"]}
        assert metrics["behind"] == []
        assert left_out == {"NEW": "30 bars are too few for pullback_ma200", "NIL": "no bars"}
    constrained = rows(run_dir / "portfolio" / "krw" / "constrained" / "trades.csv")
    assert all(float(trade["quantity"]).is_integer() for trade in constrained)
    sessions = [row["session"] for row in curve]
    assert sessions[0] == "2021-02-01"  # the 21st session of 2021: the first at which a 20-bar setup can be decided
    assert sessions == sorted(set(sessions))
    benchmark = rows(run_dir / "portfolio" / "krw" / "benchmark.csv")
    assert benchmark[0]["session"] > sessions[0] and benchmark[-1]["session"] == LAST


def test_account_backtest_says_which_series_ended_early(
    desk: Path, run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.write_text(DESK.replace(", role: watch", ""), encoding="utf-8")
    assert run(account_backtest.main, ["--desk", str(desk), "--out", str(run_dir)]) == ExitCode.OK
    assert load(run_dir / "portfolio" / "krw" / "constrained" / "metrics.json")["behind"] == [
        {"symbol": "OLD", "timeframe": "1d", "last_session": "2024-06-21"}
    ]
    assert "behind: OLD 1d: 2024-06-21" in capsys.readouterr().out


def test_an_account_without_any_bar_is_written_as_undefined(desk: Path, run_dir: Path) -> None:
    other = "\n  eur: {currency: EUR, cash: 5, max_positions: 1, max_weight: 1.0}\nsetups:"
    text = DESK.replace("\nsetups:", other).replace("currency: KRW, file: z.csv", "currency: EUR, file: z.csv")
    desk.write_text(text, encoding="utf-8")
    assert run(account_backtest.main, ["--desk", str(desk), "--out", str(run_dir)]) == ExitCode.OK
    for variant in ("constrained", "unconstrained"):
        folder = run_dir / "portfolio" / "eur" / variant
        metrics = load(folder / "metrics.json")
        assert (metrics["sharpe"], metrics["n_trades"], metrics["left_out"][0]["why"]) == (None, 0, "no bars")
        assert rows(folder / "equity_curve.csv") == rows(folder / "trades.csv") == []


def test_two_runs_write_the_same_bytes(desk: Path, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        out = tmp_path / name
        (out / "reports").mkdir(parents=True)
        for verb in (scan, setup_backtest, account_backtest):
            assert run(verb.main, ["--desk", str(desk), "--out", str(out)]) == ExitCode.OK
        written.append({path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()})
    assert written[0] == written[1]
    assert len(written[0]) == 14


@pytest.mark.parametrize("verb", [scan, setup_backtest, account_backtest])
def test_an_unknown_setup_is_named_with_its_line_before_any_bar_is_read(
    verb: ModuleType, tmp_path: Path, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(desk.read_text().replace("ma_cross", "ma_crss"))
    shutil.rmtree(tmp_path / "data/raw")  # who looked for bars first would say that there are none
    (tmp_path / "out/reports").mkdir(parents=True)
    assert run(verb.main, ["--desk", str(wrong), "--out", str(tmp_path / "out")]) == 78
    said = capsys.readouterr().err
    assert f"{wrong}:9: setups: unknown setup 'ma_crss'; known: " in said and "did you mean 'ma_cross'?" in said
