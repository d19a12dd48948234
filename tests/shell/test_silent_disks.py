"""A disk or server that has gone away under `data/` or `logs/`: no job waits for it for ever, none ends as if well."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.shell.conftest import APART, FRIDAY_NOON_IN_SEOUL, HANGS_S, ROOT, House, child_of
from tests.shell.test_own_records import job_log  # noqa: F401  # a fixture
from utils import history

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


STUCK = """
import os, sys, time; sys.path[:0] = [sys.argv[1] + "/jobs", sys.argv[1]]
import code_lock, supervise
code_lock.is_pending = lambda *_: False
supervise.UNANSWERED.append("a disk")
end, keeper = os._exit, os.getpid()
os._exit = lambda code: end(code) if os.getpid() == keeper else time.sleep(60)
supervise.main(["--log", sys.argv[2] + "/logs/job.log", "--job", "job", "--", "true"])
"""


def test_a_worker_that_cannot_end_for_a_disk_locks_nothing_and_is_not_waited_for(house: House) -> None:
    argv = [sys.executable, "-I", "-S", "-c", STUCK, str(ROOT), str(house.home)]
    done = house.run(argv, timeout_s=50, NIGHTDESK_ENTERED=str(house.home))
    left = house.processes()
    try:
        assert done.returncode == 0 and len(left) == 1
        with (house.home / ".locks/code.lock").open() as code:
            fcntl.flock(code, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        for pid in left:
            os.kill(pid, 9)


def test_a_keeper_learns_that_its_worker_was_killed_while_the_command_is_being_started(house: House) -> None:
    hangs = "supervise.Tree._exec = staticmethod(lambda *_: time.sleep(60))"  # as of a program on a disk that is away
    script = STUCK.replace('supervise.UNANSWERED.append("a disk")', hangs).replace("os._exit = ", "_ = ")
    argv = [sys.executable, "-I", "-S", "-c", script, str(ROOT), str(house.home)]
    keeper = house.start(argv, NIGHTDESK_ENTERED=str(house.home), TERM_GRACE_S="0.05")
    worker = child_of(keeper.pid)
    child_of(worker)
    os.kill(worker, 9)
    try:
        assert b"exit 137" in keeper.communicate(timeout=HANGS_S / 10)[1] and keeper.returncode == 137
    finally:
        for pid in house.processes():
            os.kill(pid, 9)


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


def test_a_skip_whose_log_does_not_answer_leaves_nothing_that_looks_like_a_killed_run(house: House) -> None:
    (house.home / "logs").rmdir()
    (house.home / "logs").symlink_to("data")
    clone = House(home=house.home, clone=house.home / "clone")
    shutil.copytree(ROOT / "jobs", clone.clone / "jobs")
    (clone.clone / "config").symlink_to(ROOT / "config")
    add = clone.clone / "jobs/add.sh"
    slow = "put() { [[ $1 == */.locks/* ]] || sleep 0.2; }\n"
    add.write_text(add.read_text().replace("PATIENCE_S=30", "PATIENCE_S=0.05") + slow)
    done = clone.run(clone.chain("true", options=("--guard", "td")), NIGHTDESK_NOW=str(SATURDAY))
    assert done.returncode == 73 and b"cannot add to" in done.stderr
    assert (house.home / ".locks/job.holder").read_bytes() == b""


def test_locks_on_a_disk_that_has_gone_away_before_the_start_are_named_and_not_waited_for(house: House) -> None:
    (house.home / ".locks").mkdir()
    server = [sys.executable, str(ROOT / "tests/support/silent_server.py"), str(house.home / ".locks"), "asleep"]
    if subprocess.run([*server, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here (root and /dev/fuse are needed)")
    script = f'. "{ROOT}/jobs/lib.sh"; PATIENCE_S=0.05; must_answer "$1"; echo started'
    done = house.run([*server, "bash", "-c", script, "job.sh", str(house.home)], NIGHTDESK_ENTERED=str(ROOT))
    assert (done.returncode, done.stdout) == (73, b"")
    assert f"job.sh: '{house.home}/.locks' has not answered for 0.05 s: the disk" in done.stderr.decode()


def test_a_log_whose_disk_stops_answering_costs_lines_and_goes_on_when_it_is_back(
    job_log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_log, "PATIENCE_S", 0.1)
    monkeypatch.setattr(job_log, "MOST_WAITING", 1000)
    read_end, write_end = os.pipe()  # one that is full answers a writer as a disk that is away does: not at all
    os.set_blocking(write_end, False)
    filled = os.write(write_end, bytes(1 << 20))
    os.set_blocking(write_end, True)
    log = job_log.Scribe(write_end)
    for piece in (b"in the call", b"a" * 980, b"b" * 20):  # what waits may be a thousand bytes
        log.put(piece)
    began = time.monotonic()
    log.put(b"too much")
    log.put(b"and more, at once")
    assert 0.05 < time.monotonic() - began < HANGS_S
    assert not log.is_done() and log.problem == "has not answered for 0 s"
    assert log.unwritten() == 11 + 980 + 20 + 8 + 17
    received = bytearray()
    while len(received) < filled + 11 + 980 + 20:
        received += os.read(read_end, 1 << 20)
    assert received[filled:] == b"in the call" + b"a" * 980 + b"b" * 20
    assert log.is_done() and log.unwritten() == 8 + 17
    log.put(b"back")
    assert os.read(read_end, 100) == b"back"


def test_a_slow_disk_that_takes_piece_after_piece_is_not_called_dead(job_log: Any) -> None:
    log, waits = job_log.Scribe(1), []

    class Idle:
        """One piece ends and the next begins during the first wait; all is written in the second."""

        def acquire(self, timeout: float) -> bool:
            waits.append(timeout)
            log._began = time.monotonic()
            return len(waits) > 1

        def release(self) -> None:
            pass

    log._at_work, log._idle, log._began = True, Idle(), time.monotonic() - 29
    assert log.is_done() and log.problem == ""
    assert waits[0] < 2 and waits[1] > 20


def test_what_was_kept_aside_is_brought_to_the_history_once(tmp_path: Path) -> None:
    home = str(tmp_path)
    (tmp_path / ".locks").mkdir()
    history.bring(home)  # there is nothing
    history.append(home + history.NEWEST, {"job": "known", "end": 1})
    with (tmp_path / "logs/history.jsonl").open("a") as file:
        file.write('{"job":"torn')
    for name in ("known", "new"):
        history.append(home + history.ASIDE, {"job": name, "end": 1})
    history.bring(home)
    history.bring(home)
    assert (tmp_path / "logs/history.jsonl").read_text().splitlines() == [
        '{"job":"known","end":1}', '{"job":"torn', '{"job":"new","end":1}',
    ]  # fmt: skip
    assert (tmp_path / ".locks/history.jsonl").read_bytes() == b""
    history.append(home + history.ASIDE, {"job": "later", "end": 2})
    (tmp_path / "logs/history.jsonl").unlink()
    (tmp_path / "logs/history.jsonl").mkdir()
    with pytest.raises(OSError):
        history.bring(home)
    assert (tmp_path / ".locks/history.jsonl").read_text() == '{"job":"later","end":2}\n'


def test_a_line_that_is_kept_aside_while_another_run_brings_them_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside, lock = str(tmp_path) + history.ASIDE, history.lock
    history.append(aside, {"job": "first"})

    def waited(fd: int) -> bool:
        monkeypatch.setattr(history, "lock", lock)
        history.append(aside, {"job": "second"})
        return lock(fd)

    monkeypatch.setattr(history, "lock", waited)
    history.bring(str(tmp_path))
    assert (tmp_path / "logs/history.jsonl").read_text() == '{"job":"first"}\n{"job":"second"}\n'
    assert (tmp_path / ".locks/history.jsonl").read_bytes() == b""


FREEZE = """
set -eu; home=$1 at=$2; shift 2
truncate -s 16M "$home/../disk" && mkfs.ext4 -q "$home/../disk" && mount -o loop "$home/../disk" "$at" || exit 77
mkdir -p "$home/logs"; trap 'fsfreeze -u "$at"' EXIT
"$@" & job=$!
while [ ! -e "$home/../begun" ]; do sleep 0.05; done
sleep 0.5; fsfreeze -f "$at"
code=0; wait "$job" || code=$?
flock -n "$LOCK" true && echo free
exit "$code"
"""
SAYS = 'echo first; : >"$0"; sleep 1.5; echo second; exec sleep "$1"'


@pytest.mark.torture
@pytest.mark.parametrize(("sleeps", "ended"), [("300", 124), ("0", 0)])
@pytest.mark.parametrize("place", ["logs", "home"])
def test_a_disk_that_dies_while_a_job_runs_keeps_neither_the_job_nor_its_lock(
    house: House, place: str, sleeps: str, ended: int
) -> None:
    begun, at = house.home.parent / "begun", house.home / "logs" if place == "logs" else house.home
    at.mkdir(exist_ok=True)
    chain = house.chain("sh", "-c", SAYS, str(begun), sleeps, options=("--timeout", "6"))
    argv = [*APART, "bash", "-c", FREEZE, "freeze", str(house.home), str(at), *chain]
    done = house.run(argv, timeout_s=HANGS_S, PATH="/usr/sbin:/usr/bin:/bin", LOCK=str(house.home / ".locks/job.lock"))
    if done.returncode == 77:
        pytest.skip("no disk can be mounted and frozen here (root and /dev/loop0 are needed)")
    assert (done.returncode, done.stdout) == (73, b"free\n"), done
    mail = done.stderr.decode().splitlines()
    assert mail[0].startswith(f"supervise: job: exit 73 (fail); log: {house.home}/logs/job_")
    assert "has not answered for 30 s, " in mail[0] and f"The job itself ended with {ended}" in mail[0]
    assert mail[1:] == ["  first", "  second"]
    if place == "logs":
        (aside,) = (house.home / ".locks/history.jsonl").read_text().splitlines()
        assert house.run(house.chain("true")).returncode == 0
        assert [each["code"] for each in house.history()] == [73, 0] and json.loads(aside) == house.history()[0]


@pytest.mark.torture
@pytest.mark.parametrize("place", ["data", "logs", ".locks"])
@pytest.mark.parametrize("now", [FRIDAY_NOON_IN_SEOUL, SATURDAY])
def test_no_job_hangs_and_none_is_green_where_a_server_has_gone_away(house: House, place: str, now: int) -> None:
    (house.home / place).mkdir(exist_ok=True)
    server = [sys.executable, str(ROOT / "tests/support/silent_server.py"), str(house.home / place), "asleep"]
    if subprocess.run([*server, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here (root and /dev/fuse are needed)")
    done = house.run([*server, str(ROOT / "batch/run_scanner.sh")], timeout_s=150, NIGHTDESK_NOW=str(now))
    if place == "data" and now == SATURDAY:
        assert done.returncode == 0  # no session: nothing of data/ is needed
        return
    assert done.returncode == 73
    assert f"{house.home}/{place}" in done.stderr.decode() and b"has not answered" in done.stderr
    assert [each["code"] for each in house.history()] == ([] if place == "logs" else [73])
    assert place != "logs" or b'"code":73,"outcome":"fail"' in (house.home / ".locks/history.jsonl").read_bytes()
    assert list((house.home / place).iterdir()) == []
