"""Whether the repositories are as repos.lock pins them: one line each, tabs between, `#` begins a comment.

name<TAB>folder<TAB>origin<TAB>commit
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pyjobs.runs.verdict.findings import Check
from utils.errors import ConfigError
from utils.files import os_files

LOCK = "repos.lock"
GIT_TIMEOUT_S = 20.0
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")


class Pinned(NamedTuple):
    """One repository: where it lies (from the home on, when it is relative), where it comes from, which commit runs."""

    name: str
    folder: str
    origin: str
    commit: str


def read(home: Path) -> list[Pinned]:
    """What repos.lock of the home pins; nothing where there is none. Raises ConfigError naming the line."""
    path = home / LOCK
    try:
        lines = os_files.held_bytes(path).decode("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"'{path}' cannot be read: {error}") from error
    found: list[Pinned] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        problem = _wrong(fields, {each.name for each in found})
        if problem:
            raise ConfigError(f"'{path}', line {number}: {problem} (name, folder, origin, commit, with tabs between)")
        found.append(Pinned(*fields))
    return found


def check_repos(home: Path) -> Iterator[Check]:
    """A FAIL for each repository that is not as its line pins it; one OK for all that are; nothing without any."""
    try:
        pinned = read(home)
    except ConfigError as error:
        yield Check("repos", "FAIL", str(error), "repos")
        return
    well = 0
    for each in pinned:
        problem = problem_of(home, each)
        well += not problem
        if problem:
            yield Check(f"repos {each.name}", "FAIL", problem, "repos")
    if well:
        yield Check("repos", "OK", f"{well} of {len(pinned)} pinned repositories are as {LOCK} pins them", "repos")


def problem_of(home: Path, pinned: Pinned) -> str:
    """How a repository differs from its line; empty: not at all. Nobody else is asked."""
    folder = folder_of(home, pinned)
    if not os_files.has_folder(folder):
        return f"'{folder}' is not there"
    head = git(folder, "rev-parse", "HEAD")
    if head is None:
        return f"'{folder}' is no git clone that can be read here"
    origin = git(folder, "config", "remote.origin.url") or "nowhere"
    if origin != pinned.origin:
        return f"'{folder}' comes from {shown(origin)}, pinned is {shown(pinned.origin)}"
    if head != pinned.commit:
        return f"'{folder}' is at {head[:9]}, pinned is {pinned.commit[:9]}"
    edits = (git(folder, "status", "--porcelain", "--untracked-files=no") or "").splitlines()
    return f"'{folder}': {len(edits)} tracked files are edited, the first is '{edits[0][2:].strip()}'" if edits else ""


def folder_of(home: Path, pinned: Pinned) -> Path:
    """Where it lies."""
    return home / pinned.folder


def git(folder: Path, *words: str) -> str | None:
    """What git prints, asked nothing; None when it fails, is not there, or does not answer."""
    command = shutil.which("git")
    if command is None:
        return None
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    env["GIT_CEILING_DIRECTORIES"] = str(folder.parent)  # a folder inside another clone is none
    try:
        done = subprocess.run(
            [command, "-c", f"safe.directory={folder}", "-c", "core.fileMode=false", "-C", str(folder), *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=GIT_TIMEOUT_S,
            check=False, env=env,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def shown(origin: str) -> str:
    """An address without the password that may stand in it."""
    return _PASSWORD.sub("://…@", origin)


def _wrong(fields: list[str], known: set[str]) -> str:
    if len(fields) != 4 or not all(fields):
        return f"{len(fields)} fields, not 4"
    if not _NAME.fullmatch(fields[0]) or fields[0] in known:
        return f"the name {fields[0]!r} stands there twice, or is none"
    if not _COMMIT.fullmatch(fields[3]):
        return f"{fields[3]!r} is no commit of 40 digits"
    return f"the origin of {fields[0]!r} holds a password" if _PASSWORD.search(fields[2]) else ""
