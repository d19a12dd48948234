"""Another user of the box locks whatever he can open while jobs work: none waits for him, none is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyjobs.runs import run_folder
from pyjobs.runs.nights import signal_queue
from tests.support.stranger import stranger
from tests.verbs import test_nightly as nights
from utils.files import os_files, private

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """That anyone may enter; pytest's own folders are for their owner."""
    (tmp_path / "home").mkdir(mode=0o755)
    return tmp_path / "home"


def test_a_stranger_gets_what_anyone_may_read_and_nothing_that_is_locked(home: Path) -> None:
    building = run_folder.begin(home / "data/server_runs", "20261120T131000Z-0001")
    with signal_queue.opened(home / "data/queue/d.sqlite"):
        pass
    for name in (*private.FILES, ".locks/a.lock", "data/providers/state/a.json", "logs/history.jsonl", "logs/a.log"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).touch()
    private.restrict(str(home))
    for name in private.FILES:  # that were left open by an older version, and are used now
        with os_files.locked(home / name, 1.0):
            pass
    assert private.problems(str(home)) == []
    (building.path / "manifest.json").touch()
    with stranger(home) as got:
        pass
    assert [each for each in got if not (home / each).is_dir()] == ["logs/a.log"]
    assert building.path.name not in str(got)
    assert run_folder.publish(building).stat().st_mode & 0o777 == 0o755


LOOP = "loops: {own: {exchange: HAND, symbol: AAA, market: XKRX, timeframe: 1d, strategy: ma_cross}}\n"
NOW = "1795143600"  # 2026-11-20 12:00 in Seoul
HUNG_S = 300  # three waits of the longest kind, on a busy machine


def jobs(home: Path) -> dict[str, list[str]]:
    """What a box does of a day, each as cron or a person starts it."""
    batch, verb = f"{ROOT}/batch", [sys.executable, "-m"]
    desk = ["--desk", str(home / "desk.yaml")]
    return {
        "nightly": [f"{batch}/run_nightly.sh", *desk],
        "live": [*verb, "pyjobs.live_step", "--all", "--no-fetch"],
        "backup": [f"{batch}/run_backup.sh"],
        "prune": [f"{batch}/run_prune.sh"],
        "eod": [f"{batch}/run_report_eod.sh", *desk],
        "backtest": [*verb, "pyjobs.run_bt", "--strategy", "ma_cross", *desk],
        "why": [*verb, "pyjobs.why"],
        "health": [*verb, "pyjobs.healthcheck", *desk],
    }


def day(home: Path, **more: str) -> dict[str, tuple[int, str]]:
    """Exit code and words of each job; one that hangs ends it."""
    env = {**os.environ, "NIGHTDESK_HOME": str(home), "PYTHONBIN": sys.executable, "NIGHTDESK_NOW": NOW}
    env |= {"ALLOW_NET_FETCH": "0", "XDG_CONFIG_HOME": str(home), **more}
    found = {}
    for name, argv in jobs(home).items():
        began = time.monotonic()
        ended = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=HUNG_S, check=False)
        found[name] = (ended.returncode, ended.stdout + ended.stderr)
        print(f"{name}: {time.monotonic() - began:.1f} s")
    return found


def a_desk(home: Path) -> None:
    nights.make_desk(home)
    (home / "secret").mkdir()
    (home / "secret/live.yaml").write_text(LOOP)


NOTING = """
import fcntl, os
flock = fcntl.flock
def noting(fd, how):
    with open(os.environ["NOTED"], "a") as file:
        file.write(os.readlink(f"/proc/self/fd/{fd if isinstance(fd, int) else fd.fileno()}") + "\\n")
    return flock(fd, how)
fcntl.flock = noting
"""


@pytest.mark.torture
def test_a_whole_day_goes_as_without_him(home: Path, tmp_path: Path) -> None:
    a_desk(home)
    (tmp_path / "sitecustomize.py").write_text(NOTING)
    alone = day(home, PYTHONPATH=str(tmp_path), NOTED=str(tmp_path / "noted"))
    locked = {path for path in map(Path, (tmp_path / "noted").read_text().splitlines()) if path.is_file()}
    of_table = {Path(path) for path, _ in private._looked_at(str(home))}
    elsewhere = {path for path in locked if path.is_relative_to(home)} - of_table
    assert locked & of_table and not elsewhere, "what a day locks, and the table does not know"
    assert {name: code for name, (code, _) in alone.items() if code and name != "health"} == {}, alone
    with stranger(home) as got:
        watched = day(home)
    assert {name: code for name, (code, _) in watched.items()} == {name: code for name, (code, _) in alone.items()}
    assert len(got) > 100
    assert [name for name in got if name.startswith((".locks/", "data/queue/", "data/backups/"))] == []
    assert [name for name in got if ".building-" in name] == []
    last = [json.loads(line) for line in (home / "logs/history.jsonl").read_text().splitlines()]
    assert [each["outcome"] for each in last] == ["ok"] * len(last)
    assert not re.search("locked|busy", "".join(words for _, words in watched.values()))


@pytest.mark.torture
def test_where_somebody_has_let_him_in_every_job_ends_in_time_and_says_who_is_in_its_way(home: Path) -> None:
    a_desk(home)
    day(home)
    subprocess.run(["chmod", "-R", "a+rX", home], check=True)
    with stranger(home) as got:
        watched = day(home)
    assert ".locks/nightly.lock" in got and "logs/history.jsonl" in got and "data/queue/small.sqlite" in got
    told = {name: words for name, (_, words) in watched.items()}
    for name in ("nightly", "backup", "prune", "eod"):
        assert "busy: " in told[name] and "is held by pid" in told[name], told[name]
    assert watched["live"][0] == 75 and "another process works on this loop" in told["live"]
    assert watched["backtest"][0] in (0, 75), told["backtest"]
    assert watched["health"][0] == 3 and "history.jsonl' is kept locked by pid" in told["health"], told["health"]
    assert re.search(r"nightly.lock' is held by pid \d+ of user 65534, and its job is busy", told["health"])
    assert all("Traceback" not in words for words in told.values())
