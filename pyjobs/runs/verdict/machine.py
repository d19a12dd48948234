"""A machine's requirements: tools and their versions, a SQLite that is safe, secrets that only their owner reads."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pyjobs.runs.verdict.findings import Check
from utils import paths
from utils.files import formats
from utils.files.os_files import files_below, has_file, held, matching

WAL_BUG_SINCE, WAL_BUG_UNTIL = (3, 7, 0), (3, 51, 2)
TOOL_S = 10.0
TOOLS: Mapping[str, tuple[tuple[str, ...], str, bool]] = {
    "bash": (("--version",), "every job; 4.4 or newer", True),
    "flock": (("--version",), "every job: locks", True),
    "git": (("--version",), "updates and releases", False),
    "ssh": (("-V",), "fetch_runs, push_data, deploy, backups elsewhere", False),
    "ssh-keygen": ((), "signatures of releases and updates", False),
    "rsync": (("--version",), "fetch_runs, push_data, deploy, backups elsewhere", False),
    "restic": (("version",), "backups into a restic repository", False),
}
"""How each tool tells its version, what needs it, and whether no job runs without."""
OPTIONAL = ("restic",)
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w()-]*", re.ASCII)


def has_wal_bug(version: tuple[int, ...]) -> bool:
    """Whether a SQLite of that version may damage a write-ahead log that several processes use (3.7.0 to 3.51.2)."""
    return WAL_BUG_SINCE <= version <= WAL_BUG_UNTIL


def uses_wal(path: Path) -> bool:
    """Whether a SQLite database has a write-ahead log, by bytes 18 and 19 of its header."""
    try:
        with held(path) as handle:
            head = handle.read(20)
    except OSError:
        return False
    return head[:16] == b"SQLite format 3\x00" and 2 in head[18:20]


def check_stored(clone: Path, home: Path) -> Iterator[Check]:
    """What is wrong with how things are stored: databases, formats, secrets; nothing where all is well."""
    yield from check_wal(home / "data")
    yield from check_format(clone, home)
    yield from check_secrets(home)


def check_wal(data: Path, version: tuple[int, ...] = sqlite3.sqlite_version_info) -> Iterator[Check]:
    """A WARN for each database of ours with a write-ahead log, where SQLite has the bug; nothing else."""
    for path in (*matching(data / "queue", "*.sqlite"), *matching(data, "*.sqlite"), *matching(data, "*.db")):
        if has_wal_bug(version) and uses_wal(path):
            named = ".".join(map(str, version))
            text = f"has a write-ahead log, which SQLite {named} may damage (3.7.0 to 3.51.2): the next night takes it"
            cure = f" off, or sqlite3 '{path}' 'PRAGMA journal_mode=DELETE'"
            yield Check(f"database {path.name}", "WARN", text + cure, "databases")


def check_format(clone: Path, home: Path) -> Iterator[Check]:
    """A FAIL where what is stored has another format than this version reads; nothing where it has that."""
    reads, stored = formats.reads(str(clone)), formats.stored(str(home))
    if stored > reads:
        yield Check("format", "FAIL", f"what is stored has format {stored}, this version reads up to {reads}", "format")
    elif formats.pending(str(clone), str(home)):
        yield Check("format", "FAIL", f"what is stored is not of format {reads} yet, and no job reads it", "format")


def check_secrets(home: Path) -> Iterator[Check]:
    """A FAIL for each secret that another user may read; nothing where none may.

    What overrules a file of config/ lies in secret/ because it is one's own; it holds no credentials.
    """
    inside = sorted(files_below(home / "secret"))
    closed = _others(home / "secret") == 0
    for path in [home / ".env", *([] if closed else inside)]:
        if has_file(path) and _others(path) and not _is_setting(path):
            text = f"others may read '{path}' (mode {_mode(path):o}): chmod 600 '{path}'"
            yield Check("secrets", "FAIL", text, "secrets")


def _is_setting(path: Path) -> bool:
    name = path.name
    return name in ("README.md", "signers") or name.startswith("watchlist") or (paths.ROOT / "config" / name).is_file()


def check_tools(path: str | None = None) -> Iterator[Check]:
    """Each tool with its version, by the PATH: a FAIL for one that every job needs, a WARN for the others."""
    yield Check("python", "OK", f"{sys.version.split()[0]} ({sys.executable})", "tools")
    version, bug = sqlite3.sqlite_version, has_wal_bug(sqlite3.sqlite_version_info)
    text = "has the WAL-reset bug (3.7.0 to 3.51.2); our databases use rollback journals, which it does not touch"
    yield Check("sqlite", "OK", f"{version} {text if bug else 'has not the WAL-reset bug of 3.7.0 to 3.51.2'}", "tools")
    for name, (words, what_for, needed) in TOOLS.items():
        found = shutil.which(name, path=path)
        if found is None:
            if name not in OPTIONAL:
                yield Check(name, "FAIL" if needed else "WARN", f"is not installed; it is for {what_for}", "tools")
            continue
        phrase = _said([found, *words]) if words else ""
        old = name == "bash" and _bash_is_old(phrase)
        kind = "openrsync" if "openrsync" in phrase else name
        more = "too old: nightdesk's jobs want 4.4 (fetch_runs, push_data and deploy do not)" if old else found
        yield Check(kind, "WARN" if old else "OK", f"{_version(phrase)} ({more})".strip(), "tools")


def _others(path: Path) -> int:
    return _mode(path) & 0o077


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=TOOL_S,
            check=False, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not answer: {error}"
    return done.stdout or done.stderr


def _version(text: str) -> str:
    found = _VERSION.search(text)
    return found[0] if found else ""


def _bash_is_old(text: str) -> bool:
    found = re.search(r"version (\d+)\.(\d+)", text)
    return found is not None and (int(found[1]), int(found[2])) < (4, 4)
