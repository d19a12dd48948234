"""Whether the repositories are as repos.lock pins them: one line each, tabs between, `#` begins a comment.

name<TAB>folder<TAB>origin<TAB>commit
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pyjobs.runs import released
from pyjobs.runs.verdict.findings import Check
from utils.errors import ConfigError
from utils.files import atomic, os_files
from utils.files.os_files import read_json

LOCK, SEEN = "repos.lock", "data/repos_seen.json"
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]*@")
Stamps = dict[str, list[int]]


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
    status = git(folder, "status", "--porcelain", "--untracked-files=no")
    if status is None:
        return f"'{folder}': git cannot list the edits there: git status"
    edits = status.splitlines()
    return f"'{folder}': {len(edits)} tracked files are edited, the first is '{edits[0][2:].strip()}'" if edits else ""


def folder_of(home: Path, pinned: Pinned) -> Path:
    """Where it lies; in an environment `repos/NAME`, where the pinned folder is not below it: none is shared."""
    outside = os.path.isabs(pinned.folder) or os.path.normpath(pinned.folder).startswith("..")  # noqa: PTH117  # no link
    return home / "repos" / pinned.name if outside and in_environment(home) else home / pinned.folder


def in_environment(home: Path) -> bool:
    """Whether what is pinned came with a release: `release install` links repos.lock to that of what runs."""
    return (home / LOCK).is_symlink() and (home / "releases").is_dir()


def git(folder: Path, *words: str) -> str | None:
    """As `released.git`; a changed mode is no edit, and a folder inside another clone is none."""
    return released.git(folder, "-c", "core.fileMode=false", *words, GIT_CEILING_DIRECTORIES=str(folder.parent))


def shown(origin: str) -> str:
    """An address without the password that may stand in it."""
    return _PASSWORD.sub("://…@", origin)


def warnings(home: Path) -> list[str]:
    """What is not as repos.lock of the home pins it, a sentence each with what to do, for whatever starts.

    data/repos_seen.json has, of each repository that was as pinned, the files that prove it with their stamps. While
    none has changed no git is started: a start costs a look at each file.
    """
    if not os.path.lexists(home / LOCK):
        return []
    try:
        pinned = read(home)
    except ConfigError as error:
        return [f"{error}: nothing of it was looked at"]
    before, now, found = _read(home / SEEN), dict[str, object](), list[str]()
    for each in pinned:
        known = before.get(each.name)
        if _unchanged(home, each, known):
            now[each.name] = known
            continue
        problem, seen = _looked_at(home, each)
        if problem:
            found.append(f"repos {each.name}: {problem}: python -m pyjobs.repos sync")
        elif seen:
            now[each.name] = seen
    if now != before:
        with suppress(OSError):  # the next start runs git again
            (home / SEEN).parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(home / SEEN, json.dumps(now) + "\n")
    return found


def _looked_at(home: Path, pinned: Pinned) -> tuple[str, dict[str, object]]:
    """Git's report on a repository, and the files that keep it valid while unchanged; {} where it changed meanwhile."""
    folder = folder_of(home, pinned)
    paths = _files_of(folder)
    stamps = _stamps(paths)
    problem = problem_of(home, pinned)
    whole = stamps and not problem and stamps == _stamps(paths)
    return problem, {"line": list(pinned), "folder": str(folder), "stamps": stamps} if whole else {}


def _unchanged(home: Path, pinned: Pinned, known: object) -> bool:
    if not isinstance(known, dict):
        return False
    stamps, same = known.get("stamps"), known.get("line") == list(pinned)
    if not same or known.get("folder") != str(folder_of(home, pinned)) or not isinstance(stamps, dict) or not stamps:
        return False
    return _stamps(stamps) == stamps


def _files_of(folder: Path) -> list[str]:
    """Every file that git would read to find the commit, the origin and edits; [] where it finds nothing."""
    found = git(folder, "rev-parse", "--absolute-git-dir", "--git-common-dir")
    tracked = git(folder, "ls-files", "-z")
    if not found or tracked is None or len(found.splitlines()) != 2:
        return []
    own, common = (folder / line for line in found.splitlines())
    branch = git(folder, "symbolic-ref", "-q", "HEAD") or "HEAD"
    own_files = [own / name for name in ("HEAD", "index", "config.worktree")]
    shared = [common / name for name in ("config", "packed-refs", "reftable/tables.list", branch)]
    return [str(path) for path in (*own_files, *shared, *(folder / name for name in tracked.split("\0") if name))]


def _stamps(paths: Mapping[str, object] | list[str]) -> Stamps:
    """When each was last changed, how, and how long it is; [] for what is not there."""
    found = Stamps()
    for path in paths:
        try:
            state = os.lstat(path)
        except OSError:
            found[path] = []
        else:
            found[path] = [state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino, state.st_mode]
    return found


def _read(path: Path) -> dict[str, object]:
    try:
        record = read_json(path)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _wrong(fields: list[str], known: set[str]) -> str:
    if len(fields) != 4 or not all(fields):
        return f"{len(fields)} fields, not 4"
    if not _NAME.fullmatch(fields[0]) or fields[0] in known:
        return f"the name {fields[0]!r} is given twice, or is not a name"
    if not _COMMIT.fullmatch(fields[3]):
        return f"{fields[3]!r} is no commit of 40 digits"
    return f"the origin of {fields[0]!r} holds a password" if _PASSWORD.search(fields[2]) else ""
