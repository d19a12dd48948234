"""Bars as raw columns that a process maps into memory instead of decoding: derived from files, never truth itself.

A cache file names its sources with size, times, inode and a digest of their content, and the code that read and checked
them. It is served while all of that holds; when only times moved, the content decides; otherwise it is built again,
silently. Times are not trusted for a source touched within two seconds of the cache: a clock cannot separate such
writes. It is written without waiting for the disk, so after a reboot its own checksum is verified first. Where nothing
can be written, bars come from the source.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pyjobs.market.cache.column_file import (
    ALIGN,
    Series,
    Stream,
    footer_of,
    is_sound,
    series_in,
    streamed,
)
from pyjobs.market.cache.release import Mapped
from utils.files import os_files
from utils.files.atomic import temporary_beside

MARKET = Path(__file__).resolve().parents[1]
RACY_NS = 2_000_000_000
Signature = list[str | int]
READERS = (  # below pyjobs/market
    "arrow",
    "bars",
    "cache/bar_columns",
    "cache/bar_file",
    "cache/column_cache",
    "cache/column_file",
    "cache/regrouped",
    "seen",
    "store/bar_store",
    "store/history",
    "store/merge",
    "store/partitions",
    "store/plain",
)


def cached(folder: Path, name: str, sources: Sequence[str], build: Callable[[], Series | Stream]) -> Series:
    """The result of `build()` on `sources`, from `folder` when that is still valid. Arrays from the cache are
    read-only.

    `build` must depend on the content of `sources` alone, and raise rather than give bad bars.
    """
    path = folder / _file(name)
    before = [_signature(source) for source in sources]
    held = _held(path, name, sources, before)
    if held is not None:
        return held
    about = {"name": name, "code": _code(), "boot": _boot(), "signatures": before}
    about["digests"] = [_digest(source) for source in sources]

    def still() -> bool:
        return [_signature(source) for source in sources] == before

    made = build()
    if isinstance(made, Stream):
        return _laid(path, made, about, still) or made.spilled()
    kept = _laid(path, streamed(made), about, still) if still() else None
    return made if kept is None else kept  # mapped: what was read to make it need not stay in memory


def beginning(folder: Path, name: str, sources: Sequence[str], *, most: int) -> tuple[Series, int] | None:
    """The kept series of the first sources, and of how many: all but `most` of them at least, and not all.

    None where none are kept, or the kept ones are no longer valid.
    """
    opened = _kept(f"{folder}/{_file(name)}", name)
    if opened is None:
        return None
    memory, footer, written_ns = opened
    count = len(footer["signatures"])
    if not len(sources) - most <= count < len(sources):
        return None
    first = sources[:count]
    if not _stands(footer, first, [_signature(source) for source in first], written_ns):
        return None
    return series_in(memory, footer["series"], ALIGN), count


def _file(name: str) -> str:
    return f"{hashlib.blake2b(name.encode(), digest_size=12).hexdigest()}.cols"


def _held(path: Path, name: str, sources: Sequence[str], signatures: list[Signature]) -> Series | None:
    opened = _kept(path, name)
    if opened is None:
        return None
    memory, footer, written_ns = opened
    return series_in(memory, footer["series"], ALIGN) if _stands(footer, sources, signatures, written_ns) else None


def _kept(path: Path | str, name: str) -> tuple[Mapped, dict[str, Any], int] | None:
    """The whole and sound file of that name, its footer, and when it was written."""
    try:
        descriptor = os.open(path, os_files.READ)
        try:
            status = os.fstat(descriptor)
            footer = footer_of(descriptor, status.st_size)
            if footer is None or footer["name"] != name or footer.get("code") != _code():
                return None
            memory = Mapped(descriptor, status.st_size, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return None
    if footer["boot"] != _boot() and not is_sound(memory, footer):
        return None
    return memory, footer, status.st_mtime_ns


def _stands(footer: Mapping[str, Any], sources: Sequence[str], signatures: list[Signature], written_ns: int) -> bool:
    """Whether the sources are what the file was made of."""
    if footer["signatures"] == signatures:
        edge = written_ns - RACY_NS
        if all(s[2] < edge and s[3] < edge for s in signatures):  # type: ignore[operator]  # times in nanoseconds
            return True
    return bool(footer["digests"] == [_digest(source) for source in sources])


def _laid(path: Path, stream: Stream, about: Mapping[str, Any], still: Callable[[], bool]) -> Series | None:
    """The series from their new cache file, which gets its name if `still`. None where it cannot be written."""
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w+b") as file:
            series = stream.laid(file, about)
        if still():  # no other process wrote in between
            temporary.replace(path)
        return series
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _signature(path: str) -> Signature:
    status = os.stat(path)  # noqa: PTH116  # 27 500 of them in a scan: a Path each costs as much again
    return [path.rpartition("/")[2], status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _digest(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def _code() -> str:
    """Names the code that makes bars of files: after an update it may refuse or read what it did not before."""
    digest = hashlib.blake2b(digest_size=8)
    for name in READERS:
        digest.update((MARKET / f"{name}.py").read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _boot() -> str:
    """Names the time since this machine started; empty where the system does not report it, and then nothing is
    trusted.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return f"unknown {os.getpid()}"
