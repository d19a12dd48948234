"""Two backtests side by side: what is a drift, what comes first, which input changed, and how quickly."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pyjobs import compare_runs
from pyjobs.runs.backtests import backtest_folder
from pyjobs.runs.backtests.compare import changed_inputs, compare
from utils import paths
from utils.run import run

TRADES = (
    "symbol,side,setup,signal_ts_ms,entry_ts_ms,entry_price\n"
    "AAA,long,x,1700000000000,1700086400000,100.0\n"
    "BBB,long,x,1700000000000,1700086400000,{price!r}\n"
    "CCC,long,x,1700100000000,1700186400000,7.5\n"
)


def made(root: Path, name: str, *, price: float = 20.1, inputs: dict[str, Any] | None = None) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "trades.csv").write_text(TRADES.format(price=price))
    (folder / "equity_curve.csv").write_text("session,equity\n2026-01-02,1000.0\n2026-01-05,1001.5\n")
    (folder / "daily_returns.csv").write_text("session,return\n2026-01-02,\n2026-01-05,0.0015\n")
    (folder / "metrics.json").write_text(json.dumps({"cagr": 0.25, "conventions": {"var": "historical"}}))
    (folder / "report.txt").write_text("all is well\n")
    (folder / "equity_curve.png").write_bytes(b"\x89PNG one")
    if inputs is not None:
        (folder / "manifest.json").write_text(json.dumps({"run": name, "files": {}, "inputs": inputs, "request": {}}))
    return folder


def input_of(**changed: Any) -> dict[str, Any]:
    whole = {
        "code": {
            "sha256": "c1",
            "commit": "a" * 40,
            "dirty": False,
            "files": {"pyjobs/scan.py": "1", "utils/run.py": "2"},
        },
        "config": {"sha256": "g1", "files": {"config/desk.yaml": "1"}},
        "data": {"sha256": "d1", "series": {"X:AAA:1d": "1", "X:BBB:1d": "2"}},
        "dependencies": {"sha256": "p1", "packages": {"numpy": "2.4.5"}},
    }
    return whole | changed


def test_equal_runs_are_the_same_whatever_they_are_called_and_when_they_ran(tmp_path: Path) -> None:
    a = made(tmp_path, "20260101T000000000Z_x", inputs=input_of())
    b = made(tmp_path, "20260102T000000000Z_x", inputs=input_of())
    told = compare(a, b)
    assert (told.verdict, told.differences, told.changed, told.notes) == ("SAME", [], [], [])
    assert told.lines()[0] == "[compare] SAME"


def test_one_unit_in_the_last_place_of_one_fill_is_a_drift_that_names_the_trade(tmp_path: Path) -> None:
    later = math.nextafter(20.1, math.inf)
    told = compare(made(tmp_path, "a"), made(tmp_path, "b", price=later))
    assert told.verdict == "DRIFT"
    assert told.differences[0].text() == (
        f"trades.csv: trade 2 (BBB long signal 1700000000000) entry_price: A 20.1, B {later!r}"
    )
    assert [each.file for each in told.differences] == ["trades.csv"]


def test_a_trade_that_only_one_run_has_is_named(tmp_path: Path) -> None:
    a, b = made(tmp_path, "a"), made(tmp_path, "b")
    (b / "trades.csv").write_text("\n".join((a / "trades.csv").read_text().splitlines()[:-1]) + "\n")
    first = compare(a, b).differences[0]
    assert (first.where, first.b) == ("trade 3", "(absent)")


def test_trades_come_before_what_they_lead_to_and_the_first_field_of_each_file_is_told(tmp_path: Path) -> None:
    a, b = made(tmp_path, "a"), made(tmp_path, "b", price=20.2)
    (b / "metrics.json").write_text(json.dumps({"cagr": 0.26, "conventions": {"var": "normal"}}))
    (b / "equity_curve.csv").write_text("session,equity\n2026-01-02,1000.0\n2026-01-05,1001.25\n")
    told = compare(a, b)
    assert [each.file for each in told.differences] == ["trades.csv", "equity_curve.csv", "metrics.json"]
    assert told.differences[1].where == "row 2 (2026-01-05) equity"
    assert told.differences[2].text() == "metrics.json: cagr: A 0.25, B 0.26 (+1 more)"
    assert "first difference: trades.csv: trade 2" in "\n".join(told.lines())


def test_a_picture_alone_is_a_note_and_a_missing_file_is_a_drift(tmp_path: Path) -> None:
    a, b = made(tmp_path, "a"), made(tmp_path, "b")
    (b / "equity_curve.png").write_bytes(b"\x89PNG two")
    told = compare(a, b)
    assert told.verdict == "SAME"
    assert told.notes[0] == "pictures differ, which alone is no drift: equity_curve.png"
    (b / "report.txt").unlink()
    assert compare(a, b).differences[0].text() == "report.txt: file: A present, B (absent)"


def test_files_that_are_not_what_their_name_says_are_compared_line_by_line(tmp_path: Path) -> None:
    a, b = made(tmp_path, "a"), made(tmp_path, "b")
    (b / "metrics.json").write_text("{torn")
    assert compare(a, b).differences[0].text().startswith("metrics.json: line 1: A {")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {
                "code": {
                    "sha256": "c2",
                    "commit": "b" * 40,
                    "dirty": True,
                    "files": {"pyjobs/scan.py": "1", "new.py": "3"},
                }
            },
            "code: utils/run.py removed; new.py added (commit aaaaaaaaa -> bbbbbbbbb+)",
        ),
        ({"config": {"sha256": "g2", "files": {"config/desk.yaml": "9"}}}, "config: config/desk.yaml changed"),
        ({"data": {"sha256": "d2", "series": {"X:AAA:1d": "1", "X:BBB:1d": "7"}}}, "data: X:BBB:1d changed"),
        ({"dependencies": {"sha256": "p2", "packages": {"numpy": "2.4.6"}}}, "dependencies: numpy 2.4.5 -> 2.4.6"),
    ],
)
def test_the_input_that_changed_is_named(changed: dict[str, Any], line: str) -> None:
    assert list(changed_inputs({"inputs": input_of()}, {"inputs": input_of(**changed)})) == [line]


def test_another_commit_of_the_same_files_is_no_change_and_another_parameter_is() -> None:
    code = {**input_of()["code"], "commit": "b" * 40}
    a = {"inputs": input_of(), "request": {"params": {"fast": 20}, "end": "2026-11-19"}}
    b = {"inputs": input_of(code=code), "request": {"params": {"fast": 25}, "end": "2026-11-20"}}
    assert list(changed_inputs(a, b)) == ["request: params.fast 20 -> 25; end 2026-11-19 -> 2026-11-20"]


def test_results_changed_after_the_run_are_noted(tmp_path: Path) -> None:
    a, b = made(tmp_path, "a"), made(tmp_path, "b")
    (b / "manifest.json").write_text(json.dumps({"inputs": input_of(), "files": {"report.txt": {"sha256": "0" * 64}}}))
    assert "B: report.txt was changed after the run: it differs from its manifest" in compare(a, b).notes


def test_runs_are_ordered_by_the_timestamp_in_their_names_not_by_mtime(tmp_path: Path) -> None:
    new, old = made(tmp_path, "20260102T000000001Z_x"), made(tmp_path, "20260102T000000000Z_x")
    other = made(tmp_path, "20260103T000000000Z_y_x")
    made(tmp_path, ".building-20260104T000000000Z_x")
    seed = made(tmp_path, "20251005_181000_x")
    (tmp_path / "20260105T000000000Z_x").mkdir()  # nothing in it: not a run
    os.utime(old, (2e9, 2e9))
    assert backtest_folder.runs_of(tmp_path, "x") == [seed, old, new]
    assert backtest_folder.runs_of(tmp_path, "y_x") == [other]


def test_postprocessing_fills_in_a_missing_manifest_and_writes_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    folder = backtest_folder.backtests_dir()
    a = made(folder, "20260101T000000000Z_x")
    made(folder, "20260102T000000000Z_x", price=20.2, inputs=input_of())
    log = tmp_path / "logs" / "compare_x.log"
    assert run(compare_runs.main, ["--strategy", "x", "--log", str(log), "--drift-rc", "3"]) == 3
    told = capsys.readouterr().out
    assert told == log.read_text()
    assert "A: its inputs are not known" in told
    manifest = json.loads((a / "manifest.json").read_text())
    assert manifest["filled_in"] is True
    assert manifest["files"]["report.txt"]["bytes"] == len("all is well\n")


def test_a_first_run_has_nothing_to_be_compared_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path, "20260101T000000000Z_x", inputs=input_of())
    assert run(compare_runs.main, ["--strategy", "x", "--root", str(tmp_path)]) == 0
    assert "nothing to compare: 1 run of x" in capsys.readouterr().out


def test_comparing_loads_nothing_heavy(tmp_path: Path) -> None:
    a, b = made(tmp_path, "a", inputs=input_of()), made(tmp_path, "b", inputs=input_of())
    code = (
        "import sys; from pyjobs import compare_runs; compare_runs.main(sys.argv[1:]);"
        "print([m for m in ('numpy', 'pandas', 'pyarrow', 'yaml', 'msgspec') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, a, b], cwd=paths.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_another_stretch_of_the_same_closes_is_no_changed_input() -> None:
    a = {
        "request": {"end": "2026-11-18"},
        "inputs": input_of(data={"sha256": "d1", "series": {"X:AAA:1d": "1", "benchmark KOSPI": "k1"}}),
    }
    b = {
        "request": {"end": "2026-11-20"},
        "inputs": input_of(data={"sha256": "d2", "series": {"X:AAA:1d": "1", "benchmark KOSPI": "k2"}}),
    }
    assert [line.partition(":")[0] for line in changed_inputs(a, b)] == ["request"]
    c = {
        "request": {"end": "2026-11-20"},
        "inputs": input_of(data={"sha256": "d3", "series": {"X:AAA:1d": "9", "benchmark KOSPI": "k2"}}),
    }
    assert "data: X:AAA:1d changed" in list(changed_inputs(a, c))
    assert "data: benchmark KOSPI changed" in list(changed_inputs({**a, "request": b["request"]}, b))  # stored anew


def test_a_run_from_the_future_is_not_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTDESK_NOW", "1795143600")  # 2026-11-20 03:00 UTC
    for name in ("20261118T000000000Z_x", "20261119T000000000Z_x", "20270601T000000000Z_x"):
        made(tmp_path, name, inputs=input_of())
    assert run(compare_runs.main, ["--strategy", "x", "--root", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "B (latest):   20261119T000000000Z_x" in out
    assert "1 run of x from later than now" in out
