"""Putting a snapshot back: verified first, nothing that is there overwritten, and what was restored looked at again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pyjobs.machines import databases
from pyjobs.machines.snapshot import FILES
from pyjobs.runs import sealed
from utils.errors import BadDataError, CannotWriteError
from utils.files import atomic, formats
from utils.foreign_text import quoted


def restore(snapshot: Path, into: Path) -> int:
    """Copy a snapshot's files under `into`; how many. Killed, it is simply called again: what is there already stays.

    Refuses before it writes anything: a snapshot that differs from its manifest (BadDataError), and a file in the
    way that is another (CannotWriteError). Then every database is checked, and its rows counted.
    """
    problems = sealed.verify(snapshot)
    if problems:
        raise BadDataError(f"the backup '{snapshot}' is damaged: {problems[0]} ({len(problems)} differences)")
    record = sealed.read(snapshot)
    files = record["files"]
    assert isinstance(files, dict)  # `read` has checked it
    strange = next((name for name in sorted(files) if not name.startswith(f"{FILES}/")), None)
    if strange is not None:
        raise BadDataError(f"'{snapshot}' is not a backup: it also holds '{quoted(strange, 200)}', next to {FILES}/")
    names = sorted(name.removeprefix(f"{FILES}/") for name in files)
    _same_format(record, into)
    there = [name for name in names if os.path.lexists(into / name)]
    other = [name for name in there if sealed.fingerprint(into / name) != files[f"{FILES}/{name}"]]
    if other:
        raise CannotWriteError(
            f"nothing restored: '{into / other[0]}' is there and is another"
            + (f", and {len(other) - 1} more" if len(other) > 1 else "")
            + ": restore into an empty folder, or move them away"
        )
    missing = set(names) - set(there)
    try:
        into.mkdir(parents=True, exist_ok=True)
        if _format(record) > formats.FIRST:
            (into / "data").mkdir(exist_ok=True)
            formats.write(str(into), formats.MAY_HAVE, _format(record))
            formats.write(str(into), formats.ALL_HAVE, _format(record))
        for name in sorted(missing):
            _put(snapshot / FILES / name, into / name)
    except OSError as error:
        raise CannotWriteError(
            f"cannot restore '{error.filename or into}': {error.strerror}; start it again"
        ) from error
    check(record, into)
    return len(names)


def check(record: Mapping[str, object], into: Path) -> None:
    """Whether every database is whole and has the rows that the backup counted. Raises BadDataError."""
    known = record.get("databases")
    for name, was in known.items() if isinstance(known, dict) else ():
        now = databases.look(into / name)
        if now["integrity"] != "ok":
            raise BadDataError(f"restored '{into / name}' is damaged: {now['integrity']}")
        if not isinstance(was, dict) or now["tables"] != was.get("tables"):
            raise BadDataError(f"restored '{into / name}' has {now['tables']} rows, the backup counted {quoted(was)}")


def _format(record: Mapping[str, object]) -> int:
    """The format of what was backed up; one that was being migrated counts as not migrated."""
    return int(str(record.get("format", formats.FIRST)))


def _same_format(record: Mapping[str, object], into: Path) -> None:
    """Raises CannotWriteError where files of two formats would lie side by side."""
    if not formats.empty(str(into)) and formats.settled(str(into)) != _format(record):
        raise CannotWriteError(
            f"nothing restored: the backup has format {_format(record)}, what is in '{into / 'data'}' has format "
            f"{formats.settled(str(into))}: restore into an empty folder; it is migrated there"
        )


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    atomic.write_atomic(target, lambda temporary: shutil.copy2(source, temporary))
