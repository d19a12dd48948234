"""Look at the runs folder, and remove what `retention` says may go."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

from pyjobs.runs.retention import Decision, Entry, Status
from pyjobs.runs.run_folder import BUILDING, MANIFEST, PINNED, REMOVING, is_being_built, started_at


def look(runs_dir: Path) -> list[Entry]:
    """Everything in `runs_dir`, by name. A folder that does not exist holds nothing."""
    if not runs_dir.is_dir():
        return []
    return [_entry(path) for path in sorted(runs_dir.iterdir())]


def remove(runs_dir: Path, decision: Decision) -> bool:
    """Carry out one removal: rename it out of sight, then its manifest, then the rest. False: it changed, so not done.

    Killed between any two of these, what is left is called `.removing-…` and goes at the next prune. Another prune
    may do the same at the same time: what is already gone is fine. Raises OSError when something cannot be removed.
    """
    entry = decision.entry
    path, doomed = runs_dir / entry.name, runs_dir / f"{REMOVING}{entry.run_id}"
    if not os.path.lexists(path):
        return True
    if _entry(path) != entry:
        return False
    with contextlib.suppress(FileNotFoundError):
        if entry.kind != "removing":
            path.rename(doomed)
        (doomed / MANIFEST).unlink(missing_ok=True)
        _delete(doomed)
    return True


def _entry(path: Path) -> Entry:
    name = path.name
    if path.is_symlink():
        return Entry(name=name, kind="link")
    for kind, mark in (("building", BUILDING), ("removing", REMOVING), ("run", "")):
        run_id = name.removeprefix(mark)
        if not name.startswith(mark) or not started_at(run_id) or not path.is_dir():
            continue
        pinned = (path / PINNED).exists()
        if kind == "run":
            return Entry(name=name, kind="run", run_id=run_id, status=_status(path), pinned=pinned)
        if kind == "building":
            return Entry(name=name, kind="building", run_id=run_id, pinned=pinned, held=is_being_built(path))
        return Entry(name=name, kind="removing", run_id=run_id)
    return Entry(name=name, kind="foreign")


def _status(path: Path) -> Status:
    try:
        status = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["status"]
    except (OSError, ValueError, KeyError, TypeError):
        return "broken"
    return status if status in ("ok", "partial") else "broken"


def _delete(folder: Path) -> None:
    """Delete a tree (links in it are unlinked, not followed) that another prune may be deleting at the same time."""
    while os.path.lexists(folder):
        with contextlib.suppress(FileNotFoundError):  # the other one was faster; what is left is less each time
            shutil.rmtree(folder)
