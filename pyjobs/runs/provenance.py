"""What a result came from: code, configuration, data and installed packages, each as one sha256."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path

from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.folders import read_when_stable
from pyjobs.runs import released
from utils.files import os_files
from utils.files.os_files import file_sha256

CODE_FOLDERS = ("batch", "jobs", "pyjobs", "utils")


def sha256_or_why(path: Path) -> str:
    """The sha256 of one file among many; where it cannot be read, why not, so that the others stand."""
    try:
        with os_files.held(path) as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        raise
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def combined(named: Iterable[tuple[str, str]]) -> str:
    """One sha256 over (name, hash) pairs, whatever order they come in."""
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(named))
    return hashlib.sha256(text.encode()).hexdigest()


def code(clone: Path, files: Mapping[str, str] | None = None) -> dict[str, object]:
    """The commit and whether files differ from it, and a hash over the code files themselves.

    `sha256` is over every file of batch/, jobs/, pyjobs/ and utils/, so it is there without git, and distinguishes two
    dirty trees apart; `files` are these where they are known already. `commit` and `dirty` are null where git cannot
    report them.
    """
    release = released.read(clone)
    commit = release.commit if release else _git(clone, "rev-parse", "HEAD")
    if release:
        changes: str | None = next(released.differences(clone, release), "")
    else:
        changes = _git(clone, "status", "--porcelain", "--untracked-files=no") if commit else None
    return {
        "commit": commit or None,
        "dirty": None if changes is None else bool(changes),
        "sha256": combined((files or code_files(clone)).items()),
    }


def code_files(clone: Path) -> dict[str, str]:
    """The sha256 of every file of CODE_FOLDERS, by its path in the clone."""
    return {path.relative_to(clone).as_posix(): sha256_or_why(path) for path in _code(clone)}


def _code(clone: Path) -> Iterable[Path]:
    return (p for folder in CODE_FOLDERS for p in _files(clone / folder) if "__pycache__" not in p.parts)


def config(desk_file: Path, config_dir: Path, lists: Sequence[Path] = ()) -> dict[str, object]:
    """The desk file by itself, and everything under config/ together with it and with `lists`: its CSVs, listings."""
    named = config_files(desk_file, config_dir)
    held = {path.name: file_sha256(path) for path in lists}
    whole = combined([*named.items(), *((f"list {name}", digest) for name, digest in held.items())])
    return {
        "desk_file": desk_file.name,
        "desk_sha256": named["desk"],
        **({"lists": held} if held else {}),
        "sha256": whole,
    }


def config_files(desk_file: Path, config_dir: Path) -> dict[str, str]:
    """The sha256 of every file under config/, by its path, and of the desk file as `desk`."""
    named = {f"config/{p.relative_to(config_dir).as_posix()}": sha256_or_why(p) for p in _files(config_dir)}
    return {**named, "desk": file_sha256(desk_file)}


def data(keys: Iterable[SeriesKey], store: BarStore) -> dict[str, object]:
    """The partition files of every series of the desk: one hash each, and one over all."""
    series: dict[str, str] = {}
    files = 0
    for key in keys:
        held = read_when_stable(partial(_partitions, store, key), partial(store.paths, key))
        files += len(held)
        series[str(key)] = combined(held)
    return {"files": files, "series": series, "sha256": combined(series.items())}


def marks(
    clone: Path,
    desk_file: Path,
    config_dir: Path,
    keys: Iterable[SeriesKey],
    store: BarStore,
    lists: Sequence[Path] = (),
) -> dict[str, str]:
    """By input a mark that is another as soon as a file of it is written, made or removed; far cheaper than its hash.

    A file that is not there (any more) has none; one that cannot be looked at has the number of its error.
    """
    return {
        "code": _mark([*_code(clone), *_heads(clone)]),
        "config": _mark([*_files(config_dir), desk_file, *lists]),
        "data": _mark(path for key in keys for path in store.paths(key)),
        "dependencies": _mark([clone / "requirements-nas.txt", *_environment()]),
    }


def _heads(clone: Path) -> list[Path]:
    """The files that determine the checked-out commit: they change with a pull that changes no code."""
    return [clone / ".git" / "HEAD", clone / ".git" / "logs" / "HEAD"]


def _environment() -> list[Path]:
    """What changes when the environment is another, or has other packages."""
    return [os_files.real(sys.executable), *(Path(place) for place in sys.path if place.endswith("site-packages"))]


def _mark(paths: Iterable[Path | str]) -> str:
    found = []
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  # of thirty thousand partitions, before each step of a night
            found.append(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_dev}\0{status.st_ino}")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            found.append(f"{path}\0{error.errno}")
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()


def _partitions(store: BarStore, key: SeriesKey) -> list[tuple[str, str]]:
    return [(path.rpartition("/")[2], _small_sha256(path)) for path in store.paths(key)]


def _small_sha256(path: str) -> str:
    """As `file_sha256` of a file that is read at once, in a third of the time."""
    try:
        descriptor = os.open(path, os_files.AT_ONCE)
        with os.fdopen(descriptor, "rb", buffering=0) as handle:
            return hashlib.sha256(handle.read()).hexdigest()
    except FileNotFoundError:
        raise
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def dependencies(clone: Path) -> dict[str, object]:
    """The pinned file, and what is really installed."""
    pinned = clone / "requirements-nas.txt"
    installed = sorted({f"{d.name}=={d.version}" for d in metadata.distributions()})
    installed_hash = hashlib.sha256("\n".join(installed).encode()).hexdigest()
    pinned_hash = file_sha256(pinned) if pinned.is_file() else ""
    return {
        "python": platform.python_version(),
        "requirements_sha256": pinned_hash or None,
        "installed": len(installed),
        "sha256": combined([("requirements", pinned_hash), ("installed", installed_hash)]),
    }


def _files(folder: Path) -> list[Path]:
    return sorted(os_files.files_below(folder))


def _git(clone: Path, *words: str) -> str | None:
    return released.git(clone, *words) if os_files.exists(clone / ".git") else None
