"""What may stand in the place of one file or one folder among many, and a look at who goes through them all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LONG = "n" * 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One loop over many things.

    `make` builds a home that has at least three of them and returns the one to be spoiled; `read` goes through them as
    the code does and returns what it has met; whatever the one looks like, `others` are among that.
    `changes`: reading changes the home, so that each try needs a new one. `long`: it is tried by `make torture` alone.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    others: frozenset[str]
    changes: bool = False
    long: bool = False


def away(path: Path) -> None:
    """Whatever it is."""
    if not path.is_symlink() and path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


SPOILED: dict[str, Callable[[Path], object]] = {
    "a loop of links": lambda path: path.symlink_to(path.name),
    "a name of 300 letters": lambda path: path.symlink_to(LONG),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a file that reads as EIO": lambda path: path.symlink_to("/proc/self/mem"),
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
    "an empty folder": Path.mkdir,
    "an empty file": Path.touch,
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00\x1b[2J\n" * 50),
    "deep brackets": lambda path: path.write_bytes(b"[" * 100_000),
    "deep brackets below a name": lambda path: path.write_bytes(b'{"x": ' + b"[" * 100_000),
    "another's JSON": lambda path: path.write_bytes(b'[1, {"desk": [], "files": 7, "told": null}]'),
}
"""Each makes it where nothing stands."""
