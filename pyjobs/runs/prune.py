"""Look at a folder of runs (nightly ones, or backtests), and remove what may go by `retention`."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pyjobs.runs import pins
from pyjobs.runs.backtests import backtest_folder
from pyjobs.runs.retention import Decision, Entry, Status
from pyjobs.runs.run_folder import BUILDING, MANIFEST, REMOVING, is_being_built, started_at
from utils.errors import ConfigError
from utils.files import os_files
from utils.files.os_files import has_folder, read_json

Named = Callable[[str], object]
NEVER_A_FILE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EINVAL, errno.ELOOP, errno.ENAMETOOLONG)
"""No manifest, or something else in its place; any other error may be gone tomorrow."""


def is_night(name: str) -> bool:
    """Whether a nightly run may be called so."""
    return started_at(name) is not None


def is_backtest(name: str) -> bool:
    """Whether a backtest may be called so."""
    return backtest_folder.parts_of(name) is not None


def limit(name: str, flag: int | None, default: int) -> int:
    """A limit from its flag, its environment variable or its default; refused below 1: 0 would empty the folder."""
    text = str(flag) if flag is not None else os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigError(f"{name}: {text!r} is not a whole number of at least 1")
    return int(text)


def look(runs_dir: Path, named: Named = is_night) -> list[Entry]:
    """Everything in `runs_dir`, by name; `named` has the names of runs. A folder that is not there holds nothing."""
    os_files.must_answer(runs_dir)
    if not has_folder(runs_dir):
        return []
    return [_entry(path, named) for path in sorted(runs_dir.iterdir())]


def remove_each(
    runs_dir: Path, decisions: Iterable[Decision], named: Named = is_night
) -> Iterator[tuple[Decision, str | None]]:
    """Carry out each, with what is wrong: one that cannot be removed keeps no other.

    None where all is well; where it has changed since it was looked at, an empty text.
    """
    for decision in decisions:
        try:
            gone = remove(runs_dir, decision, named)
        except OSError as error:
            yield decision, f"'{decision.entry.name}': {error.strerror} ('{error.filename}')"
        else:
            yield decision, None if gone else ""


def remove(runs_dir: Path, decision: Decision, named: Named = is_night) -> bool:
    """Carry out one removal: rename it out of sight, then its manifest, then the rest. False: it changed, so not done.

    Killed between any two of these, what is left is called `.removing-…` and goes at the next prune. Another prune
    may do the same at the same time: what is already gone is fine. Raises OSError when something cannot be removed.
    """
    entry = decision.entry
    path, doomed = runs_dir / entry.name, runs_dir / f"{REMOVING}{entry.run_id}"
    if not os.path.lexists(path):
        return True
    if _entry(path, named) != entry:
        return False
    with contextlib.suppress(FileNotFoundError):
        if entry.kind != "removing":
            path.rename(doomed)
        (doomed / MANIFEST).unlink(missing_ok=True)
        _delete(doomed)
    return True


def _entry(path: Path, named: Named) -> Entry:
    name = path.name
    try:
        if stat.S_ISLNK(path.lstat().st_mode):
            return Entry(name=name, kind="link")
    except FileNotFoundError:
        pass
    except OSError:
        return Entry(name=name, kind="unread")
    for kind, mark in (("building", BUILDING), ("removing", REMOVING), ("run", "")):
        run_id = name.removeprefix(mark)
        if not name.startswith(mark) or not named(run_id):
            continue
        if not has_folder(path):
            break
        if kind == "removing":
            return Entry(name=name, kind="removing", run_id=run_id)
        pin = pins.read(path)
        why, until = pin or ("", "")
        held = kind == "building" and is_being_built(path)
        status, group = _told(path) if kind == "run" else ("broken", "")
        if status is None:
            return Entry(name=name, kind="unread", run_id=run_id)
        return Entry(
            name=name, kind="run" if kind == "run" else "building", run_id=run_id, status=status, group=group,
            pinned=pin is not None, pin_reason=why, pin_until=until, held=held,
        )  # fmt: skip
    return Entry(name=name, kind="foreign")


def _told(path: Path) -> tuple[Status | None, str]:
    """How the run went, and its desk or strategy. A backtest's manifest has no status: it is written when all is.

    No status: the disk does not report it now, which is no reason to call the run broken.
    """
    backtest = backtest_folder.parts_of(path.name)
    group = backtest[1] if backtest else ""
    try:
        manifest = read_json(path / MANIFEST)
        status, desk = manifest.get("status", "ok" if backtest else ""), manifest.get("desk", "")
    except (ValueError, AttributeError):
        return "broken", group
    except OSError as error:
        return ("broken" if error.errno in NEVER_A_FILE else None), group
    group = group or (desk if isinstance(desk, str) else "")
    return (status if status in ("ok", "partial") else "broken"), group


def _delete(folder: Path) -> None:
    """Delete a tree (links in it are unlinked, not followed) that another prune may be deleting at the same time."""
    while os.path.lexists(folder):
        with contextlib.suppress(FileNotFoundError):  # the other one was faster; what is left is less each time
            shutil.rmtree(folder)
