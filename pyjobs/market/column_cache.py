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
import json
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.partitions import SUFFIX
from pyjobs.market.store import BarStore
from utils import paths
from utils.atomic import temporary_beside

MAGIC = b"NDCOLS1\n"
ALIGN = 64
RACY_NS = 2_000_000_000
ROW = 8 * len(COLUMNS)
Series = dict[str, Bars]
Signature = list[str | int]
READERS = ("bars", "bar_file", "column_cache", "merge", "partitions", "store")
ONE = ""  # the name of a store's series: there is one a file


def cached(folder: Path, name: str, sources: Sequence[str], build: Callable[[], Series]) -> Series:
    """What `build()` makes of `sources`, from `folder` when that is still true. Arrays from the cache are read-only.

    `build` must depend on the content of `sources` alone, and raise rather than give bad bars.
    """
    path = folder / f"{hashlib.blake2b(name.encode(), digest_size=12).hexdigest()}.cols"
    before = [_signature(source) for source in sources]
    held = _held(path, name, sources, before)
    if held is not None:
        return held
    digests = [_digest(source) for source in sources]
    series = build()
    if [_signature(source) for source in sources] == before:  # nobody wrote in between
        with contextlib.suppress(OSError):
            _write(path, name, before, digests, series)
    return series


def stored(store: BarStore, key: SeriesKey) -> Bars:
    """`store.read(key)`, from the cache when no partition has changed. Raises as `store.read`."""
    where = str(store.folder(key).absolute())
    try:
        names = sorted(name for name in os.listdir(where) if name.endswith(SUFFIX) and name[0] != ".")  # noqa: PTH208  # names only
    except FileNotFoundError:
        names = []
    if not names:
        return store.read(key)
    folder = paths.data_dir() / "cache/columns/store"
    return cached(folder, where, [f"{where}/{name}" for name in names], lambda: {ONE: store.read(key)})[ONE]


def _held(path: Path, name: str, sources: Sequence[str], signatures: list[Signature]) -> Series | None:
    try:
        with path.open("rb") as file:
            written_ns = os.fstat(file.fileno()).st_mtime_ns
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None
    footer = _footer(memory)
    if footer is None or footer["name"] != name or footer.get("code") != _code():
        return None
    size = ROW * sum(n for _, n in footer["series"])
    if footer["boot"] != _boot() and zlib.crc32(memoryview(memory)[ALIGN : ALIGN + size]) != footer["crc"]:
        return None
    settled = all(max(int(s[2]), int(s[3])) + RACY_NS < written_ns for s in signatures)
    same = footer["signatures"] == signatures and settled
    if not same and footer["digests"] != [_digest(source) for source in sources]:
        return None
    return _series(memory, footer["series"])


def _footer(memory: Any) -> dict[str, Any] | None:
    """What stands behind the columns: JSON, its length, MAGIC. None for a file that is not whole."""
    tail = len(MAGIC) + 8
    try:
        if memory[: len(MAGIC)] != MAGIC or memory[-len(MAGIC) :] != MAGIC:
            return None
        (length,) = struct.unpack_from("<q", memory, len(memory) - tail)
        footer: dict[str, Any] = json.loads(memory[len(memory) - tail - length : len(memory) - tail])
    except (ValueError, struct.error):
        return None
    rows = sum(n for _, n in footer["series"])
    return footer if len(memory) == ALIGN + ROW * rows + length + tail else None


def _series(memory: Any, counts: Sequence[tuple[str, int]]) -> Series:
    total = sum(n for _, n in counts)
    columns: dict[str, Any] = {
        name: np.frombuffer(memory, np.int64 if name == "ts_ms" else np.float64, total, ALIGN + 8 * total * i)
        for i, name in enumerate(COLUMNS)
    }
    at, found = 0, {}
    for symbol, n in counts:
        found[symbol] = Bars(**{name: column[at : at + n] for name, column in columns.items()})
        at += n
    return found


def _write(path: Path, name: str, signatures: list[Signature], digests: list[str], series: Mapping[str, Bars]) -> None:
    footer: dict[str, Any] = {"name": name, "code": _code(), "signatures": signatures, "digests": digests}
    footer |= {"boot": _boot(), "series": [(symbol, len(bars)) for symbol, bars in series.items()]}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, crc = temporary_beside(path), 0
    try:
        with temporary.open("wb") as file:
            file.write(MAGIC.ljust(ALIGN, b"\0"))
            for column in COLUMNS:
                for bars in series.values():
                    part = np.ascontiguousarray(getattr(bars, column)).data
                    crc = zlib.crc32(part, crc)
                    file.write(part)
            text = json.dumps({**footer, "crc": crc}).encode()
            file.write(text + struct.pack("<q", len(text)) + MAGIC)
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
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
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _boot() -> str:
    """Names the time since this machine started; empty where the system does not say, and then nothing is trusted."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return f"unknown {os.getpid()}"
