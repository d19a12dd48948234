"""Live and backtest are compared as an operator does it, and what was changed in either is found, named and placed."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from threading import Timer

import numpy as np
import pytest

from pyjobs.live.deciding.seen import scaled
from pyjobs.live.equal.causes import of_trade_cells
from pyjobs.live.equal.logs import read
from pyjobs.live.equal.replay import replay
from pyjobs.live.feed import Answer
from pyjobs.live_backtest import main as live_backtest
from pyjobs.live_eq import main as live_eq
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.strategy import kernel
from tests.live.support.worlds import a_loop, a_spec, cells, fed, walk
from utils.files import os_files
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
BARS = walk(420, seed=4)


def a_run(home: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    """Backtest and compare; the code and the output."""
    assert home.is_dir()
    assert run(live_backtest, ["--tag", "paper", "--runid", "r1", *flags]) == 0
    capsys.readouterr()
    code = run(live_eq, ["--live-tag", "paper", "--bt-tag", "paper_bt_r1", *flags])
    return code, capsys.readouterr().out


def test_a_loop_passes_by_the_lines_of_the_contract(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fed(a_loop(a_spec()), BARS, 60, 420)
    code, said = a_run(home, capsys)
    assert code == 0
    assert said.splitlines()[:2] == ["[decisions] PASS", "[trades] PASS"]
    assert "explained" not in said and "361 decisions" in said
    fresh = cells(home / "data/processed/decisions/paper_bt_r1/BTC_USD/5m/decisions.csv")
    assert [row["ts_ms"] for row in fresh] == [row["ts_ms"] for row in cells(a_spec().place.decisions)]
    assert run(live_backtest, ["--tag", "paper", "--runid", "r1"]) == 64
    assert "choose another RUNID; nothing was overwritten" in capsys.readouterr().err


def test_what_came_late_or_was_blocked_is_explained_until_both_are_flat(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = fed(a_loop(a_spec()), BARS, 60, 150)
    loop.take(Answer(bars=BARS.slice(60, 220), final=False))
    fed(loop, BARS, 221, 420)
    code, said = a_run(home, capsys)
    assert code == 0, said
    assert "are explained (late decision: " in said
    code = run(live_eq, ["--live-tag", "paper", "--bt-tag", "paper_bt_r1", "--json", "1"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0 and told["result"] == "PASS" and told["first_mismatch"] is None
    assert 0 < told["explained"] < 120 and {each["cause"] for each in told["excused"]} == {"late decision"}


def test_a_doctored_row_is_found_at_its_bar_and_the_block_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    spec = a_spec()
    fed(a_loop(spec), BARS, 60, 420)
    assert run(live_backtest, ["--tag", "paper", "--runid", "r1"]) == 0
    rows = spec.place.decisions.read_text().splitlines(keepends=True)
    at = next(i for i, row in enumerate(rows) if ",stop_hit," in row)
    rows[at] = rows[at].replace(",stop_hit,", ",signal,")
    spec.place.decisions.write_text("".join(rows))
    capsys.readouterr()
    assert run(live_eq, ["--live-tag", "paper", "--bt-tag", "paper_bt_r1"]) == 65
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["[decisions] FAIL", "[trades] FAIL"] and "Result: FAIL" in said
    assert f"First mismatch (ts_ms or trade index): {rows[at].split(',')[3]}" in said
    assert "Cause: data changed" in said and "RUNID=r1" in said and "DATA_TAG=paper" in said


def test_a_row_that_was_edited_is_shown_with_its_counterpart_and_its_bars(capsys: pytest.CaptureFixture[str]) -> None:
    spec = a_spec()
    fed(a_loop(spec), BARS, 60, 120)
    assert run(live_backtest, ["--tag", "paper", "--runid", "r1"]) == 0
    rows = spec.place.decisions.read_text().splitlines()
    right = rows[30]
    rows[30] = right.replace(",5m,", ",5m,", 1)[:-3] + "000"  # its checksum alone
    spec.place.decisions.write_text("\n".join(rows) + "\n")
    ts_ms, before = right.split(",")[3], capsys.readouterr().out
    assert before and run(live_eq, ["--live-tag", "paper", "--bt-tag", "paper_bt_r1"]) == 65
    told = capsys.readouterr().out.splitlines()
    assert f"First mismatch (ts_ms or trade index): {ts_ms}" in told and f"  LIVE: {rows[30]}" in told
    other = next(line for line in told if line.startswith("  BT:   "))
    assert other.removeprefix("  BT:   ").split(",")[:9] == right.split(",")[:9]
    at = next(k for k, line in enumerate(told) if line.startswith("  bars around it"))
    assert [line.strip().split(",")[0] for line in told[at + 1 : at + 6]] == [
        str(int(ts_ms) + k * 300_000) for k in (-2, -1, 0, 1, 2)
    ]
    assert run(live_backtest, ["--tag", "paper", "--runid", "r2"]) == 65 and rows[30] in capsys.readouterr().out


def test_a_window_within_begins_where_both_are_flat(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = a_spec()
    fed(a_loop(spec), BARS, 60, 420)
    rows = cells(spec.place.decisions)
    inside = next(row for row in rows[40:] if row["after"] != "flat")
    code, said = a_run(home, capsys)
    assert code == 0
    assert run(live_backtest, ["--tag", "paper", "--runid", "r2", "--start", inside["ts_ms"]]) == 0
    capsys.readouterr()
    assert run(live_eq, ["--live-tag", "paper", "--bt-tag", "paper_bt_r2"]) == 0, said
    told = capsys.readouterr().out
    assert "[decisions] PASS" in told and "361 decisions" not in told


def test_a_window_in_which_both_are_never_flat_is_no_pass(capsys: pytest.CaptureFixture[str]) -> None:
    spec = a_spec(params={"fast": 3, "slow": 8, "side": "both"})  # it only ever turns around
    fed(a_loop(spec), BARS, 60, 200)
    inside = next(row for row in cells(spec.place.decisions) if row["before"] != "flat")
    assert run(live_backtest, ["--tag", "paper", "--runid", "r3", "--start", inside["ts_ms"]]) == 0
    capsys.readouterr()
    assert run(live_eq, ["--live-tag", "paper", "--bt-tag", "paper_bt_r3"]) == 65
    told = capsys.readouterr().out
    assert "[decisions] FAIL" in told and "let START_TS_MS be a bar at which live is" in told


def test_a_volume_of_less_than_nothing_at_all_is_nothing() -> None:
    spec, bars = a_spec(), walk(70)
    fed(a_loop(spec), replace(bars, volume=bars.volume * -0.0), 60, 70)
    assert replay(read(spec.place, live=True), spec.lane("test")) is None


def test_a_journal_is_not_read_amid_a_step(home: Path) -> None:
    spec, upto = a_spec(), 60
    loop = fed(a_loop(spec), BARS, upto, upto)
    before = b""
    while not spec.place.trades.exists():
        upto, before = upto + 1, spec.place.decisions.read_bytes()
        fed(loop, BARS, upto, upto)
    after = spec.place.decisions.read_bytes()
    spec.place.decisions.write_bytes(before)  # a step writes a trade first, and then its decision
    (home / ".locks").mkdir(mode=0o700, exist_ok=True)
    step = os_files.locked(home / ".locks" / f"live-{spec.place.name}.lock", 0.0)
    step.__enter__()
    Timer(0.1, lambda: (spec.place.decisions.write_bytes(after), step.__exit__(None, None, None))).start()
    log = read(spec.place, live=True)
    assert log.last_ms == int(log.trades[-1][3]) and replay(log, spec.lane("test")) is None


def test_with_the_stores_bars_a_revision_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = a_spec()
    fed(a_loop(spec), BARS, 60, 420)
    at = next(i for i in range(100, 400) if BARS.close[i] != BARS.high[i] and a_crossing(i))
    close = BARS.close.copy()
    close[at] = BARS.low[at] * 0.97
    low = BARS.low.copy()
    low[at] = close[at]
    other = type(BARS)(ts_ms=BARS.ts_ms, open=BARS.open, high=BARS.high, low=low, close=close, volume=BARS.volume)
    store = BarStore(home / "data/raw")
    key = SeriesKey(exchange="MADEUP", symbol="BTC/USD", timeframe="5m")
    store.write(key, other, provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)
    code, said = a_run(home, capsys, "--bars", "store")
    assert code == 0, said
    assert "explained (revised bar: 1 stretches)" in said


def a_crossing(i: int) -> bool:
    """Whether the loop is flat there, so that a low price makes a difference of its own."""
    rows = {int(row["ts_ms"]): row for row in cells(a_spec().place.decisions)}
    return rows[int(BARS.ts_ms[i])]["state"] == "flat"


def test_eqflat_is_one_command_from_anywhere(home: Path) -> None:
    fed(a_loop(a_spec()), BARS, 60, 200)
    done = subprocess.run(
        [ROOT / "jobs/eqflat.sh", "paper"], cwd="/", capture_output=True, text=True,
        env={**os.environ, "NIGHTDESK_NOW": "1795176000"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:3] == ["[decisions] PASS", "[trades] PASS"]
    assert (home / "data/processed/decisions/paper_bt_eqflat_20261120_120000/BTC_USD/5m/decisions.csv").is_file()
    path = a_spec().place.decisions
    path.write_bytes(path.read_bytes().replace(b",no_signal,", b",holding,", 1))
    edited = subprocess.run([ROOT / "jobs/eqflat.sh", "paper"], cwd="/", capture_output=True, text=True)
    assert edited.returncode == 65 and edited.stdout.splitlines()[:3] == [
        "[decisions] FAIL", "[trades] FAIL", "Result: FAIL",
    ]  # fmt: skip
    assert "Cause: data changed" in edited.stdout
    missing = subprocess.run([ROOT / "jobs/eqflat.sh", "nope"], cwd="/", capture_output=True, text=True)
    assert missing.returncode == 66 and "there are no decisions of nope" in missing.stderr
    assert not list((home / "data/processed").rglob("nope*"))


@pytest.mark.parametrize(
    ("verb", "argv", "code", "says"),
    [
        ("bt", ["--tag", ""], 64, "which loop?"),
        ("bt", ["--tag", "paper", "--start", "9", "--end", "5"], 64, "START_TS_MS 9 is after END_TS_MS 5"),
        ("bt", ["--tag", "paper", "--start", "yesterday"], 64, "is not UTC milliseconds since 1970"),
        ("bt", ["--tag", "paper", "--end", "5"], 64, "is after END_TS_MS 5"),
        ("eq", ["--live-tag", "nope", "--bt-tag", "nope_bt_1"], 66, "there are no decisions of nope_bt_1"),
        ("eq", ["--live-tag", "paper", "--bt-tag", "paper"], 64, "would be compared with itself"),
        ("eq", ["--live-tag", "paper", "--bt-tag", "paper_bt_1"], 66, "(tags there: paper)"),
    ],
)
def test_what_is_not_there_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], verb: str, argv: list[str], code: int, says: str
) -> None:
    fed(a_loop(a_spec()), BARS, 60, 70)
    there = sorted((home / "data/processed").rglob("*.csv"))
    assert run(live_backtest if verb == "bt" else live_eq, argv) == code
    assert says in capsys.readouterr().err
    assert sorted((home / "data/processed").rglob("*.csv")) == there


def test_a_loss_of_all_money_at_an_open_beyond_the_stop_is_told_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    spec, jump, bars = a_spec(), 0, BARS
    loop = a_loop(spec)
    for upto in range(60, 260):
        if not jump and loop.stand.s[kernel.SIDE] < 0.0 and loop.stand.s[kernel.EXIT] == 0.0:
            jump = upto - 1
            after = np.where(np.arange(len(bars)) >= jump, 3.0, 1.0)
            bars = scaled(bars, after)
        loop.take(Answer(bars=bars.slice(0, upto), final=False))
    assert run(live_backtest, ["--tag", "paper", "--runid", "r1"]) == 0
    assert run(live_eq, ["--live-tag", "paper", "--bt-tag", "paper_bt_r1"]) == 65
    assert "Cause: stop-fill convention" in capsys.readouterr().out


def test_a_fill_that_neither_gives_is_told_as_that_whatever_the_money() -> None:
    live = "MADEUP,X,5m,9,3,long,1,2,10.0,9.0,9.0,stop_hit,4,100.0,-0.1,now,0a"
    other = "MADEUP,X,5m,9,4,long,1,2,10.0,9.0,8.9,stop_hit,4,90.0,-0.11,then,0b"
    assert of_trade_cells(live.split(","), other.split(",")) == "stop-fill convention"
    assert of_trade_cells(live.split(","), other.replace("stop_hit,4", "stop_hit,5").split(",")) == "data changed"
