"""Contract 1: whoever is signalled, nothing of the job survives, no second run overlaps a live one, the lock frees."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shell.conftest import HANGS_S, House, child_of, wait_for

SLEEP = "import time; time.sleep(300)"
DOUBLE_FORK = f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        {SLEEP}
    os._exit(0)
os.wait()
"""
TREES = {
    "child": f"{SLEEP}",
    "background grandchild": f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{SLEEP}']); {SLEEP}",
    "ignores TERM": f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEP}",
    "setsid": f"import subprocess; subprocess.Popen(['sleep', '300'], start_new_session=True); {SLEEP}",
    "double fork": f"{DOUBLE_FORK}\n{SLEEP}",
    "holder of stdout": f"import subprocess; subprocess.Popen(['setsid', 'sleep', '300']); {SLEEP}",
}
LINKS = ("keeper", "worker", "job")
PATIENT = {"TERM_GRACE_S": "60"}  # also on a busy machine whoever ends on TERM has ended by then


def started(house: House, tree: str, name: str = "job", **env: str) -> tuple[dict[str, int], object]:
    """Start the tree under the whole chain; the pid of each link, once the job has come up."""
    up = house.home / f"up-{name}"
    body = TREES[tree].rpartition(SLEEP)
    code = f"{body[0]}open({str(up)!r}, 'w').close(); {SLEEP}"
    package = house.home / "own" / "pyjobs"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "tree.py").write_text(code)
    argv = house.chain(sys.executable, "-m", "pyjobs.tree", name=name)
    grace = {} if tree == "ignores TERM" else PATIENT
    process = house.start(argv, PYTHONPATH=str(house.home / "own"), **grace, **env)
    wait_for(up)
    links = {"keeper": process.pid}
    for above, link in itertools.pairwise(LINKS):
        links[link] = child_of(links[above])
    return links, process


def assert_next_run_starts_at_once(house: House) -> None:
    ended = house.run(house.chain("bash", "-c", "exit 9"))
    assert ended.returncode == 9, ended.stderr
    assert "busy" not in ended.stderr.decode()


def come_back_until_started(house: House) -> bytes:
    """Cron comes back every 50 ms: refused while anything is alive, then started. The stderr of the start."""
    until = time.monotonic() + HANGS_S
    while True:
        alive_before = house.processes()
        second = house.run(house.chain("bash", "-c", "exit 9"))
        if second.returncode == 9:
            return second.stderr
        assert b"busy" in second.stderr
        assert time.monotonic() < until, f"blocked by {alive_before}"
        time.sleep(0.05)


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("link", LINKS)
def test_sigterm_to_any_link_leaves_no_live_descendant(house: House, link: str, tree: str) -> None:
    links, process = started(house, tree)
    os.kill(links[link], signal.SIGTERM)
    if link == "job" and tree == "ignores TERM":
        os.kill(links["keeper"], signal.SIGTERM)
    assert process.wait(timeout=HANGS_S) == (137 if tree == "ignores TERM" else 143)
    assert not house.wait_until_gone()
    assert_next_run_starts_at_once(house)


@pytest.mark.parametrize("tree", TREES)
def test_a_time_out_leaves_no_live_descendant_and_is_124(house: House, tree: str) -> None:
    body = TREES[tree]
    argv = house.chain(sys.executable, "-c", body, options=("--timeout", "1"))
    assert house.run(argv).returncode == 124
    assert not house.wait_until_gone(0)
    assert "1 s are over" in house.log()


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("link", LINKS)
def test_after_sigkill_of_any_link_no_run_overlaps_and_no_daemon_blocks(house: House, link: str, tree: str) -> None:
    links, _process = started(house, tree)
    os.kill(links[link], signal.SIGKILL)
    come_back_until_started(house)
    assert not house.wait_until_gone(0)


def test_after_sigkill_of_every_link_at_once_the_next_run_ends_what_is_left_first(house: House) -> None:
    links, _process = started(house, "double fork")
    for link in ("keeper", "worker"):
        os.kill(links[link], signal.SIGSTOP)
    for link in ("keeper", "worker"):
        os.kill(links[link], signal.SIGKILL)
    assert b"the last run was killed and left processes" in come_back_until_started(house)
    assert not house.wait_until_gone(0)


def test_the_history_says_when_a_run_was_killed(house: House) -> None:
    links, process = started(house, "child")
    os.kill(links["worker"], signal.SIGKILL)
    assert process.wait(timeout=HANGS_S) == 137
    assert [(r["code"], r["outcome"]) for r in house.history()] == [(137, "fail")]
    assert "the supervisor itself died of signal 9" in house.log()


def test_a_job_that_ends_well_on_sigterm_keeps_its_own_code(house: House) -> None:
    up = house.home / "up"
    job = (
        f"import signal, sys, time; signal.signal(15, lambda *_: sys.exit(3)); open({str(up)!r}, 'w'); time.sleep(300)"
    )
    process = house.start(house.chain(sys.executable, "-c", job), **PATIENT)
    wait_for(up)
    process.terminate()
    assert process.wait(timeout=HANGS_S) == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_int_and_hup_reach_the_job_too(house: House, number: int, code: int) -> None:
    _links, process = started(house, "background grandchild")
    process.send_signal(number)
    assert process.wait(timeout=HANGS_S) in (code, 1)
    assert not house.wait_until_gone()
    assert f"got {signal.Signals(number).name}" in house.log()


def test_retries_happen_for_the_asked_code_only_and_are_counted(house: House) -> None:
    counter = house.home / "tries"
    job = f"echo x >>'{counter}'; [ $(wc -l <'{counter}') -ge 3 ] && exit 0; exit 2"
    retry = ("--retry-rc", "2", "--retry-max", "2", "--retry-sleep", "0")
    assert house.run(house.chain("bash", "-c", job, options=retry)).returncode == 0
    assert house.run(house.chain("bash", "-c", "exit 2", name="stale", options=retry)).returncode == 2
    assert house.run(house.chain("bash", "-c", "exit 3", name="other", options=retry)).returncode == 3
    seen = {r["job"]: (r["attempts"], r["code"], r["outcome"]) for r in house.history()}
    assert seen == {"job": (3, 0, "ok"), "stale": (3, 2, "retry"), "other": (1, 3, "fail")}


def test_sigterm_during_the_wait_for_a_retry_ends_the_run(house: House) -> None:
    argv = house.chain("bash", "-c", "exit 2", options=("--retry-rc", "2", "--retry-sleep", "300"))
    process = house.start(argv)
    until = time.monotonic() + HANGS_S
    while "[RETRY]" not in house.log() and time.monotonic() < until:
        time.sleep(0.02)
    process.terminate()
    assert process.wait(timeout=HANGS_S) == 2


FORKS_ALL_THE_TIME = """
import os, signal, sys, time
signal.signal(15, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 64)
    while os.fork() == 0:
        time.sleep(float(sys.argv[1]))
    os._exit(0)
"""


@pytest.mark.parametrize(
    ("pause_s", "times"), [("0.02", 1), ("0.002", 1), pytest.param("0.002", 10, marks=pytest.mark.torture)]
)
def test_who_forks_and_exits_all_the_time_is_ended_before_the_lock_is_free(
    house: House, pause_s: str, times: int
) -> None:
    for _ in range(times):
        ended = house.run(house.chain(sys.executable, "-c", FORKS_ALL_THE_TIME, pause_s))
        assert ended.returncode == 0
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            assert not house.processes()
    assert "the job left processes behind" in house.log()


HIDES = {  # how a child loses the witnesses; each then lives on without the run's mark in its environment
    "an empty environment": "subprocess.Popen(['/bin/sleep', '299.75'], env={})",
    "an empty environment and no files": "subprocess.Popen(['/bin/sleep', '299.75'], env={}, close_fds=True)",
    "a daemon": (
        "subprocess.run([sys.executable, '-c', 'import subprocess;"
        ' subprocess.Popen(["/bin/sleep", "299.75"], env={}, start_new_session=True)\'], env={})'
    ),
    "a daemon that keeps its files": (
        "subprocess.run([sys.executable, '-c', 'import subprocess;"
        ' subprocess.Popen(["/bin/sleep", "299.75"], env={}, close_fds=False, start_new_session=True)\'],'
        " env={}, close_fds=False)"
    ),
}


def sleepers() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cmdline").read_bytes() == b"/bin/sleep\x00299.75\x00":
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("how", HIDES)
def test_both_supervisors_killed_at_once_and_a_child_without_the_mark_is_still_found(house: House, how: str) -> None:
    up = house.home / "up"
    code = f"import subprocess, sys, time; {HIDES[how]}; time.sleep(1); open({str(up)!r}, 'w'); {SLEEP}"
    process = house.start(house.chain(sys.executable, "-c", code))
    wait_for(up)
    (hidden,) = sleepers()
    assert house.token.encode() not in Path(f"/proc/{hidden}/environ").read_bytes()
    keeper, worker = process.pid, child_of(process.pid)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (keeper, worker):
            os.kill(pid, number)
    if how.startswith("a daemon"):  # who would know its ancestors is gone, too
        for pid in house.processes():
            os.kill(pid, signal.SIGKILL)
    try:
        assert b"the last run was killed and left processes" in come_back_until_started(house)
        assert not sleepers()
    finally:
        for pid in sleepers():
            os.kill(pid, signal.SIGKILL)


def test_who_only_reads_the_holder_file_is_nobody_of_ours(house: House) -> None:
    locks = house.home / ".locks"
    locks.mkdir()
    (locks / "job.holder").write_text("999999\t1\tsomething that died\n")
    with subprocess.Popen(["tail", "-f", str(locks / "job.holder")], stdout=subprocess.DEVNULL) as reader:
        time.sleep(0.2)
        assert_next_run_starts_at_once(house)
        assert reader.poll() is None
        reader.kill()


def test_an_old_note_of_pids_that_others_have_now_harms_nobody(house: House) -> None:
    locks = house.home / ".locks"
    locks.mkdir()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with subprocess.Popen(["sleep", "30"]) as other:
        lines = [
            f"{boot} {other.pid} 1",
            f"another-boot {other.pid} {Path(f'/proc/{other.pid}/stat').read_text().split()[21]}",
        ]
        (locks / "job.holder").write_text("999999\t1\tsomething that died\n" + "\n".join(lines) + "\n")
        assert_next_run_starts_at_once(house)
        assert other.poll() is None
        other.kill()
