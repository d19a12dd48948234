"""The moments at which a verb is killed or its disk fails: any, by the clock; and each write, sync and rename of it."""

from __future__ import annotations

import os
import random
import selectors
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakemarket.server import FakeMarket
from tests.verbs.support.killing import Ended, Home, ended

STEPS = "steps"
PHASES = ("start", "fetch", "write", "sync", "rename", "end")
WHENS = ("before", "half", "after")


def built_library(folder: Path) -> Path | None:
    """The library to preload that numbers a process's writes, syncs and renames, and spoils one; None without gcc."""
    if shutil.which("gcc") is None:
        return None
    library, source = folder / "failing_calls.so", Path(__file__).with_name("failing_calls.c")
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def numbered(home: Home, library: Path | None) -> Path:
    """Let the home's verbs number their steps on its files, if there is a library; the file they note them in."""
    log = home.folder / STEPS
    if library:
        where = f"{library.parent}:{os.environ.get('LD_LIBRARY_PATH', '')}"  # LD_PRELOAD itself ends at a space
        preload = {"LD_PRELOAD": library.name, "LD_LIBRARY_PATH": where.rstrip(":")}
        home.extra |= preload | {"FAIL_UNDER": str(home.folder), "FAIL_LOG": str(log)}
    return log


def steps_in(log: Path) -> list[str]:
    """What each step was, in order: write, sync or rename."""
    return [step for step in _noted(log) if step]


def _noted(log: Path) -> list[str]:
    """For each line: what the step was that begins there; empty for the end of one, and for a line cut short."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.split(" ")[1] if line.count(" ") > 1 else "" for line in lines]


@dataclass(slots=True)
class Killer:
    """Kills verbs at moments spread over their whole life, and counts what they were doing then.

    `takes`: seconds to the first request, and from there to the end; `steps`: how many there are; `lines`: how many
    the verb prints; all of an undisturbed run. `left`: steps that a home still has before it, so far as is known.
    """

    fake: FakeMarket
    library: Path | None
    rng: random.Random
    takes: tuple[float, float]
    steps: int
    lines: int
    seen: Counter[str] = field(default_factory=Counter)
    left: int = 0

    def kill(self, home: Home, argv: list[str]) -> Ended:
        """Run the verb and kill its process group once; it may end before. The first time of all it does not."""
        log = numbered(home, self.library)
        log.unlink(missing_ok=True)
        asked = len(self.fake.requests())
        chance = self.rng.random()
        if self.library and (chance < 0.4 or not self.seen):
            done = self._at_a_step(home, argv)
        else:
            done = self._by_the_clock(home, argv, "life" if chance < 0.65 else "work" if chance < 0.9 else "end")
        if done.code == -signal.SIGKILL:
            self.seen[self._phase(log, done.said, len(self.fake.requests()) > asked)] += 1
            self.left -= len(steps_in(log))
        return done

    def _at_a_step(self, home: Home, argv: list[str]) -> Ended:
        kept = home.extra
        when = self.rng.choice(WHENS) if self.seen else "before"
        home.extra = kept | {"KILL_AT": str(self.rng.randint(1, max(self.left, 3))), "KILL_WHEN": when}
        try:
            return home.run(argv)
        finally:
            home.extra = kept

    def _by_the_clock(self, home: Home, argv: list[str], where: str) -> Ended:
        """Anywhere; or from the first request on; or when it has printed what it did."""
        before, after = self.takes
        asked, process = len(self.fake.requests()), home.start(argv)
        until = time.monotonic() + 3 * (before + after) + 5
        if where == "work":
            while process.poll() is None and len(self.fake.requests()) == asked and time.monotonic() < until:
                time.sleep(0.001)
        if where == "end":
            with selectors.DefaultSelector() as printed:
                printed.register(process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]  # it is a pipe
                printed.select(until - time.monotonic())
        time.sleep(self.rng.uniform(0, {"life": before + after, "work": after, "end": 0.03}[where]))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        return ended(process)

    def _phase(self, log: Path, said: str, asked: bool) -> str:
        """What the verb was doing when it died, by what it had noted, printed and asked."""
        noted = _noted(log)
        if noted and noted[-1]:
            return noted[-1]
        if said.count("\n") >= self.lines:
            return "end"
        return "fetch" if noted or asked else "start"
