"""A loop in a process of its own that is fed a made-up exchange's answers, and killed at any write, sync or truncation.

The exchange sends bars late, leaves some out for a while, sends them twice, and revises them once they were decided on.
What it says depends on how far it has come and on nothing else, so that a loop that was killed sees what it would have
seen, and its files can be held, byte for byte, against those of one that nobody killed.
"""

from __future__ import annotations

import bisect
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.live.config import Limits
from pyjobs.live.feed import Answer
from pyjobs.live.journal import lines
from pyjobs.live.spec import Spec
from pyjobs.live.step import Loop, Setting
from pyjobs.market.bars import COLUMNS, Bars
from tests.live.support.worlds import BEGAN_MS
from utils.errors import CannotWriteError

CALLS = ("write", "fsync", "truncate", "open")
FULL, ENDED = 7, 0  # exit codes of a child whose disk was full, and of one that is through
WINDOW = 220


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Which bars it has sent after its `k`-th answer. `final`: its newest bar is past revisions (days of a market)."""

    bars: Bars
    seed: int
    final: bool = False

    @cached_property
    def ends(self) -> list[int]:
        """How many bars have come at each answer; mostly one more than before, sometimes several."""
        rng, ends, at = random.Random(self.seed), [], 60
        while at <= len(self.bars):
            ends.append(at)
            at += 1 if rng.random() > 0.04 else rng.randint(2, 9)
        return ends

    @cached_property
    def odd(self) -> np.ndarray:
        """Of each bar: 0 plain, 1 revised five bars later, 2 left out until seven bars later."""
        rng = np.random.default_rng(self.seed)
        kinds = rng.choice([0, 1, 2], size=len(self.bars), p=[0.94, 0.03, 0.03])
        kinds[:60] = 0
        return kinds

    def answer(self, end: int) -> Answer:
        """The bars that it has sent when `end` have come."""
        start = max(0, end - WINDOW)
        part = {name: getattr(self.bars, name)[start:end].copy() for name in COLUMNS}
        age, odd = end - np.arange(start, end), self.odd[start:end]
        revised = (odd == 1) & (age > 5)
        part["close"][revised] = part["high"][revised]
        keep = ~((odd == 2) & (age <= 7))
        return Answer(bars=Bars(**{name: values[keep] for name, values in part.items()}), final=self.final)

    def after(self, last_ms: int) -> list[int]:
        """The answers that are still to come for a loop whose last decided bar closes then."""
        done = int(np.searchsorted(self.bars.ts_ms, last_ms, side="right"))
        return self.ends[bisect.bisect_left(self.ends, done + (1 if self.final else 2)) :]


@dataclass(kw_only=True)
class Rough:
    """What happens to a child: it is killed at its `kill_at`-th call, before or after it, or half-way through a write;
    its disk is full from the `full_at`-th on; its clock jumps when `jumps`."""

    kill_at: int = 0
    when: str = "before"
    full_at: int = 0
    jumps: int = 0
    calls: int = field(default=0, init=False)

    def spoil(self) -> None:
        """Put counting calls in the place of the real ones."""
        for name in CALLS:
            setattr(_Os, name, self._counted(name, getattr(os, name)))
        lines.os = _Os  # type: ignore[assignment]  # in the child alone

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.calls += 1
            if name == "write" and self.full_at and self.calls >= self.full_at:
                if len(args[1]) > 40 and self.calls == self.full_at:
                    real(args[0], args[1][:40])
                raise OSError(28, "No space left on device")
            if self.calls != self.kill_at:
                return real(*args)
            if self.when == "half" and name == "write":
                real(args[0], args[1][: max(1, len(args[1]) // 2)])
            elif self.when == "after":
                real(*args)
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("not reached")

        return call


class _Os:
    """`os` as lines.py sees it in a child."""

    fstat = os.fstat
    close = os.close
    O_APPEND = os.O_APPEND


def feed(spec: Spec, exchange: Exchange, *, rough: Rough | None = None, sync_every: int = 1) -> float:
    """Give a loop all answers that are still to come; seconds until it was ready for the first."""
    rough = rough or Rough()
    clock = random.Random(rough.jumps)
    end_ms = BEGAN_MS + 10**12
    setting = Setting(
        now_ms=lambda: end_ms + (clock.randint(-(10**9), 10**9) if rough.jumps else 0),
        limits=Limits(), fetched=False, synced=False,
    )  # fmt: skip
    began = time.process_time()
    loop = Loop(spec, setting)
    ready = time.process_time() - began
    for k, end in enumerate(exchange.after(loop.stand.ts_ms)):
        answer = exchange.answer(end)
        loop._note_revisions(answer)
        loop.take(answer)
        if k % sync_every == sync_every - 1:
            loop.journal.sync()
    loop.journal.sync()
    loop.journal.close()
    return ready


def feed_both(pairs: Sequence[tuple[Spec, Exchange]], limits: Limits, *, rough: Rough | None = None) -> None:
    """Two loops that count in each other's limits, an answer for each in turn."""
    assert rough is None or rough.kill_at
    setting = Setting(
        now_ms=lambda: BEGAN_MS + 10**12, limits=limits, configured=tuple(spec.place for spec, _ in pairs),
        fetched=False, synced=False,
    )  # fmt: skip
    loops = [Loop(spec, setting) for spec, _ in pairs]
    todo = [exchange.after(loop.stand.ts_ms) for loop, (_, exchange) in zip(loops, pairs, strict=True)]
    for ends in zip_longest(*todo):
        for loop, (_, exchange), end in zip(loops, pairs, ends, strict=True):
            if end is not None:
                loop.take(exchange.answer(end))
                loop.journal.sync()
    for loop in loops:
        loop.journal.close()


def child(spec: Spec, exchange: Exchange, rough: Rough, *, sync_every: int = 1, kill_after_s: float = 0.0) -> int:
    """`feed` in a fork, as `forked`."""
    return forked(lambda: feed(spec, exchange, rough=rough, sync_every=sync_every), rough, kill_after_s=kill_after_s)


def forked(work: Callable[[], object], rough: Rough, *, kill_after_s: float = 0.0) -> int:
    """It in a fork; how it ended: 0, FULL, or below 0 the signal. Anything else raises, with its traceback."""
    pid, told = begun(work, rough)
    if kill_after_s:
        time.sleep(kill_after_s)
        os.kill(pid, signal.SIGKILL)
    return ended(pid, told)


def begun(work: Callable[[], object], rough: Rough) -> tuple[int, int]:
    """A fork that does it: its pid, and where it writes what went wrong."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read)
            for name in CALLS:
                setattr(_Os, name, staticmethod(getattr(os, name)))
            rough.spoil()
            work()
            code = ENDED
        except CannotWriteError:
            code = FULL
        except BaseException:  # noqa: BLE001  # told to the parent
            os.write(write, traceback.format_exc().encode()[-3000:])
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(write)
    return pid, read


def ended(pid: int, read: int) -> int:
    """How it ended."""
    _, status = os.waitpid(pid, 0)
    told = os.read(read, 4000).decode()
    os.close(read)
    code = os.waitstatus_to_exitcode(status)
    if code == 1:
        raise AssertionError(told)
    return code


def deterministic(path: Path, columns: int) -> list[str]:
    """The first columns of each line; none where there is no file."""
    if not path.exists():
        return []
    return [",".join(line.split(",")[:columns]) for line in path.read_text(encoding="utf-8").splitlines()]
