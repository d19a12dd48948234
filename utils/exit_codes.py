"""The exit codes of every job: one table. docs/OPERATIONS.md shows the same one, and a test holds the two equal."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a process ended, for cron, and where the fault lies. Values below 64 are ours, 64 to 78 are BSD sysexits."""

    OK = 0
    BUG = 1
    STALE = 2
    UNWELL = 3
    USAGE = 64
    BAD_DATA = 65
    MISSING_INPUT = 66
    EXTERNAL = 69
    CANNOT_WRITE = 73
    LOCK_BUSY = 75
    PERMISSION = 77
    BAD_CONFIG = 78
    TIMED_OUT = 124
    KILLED = 137
    NOT_A_SESSION = 200
    OUTSIDE_HOURS = 201


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done, or skipped",
    ExitCode.BUG: "unexpected failure (a bug)",
    ExitCode.STALE: "temporary data staleness",
    ExitCode.UNWELL: "the verdict is FAIL",
    ExitCode.USAGE: "usage: the command line is wrong",
    ExitCode.BAD_DATA: "bad data",
    ExitCode.MISSING_INPUT: "missing input",
    ExitCode.EXTERNAL: "external data unavailable",
    ExitCode.CANNOT_WRITE: "cannot write",
    ExitCode.LOCK_BUSY: "lock held by another run",
    ExitCode.PERMISSION: "permission denied",
    ExitCode.BAD_CONFIG: "bad config",
    ExitCode.TIMED_OUT: "timed out",
    ExitCode.KILLED: "killed",
    ExitCode.NOT_A_SESSION: "guard: not a trading day",
    ExitCode.OUTSIDE_HOURS: "guard: outside trading hours",
}
