"""Run folders: what they are called, how one is begun, and how it becomes a finished run in one rename.

    data/server_runs/20261120T131000Z-9f3c             a finished run: its manifest was written last
    data/server_runs/.building-20261120T131000Z-9f3c   being built, or left behind by a night that died
    data/server_runs/.removing-20261120T131000Z-9f3c   being removed, or left behind by a prune that died

Whoever builds a run holds an flock on the folder itself, which no crash can leave behind.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from utils import paths
from utils.errors import CannotWriteError, MissingInputError
from utils.files import os_files
from utils.files.atomic import TMP_MARK, sync_directory
from utils.files.os_files import has_file, has_folder, hold_folder, is_link

SUBFOLDERS = ("reports", "backtests", "portfolio", "queue", "logs")
MANIFEST = "manifest.json"
PINNED = "PINNED"
BUILDING = ".building-"
REMOVING = ".removing-"
STAMP = "%Y%m%dT%H%M%SZ"
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}", re.ASCII)


def new_run_id(now: datetime) -> str:
    """A name that sorts by time: `now` (aware) as a UTC stamp, and 16 random bits for two runs in one second."""
    return f"{now.astimezone(UTC).strftime(STAMP)}-{os.urandom(2).hex()}"


def started_at(run_id: str) -> datetime | None:
    """When the run of that name began (UTC), or None when `run_id` is no RUN_ID."""
    if not _RUN_ID.fullmatch(run_id):
        return None
    try:
        return datetime.strptime(run_id.partition("-")[0], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


class Building(NamedTuple):
    """A run that is being built. `lock_fd` keeps everybody else's prune away until this process ends."""

    runs_dir: Path
    run_id: str
    lock_fd: int

    @property
    def path(self) -> Path:
        """Where its files go until it is finished."""
        return self.runs_dir / f"{BUILDING}{self.run_id}"


def begin(runs_dir: Path, run_id: str) -> Building:
    """Make the folder of a new run and its subfolders. Raises CannotWriteError naming folder and cause."""
    path = runs_dir / f"{BUILDING}{run_id}"
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        for name in SUBFOLDERS:
            (path / name).mkdir()
        return Building(runs_dir=runs_dir, run_id=run_id, lock_fd=hold_folder(path))
    except OSError as error:
        with contextlib.suppress(OSError):
            for name in SUBFOLDERS:
                (path / name).rmdir()
        with contextlib.suppress(OSError):
            path.rmdir()
        raise CannotWriteError(f"cannot begin a run in '{runs_dir}': {error.strerror} ('{error.filename}')") from error


def sweep_all(run_dir: Path) -> None:
    """Remove the temporary files of steps that were killed, anywhere in a run that is not being filled any more."""
    for at, folders, names in os.walk(run_dir):
        links = (name for name in folders if Path(at, name).is_symlink())
        for name in (*names, *links):
            if name.startswith(".") and TMP_MARK in name:
                Path(at, name).unlink(missing_ok=True)


def publish(building: Building) -> Path:
    """Turn a run that has its manifest into a finished one: one rename. Returns its final folder.

    Other users may read it as they may read the folder of all runs.

    Raises CannotWriteError when there is no manifest, the name is taken, or the rename fails; the folder then keeps
    its `.building-` name.
    """
    final = building.runs_dir / building.run_id
    if not (building.path / MANIFEST).is_file():
        raise CannotWriteError(f"'{building.path}' has no {MANIFEST}: not published")
    try:
        with contextlib.suppress(OSError):  # a disk without modes
            building.path.chmod(building.runs_dir.stat().st_mode & 0o755)
        building.path.rename(final)
    except OSError as error:
        raise CannotWriteError(f"cannot publish '{building.path}' as '{final.name}': {error.strerror}") from error
    sync_directory(building.runs_dir)
    return final


def finished_runs(runs_dir: Path) -> list[Path]:
    """Folders of finished runs, oldest first. Foreign names, links and folders without a manifest are not runs."""
    os_files.must_answer(runs_dir)
    if not has_folder(runs_dir):
        return []
    found = [p for p in runs_dir.iterdir() if started_at(p.name) and not is_link(p) and has_file(p / MANIFEST)]
    return sorted(found, key=lambda path: path.name)


def run_places() -> list[Path]:
    """Where finished runs are: nights, fetched nights, backtests."""
    return [paths.data_dir() / "server_runs", paths.data_dir() / "server_runs_remote", paths.root() / "backtests"]


def find_run(name: str, runs_dir: Path) -> Path:
    """The folder of a run, by its path, or by its name in `runs_dir` and where runs are. Raises MissingInputError."""
    places = [Path(name)] if "/" in name else [folder / name for folder in (runs_dir, *run_places())]
    found = next(filter(has_folder, places), None) if name else None
    if found is None:
        raise MissingInputError(f"no run {name!r}: looked for {', '.join(f'{str(place)!r}' for place in places)}")
    return found


def is_being_built(path: Path) -> bool:
    """Whether a living process holds the lock on a `.building-` folder, or, where nothing can be locked, may do so."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    import fcntl  # a prune belongs to the chain, which is for Unix

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as its builder did
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
