"""Whoever reads what others put here waits for it no longer than so many seconds."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.one_by_one.support.market_table import DESK, GOOD
from tests.one_by_one.support.runs_table import IDS
from tests.one_by_one.test_one_by_one import preload
from tests.runs.test_run_folder import make_run
from utils.files.in_time import within

ROOT = Path(__file__).resolve().parents[2]
IMPORT = """
import sys, json; from pathlib import Path
from pyjobs.market.dumps.reading import opened; from utils.files import text_files
text_files.bytes_of.__defaults__ = (0.5,)
from tests.one_by_one.support.market_table import imported
print(json.dumps(imported(Path(sys.argv[1]))))
"""


def test_what_answers_in_time_is_returned_or_raised_and_what_does_not_is_named(tmp_path: Path) -> None:
    assert within(5, lambda: 7, tmp_path) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0, tmp_path)
    with pytest.raises(OSError, match="has not answered for 0 s") as raised:
        within(0.01, lambda: time.sleep(1), tmp_path / "x")
    assert raised.value.errno == errno.ETIMEDOUT and raised.value.filename == str(tmp_path / "x")


def test_a_price_file_on_a_server_that_has_gone_away_costs_its_own_series_only(tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "desk.yaml").write_text(DESK)
    for name in "ABC":
        (tmp_path / f"dumps/{name}.csv").write_text(GOOD)
    env = preload(tmp_path) | {"BAD_PATH": str(tmp_path / "dumps/B.csv"), "BAD_CALLS": "hang"}
    env |= {"NIGHTDESK_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join((str(ROOT), env.get("PYTHONPATH", "")))}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, tmp_path], cwd=ROOT, env=env, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout.splitlines()[-1]) == ["A", "C"]


HEALTH = """
from pyjobs.runs.verdict import findings
findings.Asked.__init__.__defaults__ = (1.0,)
findings.ONCE_SILENT_S = 0.5
from pyjobs import healthcheck
print(healthcheck.main(["--json", "1"]))
"""


def silent(folder: Path, how: str, *command: str) -> list[str]:
    """A command line in whose eyes `folder` lies on a server that has gone away; skips where nothing can be mounted."""
    argv = [sys.executable, str(ROOT / "tests/support/silent_server.py"), str(folder), how]
    if subprocess.run([*argv, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here (root and /dev/fuse are needed)")
    return [*argv, *command]


@pytest.mark.parametrize(
    "place", ["data/server_runs", *(pytest.param(each, marks=pytest.mark.torture) for each in ("data/queue", "logs"))]
)
def test_health_names_a_server_that_has_gone_away_and_all_else_has_its_say(place: str, tmp_path: Path) -> None:
    (tmp_path / place).mkdir(parents=True)
    env = {**os.environ, "NIGHTDESK_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    argv = silent(tmp_path / place, "asleep", sys.executable, "-c", HEALTH)
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, timeout=100, check=False)
    assert done.stdout.splitlines()[-1] == b"3", done.stderr.decode()
    said = json.loads(done.stdout.rpartition(b"}")[0] + b"}")
    silences = [each for each in said["checks"] if "has not answered for" in each["detail"]]
    assert silences and all(each["state"] == "FAIL" and str(tmp_path) in each["detail"] for each in silences)
    assert {"clock", "backup", "run", "storage"} - {each["name"] for each in silences} <= {
        each["kind"] for each in said["checks"]
    }


MANIFESTS = """
import sys, json, time; from pathlib import Path; from utils.files import os_files; os_files.PATIENCE_S = 0.5
from pyjobs.runs import forecast, prune
began = time.monotonic(); folder = Path(sys.argv[1])
print(json.dumps([[each.name, each.status] for each in prune.look(folder)]))
assert forecast.of_runs(folder, free_bytes=1, environ={}).night_mb > 0 and time.monotonic() - began < 20
"""


def test_a_manifest_on_a_server_that_has_gone_away_costs_its_own_run_only(tmp_path: Path) -> None:
    for each in IDS:
        make_run(tmp_path / "runs", each)
    env = preload(tmp_path) | {"BAD_PATH": str(tmp_path / "runs" / IDS[1] / "manifest.json"), "BAD_CALLS": "hang"}
    env |= {"NIGHTDESK_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join((str(ROOT), env.get("PYTHONPATH", "")))}
    done = subprocess.run(
        [sys.executable, "-c", MANIFESTS, tmp_path / "runs"], cwd=ROOT, env=env, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    told = dict(json.loads(done.stdout.splitlines()[0]))
    assert (told[IDS[0]], told[IDS[2]]) == ("ok", "ok") and told[IDS[1]] != "ok"


EMPTY = """
import sys; from pathlib import Path; from pyjobs.runs import prune, run_folder; from utils.files import os_files
for each in (run_folder.finished_runs, prune.look, lambda at: os_files.matching(at, "*"), os_files.files_below):
    try:
        print(list(each(Path(sys.argv[1]))))
    except OSError as error:
        print(error.errno, error.filename)
"""


@pytest.mark.parametrize(
    "number", [errno.EIO, *(pytest.param(each, marks=pytest.mark.torture) for each in (errno.ETIMEDOUT, errno.ESTALE))]
)
def test_a_folder_whose_server_gives_an_error_is_no_empty_folder(number: int, tmp_path: Path) -> None:
    make_run(tmp_path / "runs", IDS[0])
    env = preload(tmp_path) | {"BAD_PATH": str(tmp_path / "runs"), "BAD_ERRNO": str(number)}
    env |= {"NIGHTDESK_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join((str(ROOT), env.get("PYTHONPATH", "")))}
    argv = [sys.executable, "-c", EMPTY, tmp_path / "runs"]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == [f"{number} {tmp_path / 'runs'}"] * 4, done.stderr


LISTED = {  # what each lists, and what a person is told of it
    "data/server_runs": [["prune_runs"], ["pin_run"], ["backup"], ["verify_run", "--all"]],
    "backtests": [["prune_runs", "--keep-backtest-days", "9"], ["compare_runs", "--strategy", "ma_cross"]],
    "data/raw": [["check_data"], ["gap_repair"]],
    "logs": [["prune_runs"], ["why"]],
    "data/cache": [["prune_runs"]],
}
PATIENT = """
import sys; from utils.files import os_files; os_files.PATIENCE_S = 0.5
import runpy; sys.argv = sys.argv[1:]; runpy.run_module("pyjobs." + sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("place", "verb"),
    [
        pytest.param(place, verb, marks=[] if verb[0] == "prune_runs" and place == "backtests" else pytest.mark.torture)
        for place, verbs in LISTED.items()
        for verb in verbs
    ],
)
def test_a_folder_that_its_server_does_not_list_is_named_and_no_skip(
    place: str, verb: list[str], tmp_path: Path
) -> None:
    for each in LISTED:
        (tmp_path / each).mkdir(parents=True)
    env = {**os.environ, "NIGHTDESK_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    argv = silent(tmp_path / place, "asleep", sys.executable, "-c", PATIENT, *verb)
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=100, check=False)
    said = done.stdout + done.stderr
    assert "Traceback" not in said and done.returncode in (65, 66, 73), said
    assert f"'{tmp_path / place}" in said and "has not answered for" in said, said
    assert verb[0] != "prune_runs" or place == "logs" or "0 logs removed: " in said  # all else is pruned
