"""What a manifest promises of its folder, and whether the folder keeps it: every file, every byte, nothing more.

Standard library only, so that a laptop verifies a fetched run with any Python that is new enough.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread

from pyjobs.runs.run_folder import MANIFEST, PINNED
from utils.errors import BadDataError, MissingInputError

AT_ONCE_BYTES = 1_000_000
WORKERS = 4  # hashing releases the interpreter's lock
PIECES = 16
Piece = tuple[Path, Mapping[str, object], list[str]]


def read(run_dir: Path) -> dict[str, object]:
    """The manifest of a run. Raises MissingInputError or BadDataError."""
    path = run_dir / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise MissingInputError(f"'{run_dir}' has no {MANIFEST}: not a finished run") from error
    except ValueError as error:
        raise BadDataError(f"'{path}' is not JSON: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BadDataError(f"'{path}' has no list of files")
    return manifest


def verify(run_dir: Path) -> list[str]:
    """Every way in which the folder differs from its manifest, one line each; empty when it is exactly that.

    A file is compared by bytes, then sha256. Missing and extra files count; the pin does not. Raises as `read` does.
    """
    told = read(run_dir)["files"]
    assert isinstance(told, dict)  # `read` has checked it; this is for the type checker
    present = set(file_names(run_dir))
    problems = [f"'{name}' is missing" for name in sorted(told.keys() - present)]
    problems += [f"'{name}' is not in the manifest" for name in sorted(present - told.keys())]
    both = sorted(present & told.keys())
    pieces: list[Piece] = [(run_dir, told, both[at::PIECES]) for at in range(PIECES) if both[at::PIECES]]
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
    return sorted(name for name in _walk(str(run_dir), "") if name not in (MANIFEST, PINNED))


def fingerprint(path: Path | str) -> dict[str, object]:
    """A manifest's entry of one file: `bytes` and `sha256`; of a link where it points to."""
    if os.path.islink(path):  # noqa: PTH114
        return {"bytes": 0, "sha256": "", "link": os.readlink(path)}  # noqa: PTH115  # of each of hundreds of files
    with open(path, "rb", buffering=0) as handle:  # noqa: PTH123
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
    run_dir, told, names = piece
    found = []
    for name in names:
        try:
            was, now = told[name], fingerprint(f"{run_dir}/{name}")
        except OSError as error:
            found.append((name, f"'{name}' cannot be read: {error.strerror}"))
            continue
        if now != was:
            said = was.get("bytes") if isinstance(was, dict) else was
            found.append((name, f"'{name}' has changed ({now['bytes']} bytes, in the manifest {said})"))
    return found


def _walk(folder: str, under: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{under}{entry.name}/")
            else:
                yield f"{under}{entry.name}"
