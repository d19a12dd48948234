"""What a dated log shows of its last run, where the history has no record: never ended, or how it ended."""

from __future__ import annotations

import datetime as dt
import gzip
import mmap
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from pyjobs.runs.job_history import JobRun
from pyjobs.runs.log_retention import PACKED
from utils.files import os_files
from utils.files.os_files import held
from utils.trading_day import Calendar

LAST_LINES, LAST_BYTES, LAST_COLUMNS = 5, 4096, 200
_START = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \[START\] ", re.M)
_END = re.compile(
    rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \[END\] ([^\s:]+(?::[^\s:]+)?): exit (\d{1,3}) after (\d+)", re.M
)


class Last(NamedTuple):
    """The last run of a log: `started_s` UTC; `run` when it has ended, None when it was killed."""

    day: str
    started_s: float
    log: str
    run: JobRun | None


def newest(folder: Path, prefix: str, today: dt.date) -> tuple[str, Path] | None:
    """The newest dated log of that name that is not of a later day: (its date, its path)."""
    found = []
    for path in folder.glob(f"{prefix}_*.log"):
        day = path.name.removeprefix(f"{prefix}_").removesuffix(".log")
        if re.fullmatch(r"\d{4}-\d\d-\d\d", day) and day <= today.isoformat():
            found.append((day, path))
    return max(found, default=None)


def unrecorded(day: str, path: Path, runs: Sequence[JobRun], calendar: Calendar, of: tuple[str, str]) -> Last | None:
    """The log's last run when the history does not know it: it never ended, or there are more ends than runs.

    `of` is (job, instance). None when the history has them all, or the log has none or cannot be read. A `--brief` job
    that was killed before its first line has only its lock.
    """
    name = f"logs/{path.name}"
    try:
        with _opened(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            starts = list(_START.finditer(text))
            ends = list(_END.finditer(text))
            known = sum(run.log == name and run.attempts > 0 for run in runs)
            never_ended = bool(starts) and (not ends or ends[-1].start() < starts[-1].start())
            if known > len(ends) - (not never_ended):
                return None
            if never_ended:
                return Last(day, _at(starts[-1][1], calendar), name, None)
            before = ends[-2].start() if len(ends) > 1 else -1
            began_s = _at((starts if starts and starts[-1].start() > before else ends)[-1][1], calendar)
            at, outcome, code, tries = (each.decode() for each in ends[-1].groups())
            end_s = int(_at(at.encode(), calendar))
            run = JobRun(*of, day, int(began_s), end_s, int(tries), int(code), outcome, name, "")
            return Last(day, began_s, name, run)
    except (OSError, ValueError):
        return None


def last_lines(path: Path) -> list[str]:
    """The last few lines of a log, also of a compressed one, each cut to a terminal's width; none without a log."""
    try:
        with _opened(path) as handle:
            handle.seek(max(0, path.stat().st_size - LAST_BYTES))
            text = handle.read().decode("utf-8", "replace")
    except OSError:
        text = _packed_end(path.with_name(path.name + PACKED))
    shown = ["".join(c if c.isprintable() else "·" for c in line)[:LAST_COLUMNS] for line in text.splitlines()]
    return [line for line in shown if line.strip()][-LAST_LINES:]


def _opened(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os_files.AT_ONCE), "rb")


def _packed_end(path: Path) -> str:
    try:
        with held(path) as raw, gzip.open(raw, "rb") as handle:
            end = b""
            while piece := handle.read(1_000_000):
                end = (end + piece)[-LAST_BYTES:]
    except (OSError, EOFError, zlib.error):
        return ""
    return end.decode("utf-8", "replace")


def _at(stamp: bytes, calendar: Calendar) -> float:
    """A stamp of the market's wall clock as UTC seconds."""
    wall_s = dt.datetime.fromisoformat(stamp.decode()).replace(tzinfo=dt.UTC).timestamp()
    return wall_s - calendar.utc_offset_s(wall_s - calendar.utc_offset_s(wall_s))
