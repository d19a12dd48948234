"""Old logs go: of each name all but its newest dates; those in between are compressed; a history that has grown is
set aside. Decisions and trades (data/processed/) are never removed."""

from __future__ import annotations

import datetime as dt
import errno
import gzip
import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path

from utils.files import atomic, newest
from utils.files.atomic import sync_directory
from utils.files.os_files import has_file, held
from utils.history import lock

KEEP_LOG_DAYS = 90
KEEP_PLAIN_LOG_DAYS = 14
PACKED = ".gz"
HISTORY_SET_ASIDE_BYTES = 8_000_000  # about a year of a job every five minutes; reading it takes a tenth of a second
_DATED = re.compile(r"(.+)[_-](\d{4}-\d{2}-\d{2})\.(log|jsonl)(?:\.gz)?", re.ASCII | re.DOTALL)


def dated(names: Iterable[str]) -> list[tuple[str, str, str]]:
    """(kind, date, name) of dated logs and of histories set aside; other names are left out."""
    found = ((match, name) for name in names if (match := _DATED.fullmatch(name)))
    return [(f"{match[1]}.{match[3]}", match[2], name) for match, name in found if _is_date(match[2])]


def old_logs(names: Iterable[str], *, keep_days: int) -> list[str]:
    """What is older than the newest `keep_days` dates of the same log. No clock takes part."""
    return newest.older(dated(names), keep_days)


def to_compress(names: Iterable[str], *, keep_days: int) -> list[str]:
    """Logs that are older than the newest `keep_days` dates of their name and not compressed yet."""
    known = [each for each in dated(names) if each[0].endswith(".log")]
    return [name for name in newest.older(known, keep_days) if name.endswith(".log")]


def compress(log: Path) -> None:
    """Put `log` into `log`.gz, with its time, and remove it; killed at any moment, at least one of both is whole.

    Where a `log`.gz is there already (the day came twice: a clock went back) the log is added to it.
    Raises OSError, also where that one is damaged.
    """
    packed = log.with_name(log.name + PACKED)
    more = has_file(packed) and not _holds(packed, log)

    def pack(temporary: Path) -> None:
        with held(log) as plain, temporary.open("wb") as raw:
            if more:
                with held(packed) as before:
                    shutil.copyfileobj(before, raw)
            with gzip.open(raw, "wb", compresslevel=6) as added:
                shutil.copyfileobj(plain, added)
        shutil.copystat(log, temporary)

    atomic.write_atomic(packed, pack)
    log.unlink()


def _holds(packed: Path, log: Path) -> bool:
    """Whether that is in it, and nothing else: a prune was killed between the two."""
    try:
        with held(packed) as raw, gzip.open(raw, "rb") as known, held(log) as plain:
            return hashlib.file_digest(known, "sha256").digest() == hashlib.file_digest(plain, "sha256").digest()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(errno.EIO, f"'{packed.name}' is damaged: move it away", str(packed)) from error


def set_history_aside(history: Path, *, today: dt.date) -> Path | None:
    """Rename a history that has grown to history-<date>.jsonl and return that; None when it is still small.

    A rename loses nothing: a job that has the file open goes on writing to it, the next run starts a new one. Done
    under the history's own lock: of two prunes the later one must not put the new, short one in the long one's place.
    None, too, when another process holds that lock: the next prune will do.
    """
    aside = history.with_name(f"{history.stem}-{today}.jsonl")
    if not has_file(history):  # a folder, or a pipe that would be waited for: health names it
        return None
    try:
        with held(history) as file:
            if not lock(file.fileno()):
                return None
            here = os.fstat(file.fileno())
            small = here.st_size < HISTORY_SET_ASIDE_BYTES
            if small or aside.exists() or not os.path.samestat(here, history.stat()):
                return None
            history.rename(aside)
    except FileNotFoundError:
        return None
    sync_directory(history.parent)
    return aside


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
