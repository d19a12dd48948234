"""The derived caches under data/cache, kept within a size. Removing one costs time, never a result.

A process that has a removed file mapped keeps it; a later one makes it again, silently.
"""

from __future__ import annotations

import itertools
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from utils.files import os_files
from utils.files.atomic import TMP_MARK

KEEP_CACHE_MB = 2000
MB = 1_000_000
FOLDERS = ("columns/files", "columns/store", "native")
COLUMNS, MACHINE_CODE = ".cols", ".o"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """One cache file, or what a killed writer left of one."""

    path: Path
    size: int
    made_s: float

    @property
    def temporary(self) -> bool:
        """Whether it never got its name."""
        return self.path.name.startswith(".") and TMP_MARK in self.path.name

    @property
    def abandoned(self) -> bool:
        """Whether the process that was writing it has ended: its pid is in the name."""
        pid = self.path.name.rpartition(TMP_MARK)[2].partition("-")[0]
        return self.temporary and not (pid.isascii() and pid.isdigit() and Path(f"/proc/{pid}").exists())


def look(folder: Path) -> list[Cached]:
    """The cache files under `folder` (data/cache). Links, locks and foreign files are not among them."""
    found = []
    os_files.must_answer(folder)
    for path in itertools.chain.from_iterable((folder / name).glob("*") for name in FOLDERS):
        try:
            status = path.lstat()
        except OSError:
            continue
        each = Cached(path=path, size=status.st_size, made_s=status.st_mtime)
        if stat.S_ISREG(status.st_mode) and (path.suffix in (COLUMNS, MACHINE_CODE) or each.temporary):
            found.append(each)
    return found


def surplus(found: Iterable[Cached], *, keep_mb: int) -> list[Cached]:
    """What may go: leftovers of processes that have ended, then the oldest until `keep_mb` (10^6 bytes) hold the rest.

    The newest compiled loop of each name stays: making it takes seconds.
    """
    seen, total, gone = set(), 0, []
    for each in sorted(found, key=lambda each: (-each.made_s, str(each.path))):
        name = each.path.stem.rpartition("-")[0] if each.path.suffix == MACHINE_CODE else ""
        total += each.size
        newest_of_name = bool(name) and name not in seen
        seen.add(name)
        if each.abandoned if each.temporary else total > keep_mb * MB and not newest_of_name:
            gone.append(each)
    return gone[::-1]
