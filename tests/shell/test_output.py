"""Contract 1: the log is dated, stamped and readable; what a job prints, however much and whatever it is, costs memory
nobody notices and never its verdict."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest

from tests.shell.conftest import HANGS_S, House

MIB = 1 << 20
OWN_MEMORY_KIB = 25 * 1024


def pss_kib(pid: int) -> int:
    """What a process weighs, memory it shares counted in parts."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return int(found.group(1)) if found else 0


def run_and_weigh(house: House, job: str, *, guarded: bool = True) -> tuple[int, int]:
    """Run a job that prints a lot; its exit code, and the most that all links together ever weighed (Pss, KiB)."""
    process = house.start(house.chain("sh", "-c", 'exec "$0" -I -S -c "$1"', sys.executable, job, guarded=guarded))
    heaviest = 0
    while process.poll() is None:
        links = [pid for pid, command in house.processes().items() if "supervise" in command]
        try:
            heaviest = max(heaviest, sum(pss_kib(pid) for pid in links))
        except OSError:  # one of them has just ended
            continue
    return process.returncode, heaviest


def writer(pieces: str) -> str:
    return f"import sys; out = sys.stdout.buffer\nfor piece in {pieces}: out.write(piece)\nout.flush(); sys.exit(7)"


@pytest.mark.parametrize(
    ("what", "pieces", "size"),
    [
        ("lines", "(b'x' * 79 + b'\\n' for _ in range(655360))", 50 * MIB),
        ("one line", "(b'x' * 65536 for _ in range(800))", 50 * MIB),
        ("NULs", "(bytes(65536) for _ in range(160))", 10 * MIB),
        ("invalid UTF-8", "(b'\\xff\\xfe\\xed\\xa0\\x80' * 13107 + b'\\n' for _ in range(160))", 10 * MIB),
    ],
)
def test_big_and_odd_output_is_all_in_the_log_in_little_memory(house: House, what: str, pieces: str, size: int) -> None:
    code, heaviest_kib = run_and_weigh(house, writer(pieces), guarded=False)
    (log,) = (house.home / "logs").glob("job_*.log")
    assert code == 7
    assert log.stat().st_size >= size
    assert 0 < heaviest_kib <= OWN_MEMORY_KIB, what


@pytest.mark.torture
@pytest.mark.parametrize(
    "pieces",
    ["(b'x' * 79 + b'\\n' for _ in range(6553600))", "(b'x' * 65536 for _ in range(3200))"],
    ids=["500 MB of lines", "a 200 MB line"],
)
def test_output_of_hundreds_of_megabytes(house: House, pieces: str) -> None:
    code, heaviest_kib = run_and_weigh(house, writer(pieces))
    assert code == 7
    assert 0 < heaviest_kib <= OWN_MEMORY_KIB


def test_a_log_is_what_a_person_can_read(house: House) -> None:
    job = "echo one; echo two >&2; printf 'no newline'; exit 3"
    house.run(house.chain("bash", "-c", job), NIGHTDESK_NOW="1795143600")
    lines = (house.home / "logs" / "job_2026-11-20.log").read_text().splitlines()
    stamped = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)$")
    said = [stamped.match(line).group(1) for line in lines]
    assert re.match(r"^\[START\] .*run_py_guarded.sh bash -c echo one; .* \(pid \d+, UTC\+9\)$", said[0])
    assert said[1:4] == ["one", "two", "no newline"]
    assert re.match(r"^\[END\] fail: exit 3 after 1 try, \d+\.\d s$", said[4])
    assert len(said) == 5


def test_the_log_keeps_the_date_it_began_with_when_midnight_passes(house: House) -> None:
    before_midnight_in_seoul = "1795186799"  # 2026-11-20 23:59:59 KST
    house.run(house.chain("bash", "-c", "sleep 1.2; echo late"), NIGHTDESK_NOW=before_midnight_in_seoul)
    assert [p.name for p in (house.home / "logs").glob("job_*.log")] == ["job_2026-11-20.log"]
    assert house.history()[0]["session"] == "2026-11-20"


def test_cron_hears_nothing_of_a_good_run_and_the_last_lines_of_a_bad_one(house: House) -> None:
    good = house.run(house.chain("bash", "-c", "seq 100"))
    bad = house.run(house.chain("bash", "-c", "seq 100; echo KeyError: x; exit 1"))
    assert (good.stdout, good.stderr) == (b"", b"")
    assert bad.stdout == b""
    said = bad.stderr.decode().splitlines()
    assert re.match(r"^supervise: job: exit 1 \(fail\); log: /.*/logs/job_.*\.log$", said[0])
    assert said[-1] == "  KeyError: x"
    assert len(said) == 13


def test_a_log_that_cannot_be_opened_does_not_stop_the_job(house: House) -> None:
    (house.home / "logs").write_text("in the way")
    ended = house.run(house.chain("bash", "-c", "exit 5"))
    assert ended.returncode == 5
    assert b"the job runs all the same" in ended.stderr


def test_a_program_that_is_not_ours_streams_its_output_while_it_runs(house: House) -> None:
    process = house.start([house.link("run_py_guarded.sh"), "bash", "-c", "echo first; sleep 300"])
    begun = time.monotonic()
    assert process.stdout.readline() == b"first\n"
    assert time.monotonic() - begun < HANGS_S
    process.terminate()
    assert process.wait(timeout=HANGS_S) == 143
