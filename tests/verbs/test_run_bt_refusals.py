"""run_bt on a desk without its benchmarks, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pyjobs import run_bt
from pyjobs.market.bars import SeriesKey
from pyjobs.runs.backtests import backtest_folder
from tests.verbs.support.run_bt_desk import (
    backtest,
    desk,  # noqa: F401  # the fixture
    latest,
    metrics,
    put,
    store,
)
from utils import paths
from utils.exit_codes import ExitCode
from utils.run import run


def test_a_missing_required_benchmark_skips_the_whole_run_and_reports_why(
    desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    monkeypatch.setenv("OUTCOME_FD", str(writer))
    assert backtest(desk, "--benchmarks", "KOSPI,S&P500") == ExitCode.OK
    told = json.loads(os.read(reader, 5000))
    assert (told["code"], told["kind"], told["symbol"]) == (69, "network_forbidden", "KOSPI")
    said = capsys.readouterr().out
    assert "[SKIP] required benchmark unavailable: KOSPI" in said and "ALLOW_NET_FETCH=0 forbids the network" in said
    assert not backtest_folder.backtests_dir().exists()


def test_a_desk_of_xkrx_needs_kospi_unless_other_benchmarks_are_named(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = ["--desk", str(desk), "--strategy", "ma_cross"]
    assert run(run_bt.main, plain) == ExitCode.OK
    assert capsys.readouterr().out.startswith("[SKIP] required benchmark unavailable: KOSPI")
    put("KOSPI", store().read(SeriesKey(exchange="X", symbol="IDX", timeframe="1d")))
    assert run(run_bt.main, plain) == ExitCode.OK
    assert list(metrics(latest())["benchmarks"]) == ["KOSPI", "IDX"]
    desk.write_text(desk.read_text().replace("market: XKRX", "market: XNYS", 1))
    shutil.rmtree(paths.data_dir() / "raw/X/KOSPI")
    assert run(run_bt.main, plain) == ExitCode.OK
    assert list(metrics(latest())["benchmarks"]) == ["IDX"]


def test_another_missing_benchmark_is_a_warning_and_the_run_goes_on(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = store().read(SeriesKey(exchange="X", symbol="IDX", timeframe="1d"))
    put("KOSPI", bars)
    assert backtest(desk, "--benchmarks", "KOSPI,S&P500") == ExitCode.OK
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "[WARN] benchmark unavailable: S&P500 (skipped)" and said[1].startswith("S&P500: network_forb")
    told = metrics(latest())
    assert (list(told["benchmarks"]), list(told["benchmarks_missing"])) == (["KOSPI"], ["S&P500"])
    assert "[WARN] benchmark unavailable: S&P500 (skipped)" in (latest() / "report.txt").read_text()


def test_benchmarks_that_ended_before_the_window_are_missing(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bars = store().read(SeriesKey(exchange="X", symbol="IDX", timeframe="1d"))
    long_ago = replace(bars.together(), ts_ms=bars.ts_ms - 20 * 365 * 86_400_000)
    put("SPY", long_ago)
    assert backtest(desk, "--benchmarks", "S&P500") == ExitCode.OK
    assert "[WARN] benchmark unavailable: S&P500 (skipped)" in capsys.readouterr().out
    put("KOSPI", long_ago)
    assert backtest(desk, "--benchmarks", "KOSPI") == ExitCode.OK
    assert "[SKIP] required benchmark unavailable: KOSPI" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--strategy", "moonshot"], ExitCode.USAGE, "unknown strategy 'moonshot'; known: breakout"),
        (["--param", "fats=3"], ExitCode.USAGE, "unknown parameter 'fats'"),
        (["--param", "fast=0"], ExitCode.USAGE, "outside"),
        (["--param", "fast=5", "--param", "fast=6"], ExitCode.USAGE, "--param fast is given twice: fast=5 and fast=6"),
        (["--param", "fast"], ExitCode.USAGE, "--param 'fast' is not"),
        (["--param", "slow=2000"], ExitCode.USAGE, "needs 2001 bars"),
        (["--start", "2024-02-30"], ExitCode.USAGE, "is not a date"),
        (["--start", "2024-02-01", "--end", "2024-01-01"], ExitCode.USAGE, "is after --end"),
        (["--start", "2024-06-28"], ExitCode.USAGE, "has 1 sessions"),
        (["--account", "eur"], ExitCode.USAGE, "has krw, usd"),
        (["--benchmarks", "SP500"], ExitCode.USAGE, "unknown benchmark 'SP500'"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_reason_and_leaves_no_folder(
    desk: Path, capsys: pytest.CaptureFixture[str], flags: list[str], code: int, says: str
) -> None:
    try:
        ended = backtest(desk, *flags)
    except SystemExit as leaving:  # argparse's way out
        ended = int(str(leaving.code))
    assert ended == code
    assert says in capsys.readouterr().err
    assert not backtest_folder.backtests_dir().exists()


def test_a_run_that_cannot_be_written_leaves_nothing_behind(desk: Path) -> None:
    code = (
        f"ulimit -f 8; exec '{sys.executable}' -B -m pyjobs.run_bt --strategy ma_cross --benchmarks IDX --desk '{desk}'"
    )
    done = subprocess.run(["bash", "-c", code], cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.CANNOT_WRITE, done.stderr
    assert list(backtest_folder.backtests_dir().iterdir()) == []


def test_through_the_chain_it_has_a_lock_and_a_log_of_its_own(desk: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "NIGHTDESK_HOME": str(tmp_path / "home")}
    for script, more in (("run_bt.sh", ["--strategy", "ma_cross", "--desk", str(desk)]), ("bt_postprocess.sh", [])):
        command = [shutil.which("bash") or "bash", str(paths.ROOT / "jobs" / script), *more]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    logs = sorted(path.name[:-15] for path in (tmp_path / "home" / "logs").glob("*.log"))
    assert logs == ["bt_ma_cross", "compare_ma_cross"]
    locks = {path.name for path in (tmp_path / "home" / ".locks").glob("*.lock")}
    assert {"run_bt@ma_cross.lock", "bt_postprocess@ma_cross.lock"} <= locks
