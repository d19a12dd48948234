"""One command as its own process group, with its own command log: command line, start, output, end."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from utils import clock
from utils.exit_codes import ExitCode
from utils.files import os_files
from utils.foreign_text import outcome_of, quoted

TERM_GRACE_S = 5.0
LAST_LINE_BYTES = 4096
OUTCOME_FD = "OUTCOME_FD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended. A signal n is 128 + n. `outcome` is the line `utils.run` sent: kind, provider, detail …"""

    exit_code: int
    seconds: float
    outcome: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Running:
    """A started command. Its output goes straight into the log file: no pipe, so nothing waits for a leaked daemon."""

    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes]
    handle: IO[bytes]
    outcome_fd: int
    started: float
    zone_s: int
    late: bool = False

    def wait(self) -> Ended:
        """Wait for its end (not of one that was given up), and write the end record into the log."""
        code = ExitCode.TIMED_OUT if self.late else self.process.wait()
        seconds = time.monotonic() - self.started
        ended = Ended(
            exit_code=code if code >= 0 else 128 - code, seconds=round(seconds, 3), outcome=_outcome(self.outcome_fd)
        )
        with contextlib.suppress(OSError):
            self.handle.write(f"# end {_stamp(self.zone_s)} exit {ended.exit_code} after {seconds:.1f} s\n".encode())
            self.handle.close()
        return ended

    def signal_group(self, number: int) -> None:
        """Send a signal to the command and whatever it started; none of them being left is fine."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def stop_all(children: Sequence[Running]) -> None:
    """End them all: TERM to each group, and KILL to what is still there after five seconds together."""
    deadline = time.monotonic() + TERM_GRACE_S
    for child in children:
        child.signal_group(signal.SIGTERM)
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        child.signal_group(signal.SIGKILL)
        child.wait()


def time_out(children: Sequence[Running], limit_s: float) -> None:
    """End these, as they have had `limit_s` seconds: TERM to each group, KILL to what is still there after five.

    One that the kernel cannot end, as it waits for a disk, is waited for no longer than ten, and given up.
    """
    for child in children:
        child.late = True
        with contextlib.suppress(OSError):
            child.handle.write(f"took longer than {limit_s:g} s (STEP_LIMIT_S): ended\n".encode())
        child.signal_group(signal.SIGTERM)
    deadline = time.monotonic() + TERM_GRACE_S
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        child.signal_group(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout=TERM_GRACE_S)


def start(command: Sequence[str], log: Path, *, cwd: Path, zone_s: int = 0) -> Running:
    """Start `command` in `cwd` with stdin closed; the log's times are of `zone_s` seconds east of UTC.

    Raises OSError when log or command cannot be started.
    """
    handle = log.open("ab", buffering=0)
    outcome_read, outcome_write = os.pipe()
    try:
        handle.write(f"$ {shlex.join(command)}\n# start {_stamp(zone_s)}\n".encode())
        process = begun(command, cwd, handle, outcome_write)
    except OSError:
        os.close(outcome_read)
        handle.close()
        raise
    finally:
        os.close(outcome_write)
    return Running(
        command=command,
        log=log,
        process=process,
        handle=handle,
        outcome_fd=outcome_read,
        started=time.monotonic(),
        zone_s=zone_s,
    )


def begun(command: Sequence[str], cwd: Path, output: IO[bytes], outcome_fd: int) -> subprocess.Popen[bytes]:
    """The process of a command, in a group of its own; `outcome_fd` is where it reports its outcome."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, OUTCOME_FD: str(outcome_fd)},
        pass_fds=(outcome_fd,),
        process_group=0,
    )


def last_line(log: Path) -> str:
    """The last line of the command's own output so far, at most 200 characters; empty when there is none yet."""
    try:
        with os_files.held(log) as handle:
            handle.seek(max(0, log.stat().st_size - LAST_LINE_BYTES))
            text = handle.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    texts = [" ".join(line.split()) for line in text.splitlines() if not line.startswith(("# start ", "# end "))]
    lines = [line for line in texts if line]  # a row of a table without the room between its cells
    return "" if not lines or lines[-1].startswith("$ ") else quoted(lines[-1], 200)


def _outcome(fd: int) -> dict[str, object]:
    """What the command reported of its outcome, without waiting for other processes that hold the pipe open."""
    os.set_blocking(fd, False)
    received = b""
    with contextlib.suppress(BlockingIOError):
        received = os.read(fd, 1 << 16)
    os.close(fd)
    return dict(outcome_of(received))


def _stamp(zone_s: int) -> str:
    """`2026-11-20 22:10:03 UTC+9`: the day and time that the chain's own log has."""
    return f"{datetime.fromtimestamp(clock.running_s() + zone_s, UTC):%Y-%m-%d %H:%M:%S} UTC{zone_s / 3600:+g}"
