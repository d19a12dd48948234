"""Folders of bars that others write to meanwhile: made for good, unreadable files moved aside, looked at as a whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pyjobs.market.bars import SeriesKey
from utils.errors import BadDataError, LockBusyError
from utils.files import os_files, private
from utils.files.atomic import sync_directory

QUARANTINE = ".quarantine"
MOVING_S = 60.0  # moving a whole re-based series in takes a slow disk seconds
Seen = TypeVar("Seen")


def read_when_stable(look: Callable[[], Seen], listed: Callable[[], object] = lambda: None) -> Seen:
    """The result of `look` on a series; it runs once more when another job has moved a file it was about to open.

    `listed`: and when its result has changed afterwards. Raises BadDataError when this goes on for a minute.
    """
    until_s, gone = time.monotonic() + MOVING_S, "its files"
    while True:
        before = listed()
        try:
            seen = look()
            if listed() == before:
                return seen
        except FileNotFoundError as error:
            gone = str(error.filename)
        if time.monotonic() > until_s:
            raise BadDataError(
                f"{gone}: kept changing for {MOVING_S:.0f} s while it was read; is another job rewriting it?"
            )
        time.sleep(0.02)


@contextmanager
def locked(path: Path, key: SeriesKey, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a series, as `filelock` does (which takes five times as long). Lock files are never deleted.

    Raises LockBusyError when another writer stays.
    """
    try:
        with os_files.locked(path, timeout_s, private.FILE_MODES[private.LOCKS]):
            yield
    except os_files.HeldElsewhere:
        raise LockBusyError(f"{key}: another writer has held {path} for {timeout_s:.0f} s") from None


def make_folder(folder: Path) -> None:
    """`mkdir -p`, with every new entry synced, so that a power cut cannot take a written partition's folder away."""
    if os.path.isdir(folder):  # noqa: PTH112  # asked before every write
        return
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in reversed(missing):
        sync_directory(created.parent)


def set_aside(path: Path) -> Path:
    """Move a partition that cannot be read to `.quarantine/` under its own name (`.1`, `.2` … when taken)."""
    quarantine = path.parent / QUARANTINE
    make_folder(quarantine)
    target, number = quarantine / path.name, 0
    while target.exists():
        number += 1
        target = quarantine / f"{path.name}.{number}"
    path.replace(target)
    sync_directory(quarantine)
    sync_directory(path.parent)
    return target
