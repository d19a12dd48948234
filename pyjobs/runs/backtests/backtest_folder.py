"""Backtest runs: `backtests/<timestamp>_<strategy>`, how one is begun and finished, and which is the latest.

    backtests/20261120T131000123Z_ma_cross             a finished run: its manifest was written last, then one rename
    backtests/.building-20261120T131000123Z_ma_cross   being built, or left behind by a run that was killed

Runs are put in order by the timestamp in their name, never by mtime: a copy, a backup or a touched file changes mtimes.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyjobs.runs.run_folder import BUILDING, MANIFEST, Building
from utils import paths
from utils.errors import CannotWriteError
from utils.files import os_files
from utils.files.os_files import has_file, has_folder, hold_folder, is_link

# Ours is 8 digits, T, 9 digits, Z; runs of other tools, with fewer digits or another separator, are understood too.
_NAME = re.compile(r"(\d{8}(?:[T_-]?\d{4,9})?Z?)_([A-Za-z].*)", re.ASCII)
_DIGITS = 17
AHEAD = timedelta(minutes=1)  # so little later than now is no clock that ran ahead
_LEAST = ("metrics.json", "daily_returns.csv", "equity_curve.csv")


def backtests_dir() -> Path:
    """Where finished backtests are."""
    return paths.root() / "backtests"


def run_name(now: datetime, strategy: str) -> str:
    """A name that sorts by time: `now` (aware) in UTC to the millisecond, and what was run."""
    moment = now.astimezone(UTC)
    return f"{moment.strftime('%Y%m%dT%H%M%S')}{moment.microsecond // 1000:03d}Z_{strategy}"


def parts_of(name: str) -> tuple[str, str] | None:
    """(digits of the timestamp padded so that they sort, strategy), or None when `name` is no backtest's."""
    found = _NAME.fullmatch(name)
    return (re.sub(r"\D", "", found[1]).ljust(_DIGITS, "0"), found[2]) if found else None


def runs_of(folder: Path, strategy: str, now: datetime | None = None) -> list[Path]:
    """The runs of exactly this strategy, oldest first by the timestamp in the name; none from later than `now` (aware).

    Runs without a manifest count when they hold results; links, foreign names and half-built folders do not.
    """
    os_files.must_answer(folder)
    named = [(parts_of(path.name), path) for path in (folder.iterdir() if folder.is_dir() else ())]
    mine = [(parts[0], path.name, path) for parts, path in named if parts and parts[1] == strategy and _is_run(path)]
    until = parts_of(run_name(now + AHEAD, strategy)) if now else None
    return [path for stamp, _, path in sorted(mine) if until is None or stamp <= until[0]]


def begin(folder: Path, strategy: str, now: datetime) -> Building:
    """Make the folder of a new run; a name that is taken moves on by a millisecond. Raises CannotWriteError."""
    for later in range(1000):
        name = run_name(now + timedelta(milliseconds=later), strategy)
        path = folder / f"{BUILDING}{name}"
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True)
            if (folder / name).exists():
                continue
            path.mkdir()
            return Building(runs_dir=folder, run_id=name, lock_fd=hold_folder(path))
        except FileExistsError as error:
            if folder.exists() and not folder.is_dir():
                raise CannotWriteError(f"cannot begin a backtest in '{folder}': it is a file") from error
            continue
        except OSError as error:
            why = f"{error.strerror} ('{error.filename}')"
            raise CannotWriteError(f"cannot begin a backtest in '{folder}': {why}") from error
    raise CannotWriteError(f"cannot begin a backtest in '{folder}': a thousand names from '{name}' back are taken")


def discard(building: Building) -> None:
    """Remove a run that failed; what cannot be removed keeps its `.building-` name."""
    with contextlib.suppress(OSError):
        shutil.rmtree(building.path)


def _is_run(path: Path) -> bool:
    if is_link(path) or not has_folder(path):
        return False
    return has_file(path / MANIFEST) or all(has_file(path / name) for name in _LEAST)
