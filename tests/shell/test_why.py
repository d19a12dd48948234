"""`why JOB [DATE]`: one line: ran, skipped because, busy, failed, running, killed, or never started."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.shell.conftest import HANGS_S, House, child_of, wait_for

NOON = "1795143600"  # 2026-11-20 12:00 KST
TODAY = "2026-11-20"


def why(house: House, *arguments: str, now: str = NOON) -> str:
    ended = house.run([house.link("why.sh"), *arguments], NIGHTDESK_NOW=now)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.decode().splitlines()[0]  # below it, of what failed, the end of its log


def run(house: House, script: str, *options: str, now: str = NOON) -> None:
    house.run(house.chain("bash", "-c", script, name="scanner", options=options), NIGHTDESK_NOW=now)


def test_a_job_that_ran(house: House) -> None:
    run(house, "true")
    assert why(house, "scanner").startswith(f"scanner {TODAY}: ran: ended well at ")
    assert why(house, "scanner", TODAY).endswith(f"see logs/scanner_{TODAY}.log")


def test_a_job_that_failed_and_how_often_it_was_tried(house: House) -> None:
    run(house, "exit 2", "--retry-rc", "2", "--retry-max", "1", "--retry-sleep", "0")
    assert "failed: exit 2 at " in why(house, "scanner")
    assert " after 2 tries; see logs/" in why(house, "scanner")


def test_a_job_that_was_skipped_by_a_guard(house: House) -> None:
    saturday = "1795230000"
    run(house, "true", "--guard", "td", now=saturday)
    assert "skipped because not a session, at " in why(house, "scanner", now=saturday)


def test_what_the_job_did_counts_for_more_than_what_it_was_sent_home_for(house: House) -> None:
    run(house, "exit 7")
    run(house, "true", "--guard", "th", now="1795165200")  # 18:00, after the close
    said = why(house, "scanner", now="1795165300")
    assert "failed: exit 7" in said
    assert said.endswith("(2 runs: 1 fail, 1 skip:outside-hours)")


def test_a_job_that_is_running_and_one_that_was_kept_out(house: House) -> None:
    up = house.home / "up"
    job = f"open({str(up)!r}, 'w'); import time; time.sleep(300)"
    house.start(house.chain(sys.executable, "-c", job, name="scanner"))
    wait_for(up)
    taken_s = (house.home / ".locks/scanner.lock").stat().st_mtime  # midnight in Seoul may have passed since
    assert "running since " in why(house, "scanner", now=str(int(taken_s)))


@pytest.mark.parametrize("earlier", [0, 2])
def test_a_job_whose_every_process_was_killed(house: House, earlier: int) -> None:
    for _ in range(earlier):
        run(house, "exit 7")
    up = house.home / "up"
    job = f"open({str(up)!r}, 'w'); import time; time.sleep(300)"
    process = house.start(house.chain(sys.executable, "-c", job, name="scanner"), NIGHTDESK_NOW=NOON)
    wait_for(up)
    worker = child_of(process.pid)
    for pid in (worker, process.pid):
        os.kill(pid, signal.SIGSTOP)
    for pid in (worker, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait(timeout=HANGS_S)
    assert "killed: its last run started and never ended" in why(house, "scanner")
    run(house, "true")
    assert "ran: ended well" in why(house, "scanner")


def test_a_job_that_never_started_says_where_to_look(house: House) -> None:
    assert "never started: no record of it" in why(house, "report")
    assert "crontab -l" in why(house, "report")
    assert "was no trading day of XKRX" in why(house, "nightly", "2026-11-15")
    assert "has not come yet" in why(house, "nightly", "2026-12-01")


@pytest.mark.parametrize("arguments", [["nonsense"], ["scanner", "yesterday"]])
def test_wrong_questions_are_64(house: House, arguments: list[str]) -> None:
    assert house.run([house.link("why.sh"), *arguments]).returncode == 64


def test_a_torn_line_in_the_history_hides_no_other(house: House) -> None:
    run(house, "true")
    history = house.home / "logs" / "history.jsonl"
    history.write_bytes(history.read_bytes() + b'{"job":"scanner","instance":"","sess')
    run(house, "exit 9")  # recorded by Python, which closes the torn line
    history.write_bytes(history.read_bytes() + b'{"job":"scanner","instance":"","sess')
    run(house, "true", "--guard", "th", now="1795165200")  # recorded by bash, which does not
    assert "failed: exit 9" in why(house, "scanner")
    assert "(3 runs: " in why(house, "scanner", now="1795165300")


def test_the_history_is_whole_after_many_writers_at_once(house: House) -> None:
    saturday = {"NIGHTDESK_NOW": "1795230000"}
    starts = []
    for n in range(30):
        guarded = ("--guard", "td") if n % 2 else ()
        starts.append(house.start(house.chain("bash", "-c", "exit 3", name=f"j{n}", options=guarded), **saturday))
    assert sorted(s.wait(timeout=HANGS_S) for s in starts) == [0] * 15 + [3] * 15
    assert sorted(record["job"] for record in house.history()) == sorted(f"j{n}" for n in range(30))
    assert Path(house.home / "logs" / "history.jsonl").read_bytes().endswith(b"}\n")
