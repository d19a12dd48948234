"""Health tries what the night will do: write, sync, rename, lock, open the databases, start the interpreter."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from pyjobs.runs import released
from pyjobs.runs.verdict.findings import Asked, Check, State, many
from pyjobs.runs.verdict.holders import lockers, stranger
from pyjobs.runs.verdict.machine import uses_wal
from utils.errors import NightdeskError
from utils.files import os_files, private
from utils.wording import first_of

DISK_WARN_BYTES, DISK_FAIL_BYTES = 2_000_000_000, 200_000_000
PYTHON_TIMEOUT_S, GIT_TIMEOUT_S = 30.0, 20.0
LOCKED_S = 2.0
MIRROR_S = 12.0
PACKAGES = "import msgspec, numpy, pyarrow, yaml"


def writable(folders: Sequence[Path], root: Path, asked: Asked) -> Iterator[Check]:
    """One line for all folders that can be written, one for each that cannot."""
    well = []
    for folder in folders:
        name = folder.relative_to(root).as_posix()
        try:
            problem = asked.in_time(partial(_try, folder, lock=folder.name == ".locks"), folder)
        except OSError as error:
            problem = f"{error.strerror}"
        if problem:
            yield Check(f"write {name}", "FAIL", f"cannot write '{folder}': {problem}", "write")
        else:
            well.append(f"{name}/")
    if well:
        yield Check("write", "OK", f"written, synced and renamed in {', '.join(well)}", "write")


def check_record_file(history: Path) -> Iterator[Check]:
    """A FAIL where no run can add its line to the history; nothing where it can."""
    problem = _opening(history)
    if not problem and (who := stranger(history, lockers())):
        text = f"'{history}' is kept locked by {who}: each job waits two seconds for it; end that process"
        yield Check("write history", "FAIL", text, "write")
    if problem:
        text = f"no run can be recorded in '{history}': {problem}: move it away, the next run makes a new one"
        yield Check("write history", "FAIL", text, "write")


def check_lock_files(folder: Path) -> Iterator[Check]:
    """A FAIL for each lock that no run of ours can have: left by root, something else in its place, or a stranger's."""
    held = lockers()
    for path in os_files.matching(folder, "*.lock"):
        problem = _opening(path)
        if not problem and (who := stranger(path, held)):
            text = f"'{path}' is held by {who}, and its job is busy until that process ends: end it, then chmod 640"
            yield Check(f"lock {path.stem}", "FAIL", text, "lock")
        if problem:
            text = f"a job that needs '{path}' ends with 73: {problem}: remove it, or give it to the jobs' user"
            yield Check(f"lock {path.stem}", "FAIL", text, "lock")


def _opening(path: Path) -> str:
    """What goes wrong when a file is opened for writing, without waiting; empty: nothing, or there is none yet."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        mode = os.fstat(fd).st_mode
        os.close(fd)
    except FileNotFoundError:
        return "is a link to nothing" if path.is_symlink() else ""
    except OSError as error:
        return error.strerror or str(error)
    return "" if stat.S_ISREG(mode) else "is not a file"


def _try(folder: Path, *, lock: bool) -> str:
    """What goes wrong when a file is made, synced, renamed and removed there; empty: nothing."""
    folder = _existing(folder)
    made, final = folder / f".health-{os.getpid()}.tmp", folder / f".health-{os.getpid()}"
    try:
        with made.open("wb") as handle:
            handle.write(b"is this disk well?\n" * 200)
            handle.flush()
            os.fsync(handle.fileno())
            if lock:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        made.rename(final)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        for path in (made, final):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return ""


def free_at(folder: Path) -> int:
    """Bytes that are free where `folder` is, or will be."""
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    while not os_files.exists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def check_disk(folders: Sequence[Path]) -> Check:
    """The least room of the file systems the folders are on: below 2 GB is a WARN, below 200 MB a FAIL."""
    free: dict[int, tuple[int, Path]] = {}
    for folder in map(_existing, folders):
        free.setdefault(folder.stat().st_dev, (shutil.disk_usage(folder).free, folder))
    least, where = min(free.values(), key=lambda each: each[0])
    return room(least, str(where))


def room(free_bytes: int, where: str) -> Check:
    """The verdict on so many bytes."""
    state: State = "FAIL" if free_bytes < DISK_FAIL_BYTES else "WARN" if free_bytes < DISK_WARN_BYTES else "OK"
    return Check("disk", state, f"{free_bytes / 1e9:.1f} GB free at {where}", "disk")


def check_private(problems: Sequence[str], sharers: tuple[str, Sequence[str]] = ("", ())) -> Check:
    """Whether only the jobs' user and a trusted group can lock what jobs lock; the next job mends what it may.

    `sharers`: a group that is not set as trusted, and its other members.
    """
    found = [f"{first_of(problems, 3, '; ')} (the next job does it for what is its user's)"] if problems else []
    group, others = sharers
    if others:
        found.append(
            f"the locks' group '{group}' has other users ({first_of(others, 3)}), who may lock what jobs lock: name a "
            f"group of the jobs alone, or this one where they are trusted, as {private.GROUP} in config/env.local.sh"
        )
    return Check("other users", "WARN" if found else "OK", "; ".join(found) or "as it should be", "other users")


def check_databases(folder: Path) -> Iterator[Check]:
    """Every signal queue: opened, looked through, and locked for writing as a night would."""
    found = os_files.matching(folder, "*.sqlite")
    for path in found:
        result = _opening(path) or _looked_through(path)
        if result != "ok":
            yield Check(f"database {path.name}", "FAIL", f"cannot be used: {path}: {result}", "databases")
    if found:
        wal = ", rollback journals" if not any(map(uses_wal, found)) else ""
        text = f"{many(len(found), 'signal queue')} looked at; SQLite {sqlite3.sqlite_version}{wal}"
        yield Check("databases", "OK", text, "databases")


def _looked_through(path: Path) -> str:
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=LOCKED_S, isolation_level=None)
        ) as queue:
            (found,) = queue.execute("PRAGMA quick_check(1)").fetchone()
            queue.execute("BEGIN IMMEDIATE")
            queue.execute("ROLLBACK")
    except sqlite3.Error as error:
        return str(error)
    return str(found)


def check_mirror(try_out: Callable[[], None], limit_s: float = MIRROR_S) -> Check:
    """Whether the Postgres of DATABASE_URL answers, asked in a thread: one that hangs must not hang this as well."""
    lines: list[str] = []

    def ask() -> None:
        try:
            try_out()
            lines.append("")
        except NightdeskError as error:
            lines.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(limit_s)
    problem = lines[0] if lines else f"the Postgres of DATABASE_URL: no answer in {limit_s:g} s"
    return Check("mirror", "FAIL" if problem else "OK", problem or "answers, and has the tables", "mirror")


def check_python(clone: Path, home: Path) -> Check:
    """The interpreter that the chain would take, and whether it has what every job needs."""
    ask = 'unset NIGHTDESK_ENTERED; . "$1/jobs/lib.sh"; printf "%s\\n" "$PYTHONBIN"; exec "$PYTHONBIN" -c "$2"'
    command = ["bash", "-c", ask, "health", str(clone), PACKAGES]
    env = {**os.environ, "NIGHTDESK_HOME": str(home)}
    try:
        done = subprocess.run(
            command, cwd=clone, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=PYTHON_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("python", "FAIL", f"does not start: {error}: run 'make setup'", "python")
    which = done.stdout.strip() or "no interpreter"
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2] or f"exit {done.returncode}"
        return Check("python", "FAIL", f"{which}: {why}: run 'make setup'", "python")
    return Check("python", "OK", which, "python")


def git_head(clone: Path) -> Check:
    """Which code runs here, and whether it was edited in place; whatever user owns the clone."""
    release = released.read(clone)
    if release:
        wrong = list(released.differences(clone, release))
        text = (
            f"; not as released: {many(len(wrong), 'file')}, the first: {wrong[0]}"
            if wrong
            else ", every file as released"
        )
        return Check("code", "FAIL" if wrong else "OK", f"release {release.tag}, {release.commit[:9]}{text}", "code")
    git = ["git", "-c", f"safe.directory={clone}", "-C", str(clone)]
    try:
        refs = [f"--decorate-refs={each}" for each in ("HEAD", "refs/heads", "refs/tags")]
        head = _git([*git, "log", "-1", *refs, "--format=%D %h %cs"])
        if head.returncode:
            if (clone / ".git").exists():
                why = head.stderr.strip().rpartition("\n")[2]
                return Check("code", "WARN", f"git cannot name the commit here: {why}", "code")
            return Check("code", "WARN", "not a git clone: update_from_git.sh cannot work here", "code")
        dirty = _git([*git, "status", "--porcelain", "-uno"]).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("code", "WARN", f"git does not answer: {error}", "code")
    edited = f"; edited here: {many(len(dirty.splitlines()), 'file')}" if dirty else ""
    return Check("code", "WARN" if dirty else "OK", head.stdout.strip() + edited, "code")


def _git(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        timeout=GIT_TIMEOUT_S, check=False,
    )  # fmt: skip
