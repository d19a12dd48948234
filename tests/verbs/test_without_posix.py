"""What a person runs on a PC with Windows needs no fcntl, pwd, resource or os.fork: each verb to its end without."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pyjobs.account.portfolio import simulate
from pyjobs.account.single import many_sets
from pyjobs.strategy import compiled
from utils.csv_text import lines as csv_lines

ROOT = Path(__file__).resolve().parents[2]
DESK = "config/desk.sample.yaml"
NOW_S = 1_719_900_000  # 2 July 2024
VERBS = {
    "import_bars": ("--desk", DESK),
    "scan": ("--desk", DESK),
    "run_bt": ("--desk", DESK, "--strategy", "ma_cross", "--benchmarks", "SMPIDX"),
    "run_sweep": ("--desk", DESK, "--strategy", "ma_cross", "--sweep", "fast=5,10", "--workers", "2"),
    "check_strategy": ("ma_cross",),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A lock without flock is the file itself, and the loops' lock file stays once a process with flock has made it.
    for compiled_loops in (csv_lines._loops, compiled.library, many_sets.library, simulate._library):
        compiled_loops()
    made = tmp_path_factory.mktemp("pc")
    run(made, "-m", "pyjobs.make_sample", "--end", "2024-06-28")
    return made


def run(home: Path, *command: str) -> str:
    env = {**os.environ, "NIGHTDESK_HOME": str(home), "ALLOW_NET_FETCH": "0", "NIGHTDESK_NOW": str(NOW_S)}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def without(home: Path, *verb: str) -> str:
    return run(home, "-m", "tests.verbs.support.without_posix", *verb)


def test_each_ends_well_with_the_figures_of_a_system_with_everything(home: Path, tmp_path: Path) -> None:
    """All in one process: what a first verb has left in memory is what a shell's next process would read again."""
    again = ("compare_runs", "--strategy", "ma_cross")
    sweep = ("run_sweep", *VERBS["run_sweep"], "--root")
    asked = [(verb, *flags) for verb, flags in VERBS.items() if verb != "run_sweep"]
    asked += [("run_bt", *VERBS["run_bt"]), again, (*sweep, str(tmp_path / "bare"))]
    said = without(home, *[word for words in asked for word in ("and", *words)][1:])
    assert re.findall(r"(?m)^(\w+) ended well$", said) == [words[0] for words in asked]
    assert "SAME" in said
    run(home, "-m", "pyjobs.run_sweep", *sweep[1:], str(tmp_path / "whole"))
    bare, whole = (next((tmp_path / name).glob("*/*.csv")).read_bytes() for name in ("bare", "whole"))
    assert bare == whole


def test_where_there_is_no_flock_a_lock_still_keeps_a_second_one_out(tmp_path: Path) -> None:
    script = tmp_path / "locks.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom utils.files import os_files\n"
        f"path = Path({str(tmp_path / 'a.lock')!r})\n"
        "assert not os_files.HAS_FLOCK\n"
        "with os_files.locked(path, 1):\n"
        "    try:\n"
        "        with os_files.locked(path, 0.2):\n"
        "            print('both')\n"
        "    except os_files.HeldElsewhere:\n"
        "        print('one')\n"
        "with os_files.locked(path, 1):\n"
        "    print('again')\n"
    )
    assert without(tmp_path, str(script)).split()[:2] == ["one", "again"]
