"""What differs between systems in opening, locking and reading files: Windows has no `fcntl` and no `O_CLOEXEC`.

A lock is `flock` where the system has it, else filelock's (Windows); either ends with its holder.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from utils.errors import BadDataError
from utils.files.in_time import is_silence, within

try:
    import fcntl
except ImportError:  # Windows
    HAS_FLOCK = False
else:
    HAS_FLOCK = True

_EXACT = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)  # without the latter Windows changes line ends
READ = os.O_RDONLY | _EXACT
AT_ONCE = READ | getattr(os, "O_NONBLOCK", 0)  # a pipe in a file's place is not waited for
READ_WRITE = os.O_RDWR | os.O_CREAT | _EXACT
POLL_S = 0.05
PATIENCE_S = 30.0  # a manifest has some hundred kB
ANSWER_S = 60.0
GONE = {
    errno.EIO, errno.ETIMEDOUT, errno.ESTALE, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN, errno.ENETDOWN,
    errno.ENETUNREACH, errno.ENXIO, errno.ENODEV,
}  # fmt: skip
"""What the system itself says of a disk or a server that has gone away: no reason to take a folder for an empty one."""
_SILENT: set[str] = set()
_ANSWERED: dict[str, float] = {}  # until when a folder is not asked again


def held_bytes(path: Path, most: int = -1) -> bytes:
    """What a file of ours holds (its first `most` bytes), at once. Raises OSError as `held`."""
    with held(path) as file:
        return file.read(most)


def real(path: Path | str) -> Path:
    """The path without its links; of a loop of links, where Path.resolve raises, as far as it leads."""
    return Path(os.path.realpath(path))


def is_link(path: Path | str) -> bool:
    """Whether a link is there; False for what cannot be looked at, as `has_file`."""
    return os.path.islink(path)  # noqa: PTH114


def read_json(path: Path) -> Any:
    """The content of the JSON file at `path`. Raises OSError as `held`, ValueError for all that is no JSON.

    A server that does not answer is an OSError as well (see `within`); after one, others of its folder wait a second.
    """
    import json

    place = str(path.parent.parent)  # of a manifest the folder of all runs
    try:
        content = within(1.0 if place in _SILENT else PATIENCE_S, lambda: held_bytes(path), path)
    except OSError as error:
        if is_silence(error):
            _SILENT.add(place)
        raise
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def held_text(path: Path, encoding: str = "utf-8", errors: str = "strict") -> TextIO:
    """The file, open for reading as text with its line ends unchanged, as csv requires. Raises OSError as `held`."""
    return io.TextIOWrapper(held(path), encoding=encoding, errors=errors, newline="")


def held(path: Path | str) -> io.BufferedReader:
    """The file, open for reading. Raises OSError: for a pipe or a device in its place EINVAL, without waiting."""
    descriptor = os.open(path, AT_ONCE)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):  # os.fdopen names the descriptor, not the path, and leaves it open
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "is a pipe or a device, not a file", str(path))


def has_file(path: Path | str) -> bool:
    """Whether a file is there; False, where Path.is_file raises, for what cannot be looked at: others come after it."""
    return os.path.isfile(path)  # noqa: PTH113


def exists(path: Path | str) -> bool:
    """Whether anything is there that can be looked at; False, where Path.exists raises, as `has_file`."""
    return os.path.exists(path)  # noqa: PTH110


def has_folder(path: Path | str) -> bool:
    """Whether a folder is there; False for what cannot be looked at, as `has_file`."""
    return os.path.isdir(path)  # noqa: PTH112


def out_of_reach(folder: Path) -> bool:
    """Whether a folder is there and cannot be listed: that is no reason to delete anything."""
    try:
        must_answer(folder)
        os.listdir(folder)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False


def must_answer(folder: Path) -> None:
    """Raise OSError naming the folder where its server does not list it within `PATIENCE_S` (ETIMEDOUT), or is `GONE`,
    as of a mount that gives up by itself.

    Each folder is asked once in a minute, by a thread that is left behind then: who lists it after this does not wait.
    """
    place, now = str(folder), time.monotonic()
    if now < _ANSWERED.get(place, 0.0):
        return
    try:
        within(1.0 if place in _SILENT else PATIENCE_S, lambda: _first_in(place), folder)
    except OSError as error:
        if is_silence(error):
            _SILENT.add(place)
        if error.errno in GONE:
            raise
    _ANSWERED[place] = now + ANSWER_S


def _first_in(folder: str) -> None:
    with os.scandir(folder) as entries:
        next(entries, None)


def matching(folder: Path, pattern: str) -> list[Path]:
    """What `folder.glob(pattern)` finds, sorted; one that cannot be looked at, which ends that, hides no other here.

    Raises OSError as `must_answer`.
    """
    import glob

    must_answer(folder)

    return sorted(Path(folder, name) for name in glob.glob(pattern, root_dir=folder, include_hidden=True))  # noqa: PTH207


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, in no order; linked folders are not entered, what cannot be looked at passed over.

    Raises OSError as `must_answer`.
    """
    must_answer(folder)
    for at, _, names in os.walk(folder):
        yield from (Path(at, name) for name in names if has_file(f"{at}/{name}"))


def is_there(path: Path) -> bool:
    """Whether the file is there. Raises BadDataError for a link to nothing, a folder or a pipe in its place."""
    if has_file(path):
        return True
    if not os.path.lexists(path):
        return False
    what = "a folder" if has_folder(path) else "a pipe or a device" if exists(path) else "a link to nothing"
    raise BadDataError(f"'{path}' is {what}, not a file: mend it or remove it")


class HeldElsewhere(Exception):
    """Another process has had the lock all the time."""


@contextmanager
def locked(path: Path, timeout_s: float, mode: int = 0o640, *, poll_s: float = POLL_S) -> Iterator[None]:
    """Hold the lock on the file at `path`, which is made and never deleted; where flock is, the one `filelock` takes.

    Raises HeldElsewhere after `timeout_s` seconds, OSError where no file can be made there or nothing can be locked.
    """
    if not HAS_FLOCK:
        with _by_filelock(path, timeout_s):
            yield
        return
    descriptor = os.open(path, READ_WRITE, mode)
    with suppress(OSError):  # another user's, or a disk without modes
        if os.fstat(descriptor).st_mode & 0o777 & ~mode:
            os.fchmod(descriptor, mode)
    try:
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until_s:
                    raise HeldElsewhere(str(path)) from None
                time.sleep(poll_s)
        yield
    finally:
        os.close(descriptor)


def hold_folder(path: Path) -> int:
    """An open descriptor that locks the folder until this process ends; -1 where folders cannot be opened (Windows).

    Filesystems that cannot lock a folder (some NFS) leave it unlocked. Other users get in when it is published.
    """
    if not HAS_FLOCK:
        return -1
    with suppress(OSError):  # a disk without modes
        path.chmod(path.stat().st_mode & 0o750)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(100):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # a prune has a look at it
            time.sleep(0.01)
            continue
        except OSError:
            break
        break
    return descriptor


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """`size` bytes from `offset` on, or what there is of them; where there is no `pread` the position moves."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


@contextmanager
def _by_filelock(path: Path, timeout_s: float) -> Iterator[None]:
    import filelock

    lock: Any = filelock.FileLock(path, timeout=timeout_s, poll_interval=POLL_S)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise HeldElsewhere(str(path)) from None
    try:
        yield
    finally:
        lock.release()


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    import hashlib  # loads OpenSSL: not for jobs that skip

    with held(path) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
