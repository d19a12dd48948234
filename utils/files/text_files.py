"""Results as JSON and CSV files that any program reads: no NaN in JSON, shortest exact floats, whole or not there.

Also reads files that others put here, without waiting for a pipe."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import msgspec

from utils.errors import BadDataError, CannotWriteError
from utils.files import atomic, os_files
from utils.files.in_time import within

PIPE_PATIENCE_S = 5.0
PATIENCE_S = 120.0  # a slow server delivers the largest price file in less


def bytes_of(path: Path, patience_s: float = PATIENCE_S) -> bytes:
    """What the file at `path` holds. A device, or a pipe that has no data within seconds, is an OSError (EINVAL).

    One that does not answer for `patience_s` seconds, on a server that has gone away, is one as well (ETIMEDOUT): it is
    read by a thread, which is left behind then. Each file costs the start of that thread, 0.1 ms.
    """
    return within(patience_s, lambda: _bytes_of(path), path)


def _bytes_of(path: Path) -> bytes:
    fd = os.open(path, os_files.READ | os_files.AT_ONCE)
    mode = os.fstat(fd).st_mode
    if stat.S_ISFIFO(mode):
        try:
            return _piped(fd, path)
        finally:
            os.close(fd)
    if not stat.S_ISREG(mode):
        os.close(fd)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(errno.EINVAL, "is a device, not a file", str(path))
    with os.fdopen(fd, "rb") as file:
        return file.read()


def _piped(fd: int, path: Path) -> bytes:
    """All that is written into a pipe, if it is closed in time."""
    received, until = bytearray(), time.monotonic() + PIPE_PATIENCE_S
    while time.monotonic() < until:
        try:
            chunk = os.read(fd, 1 << 16)
        except BlockingIOError:
            chunk = None
        if chunk:
            received += chunk
        elif chunk == b"" and received:
            return bytes(received)
        else:
            time.sleep(0.01)
    raise OSError(errno.EINVAL, f"is a pipe that no process has filled within {PIPE_PATIENCE_S:.0f} s", str(path))


@contextmanager
def opened_csv(path: Path) -> Iterator[TextIO]:
    """The file, open for `csv`. Raises OSError as `os_files.held`, and BadDataError for what is no CSV in UTF-8."""
    import csv

    try:
        with os_files.held_text(path, "utf-8-sig") as handle:
            yield handle
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadDataError(f"{path}: is no CSV in UTF-8: {error}") from None


def write_json(path: Path, content: Mapping[str, object] | msgspec.Struct) -> None:
    """Write `content`, making the folder; NaN and infinity become null; plain Python values only."""
    if not isinstance(content, Mapping):
        content = msgspec.to_builtins(content, enc_hook=float)  # numpy's, which are floats
    text = json.dumps(without_nan(content), indent=1, ensure_ascii=False, allow_nan=False)
    write_result(path, lambda file: file.write(text + "\n"))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a heading and rows, making the folder; None and NaN become empty cells."""

    import csv  # not every job writes one

    def write(file: TextIO) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([None if isinstance(x, float) and x - x != 0.0 else x for x in row] for row in rows)

    write_result(path, write)


def write_lines(path: Path, header: Sequence[str], pieces: Iterable[bytes]) -> None:
    """Write a heading and lines of CSV that are text already (see `csv_lines`), making the folder."""

    def write(file: TextIO) -> None:
        file.write(",".join(header) + "\n")
        file.flush()
        file.buffer.writelines(pieces)

    write_result(path, write)


def write_result(path: Path, write: Callable[[TextIO], object]) -> None:
    """Let `write(file)` make the text, piece by piece, so that it is never in memory; the folder is made.

    Raises CannotWriteError naming `path`, but PermissionError as it comes.
    """

    def fill(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            write(file)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_atomic(path, fill)
    except PermissionError:
        raise
    except OSError as error:
        raise CannotWriteError(f"cannot write '{path}': {error.strerror or error}") from error


def without_nan(content: Any) -> Any:
    """`content` with None for every NaN or infinite float inside it."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return content
