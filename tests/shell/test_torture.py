"""Kill anything, at any moment, with any signal: never two runs at once, never a leftover, never a stuck lock."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time

import pytest

from tests.shell.conftest import House
from tests.shell.test_killing import DOUBLE_FORK, SLEEP

WITNESS = """
import os, pathlib, sys, time
inside = pathlib.Path({inside!r})
try:
    os.open(inside, os.O_CREAT | os.O_EXCL)
except FileExistsError:
    owner = int(inside.read_text() or 0)
    alive = owner and os.path.isdir(f"/proc/{{owner}}") and {token!r} in open(f"/proc/{{owner}}/environ").read()
    if alive:
        pathlib.Path({overlap!r}).write_text(f"{{owner}} and {{os.getpid()}}")
inside.write_text(str(os.getpid()))
{tree}
time.sleep({seconds})
inside.unlink()
"""
TREES = (
    "",
    DOUBLE_FORK,
    "import subprocess; subprocess.Popen(['setsid', 'sleep', '300'])",
    "import signal; signal.signal(15, 1)",
)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def one_round(house: House, chance: random.Random) -> None:
    """Start a run, hurt one process of it (or several, or none), and see the next one start alone."""
    inside, overlap = house.home / "inside", house.home / "overlap"
    job = WITNESS.format(
        inside=str(inside),
        overlap=str(overlap),
        token=house.token,
        tree=chance.choice(TREES).replace(SLEEP, "time.sleep(300)"),
        seconds=chance.choice((0.0, 0.05, 60)),
    )
    process = house.start(house.chain(sys.executable, "-c", job, guarded=chance.random() < 0.5), TERM_GRACE_S="0.2")
    time.sleep(chance.random() * 0.15)
    victims = sorted(house.processes())
    for pid in chance.sample(victims, min(len(victims), chance.choice((1, 1, 1, 2, len(victims))))):
        kill(pid, chance.choice(SIGNALS))
    if process.poll() is None and chance.random() < 0.5:
        process.terminate()
    until = time.monotonic() + 30
    while True:
        if time.monotonic() > until - 25:  # what was not hurt enough would run its minute out
            for pid in house.processes():
                kill(pid, signal.SIGTERM)
        ended = house.run(house.chain("bash", "-c", "exit 9", guarded=False), TERM_GRACE_S="0.2")
        if ended.returncode == 9:
            if process.poll() is not None:
                break
            process.terminate()  # on a busy machine it had not come to its lock yet
        assert time.monotonic() < until, (ended.stderr, house.processes())
        time.sleep(0.02)
    assert not overlap.exists(), overlap.read_text()
    assert not house.wait_until_gone(10)  # a subshell of a killed link needs a moment of a busy machine to end
    process.wait(timeout=5)
    inside.unlink(missing_ok=True)


def test_eight_seeded_rounds(house: House) -> None:
    chance = random.Random(20261120)
    for _ in range(8):
        one_round(house, chance)


@pytest.mark.torture
def test_two_thousand_rounds(house: House) -> None:
    chance = random.Random(int(os.environ.get("TORTURE_SEED", "1")))
    for _ in range(2000):
        one_round(house, chance)
