"""Which format what is stored has, and which this version reads: two numbers in data/, one in config/data_format.txt.

`data/format` is the newest format that anything stored may have: it grows before a migration changes its first file, so
that no older version reads what it cannot. `data/migrated` is the format that everything has: it grows when a migration
is through. Where neither is and something is stored, that is of format 1.
Only the standard library: the supervisor imports this on every run.
"""

from __future__ import annotations

import os

READS, MAY_HAVE, ALL_HAVE = "config/data_format.txt", "data/format", "data/migrated"
FIRST = 1


def reads(clone: str) -> int:
    """The newest format of stored data that the version in `clone` reads."""
    return number(os.path.join(clone, READS)) or FIRST


def stored(home: str) -> int:
    """The newest format that anything stored in `home` may have."""
    return number(os.path.join(home, MAY_HAVE)) or FIRST


def settled(home: str) -> int:
    """The format that everything stored in `home` has; what is half migrated counts as not migrated."""
    return number(os.path.join(home, ALL_HAVE)) or FIRST


def pending(clone: str, home: str) -> bool:
    """Whether something stored is to be migrated before this version may read it."""
    wanted = reads(clone)
    return wanted > FIRST and settled(home) < wanted and not empty(home)


def empty(home: str) -> bool:
    """Whether nothing is stored yet: whatever comes is of the newest format."""
    try:
        return all(name.startswith(".") for name in os.listdir(os.path.join(home, "data")))
    except OSError:
        return True


def begin(clone: str, home: str) -> None:
    """Note of a home in which nothing is stored yet that all of it has the newest format. Raises OSError."""
    wanted = reads(clone)
    if wanted > FIRST and empty(home):
        os.makedirs(os.path.join(home, "data"), exist_ok=True)
        write(home, MAY_HAVE, wanted)
        write(home, ALL_HAVE, wanted)


def write(home: str, name: str, value: int) -> None:
    """Write one of the two numbers: whole or not at all, synced. Raises OSError."""
    from pathlib import Path

    from utils.files import atomic

    atomic.write_text(Path(home, name), f"{value}\n")


def number(path: str) -> int:
    """The first line of digits in a file; 0 without one."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return next((int(line) for line in file if line.strip().isdecimal() and len(line) < 20), 0)
    except OSError:
        return 0
