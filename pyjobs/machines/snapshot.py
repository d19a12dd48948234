"""A snapshot: what cannot be made again, copied as it is into one folder, with a manifest of every file.

    <folder>/<STAMP>/            like a run: 20261120T131000Z-9f3c, manifest last, one rename
    <folder>/<STAMP>/files/      the files under their own paths, from the home on

A file that is as it was in the snapshot before is a hard link to it. No format of ours: `cp -a files/. HOME` restores.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pyjobs.machines import databases
from pyjobs.runs import pins, sealed
from pyjobs.runs.run_folder import (
    BUILDING,
    MANIFEST,
    REMOVING,
    Building,
    finished_runs,
    new_run_id,
    publish,
    started_at,
)
from utils import clock
from utils.errors import BadDataError, CannotWriteError
from utils.files import atomic, formats, os_files
from utils.files.os_files import has_file, has_folder, held, hold_folder, is_link

FILES = "files"
CONFIG = ("config/desks", "config/instances", "strategies")
TREES = (
    *CONFIG, "data/processed", "data/queue", "data/benchmarks", "data/listings", "data/actions",
    "data/universe", "backtests", "secret/instances",
)  # fmt: skip
SINGLE = (
    "config/desk.yaml", "config/*.local*",
    "secret/jobs.yaml", "secret/live.yaml", "secret/watchlist*.yaml", "secret/data_sources.yaml",
    "secret/exchanges.yaml", "repos.lock", "logs/history*.jsonl", "data/live/KILL",
)  # fmt: skip
NOT_DATA = ("data/server_runs", "data/server_runs_remote", "data/raw", "data/cache", "data/backups", "data/webcache")
NOT_OURS = ("__pycache__", ".quarantine")
GROWS = (".csv", ".jsonl")
CHUNK = 1_000_000


class Unreadable(Exception):
    """A file is there and cannot be read: it is left out of the backup, and named."""


def make(home: Path, folder: Path, *, now: datetime, clone: Path) -> Path:
    """Take a snapshot of `home` into `folder`; its final path. `clone`: where config/ is, when the home has none.

    A file that cannot be read, a database that cannot be copied, is left out, named in the manifest's `problems`, and
    makes it `partial`. Raises CannotWriteError. A snapshot gets its name only when it is whole.
    """
    building = _begin(folder, new_run_id(now))
    try:
        content = _fill(building.path, home, _previous(folder), clone=clone, now=now)
        content["run_id"] = building.run_id
        atomic.write_text(building.path / MANIFEST, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        return publish(building)
    except OSError as error:
        raise CannotWriteError(f"no backup in '{folder}': {error.strerror} ('{error.filename}')") from error
    finally:
        os.close(building.lock_fd)
        if building.path.exists():
            shutil.rmtree(building.path, ignore_errors=True)


def sources(home: Path, clone: Path) -> Iterator[tuple[str, Path]]:
    """The files to back up: (path relative to the home, file). Secrets are not: no key, no password, no `.env`."""
    seen: set[str] = set()
    for root in dict.fromkeys((home, clone)):
        found = [path for tree in (TREES if root == home else CONFIG) for path in _walk(root / tree)]
        found += [path for pattern in SINGLE for path in sorted(root.glob(pattern)) if has_file(path)]
        for path in found:
            name = path.relative_to(root).as_posix()
            if name not in seen:
                seen.add(name)
                yield name, path
    for run in finished_runs(home / "data/server_runs"):
        if pins.read(run):
            yield from ((path.relative_to(home).as_posix(), path) for path in _walk(run))
    for path in _walk(home / "data"):
        name = path.relative_to(home).as_posix()
        if name not in seen and not name.startswith(tuple(f"{each}/" for each in NOT_DATA)) and _is_db(path):
            yield name, path


def _fill(into: Path, home: Path, before: Path | None, *, clone: Path, now: datetime) -> dict[str, object]:
    files: dict[str, object] = {}
    problems: list[str] = []
    found: dict[str, object] = {}
    for name, path in sources(home, clone):
        target = into / FILES / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_link(path):
            target.symlink_to(path.readlink())
        elif _is_db(path):
            problem = _database(path, target, found, name)
            if problem:
                problems.append(problem)
                continue
        elif not _copied(path, target, problems):
            target.unlink(missing_ok=True)
            continue
        print_of = sealed.fingerprint(target)
        files[f"{FILES}/{name}"] = print_of
        if before and not is_link(path):
            _link(before / FILES / name, target, print_of)
    _sync(into)
    size = sum(int(str(each["bytes"])) for each in files.values() if isinstance(each, dict))
    about: dict[str, object] = {
        "home": str(home),
        "format": formats.settled(str(home)),
        "finished_utc": clock.utc_stamp(now.timestamp()),
        "sqlite": sqlite3.sqlite_version,
    }
    state = {"schema": 1, "status": "partial" if problems else "ok", "problems": problems, "desk": ""}
    return {**state, **about, "size_mb": round(size / 1e6, 6), "databases": found, "files": files}


def _database(path: Path, target: Path, found: dict[str, object], name: str) -> str:
    """Copy a database and note its rows in `found`; what is wrong with it, when it is left out."""
    try:
        databases.copy(path, target)
        result = databases.look(target)
    except BadDataError as error:
        target.unlink(missing_ok=True)
        return str(error)
    if result["integrity"] != "ok":
        target.unlink()
        return f"'{path}' is damaged: {result['integrity']}"
    found[name] = result
    return ""


def _copied(source: Path, target: Path, problems: list[str]) -> bool:
    """Copy a file; of one that grows by whole lines what was whole when it was opened.

    False: it went away, or cannot be read, which is one of the problems then. Raises OSError for what ails the copy.
    """
    with target.open("wb") as write:
        try:
            for piece in _pieces(source):
                write.write(piece)
        except FileNotFoundError:
            return False
        except Unreadable as error:
            problems.append(str(error))
            return False
        if source.suffix in GROWS:
            write.flush()
            _cut_torn_line(target)
    with contextlib.suppress(OSError):  # its time and mode are a comfort
        shutil.copystat(source, target)
    return True


def _pieces(source: Path) -> Iterator[bytes]:
    """The content of a file when it was opened. Raises FileNotFoundError where it is gone, else Unreadable."""
    try:
        with held(source) as read:
            left = os.fstat(read.fileno()).st_size
            while left > 0 and (piece := read.read(min(CHUNK, left))):
                yield piece
                left -= len(piece)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(f"'{source}' cannot be read: {error.strerror}") from error


def _cut_torn_line(path: Path) -> None:
    """A last line without its end was being written: it goes, unless the file has no other line (no CSV ends so)."""
    with path.open("rb+") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, size - CHUNK))
        end = handle.read()
        if end and not end.endswith(b"\n") and b"\n" in end:
            handle.truncate(size - len(end) + end.rindex(b"\n") + 1)


def _link(before: Path, target: Path, print_of: dict[str, object]) -> None:
    """Put a hard link in the place of a copy that is the same; filesystems that cannot keep the copy.

    The file itself is read, not its manifest: a rotten file must not take the place of the fresh one.
    """
    temporary = atomic.temporary_beside(target)
    with contextlib.suppress(OSError):
        if sealed.fingerprint(before) == print_of:
            os.link(before, temporary)
            temporary.replace(target)


def _begin(folder: Path, run_id: str) -> Building:
    path = folder / f"{BUILDING}{run_id}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.mkdir(mode=0o700)
        (path / FILES).mkdir()
        return Building(runs_dir=folder, run_id=run_id, lock_fd=hold_folder(path))
    except OSError as error:
        raise CannotWriteError(f"cannot begin a backup in '{folder}': {error.strerror} ('{error.filename}')") from error


def _previous(folder: Path) -> Path | None:
    return next(reversed(finished_runs(folder)), None)


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below, in order; temporary files, caches and unfinished runs are passed over."""
    try:
        os_files.must_answer(folder)
        if not has_folder(folder) or folder.is_symlink():
            return
        inside = sorted(folder.iterdir())
    except OSError:  # it is tried as a file, and named
        yield folder
        return
    for path in inside:
        name = path.name
        if name in NOT_OURS or atomic.TMP_MARK in name or name.startswith((BUILDING, REMOVING)):
            continue
        if has_folder(path) and not is_link(path):
            yield from _walk(path)
        elif (is_link(path) or not _is_special(path)) and not name.endswith(("-journal", "-wal", "-shm")):
            yield path


def _is_special(path: Path) -> bool:
    """Whether it is a pipe, a socket or a device; what cannot be looked at is tried, and named."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _is_db(path: Path) -> bool:
    """The files of a run or a backtest are as sealed as their manifest: copied by bytes."""
    inside = any(started_at(part) or part == "backtests" for part in path.parts)
    return not inside and not is_link(path) and databases.is_database(path)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_symlink():
            continue
        if path.is_file() and path.stat().st_nlink == 1:
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        elif path.is_dir():
            atomic.sync_directory(path)
