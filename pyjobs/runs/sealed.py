"""What a manifest promises of its folder, and whether the folder keeps it: every file, every byte, nothing more.

Standard library only, so that a laptop verifies a fetched run with any Python that is new enough.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

from pyjobs.runs.run_folder import MANIFEST, PINNED
from utils.errors import BadDataError, MissingInputError
from utils.files import os_files
from utils.foreign_text import quoted

AT_ONCE_BYTES = 1_000_000
SHOWN = 200
WORKERS = 4  # hashing releases the interpreter's lock
PIECES = 16
Piece = tuple[Path, Mapping[str, object], list[str]]


def read(run_dir: Path) -> dict[str, object]:
    """The manifest of a run. Raises MissingInputError or BadDataError."""
    path = run_dir / MANIFEST
    try:
        manifest = os_files.read_json(path)
    except FileNotFoundError as error:
        raise MissingInputError(f"'{run_dir}' has no {MANIFEST}: not a finished run") from error
    except OSError as error:
        raise BadDataError(f"'{path}' cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadDataError(f"'{path}' is not JSON: {quoted(error, 80)}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BadDataError(f"'{path}' has no list of files")
    return manifest


def verify(run_dir: Path) -> list[str]:
    """Every way in which the folder differs from its manifest, one line each; empty when it is exactly that.

    A file is compared by bytes, then sha256. Missing and extra files count; the pin does not. Raises as `read` does.
    """
    found = read(run_dir)["files"]
    assert isinstance(found, dict)  # `read` has checked it; this is for the type checker
    names, strange = _walked(run_dir)
    present = {name for name in names if name not in (MANIFEST, PINNED)}
    problems = [f"'{quoted(name, SHOWN)}' is missing" for name in sorted(found.keys() - present)]
    problems += [f"'{quoted(name, SHOWN)}' is not in the manifest" for name in sorted(present - found.keys())]
    problems += [f"'{quoted(name, SHOWN)}' {why}" for name, why in sorted(strange.items())]
    both = sorted(present & found.keys())
    pieces: list[Piece] = [(run_dir, found, both[at::PIECES]) for at in range(PIECES) if both[at::PIECES]]
    changed: list[tuple[str, str]] = []
    helpers = [Thread(target=_work, args=(pieces, changed)) for _ in range(min(WORKERS, os.cpu_count() or 1) - 1)]
    for each in helpers:
        each.start()
    _work(pieces, changed)
    for each in helpers:
        each.join()
    return problems + [line for _, line in sorted(changed)]


def file_names(run_dir: Path) -> list[str]:
    """Every file of a run as a relative name, sorted, without the manifest and the pin. Links count as files."""
    return sorted(name for name in _walked(run_dir)[0] if name not in (MANIFEST, PINNED))


def prints(run_dir: Path) -> tuple[dict[str, dict[str, object]], dict[str, str]]:
    """A manifest's entry for each file of a run; and by name the files that cannot be in it, and why.

    That is no file (a pipe, a socket, a device), or it cannot be read.
    """
    names, left_out = _walked(run_dir)
    found = {}
    for name in sorted(names):
        if name not in (MANIFEST, PINNED):
            try:
                found[name] = fingerprint(run_dir / name)
            except OSError as error:
                left_out[name] = f"cannot be read: {error.strerror}"
    return found, left_out


def fingerprint(path: Path | str) -> dict[str, object]:
    """A manifest's entry of one file: `bytes` and `sha256`; of a link where it points to."""
    if os.path.islink(path):  # noqa: PTH114
        return {"bytes": 0, "sha256": "", "link": os.readlink(path)}  # noqa: PTH115  # of each of hundreds of files
    with os.fdopen(os.open(path, os_files.AT_ONCE), "rb", buffering=0) as handle:
        size = os.fstat(handle.fileno()).st_size
        if size <= AT_ONCE_BYTES:
            content = handle.readall()
            return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return {"bytes": size, "sha256": hashlib.file_digest(handle, "sha256").hexdigest()}


def _work(pieces: list[Piece], changed: list[tuple[str, str]]) -> None:
    """Take pieces until none is left; other threads (a pool would import `logging`, 5 ms) take from the same list."""
    while True:
        try:
            piece = pieces.pop()
        except IndexError:
            return
        changed += _changed(piece)


def _changed(piece: Piece) -> list[tuple[str, str]]:
    run_dir, result, names = piece
    found = []
    for name in names:
        try:
            was, now = result[name], fingerprint(f"{run_dir}/{name}")
        except OSError as error:
            found.append((name, f"'{name}' cannot be read: {error.strerror}"))
            continue
        if now != was:
            outcome = was.get("bytes") if isinstance(was, dict) else was
            found.append((name, f"'{name}' has changed ({now['bytes']} bytes, in the manifest {outcome})"))
    return found


def _walked(run_dir: Path) -> tuple[list[str], dict[str, str]]:
    """The relative names of all files and links below; and what else is there, or cannot be listed, with the reason."""
    names: list[str] = []
    strange: dict[str, str] = {}
    folders = [(str(run_dir), "")]
    while folders:
        folder, under = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = f"{under}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        folders.append((entry.path, f"{name}/"))
                    elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                        names.append(name)
                    else:
                        strange[name] = "is no file: a pipe, a socket or a device"
        except FileNotFoundError:
            if not under:
                raise
        except OSError as error:
            strange[under or "."] = f"cannot be listed: {error.strerror}"
    return names, strange
