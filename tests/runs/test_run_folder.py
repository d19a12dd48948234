"""Building, publishing and pruning real folders, also when the one who does it is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyjobs import prune_runs
from pyjobs.runs import manifest, prune
from pyjobs.runs.retention import Decision, Entry
from pyjobs.runs.run_folder import begin, find_run, finished_runs, is_being_built, new_run_id, publish
from utils.errors import BadDataError, CannotWriteError, MissingInputError

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 13, 10, tzinfo=UTC)


def make_run(runs: Path, run_id: str, *, status: str = "ok", files: int = 2) -> Path:
    folder = runs / run_id
    (folder / "reports").mkdir(parents=True)
    for number in range(files):
        (folder / f"reports/{number}.md").write_text(f"page {number}\n", encoding="utf-8")
    about = manifest.About(
        run_id=run_id, desk="d", session="2026-11-20", status=status, started=NOW, finished=NOW, steps=[], inputs={}
    )
    manifest.write(folder, manifest.build(folder, about))
    return folder


def names(runs: Path) -> set[str]:
    return {path.name for path in runs.iterdir()}


def prune_now(runs: Path, *flags: str) -> int:
    return prune_runs.main(["--runs", str(runs), *flags])


def test_a_place_that_cannot_be_looked_at_hides_no_other_place_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    run = tmp_path / "data/server_runs/20260101T000000Z"
    run.mkdir(parents=True)
    assert find_run(run.name, tmp_path / ("b" * 300)) == run
    with pytest.raises(MissingInputError, match="no run 'b"):
        find_run("b" * 300, tmp_path)


def test_run_ids_sort_by_time_and_differ_within_a_second() -> None:
    first, second = new_run_id(NOW), new_run_id(NOW.replace(second=1))
    assert first.startswith("20261120T131000Z-") and first < second
    assert len({new_run_id(NOW) for _ in range(20)}) > 15


def test_an_unfinished_run_is_hidden_held_and_no_run(tmp_path: Path) -> None:
    building = begin(tmp_path / "runs", "20261120T131000Z-0001")
    assert names(tmp_path / "runs") == {".building-20261120T131000Z-0001"}
    assert sorted(path.name for path in building.path.iterdir()) == [
        "backtests",
        "logs",
        "portfolio",
        "queue",
        "reports",
    ]
    assert is_being_built(building.path)
    assert finished_runs(tmp_path / "runs") == []
    os.close(building.lock_fd)
    assert not is_being_built(building.path)


def test_a_run_without_manifest_is_not_published(tmp_path: Path) -> None:
    building = begin(tmp_path, "20261120T131000Z-0001")
    with pytest.raises(CannotWriteError, match="has no manifest"):
        publish(building)
    (building.path / "manifest.json").write_text("{}", encoding="utf-8")
    assert publish(building) == tmp_path / "20261120T131000Z-0001"
    assert finished_runs(tmp_path) == [tmp_path / "20261120T131000Z-0001"]


def test_a_run_never_replaces_another(tmp_path: Path) -> None:
    make_run(tmp_path, "20261120T131000Z-0001")
    building = begin(tmp_path, "20261120T131000Z-0001")
    (building.path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CannotWriteError, match="cannot publish"):
        publish(building)
    assert manifest.verify(tmp_path / "20261120T131000Z-0001") == []


def test_a_folder_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(CannotWriteError, match="cannot begin a run"):
        begin(tmp_path / "data/server_runs", "20261120T131000Z-0001")
    assert names(tmp_path) == {"data"}


def test_prune_removes_what_is_old_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    make_run(runs, "20200101T000000Z-0001")
    make_run(runs, "20200102T000000Z-0002")
    (make_run(runs, "20200103T000000Z-0003") / "PINNED").touch()
    make_run(runs, "20200104T000000Z-0004")
    make_run(elsewhere, "20200105T000000Z-0005")
    (runs / "20200105T000000Z-0005").symlink_to(elsewhere / "20200105T000000Z-0005")
    (runs / "20200101T000000Z-0001/reports/out").symlink_to(elsewhere)
    (runs / "@eaDir").mkdir()
    (runs / "notes.txt").touch()
    (runs / "20200106T000000Z-0006").touch()  # a file with a run's name is no run
    before = names(runs)
    flags = ("--keep-days", "30", "--keep-max-runs", "1")
    assert prune_now(runs, *flags, "--dry-run") == 0
    assert names(runs) == before
    assert "20200101T000000Z-0001  remove    number 3 of the newest, 1 are kept" in capsys.readouterr().out
    assert prune_now(runs, *flags) == 0
    assert before - names(runs) == {"20200101T000000Z-0001", "20200102T000000Z-0002"}
    assert manifest.verify(elsewhere / "20200105T000000Z-0005") == []


def test_mtimes_mean_nothing(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    fresh = make_run(tmp_path, new_run_id(now.replace(microsecond=0)))
    os.utime(fresh, (0, 0))
    os.utime(fresh / "manifest.json", (0, 0))
    assert prune_now(tmp_path) == 0
    assert fresh.is_dir()


@pytest.mark.parametrize("clock_s", ["0", "1", "1800000000", "2147483647", "9000000000"])
def test_whatever_the_clock_says_no_run_log_or_backtest_goes_that_has_no_newer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock_s: str
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_NOW", clock_s)
    monkeypatch.setenv("KEEP_BACKTEST_DAYS", "30")
    for day in range(1, 7):
        make_run(tmp_path / "data/server_runs", f"202611{day:02}T131000Z-0001")
        (tmp_path / f"backtests/202611{day:02}T131000000Z_ma_cross").mkdir(parents=True)
        (tmp_path / f"backtests/202611{day:02}T131000000Z_ma_cross/manifest.json").write_text("{}")
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / f"logs/nightly_2026-11-{day:02}.log").touch()
    before = sorted(tmp_path.rglob("*"))
    assert prune_runs.main([]) == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_prune_that_would_remove_most_stops_and_says_so_but_clears_leftovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    runs = tmp_path / "data/server_runs"
    for day in range(1, 16):
        make_run(runs, f"202611{day:02}T131000Z-0001", files=1)
    (runs / ".building-20261101T000000Z-0002").mkdir()
    with pytest.raises(BadDataError, match=r"more than 50 % would go: 12 of 15 in .*--max-share 100"):
        prune_runs.main(["--keep-days", "3"])
    assert len(names(runs)) == 15
    assert prune_runs.main(["--keep-days", "3", "--dry-run"]) == 0
    assert prune_runs.main(["--keep-days", "3", "--max-share", "100"]) == 0
    assert names(runs) == {f"202611{day}T131000Z-0001" for day in (13, 14, 15)}


def test_old_backtests_go_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    for name in ("20261101T131000000Z_a", "20261102T131000000Z_a", "20200101T131000000Z_b", "notes"):
        (tmp_path / "backtests" / name).mkdir(parents=True)
        (tmp_path / "backtests" / name / "manifest.json").write_text("{}")
    assert prune_runs.main([]) == 0
    assert len(names(tmp_path / "backtests")) == 4
    assert prune_runs.main(["--keep-backtest-days", "1"]) == 0
    assert names(tmp_path / "backtests") == {"20261102T131000000Z_a", "20200101T131000000Z_b", "notes"}


def test_a_run_that_was_pinned_after_the_look_stays(tmp_path: Path) -> None:
    run = make_run(tmp_path, "20200101T000000Z-0001")
    (seen,) = prune.look(tmp_path)
    (run / "PINNED").touch()
    assert not prune.remove(tmp_path, Decision(entry=seen, action="remove", reason=""))
    assert run.is_dir()


def test_a_run_that_another_prune_took_is_fine(tmp_path: Path) -> None:
    gone = Entry(name="20200101T000000Z-0001", kind="run", run_id="20200101T000000Z-0001", status="ok")
    assert prune.remove(tmp_path, Decision(entry=gone, action="remove", reason=""))


@pytest.mark.parametrize(("name", "value"), [("KEEP_DAYS", "0"), ("KEEP_MAX_RUNS", "-1"), ("KEEP_DAYS", "ten")])
def test_a_limit_that_would_empty_the_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, "-m", "pyjobs.prune_runs", "--runs", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, name in done.stderr) == (78, True)


def test_two_prunes_at_once_remove_each_run_once_and_neither_fails(tmp_path: Path) -> None:
    for number in range(40):
        make_run(tmp_path, f"20200101T0000{number:02}Z-0001", files=20)
    fresh = make_run(tmp_path, new_run_id(datetime.now(UTC)))
    command = [sys.executable, "-m", "pyjobs.prune_runs", "--runs", str(tmp_path)]
    command += ["--keep-days", "1", "--max-share", "100"]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [child.wait() for child in both] == [0, 0]
    assert names(tmp_path) == {fresh.name}


BUILDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from pyjobs.runs import manifest
from pyjobs.runs.run_folder import begin, new_run_id, publish
print("go", flush=True)
while True:
    now = datetime.now(UTC)
    building = begin(Path(sys.argv[1]), new_run_id(now))
    for number in range(20):
        (building.path / f"reports/{number}").write_text("x" * 5000)
    told = {"run_id": building.run_id, "desk": "d", "session": None, "status": "ok", "steps": [], "inputs": {}}
    about = manifest.About(started=now, finished=now, **told)
    manifest.write(building.path, manifest.build(building.path, about))
    publish(building)
"""
PRUNER = """
import sys
sys.path.insert(0, sys.argv[2])
from pyjobs import prune_runs
print("go", flush=True)
while True:
    prune_runs.main(["--runs", sys.argv[1], "--keep-max-runs", "1", "--max-share", "100"])
"""


def start(code: str, runs: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-c", code, str(runs), str(ROOT)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"go\n"
    return child


def test_whoever_is_killed_whenever_a_run_that_looks_finished_is_whole(tmp_path: Path) -> None:
    seeded = random.Random(20261120)
    rounds = killed_inside = 0
    while rounds < 8 or (not killed_inside and rounds < 100):
        rounds += 1
        builder, pruner = start(BUILDER, tmp_path), start(PRUNER, tmp_path)
        time.sleep(seeded.uniform(0.02, 0.15))
        for child in (pruner, builder):
            child.send_signal(signal.SIGKILL)
            child.communicate()
        killed_inside += any(name.startswith((".building-", ".removing-")) for name in names(tmp_path))
        for run in finished_runs(tmp_path):
            assert manifest.verify(run) == []
    assert killed_inside
    assert prune_now(tmp_path, "--max-share", "100") == 0
    assert not any(name.startswith(".removing-") for name in names(tmp_path))
