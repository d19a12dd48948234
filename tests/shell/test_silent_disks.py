"""A disk or server that has gone away under `data/` or `logs/`: no job waits for it for ever, none ends as if well."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shell.conftest import FRIDAY_NOON_IN_SEOUL, ROOT, House

SATURDAY = FRIDAY_NOON_IN_SEOUL + 86_400
IMPATIENT = """
import sys, time; sys.path[:0] = [sys.argv[1] + "/jobs", sys.argv[1]]
import code_lock, supervise
code_lock.PATIENCE_S = 0.01
supervise.private.restrict = lambda home: time.sleep(2)
supervise.main(["--log", sys.argv[2] + "/logs/job.log", "--job", "job@x", "--", "true"])
"""


@pytest.fixture
def house(tmp_path: Path) -> House:
    for name in ("data", "logs"):
        (tmp_path / name).mkdir()
    return House(home=tmp_path)


def test_a_job_that_would_wait_for_ever_before_its_time_limit_runs_is_a_failure_that_names_the_folder(
    house: House,
) -> None:
    argv = [sys.executable, "-I", "-S", "-c", IMPATIENT, str(ROOT), str(house.home)]
    done = house.run(argv, NIGHTDESK_CODE="free")
    assert done.returncode == 73
    assert done.stderr.decode() == (
        f"supervise: '{house.home}/data' has not answered for 0 s: the disk or server that it lies on is away "
        "(mount, dmesg); mend that. The job was not started\n"
    )
    (told,) = house.history()
    assert (told["job"], told["instance"], told["code"], told["outcome"], told["attempts"]) == (
        "job",
        "x",
        73,
        "fail",
        0,
    )


SLOW = 'put() { sleep 1; }; PATIENCE_S=0.05; add "$1/logs/x.log" line; echo "$?"'


def test_a_line_that_its_disk_does_not_take_costs_a_while_and_is_no_success(house: House) -> None:
    (house.home / "elsewhere").mkdir()
    (house.home / "logs").rmdir()
    (house.home / "logs").symlink_to("elsewhere")
    script = f'. "{ROOT}/jobs/lib.sh"; ' + SLOW
    began = time.monotonic()
    done = house.run(["bash", "-c", script, "job.sh", str(house.home)])
    assert (done.returncode, done.stdout) == (73, b"") and time.monotonic() - began < 5
    assert f"cannot add to {house.home}/logs/x.log: its disk or server has not answered" in done.stderr.decode()


@pytest.mark.torture
@pytest.mark.parametrize("place", ["data", "logs"])
@pytest.mark.parametrize("now", [FRIDAY_NOON_IN_SEOUL, SATURDAY])
def test_no_job_hangs_and_none_is_green_where_a_server_has_gone_away(house: House, place: str, now: int) -> None:
    server = [sys.executable, str(ROOT / "tests/support/silent_server.py"), str(house.home / place), "asleep"]
    if subprocess.run([*server, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here (root and /dev/fuse are needed)")
    done = house.run([*server, str(ROOT / "batch/run_scanner.sh")], timeout_s=150, NIGHTDESK_NOW=str(now))
    if place == "data" and now == SATURDAY:
        assert done.returncode == 0  # no session: nothing of data/ is needed
        return
    assert done.returncode == 73
    assert f"{house.home}/{place}" in done.stderr.decode() and b"has not answered" in done.stderr
    assert [each["code"] for each in house.history()] == ([73] if place == "data" else [])
    assert list((house.home / place).iterdir()) == []
