"""What a tired person or Notepad wrote into the environment is named; every end leaves a record, also an early one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.shell.conftest import ROOT, House


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A clone that a test may spoil."""
    clone = tmp_path / "clone"
    for name in ("batch", "jobs", "config", "utils", "pyjobs"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    return clone


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NIGHTDESK_NOW", "2026-11-27"),
        ("NIGHTDESK_NOW", "tomorrow"),
        ("TERM_GRACE_S", "fast"),
        ("LOCK_BUSY_RC", "abc"),
        ("LOCK_BUSY_RC", "256"),
        ("RETRY_BUDGET_S", "long"),
        ("NEXT_START", "soon"),
        ("KEEP_DAYS", "a month"),
        ("ALLOW_NET_FETCH", "maybe"),
        ("MARKET", "XKRX\r"),
        ("NIGHTDESK_NOW", "1795800000000"),
        ("TERM_GRACE_S", "9" * 30),
        ("PRUNE_MAX_SHARE", "half"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_variable(house: House, name: str, value: str) -> None:
    ended = house.run(house.chain("true"), **{name: value})
    said = ended.stderr.decode()
    assert ended.returncode == 78, said
    assert f"{name}=" in said and "is not" in said
    assert "\r" not in said and len(said.splitlines()) == 1


@pytest.mark.parametrize(("name", "value"), [("TERM_GRACE_S", "0.5"), ("LOCK_BUSY_RC", "75"), ("KEEP_DAYS", "007")])
def test_a_value_that_can_be_is_taken(house: House, name: str, value: str) -> None:
    assert house.run(house.chain("true"), **{name: value}).returncode == 0


def test_a_file_with_windows_line_ends_says_how_to_mend_it(house: House, copy: Path) -> None:
    (copy / "config/env.local.sh").write_bytes(b"export MARKET=XKRX\r\n")
    house.clone = copy
    ended = house.run(house.chain("true"))
    assert ended.returncode == 78
    assert b"Windows line ends" in ended.stderr and b"tr -d" in ended.stderr


def test_a_dangling_environment_says_make_setup_and_is_recorded_as_the_job_s_end(house: House, copy: Path) -> None:
    (copy / ".venv").symlink_to(copy / "nowhere")
    house.run(["sh", "-c", 'cd "$1" && batch/run_report_eod.sh', "sh", str(copy)], PYTHONBIN="")  # as a crontab may
    assert [each["job"] for each in house.history()] == ["report_eod"]
    (house.home / "logs/history.jsonl").unlink()
    ended = house.run([str(copy / "batch/run_report_eod.sh")], PYTHONBIN="")
    assert (ended.returncode, b"make setup" in ended.stderr) == (78, True)
    (record,) = house.history()
    assert (record["job"], record["code"], record["outcome"], record["attempts"]) == ("report_eod", 78, "fail", 0)


def test_a_python_without_the_packages_says_make_setup(house: House, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]; sys.path.insert(0, sys.argv[1]); import pyjobs"
    ended = subprocess.run([sys.executable, "-S", "-c", code, str(ROOT)], capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, "make setup" in ended.stderr) == (78, True), ended.stderr
    assert house.home.is_dir()


def test_a_calendar_that_ended_is_recorded_as_a_failure_of_the_job(house: House) -> None:
    ended = house.run(house.chain("true", options=("--guard", "td")), NIGHTDESK_NOW="1900000000")
    assert ended.returncode == 78
    (record,) = house.history()
    assert (record["job"], record["code"], record["outcome"]) == ("job", 78, "fail")
    assert (house.home / ".locks/job.holder").read_text() == ""  # it held the lock and was not killed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open any file")
def test_a_lock_file_of_somebody_else_is_recorded(house: House) -> None:
    (house.home / ".locks").mkdir()
    (house.home / ".locks/job.lock").touch(mode=0)
    assert house.run(house.chain("true")).returncode == 73
    assert house.history()[0]["code"] == 73


def test_a_lock_without_a_holder_file_costs_one_line_of_stderr(house: House) -> None:
    import fcntl

    (house.home / ".locks").mkdir()
    with (house.home / ".locks/job.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = house.run(house.chain("true", options=("--market", "24/7")), NIGHTDESK_NOW="1795186800")
    assert len(ended.stderr.decode().splitlines()) == 1
    (record,) = house.history()
    assert (record["outcome"], record["session"]) == ("skip:busy", "2026-11-20")  # in Seoul it is Saturday already


def test_a_pid_in_a_file_that_does_not_hold_the_lock_is_not_said_to(house: House) -> None:
    import fcntl

    (house.home / ".locks").mkdir()
    (house.home / ".locks/job.holder").write_text("1\t1795000000\t'somebody else long ago'\n")
    with (house.home / ".locks/job.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = house.run(house.chain("true"))
    assert b"long ago" not in ended.stderr


def test_a_rehearsed_run_is_recorded_at_its_own_time(house: House) -> None:
    house.run(house.chain("true"), NIGHTDESK_NOW="1795143600")
    (record,) = house.history()
    assert 0 <= record["start"] - 1795143600 < 60


def test_health_prints_json_and_nothing_else_without_a_terminal(house: House) -> None:
    ended = house.run([str(ROOT / "batch/run_healthcheck.sh"), "--json", "1"], NIGHTDESK_NOW="1795143600")
    told = json.loads(ended.stdout)
    assert told["state"] == "FAIL" and ended.returncode == 3  # a house without any bars
