"""The loop around steps: each in a process, a lock and a time limit of its own, so that none ever waits for another.

It imports nothing heavy, has no bars and no strategies, and sleeps while nothing is due. Its state of each loop is in
data/live/loop.json, for heartbeat and health; its lock shows whether it is alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from utils import clock, paths
from utils.files import atomic

STEP_S = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14_400, "1d": 86_400}
AFTER_S = 5.0  # after a bar's close its provider is asked
LONGEST_STEP_S = 100.0
REAPED_S = 0.5
TRY_AGAIN_S = (10.0, 20.0, 40.0, 60.0, 120.0, 300.0)  # after a step that brought nothing, or failed
LIST_EVERY_S = 60.0
TELL_EVERY_S = 60.0
AT_ONCE = 8
NOTHING = "nothing new"  # in the line of a step that decided nothing
STATE = "loop.json"
LOCKS = Path(__file__).resolve().parents[2] / ".locks"  # of the clone: an update takes `code.lock` alone
UPDATED_S = 2.0  # an update is looked at again


@dataclass(slots=True, kw_only=True)
class LoopProcess:
    """One loop as the scheduler sees it. Times are UTC seconds."""

    name: str
    timeframe: str
    due_s: float = 0.0
    misses: int = 0
    process: subprocess.Popen[bytes] | None = None
    output: IO[bytes] | None = None
    code: int = -1
    started_s: float = 0.0
    last: dict[str, Any] = field(default_factory=dict)

    def let_code_go(self) -> None:
        """An update may change it."""
        if self.code >= 0:
            os.close(self.code)
        self.code = -1


def hold_code() -> int | None:
    """A descriptor that keeps an update from changing the code, -1 where none can come; None while one is at work."""
    try:
        fd = os.open(LOCKS / "code.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError:
        return -1
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    if not (LOCKS / "update.plan").exists():
        return fd
    os.close(fd)
    return None


def every_s(timeframe: str) -> int:
    """The seconds of a bar; five minutes for an unknown timeframe, which each step refuses."""
    return STEP_S.get(timeframe, 300)


def next_due(timeframe: str, now_s: float, misses: int) -> float:
    """When to look again: after the next close; sooner when the last look brought nothing or failed."""
    every = min(every_s(timeframe), 3600)  # a day's bars come when their provider has them
    close = (now_s - AFTER_S) // every * every + every + AFTER_S
    if misses and every > TRY_AGAIN_S[0]:
        return min(close, now_s + TRY_AGAIN_S[min(misses, len(TRY_AGAIN_S)) - 1])
    return close


class Scheduler:
    """Runs until a signal stops it. `command` starts a step; `listed`: names and timeframes, or what is wrong."""

    def __init__(
        self,
        *,
        command: Callable[[str], Sequence[str]],
        listed: Callable[[], tuple[list[tuple[str, str]], str]],
        say: Callable[[str], None],
        limit_s: float = LONGEST_STEP_S,
    ) -> None:
        self._command, self._listed, self._say, self._limit_s = command, listed, say, limit_s
        self._loops: dict[str, LoopProcess] = {}
        self._stopped = self._updated = False
        self._list_at = self._tell_at = self._pat_at = self._seen_s = 0.0
        self._pat_every_s = watchdog_s(os.environ) / 2  # half of what systemd waits for, see sd_watchdog_enabled(3)
        self._woken, self._wake = os.pipe()
        for fd in (self._woken, self._wake):
            os.set_blocking(fd, False)

    def run(self) -> None:
        """Until SIGTERM or SIGINT; running steps are then ended."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        notify("READY=1")
        try:
            while not self._stopped:
                self.turn()
                self._sleep()
        finally:
            notify("STOPPING=1")
            for loop in self._loops.values():
                self._end(loop, "stopped")
            self._tell(force=True)

    def turn(self) -> None:
        """Take in what has ended, start what is due."""
        now = clock.running_s()
        if now < self._seen_s - 1.0:
            self._set_back(now)
        self._seen_s = now
        if now >= self._list_at:
            self._list_at = now + LIST_EVERY_S
            self._relist()
        for loop in self._loops.values():
            if loop.process is not None:
                if loop.process.poll() is not None:
                    self._ended(loop, now)
                elif now - loop.started_s > self._limit_s:
                    self._end(loop, f"took longer than {self._limit_s:.0f} s")
                    self._ended(loop, now, code=124)
        busy = sum(loop.process is not None for loop in self._loops.values())
        for loop in sorted(self._loops.values(), key=lambda each: each.due_s):
            if loop.process is None and loop.due_s <= now and busy < AT_ONCE:
                busy += self._start(loop, now)
        self._tell()
        if time.monotonic() >= self._pat_at:  # at the end of a turn: one that hangs pats no dog
            self._pat_at = time.monotonic() + self._pat_every_s
            notify("WATCHDOG=1")

    def _set_back(self, now: float) -> None:
        """The clock was: what was due by the old one would be due an hour, or a year, too late."""
        self._say(f"the clock was set back by {self._seen_s - now:.0f} s: every loop looks now")
        self._list_at = self._tell_at = now
        for loop in self._loops.values():
            loop.due_s, loop.started_s = min(loop.due_s, now), min(loop.started_s, now)

    def _relist(self) -> None:
        found, wrong = self._listed()
        if wrong:
            self._say(f"live.yaml: {wrong}; the loops of before go on")
            return
        for name, timeframe in found:
            known = self._loops.get(name)
            if known is None or known.timeframe != timeframe:
                if known is not None:
                    self._end(known, f"it is now of {timeframe}")
                self._loops[name] = LoopProcess(name=name, timeframe=timeframe)
                self._say(f"{name}: on, {timeframe}")
        for name in set(self._loops) - {name for name, _ in found}:
            self._end(self._loops.pop(name), "no longer in live.yaml")

    def _start(self, loop: LoopProcess, now: float) -> bool:
        code = hold_code()
        if code is None and not self._updated:
            self._say("an update is at work; no step begins until it ends (killed: batch/update_from_git.sh --finish)")
        self._updated = code is None
        if code is None:
            loop.due_s = now + UPDATED_S
            return False
        loop.code = code
        try:
            loop.output = tempfile.TemporaryFile()  # noqa: SIM115  # read and closed when the step has ended
            loop.process = subprocess.Popen(
                self._command(loop.name), stdin=subprocess.DEVNULL, stdout=loop.output, stderr=subprocess.STDOUT,
                process_group=0,
            )  # fmt: skip
        except OSError as error:
            self._say(f"{loop.name}: cannot be started: {error}")
            loop.let_code_go()
            loop.misses += 1
            loop.due_s = next_due(loop.timeframe, now, loop.misses)
            return False
        loop.started_s = now
        return True

    def _ended(self, loop: LoopProcess, now: float, code: int | None = None) -> None:
        process, output = loop.process, loop.output
        assert process is not None and output is not None, "only what was started ends"
        output.seek(max(0, output.seek(0, os.SEEK_END) - 8192))
        text = output.read().decode("utf-8", "replace").strip()
        output.close()
        loop.let_code_go()
        loop.process = loop.output = None
        code = process.returncode if code is None else code
        words = text.splitlines()[-1][:300] if text else ""
        if code or NOTHING not in words:
            self._say(f"{loop.name}: {words}" + (f" (exit {code})" if code else ""))
        loop.misses = 0 if code == 0 and NOTHING not in words else loop.misses + 1
        loop.due_s = next_due(loop.timeframe, now, loop.misses)
        if code != loop.last.get("code"):
            self._tell_at = now  # a person who has just begun it looks at its state
        good = {"ok_s": now} if code == 0 else {"ok_s": loop.last.get("ok_s")}
        loop.last = {"end_s": now, "code": code, "said": words, "seconds": round(now - loop.started_s, 2), **good}

    def _end(self, loop: LoopProcess, why: str) -> None:
        """End a running step and all that it started, at once: it may be killed anywhere, and is not waited for."""
        process = loop.process
        if process is None or process.poll() is not None:
            loop.let_code_go()
            return
        self._say(f"{loop.name}: step ended: {why}")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # one that the kernel holds is looked at again later
            process.wait(timeout=REAPED_S)
        loop.let_code_go()

    def _sleep(self) -> None:
        """Until something is due, ends, or is signalled."""
        now = clock.running_s()
        until = [self._list_at, self._tell_at]
        for loop in self._loops.values():
            until.append(loop.started_s + self._limit_s + 0.1 if loop.process is not None else loop.due_s)
        wait_s = min(min(until) - now, self._pat_at - time.monotonic())
        signals = select.poll()  # select() takes no descriptor above 1 023
        signals.register(self._woken, select.POLLIN)
        signals.poll(1000 * max(0.05, wait_s))
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _tell(self, *, force: bool = False) -> None:
        """Write the loop's state, once a minute; a disk that takes nothing is no reason to stop."""
        now = clock.running_s()
        if not force and now < self._tell_at:
            return
        self._tell_at = now + TELL_EVERY_S
        loops = {loop.name: {"timeframe": loop.timeframe, **loop.last} for loop in self._loops.values()}
        content = {"pid": os.getpid(), "at_s": now, "stopped": self._stopped, "loops": loops}
        folder = paths.data_dir() / "live"
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            atomic.write_text(folder / STATE, json.dumps(content) + "\n")

    def _stop(self, *_: object) -> None:
        self._stopped = True


def notify(text: str) -> None:
    """Tell systemd, where it listens: https://www.freedesktop.org/software/systemd/man/sd_notify.html."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where:
        return
    address = "\0" + where[1:] if where.startswith("@") else where
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(address)
        line.send(text.encode())


def watchdog_s(environ: Mapping[str, str]) -> float:
    """The seconds within which systemd expects a sign of life from this process; endless where it expects none."""
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    asked = usec.isdecimal() and len(usec) < 16 and int(usec) > 0 and pid in ("", str(os.getpid()))
    return int(usec) / 1e6 if asked else float("inf")


def stamped_log(name: str) -> Callable[[str], None]:
    """A `say` that adds stamped lines to the day's log, and to stdout; a full disk loses lines and stops nothing."""

    def say(line: str) -> None:
        now = time.gmtime(clock.running_s())
        text = f"{time.strftime('%Y-%m-%d %H:%M:%S', now)} {line}\n"
        with contextlib.suppress(OSError):
            path = paths.logs_dir() / f"{name}_{time.strftime('%Y-%m-%d', now)}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
        with contextlib.suppress(OSError):
            sys.stdout.write(text)
            sys.stdout.flush()

    return say
