"""Files that are old or new, never half: written in the target's folder, synced, renamed.

A device or a pipe (/dev/stdout, /dev/null) is written to: a rename would put a file in its place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

TMP_MARK = ".tmp-"
_LOST = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT})


def temporary_beside(path: Path) -> Path:
    """A name in the same directory that no other writer will choose: hidden, with pid and 64 random bits."""
    return path.with_name(f".{path.name}{TMP_MARK}{os.getpid()}-{os.urandom(8).hex()}")


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write(temporary)` make the file, then sync it and rename it over `path`.

    The parent must exist. On any error `path` is old or new, never between, and the temporary file is removed.
    Raises OSError as the system reported it, naming `path`.
    """
    with _renamed_to(path) as temporary:
        write(temporary)
        if temporary != path:
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())


def sweep(folder: Path, name: str = "") -> None:
    """Remove the temporary files (of `name`, or all) that killed writers left, while no other process may write."""
    for leftover in folder.glob(f".{name or '*'}{TMP_MARK}*"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            leftover.unlink()


def write_bytes(path: Path, content: bytes | memoryview, *, mode: int | None = None) -> None:
    """Atomic counterpart of `Path.write_bytes`; `mode` is the new file's, whatever the umask."""
    with _renamed_to(path) as temporary, temporary.open("wb", buffering=0) as handle:
        if mode is not None and temporary != path:
            os.fchmod(handle.fileno(), mode)
        while content := content[handle.write(content) :]:
            pass
        if temporary != path:
            os.fsync(handle.fileno())


@contextlib.contextmanager
def written_together(folder: Path) -> Iterator[Callable[[str, bytes], None]]:
    """Files of one folder: `put(name, content)` writes and syncs one, and all get their names when the block ends well.

    The folder is synced once for all of them. On an error before that every file is as it was; a kill among the
    renames leaves each old or new. Raises OSError naming the file.
    """
    written: list[tuple[str, str]] = []

    def put(name: str, content: bytes) -> None:
        path = os.path.join(folder, name)  # noqa: PTH118  # ten a series, thousands of series
        temporary = os.path.join(folder, f".{name}{TMP_MARK}{os.getpid()}-{os.urandom(8).hex()}")  # noqa: PTH118
        written.append((temporary, path))
        with _naming(path):
            _write_synced(temporary, content)

    done = 0
    try:
        yield put
        for temporary, path in written:
            with _naming(path):
                os.replace(temporary, path)  # noqa: PTH105
            done += 1
    finally:
        for temporary, _ in written[done:]:
            with contextlib.suppress(OSError):  # not made, or on a disk that takes no change
                os.unlink(temporary)  # noqa: PTH108
        if done:
            sync_directory(folder)


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from error


def _write_synced(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        rest = memoryview(content)
        while rest := rest[os.write(descriptor, rest) :]:
            pass
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, content: str) -> None:
    """Atomic counterpart of `Path.write_text`: UTF-8, line ends as given."""
    write_bytes(path, content.encode("utf-8"))


def sync_directory(path: Path) -> None:
    """Make a rename in `path` survive a power cut; filesystems that cannot sync a directory are left alone.

    Raises OSError when the disk reports that it has lost what was written.
    """
    if os.name == "nt":  # a folder cannot be opened there
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno in _LOST:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
    finally:
        os.close(fd)


@contextlib.contextmanager
def _renamed_to(path: Path) -> Iterator[Path]:
    """A temporary name for what takes the place of `path` when the block ends well, and goes when it does not."""
    if not _is_plain(path):
        if path.exists() and not (path.is_file() or path.is_dir()):
            reader = os.open(path, os.O_WRONLY | os.O_NONBLOCK) if path.is_fifo() else -1  # ENXIO: it has no reader
            try:
                yield path
            finally:
                if reader >= 0:
                    os.close(reader)
            return
        if path.is_symlink() and path.readlink().is_relative_to("/proc"):  # /dev/stdout > FILE: its own lines go there
            raise OSError(errno.EINVAL, "the output is redirected to a file; pass that file's name instead", str(path))
    temporary, moved = temporary_beside(path), False
    try:
        yield temporary
        temporary.replace(path)
        moved = True
        sync_directory(path.parent)
    except OSError as error:
        if error.errno and str(error.filename) in ("None", str(temporary)):  # write, fsync and pyarrow 26 name no file
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
    finally:
        if not moved:
            with contextlib.suppress(OSError):  # gone already, or on a disk that takes no change
                temporary.unlink()


def _is_plain(path: Path) -> bool:
    """Whether there is a file, or nothing: one look for what nearly all are."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False
