"""The kill switch: a file. While it is there nothing is entered; only a person's command, or hand, takes it away."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from utils import paths
from utils.files import atomic
from utils.files.os_files import held_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """That it is on, why, and whether what is open is to be left. `at`: when, UTC text; empty where unknown."""

    reason: str = ""
    flatten: bool = False
    at: str = ""

    @property
    def words(self) -> str:
        """For `blocked_by`."""
        return "kill+flatten" if self.flatten else "kill"


def path_of() -> Path:
    """Where it is."""
    return paths.data_dir() / "live" / "KILL"


def state() -> Kill | None:
    """The switch; None when it is off. A file that cannot be read, or that a hand made, is on."""
    path = path_of()
    try:
        content = held_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return Kill(reason=f"{path} is a link to nothing") if path.is_symlink() else None
    except OSError as error:
        return Kill(reason=f"{path} cannot be read: {error.strerror}")
    try:
        found = json.loads(content)
        return Kill(reason=str(found["reason"]), flatten=bool(found["flatten"]), at=str(found["at"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return Kill(reason=content.decode("utf-8", "replace").strip()[:200], flatten=b"flatten" in content)


def turn_on(reason: str, *, flatten: bool, at: str) -> None:
    """Write it. A flatten that was asked for stays asked for."""
    before = state()
    path = path_of()
    path.parent.mkdir(parents=True, exist_ok=True)
    flatten = flatten or (before is not None and before.flatten)
    atomic.write_text(path, json.dumps({"reason": reason, "flatten": flatten, "at": at}) + "\n")


def release() -> Kill | None:
    """Take it away; what it was, None when it was off."""
    was = state()
    path_of().unlink(missing_ok=True)
    if was is not None:
        atomic.sync_directory(path_of().parent)
    return was
