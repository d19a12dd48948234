"""Bars as raw columns that a process maps into memory instead of decoding: derived from files, never truth itself.

A cache file names its sources with size, times, inode and a digest of their content, and the code that read and checked
them. It is served while all of that stands; when only times moved, the content decides; otherwise it is built again,
silently. Times are not trusted for a source touched within two seconds of the cache: a clock cannot tell such writes
apart. It is written without waiting for the disk, so after a reboot its own checksum is verified first. Where nothing
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
from typing import TYPE_CHECKING, Any

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.cache.column_file import (
    ALIGN,
    Mapped,
    Series,
    Stream,
    footer_of,
    is_sound,
    series_in,
    streamed,
)
from utils import paths
from utils.atomic import temporary_beside

if TYPE_CHECKING:
    from pyjobs.market.store.bar_store import BarStore  # a file of bars needs none of it

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
    "store/bar_store",
    "store/merge",
    "store/partitions",
)
ONE = ""  # the name of a store's series: there is one a file


def cached(folder: Path, name: str, sources: Sequence[str], build: Callable[[], Series | Stream]) -> Series:
    """What `build()` makes of `sources`, from `folder` when that is still true. Arrays from the cache are read-only.

    `build` must depend on the content of `sources` alone, and raise rather than give bad bars.
    """
    path = folder / f"{hashlib.blake2b(name.encode(), digest_size=12).hexdigest()}.cols"
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
    if still():
        _laid(path, streamed(made), about, still)
    return made


def stored(store: BarStore, key: SeriesKey) -> Bars:
    """`store.read(key)`, from the cache when no partition has changed. Raises as `store.read`."""
    from pyjobs.market.store.partitions import SUFFIX
    from pyjobs.market.store.rebase import STAGED

    where = str(store.folder(key).absolute())
    try:
        found = os.listdir(where)  # noqa: PTH208  # names only
    except FileNotFoundError:
        found = []
    names = sorted(name for name in found if name.endswith(SUFFIX) and name[0] != ".")
    if not names or STAGED in found:  # staged: these may be the old files of a series that is new already
        return store.read(key)
    folder = paths.data_dir() / "cache/columns/store"
    with contextlib.suppress(OSError):  # moved by another job, or never a file: the store can wait, and say so
        return cached(folder, where, [f"{where}/{name}" for name in names], lambda: {ONE: store.read(key)})[ONE]
    return store.read(key)


def _held(path: Path, name: str, sources: Sequence[str], signatures: list[Signature]) -> Series | None:
    try:
        with path.open("rb") as file:
            written_ns = os.fstat(file.fileno()).st_mtime_ns
            memory = Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    footer = footer_of(memory)
    if footer is None or footer["name"] != name or footer.get("code") != _code():
        return None
    if footer["boot"] != _boot() and not is_sound(memory, footer):
        return None
    settled = all(max(int(s[2]), int(s[3])) + RACY_NS < written_ns for s in signatures)
    same = footer["signatures"] == signatures and settled
    if not same and footer["digests"] != [_digest(source) for source in sources]:
        return None
    return series_in(memory, footer["series"], ALIGN)


def _laid(path: Path, stream: Stream, about: Mapping[str, Any], still: Callable[[], bool]) -> Series | None:
    """The series from their new cache file, which gets its name if `still`. None where it cannot be written."""
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w+b") as file:
            series = stream.laid(file, about)
        if still():  # nobody wrote in between
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
    """Names the time since this machine started; empty where the system does not say, and then nothing is trusted."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return f"unknown {os.getpid()}"
