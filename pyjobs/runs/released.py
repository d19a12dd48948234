"""The code in a folder: by git, and by a release's own mark.

A release has `.release.json`, written when it was unpacked; no clone has one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from utils.errors import BadDataError
from utils.files import os_files

GIT_TIMEOUT_S = 20.0
OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")
UNASKED = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")  # they may fail, or never answer
ABOUT = ".release.json"
OWN = ("config/desk.yaml", "config/env.local.sh", "config/desks", "config/instances")
"""What is of the environment, not of a release, in folders of the code."""


class Release(NamedTuple):
    """One release: `files` is the sha256 of each by its path, `reads_format` the newest stored data it reads.

    `committed_s` is when its commit was made (UTC seconds), by which releases are older or newer.
    """

    tag: str
    commit: str
    committed_s: int
    reads_format: int
    files: Mapping[str, str]


def read(folder: Path) -> Release | None:
    """The release that was unpacked there; None where none was. Raises BadDataError for one that cannot be read."""
    path = folder / ABOUT
    try:
        text = os_files.held_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadDataError(f"'{path}' cannot be read: {error.strerror}") from error
    return parse(text, path)


def all_of(folder: Path, damaged: list[str] | None = None) -> list[Release]:
    """The releases in the folders of `folder`, in no order; what is wrong with others goes into `damaged`, if given.

    Raises OSError where `folder` itself cannot be listed.
    """
    found = []
    os_files.must_answer(folder)
    for path in folder.iterdir():
        try:
            found += [] if path.name.startswith(".") else [read(path)]
        except BadDataError as error:  # one that is damaged hides no other
            if damaged is not None:
                damaged.append(str(error))
    return [each for each in found if each is not None]


def parse(text: str | bytes, path: Path) -> Release:
    """The release that `text` (of `path`) records. Raises BadDataError."""
    try:
        record = json.loads(text)
        release = Release(**{name: record[name] for name in Release._fields})
        whole = all(isinstance(record[name], kind) for name, kind in zip(Release._fields, _KINDS, strict=True))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadDataError(f"'{path}' does not name its release: {error!r}") from error
    if not whole:
        raise BadDataError(f"'{path}' does not name its release")
    return release


def as_text(release: Release) -> str:
    """What `parse` reads; the same bytes for the same release."""
    return json.dumps(release._asdict(), sort_keys=True, indent=1) + "\n"


def differences(folder: Path, release: Release) -> Iterator[str]:
    """What is not as it was released, a sentence each: files that are missing, changed, or more than there were.

    What is linked into the folder (data, secrets, the desk) is not of the release, nor is what Python compiles.
    """
    links = {path.relative_to(folder).as_posix() for path in _links(folder)}
    for name, digest in sorted(release.files.items()):
        if links & _and_above(name):
            continue
        try:
            with os_files.held(folder / name) as handle:
                if hashlib.file_digest(handle, "sha256").hexdigest() != digest:
                    yield f"'{name}' was changed"
        except OSError:
            yield f"'{name}' cannot be read"
    for at, _, names in os.walk(folder):
        for each in sorted(names):
            path = Path(at) / each
            name = path.relative_to(folder).as_posix()
            ours = name in release.files or name in links or name == ABOUT
            if not ours and not name.startswith(OWN) and path.parent.name != "__pycache__":
                yield f"'{name}' is not of the release"


def _links(folder: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        yield from (path for each in (*folders, *names) if (path := Path(at) / each).is_symlink())


def _and_above(name: str) -> set[str]:
    parts = name.split("/")
    return {"/".join(parts[: end + 1]) for end in range(len(parts))}


_KINDS = (str, str, int, int, dict)


def no_hooks_environ() -> dict[str, str]:
    """The environment without what a hook of git's would have us take for the repository, whatever folder we name."""
    return {name: value for name, value in os.environ.items() if name not in OF_A_HOOK}


def git(folder: Path, *words: str, **environ: str) -> str | None:
    """What `git WORDS` prints in `folder`; None without git, when it fails, and when it does not answer in time.

    It takes no lock, prompts for no password, runs no hook of the user's. `environ` is added to its environment.
    """
    command = shutil.which("git")
    if command is None:
        return None
    env = {**no_hooks_environ(), "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **environ}
    try:
        done = subprocess.run(
            [command, "-c", f"safe.directory={folder}", *UNASKED, "-C", str(folder), *words], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=GIT_TIMEOUT_S, check=False, env=env,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
