"""A copy of the process gives back what it wrote, or nothing; it outlives nobody."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

import pytest

from tests.support.alone import alone
from utils.pieces import forked

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and a second core"
)


def copies() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()


def result(work: forked.Work) -> bytes | None:
    with forked.in_a_copy(work) as copy:
        assert copy is not None
        made = copy.result()
        return None if made is None else bytes(made)


@alone
def test_what_it_writes_comes_back_and_what_it_changes_does_not() -> None:
    room, own = forked.shared_room((2, 3)), [0]

    def work(file: IO[bytes]) -> None:
        room[1, 2], own[0] = 7.5, 1
        file.write(b"a" * 100_000)
        file.write(str(os.getpid()).encode())

    made = result(work)
    assert made is not None and made[:100_000] == b"a" * 100_000
    assert int(made[100_000:]) != os.getpid()
    assert (room.tolist(), own) == ([[0, 0, 0], [0, 0, 7.5]], [0])


@alone
def test_one_that_writes_nothing_has_an_empty_result() -> None:
    assert result(lambda _: None) == b""


@alone
def test_one_that_fails_or_is_killed_has_none(capfd: pytest.CaptureFixture[str]) -> None:
    def fails(file: IO[bytes]) -> None:
        file.write(b"half")
        raise ValueError("nobody hears of this")

    assert result(fails) is None
    assert result(lambda _: os.kill(os.getpid(), signal.SIGKILL)) is None
    assert capfd.readouterr() == ("", "")


@alone
def test_one_that_nobody_waits_for_is_ended() -> None:
    before, began = copies(), time.monotonic()
    with pytest.raises(ZeroDivisionError), forked.in_a_copy(lambda _: time.sleep(60)):
        assert copies() != before
        raise ZeroDivisionError
    assert copies() == before
    assert time.monotonic() - began < 30


@alone
def test_beside_another_thread_or_on_one_core_there_is_none() -> None:
    go_on = threading.Event()
    other = threading.Thread(target=go_on.wait)
    other.start()
    try:
        with forked.in_a_copy(lambda _: None) as copy:
            assert copy is None
    finally:
        go_on.set()
        other.join()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert not forked.is_possible()
    finally:
        os.sched_setaffinity(0, cores)


@alone
def test_one_whose_parent_is_killed_ends_with_it() -> None:
    reading, writing = os.pipe()
    if not (parent := os.fork()):
        with forked.in_a_copy(lambda _: time.sleep(60)):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    os.close(writing)
    began = time.monotonic()
    assert os.read(reading, 1) == b""  # nobody has the other end open any more
    assert time.monotonic() - began < 30
