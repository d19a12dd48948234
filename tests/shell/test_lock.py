"""Contract 1: one run at a time, the others say who holds the lock; two jobs never share one; nothing leaks it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import filelock
import pytest

from tests.shell.conftest import HANGS_S, House, wait_for


def lock(house: House, *argv: str) -> list[str]:
    return [house.link("run_with_lock.sh"), *argv]


def test_of_200_starts_at_once_one_runs_and_the_others_say_who_holds_the_lock(house: House) -> None:
    ran, gate = house.home / "ran", house.home / "gate"
    job = f"echo $$ >>'{ran}'; until [ -e '{gate}' ]; do sleep 0.1; done; exit 7"
    starts = [house.start(lock(house, "--name", "one", "sh", "-c", job), LOCK_BUSY_RC="75") for _ in range(200)]
    refused = [s for s in starts if s.poll() is not None]
    until = time.monotonic() + HANGS_S
    while len(refused) < 199 and time.monotonic() < until:
        time.sleep(0.05)
        refused = [s for s in starts if s.poll() is not None]
    gate.touch()
    codes = sorted(s.wait(timeout=HANGS_S) for s in starts)
    assert codes == [7] + [75] * 199
    assert len(ran.read_text().split()) == 1
    (winner,) = (s.pid for s in starts if s.returncode == 7)
    for start in starts:
        if start.returncode == 75:
            said = start.stderr.read().decode()
            assert re.search(rf"busy: 'one' is held by pid {winner} for \d+ s: 'sh' '-c' ", said), said


def test_a_busy_lock_is_0_for_cron_unless_asked_and_is_in_the_history(house: House) -> None:
    up = house.home / "up"
    first = house.start(lock(house, "--name", "a@BTCUSD-1m", "sh", "-c", f"touch '{up}'; sleep 300"))
    wait_for(up)
    assert house.run(lock(house, "--name", "a@BTCUSD-1m", "true")).returncode == 0
    assert house.run(lock(house, "--name", "a@ETHUSD-1m", "sh", "-c", "exit 4")).returncode == 4
    assert [(r["job"], r["instance"], r["outcome"]) for r in house.history()] == [("a", "@BTCUSD-1m"[1:], "skip:busy")]
    first.terminate()
    assert first.wait(timeout=HANGS_S) == 143


def test_jobs_are_named_after_their_script_not_after_the_runner(house: House, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        script = tmp_path / folder / "same.sh"
        script.write_text("#!/bin/sh\nexit 3\n")
        script.chmod(0o755)
        assert house.run(lock(house, str(script))).returncode == 3
    for job in ("scanner", "report"):
        house.run(lock(house, house.link("_run_generic.sh"), "--log", job, "--", "true"))
    names = sorted(p.name for p in (house.home / ".locks").glob("*.lock"))
    assert len(names) == 4
    assert names[2:] == ["report.lock", "scanner.lock"]


def test_awkward_names_stay_inside_the_lock_folder_and_apart(house: House) -> None:
    for name in ("../../escape", "BTC/USD", "BTC%2FUSD", "a b", "-n"):
        assert house.run(lock(house, "--name", name, "true")).returncode == 0
    assert sorted(p.name for p in (house.home / ".locks").glob("*.lock")) == [
        "-n.lock",
        "..%2F..%2Fescape.lock",
        "BTC%252FUSD.lock",
        "BTC%2FUSD.lock",
        "a_b.lock",
    ]


def test_python_s_filelock_sees_the_same_lock_both_ways(house: House) -> None:
    path = house.home / ".locks" / "shared.lock"
    up = house.home / "up"
    ours = house.start(lock(house, "--name", "shared", "sh", "-c", f"touch '{up}'; sleep 300"))
    wait_for(up)
    with pytest.raises(filelock.Timeout):
        filelock.FileLock(path, timeout=0).acquire()
    ours.terminate()
    ours.wait(timeout=HANGS_S)
    with filelock.FileLock(path, timeout=HANGS_S):
        refused = house.run(lock(house, "--name", "shared", "sh", "-c", "exit 4"))
    assert refused.returncode == 0
    assert f"is held by pid {os.getpid()}" in refused.stderr.decode()
    assert path.exists(), "a lock file is never deleted"
    assert house.run(lock(house, "--name", "shared", "sh", "-c", "exit 4")).returncode == 4


def test_a_daemon_that_a_job_leaves_behind_does_not_hold_the_lock(house: House) -> None:
    assert (
        house.run(lock(house, "--name", "d", "sh", "-c", "setsid sleep 300 >/dev/null 2>&1 & exit 6")).returncode == 6
    )
    assert house.run(lock(house, "--name", "d", "sh", "-c", "exit 4")).returncode == 4
    assert not house.wait_until_gone(0)


def test_a_script_is_found_from_where_the_caller_stands_and_a_missing_one_is_127(house: House, tmp_path: Path) -> None:
    script = tmp_path / "here.sh"
    script.write_text("#!/bin/sh\nexit 5\n")
    script.chmod(0o755)
    argv = lock(house, "--name", "x", "./here.sh")
    assert subprocess.run(argv, cwd=tmp_path, env=house.env(), stdin=subprocess.DEVNULL).returncode == 5
    assert house.run(lock(house, "--name", "x", "/no/such/script")).returncode == 127


def test_a_lock_folder_that_cannot_be_made_is_73_and_named(house: House) -> None:
    (house.home / ".locks").write_text("in the way")
    ended = house.run(lock(house, "--name", "x", "true"))
    assert ended.returncode == 73
    assert str(house.home / ".locks") in ended.stderr.decode()


def test_without_flock_nothing_runs_and_the_missing_program_is_named(house: House, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "env", "mkdir", "grep"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
        (tools / tool).symlink_to(found)
    ended = house.run(lock(house, "--name", "x", "true"), PATH=str(tools), NIGHTDESK_ENTERED=str(house.clone))
    assert ended.returncode == 78
    assert b"flock is not installed" in ended.stderr


def test_a_bash_that_is_too_old_is_named_with_its_version(house: House) -> None:
    source = (house.clone / "jobs" / "lib.sh").read_text()
    check = source[source.index("if [ -z") : source.index("set -euo pipefail")]
    ended = house.run(["sh", "-c", check])  # dash has no BASH_VERSINFO, as a bash of long ago
    assert ended.returncode == 78
    assert b"needs 4.4 or newer" in ended.stderr


def test_standard_input_reaches_a_locked_script_and_arguments_stay_whole(house: House) -> None:
    ended = subprocess.run(
        lock(
            house, "--name", "in", sys.executable, "-c", "import sys; print(sys.argv[1:], sys.stdin.read())", "a b", "*"
        ),
        env=house.env(),
        input=b"from stdin",
        capture_output=True,
    )
    assert ended.stdout == b"['a b', '*'] from stdin\n"
