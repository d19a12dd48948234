"""Bringing what is stored to the format that this version reads, file by file; killed, it goes on where it was."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType

from pyjobs.machines import migrations, snapshot
from utils.errors import BadDataError, CannotWriteError, ConfigError, LockBusyError
from utils.files import formats, os_files

WAIT_S = 60.0
HELD = "held"
Say = Callable[[str], None]


@contextmanager
def alone(clone: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """No job runs meanwhile. The update that starts us has the code already. Raises LockBusyError."""
    if os.environ.get("NIGHTDESK_CODE") == HELD:
        yield
        return
    (clone / ".locks").mkdir(mode=0o750, exist_ok=True)
    try:
        with os_files.locked(clone / ".locks/code.lock", wait_s, 0o640):
            yield
    except os_files.HeldElsewhere:
        raise LockBusyError(
            f"jobs were at work for {wait_s:g} s: nothing migrated, try later (jobs/why.sh names them)"
        ) from None


def migrate(clone: Path, home: Path, say: Say, *, now: datetime) -> int:
    """Bring everything below `home`/data to the format that `clone` reads; how many files were changed.

    A backup is taken before the first change. Raises ConfigError (what is stored is newer than the code),
    BadDataError (a file that cannot be migrated: those before it are, and it is named), CannotWriteError.
    """
    wanted, has, may_have = formats.reads(str(clone)), formats.settled(str(home)), formats.stored(str(home))
    if may_have > wanted:
        raise ConfigError(newer(may_have, wanted))
    if formats.empty(str(home)):
        formats.begin(str(clone), str(home))
        return 0
    steps, changed = known(), 0
    missing = [number for number in range(has + 1, wanted + 1) if number not in steps]
    if missing:
        raise ConfigError(f"no migration leads to format {missing[0]}, which config/data_format.txt promises")
    for number in range(has + 1, wanted + 1):
        if may_have < number:
            made = snapshot.make(home, home / "data/backups", now=now, clone=clone)
            say(f"a backup of before: '{made}'")
        changed += _step(steps[number], number, home, say)
    return changed


def known() -> dict[int, ModuleType]:
    """The migrations of this version, by the format that each leads to."""
    found = {}
    for each in pkgutil.iter_modules(migrations.__path__):
        number = each.name.removeprefix("to_").partition("_")[0]
        if each.name.startswith("to_") and number.isdecimal():
            found[int(number)] = importlib.import_module(f"{migrations.__name__}.{each.name}")
    return found


def newer(stored: int, reads: int) -> str:
    """The message where the code is older than what is stored."""
    return (
        f"what is stored has format {stored}, and this version reads up to {reads}: a newer version wrote here; "
        "go forward (batch/update_from_git.sh), or restore an earlier backup (python -m pyjobs.restore --list)"
    )


def _step(step: ModuleType, number: int, home: Path, say: Say) -> int:
    changed = 0
    try:
        formats.write(str(home), formats.MAY_HAVE, number)  # from here on older versions are refused
        for path in step.left(home / "data"):
            _changed(step, path, number)
            changed += 1
        still = next(iter(step.left(home / "data")), None)
        if still is not None:
            raise BadDataError(f"'{still}' has still not format {number} after its migration: {_CURE}")
        formats.write(str(home), formats.ALL_HAVE, number)
    except OSError as error:
        where = error.filename or home / "data"
        raise CannotWriteError(
            f"'{where}': {error.strerror}: the migration to format {number} goes on later: {_AGAIN}"
        ) from error
    say(f"what is stored has format {number} now: {changed} files changed")
    return changed


def _changed(step: ModuleType, path: Path, number: int) -> None:
    try:
        step.change(path)
    except BadDataError as error:
        raise BadDataError(f"'{path}' cannot be brought to format {number}: {error}: {_CURE}") from error


_AGAIN = "python -m pyjobs.migrate"
_CURE = f"mend it, or move it away, then {_AGAIN}"
