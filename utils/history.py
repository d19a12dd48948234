"""logs/history.jsonl: one line a run. Jobs write it at the same time, on disks that may be full; a torn line is closed.

Only the standard library, and `json` only to read: the supervisor imports this on every run.
"""

from __future__ import annotations

import errno
import os
import time
from _json import encode_basestring_ascii  # the C encoder alone: 8.0 ms less a run (docs/DESIGN.md, The chain)

TYPE_CHECKING = False  # importing typing for the real one costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any, TextIO


LOCK_WAIT_S = 2.0  # a line takes microseconds
FILE_MODE = 0o640
NEWEST, ASIDE = "/logs/history.jsonl", "/.locks/history.jsonl"  # below the home; of ASIDE see `bring`


def to_json_line(record: Mapping[str, str | int | float | None]) -> bytes:
    """A flat record as one line of JSON, ending in a newline."""
    parts = (f"{encode_basestring_ascii(key)}:{_value(value)}" for key, value in record.items())
    return ("{" + ",".join(parts) + "}\n").encode("ascii")


def _value(value: str | int | float | None) -> str:
    if value is None:
        return "null"
    return encode_basestring_ascii(value) if isinstance(value, str) else repr(value)


def lock(fd: int) -> bool:
    """Lock an open file, waiting for a bounded time: a process that may read a file may lock it, and keep it locked."""
    import fcntl  # the chain alone writes, and is for Unix; reading works everywhere

    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        except OSError:  # a disk without locks
            return False
        else:
            return True


def append(path: str, record: Mapping[str, str | int | float | None]) -> bool:
    """Add one line, whole or not at all; a line that a full disk tore earlier is closed first, not built upon.

    False: another process has kept the file locked, so the line was added without the lock (one write, which the system
    does not mix with another's). Raises OSError (the file is then as long as before).
    """
    return _add(path, to_json_line(record))


def _add(path: str, line: bytes) -> bool:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, FILE_MODE)
    try:
        here = os.fstat(fd)
        if here.st_mode & 0o170000 == 0o010000:  # stat.S_ISFIFO without importing stat: what goes into it is gone
            raise OSError(errno.EINVAL, "is a pipe", path)
        mine = lock(fd)
        size = os.fstat(fd).st_size
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(fd, line) != len(line):
            if mine:
                os.ftruncate(fd, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(fd)
    return mine


def bring(home: str) -> None:
    """Add to the history the lines that were kept aside while it could not be written, but for those it has already.

    Raises OSError (all of them are then still where they were).
    """
    try:
        aside = os.open(home + ASIDE, os.O_RDWR | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        if os.fstat(aside).st_size and lock(aside):
            size = os.fstat(aside).st_size  # only now: another run may have added to it, or brought it
            known = set(_opened(home + NEWEST) or ())
            kept = os.pread(aside, size, 0).decode(errors="replace").splitlines(keepends=True)
            lines = "".join(line for line in kept if line not in known)
            if lines:
                _add(home + NEWEST, lines.encode())
            os.ftruncate(aside, 0)
    finally:
        os.close(aside)


def read(folder: Path, passed_over: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Every whole record of `history.jsonl` and of those set aside before it, oldest first.

    A torn piece is passed over, the record that bash glued to it is not. The newest file is opened first: set aside
    from then on, it is still read, and only once. Lines that are no records, and files set aside that cannot be read,
    are added to `passed_over`, when given. Raises OSError where the newest file cannot be read.
    """
    passed_over = [] if passed_over is None else passed_over
    newest = _opened(folder / "history.jsonl")
    try:
        for path in sorted(folder.glob("history-*.jsonl")):
            try:
                lines = _opened(path)
                if lines:
                    with lines:
                        again = newest and os.path.sameopenfile(lines.fileno(), newest.fileno())
                        yield from () if again else _records(lines, passed_over)
            except OSError as error:
                passed_over.append(f"'{path}' cannot be read: {error.strerror}")
        yield from _records(newest or (), passed_over)
    finally:
        if newest:
            newest.close()


def _opened(path: Path | str) -> TextIO | None:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    if os.fstat(fd).st_mode & 0o170000 != 0o100000:  # stat.S_ISREG without importing stat: a pipe is not waited for
        os.close(fd)
        return None
    return open(fd, encoding="utf-8", errors="replace")  # it is open already


def _records(lines: Iterable[str], passed_over: list[str]) -> Iterator[dict[str, Any]]:
    import json

    for line in lines:
        try:
            record = json.loads(line[max(line.rfind('{"job":'), 0) :])
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and "job" in record:
            yield record
        elif line.strip():
            passed_over.append(line[:200])
