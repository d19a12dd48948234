"""Series of bars as raw columns in one file that a process maps into memory instead of reading.

Six columns one after the other, each of all series, then a footer. How the memory is given back: `cache.release`.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import msgspec
import numpy as np

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.cache.release import Mapped
from utils.files.os_files import read_at

MAGIC = b"NDCOLS1\n"
ALIGN = 64
ROW = 8 * len(COLUMNS)
IN_MEMORY_ROWS = 2_000_000  # 96 MB: so many are held rather than written where they cannot be kept
LOOK_BYTES = 16_000_000
END_BYTES = 8192  # a footer of one series has some 2 000
Series = dict[str, Bars]
Counts = Sequence[tuple[str, int]]  # each series with its number of bars, in the order of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Series that need never be in memory together.

    `parts`: the columns in the order of COLUMNS, each of all series in the order of `counts`, in numpy pieces of int64
    or float64 (or the bits of these). `check` raises what is wrong with the series once they can be looked at.
    """

    counts: Counts
    parts: Callable[[], Iterator[Any]]
    check: Callable[[Series], None]

    @property
    def rows(self) -> int:
        """The rows of all series together."""
        return sum(n for _, n in self.counts)

    def laid(self, file: IO[bytes], about: Mapping[str, Any]) -> Series:
        """Written to the open, empty `file`, mapped and checked. Raises OSError when it cannot be."""
        _write(file, self, about)
        series = series_in(Mapped(file.fileno(), 0, access=mmap.ACCESS_READ), self.counts, ALIGN)
        self.check(series)
        return series

    def spilled(self) -> Series:
        """Where nothing is to be kept: in memory; of many rows, in a nameless file of the system's temporary folder.

        A file that goes with the process, even a killed one. Where there is no room for it, in memory all the same.
        """
        if self.rows > IN_MEMORY_ROWS:
            import tempfile  # 20 ms

            try:
                with tempfile.TemporaryFile() as file:
                    return self.laid(file, {})
            except OSError:
                pass
        series = self.gathered()
        self.check(series)
        return series

    def gathered(self) -> Series:
        """In memory, unchecked."""
        memory, at = np.empty(ROW * self.rows, np.uint8), 0
        for part in self.parts():
            memory[at : at + part.nbytes] = part.view(np.uint8)
            at += part.nbytes
        return series_in(memory, self.counts, 0)


def streamed(series: Mapping[str, Bars]) -> Stream:
    """Series in memory, known to be good."""
    return Stream(
        counts=[(symbol, len(bars)) for symbol, bars in series.items()],
        parts=lambda: (np.ascontiguousarray(getattr(bars, name)) for name in COLUMNS for bars in series.values()),
        check=lambda _: None,
    )


def series_in(memory: Any, counts: Counts, offset: int) -> Series:
    """The series by name, sorted, as views on `memory`, where the columns begin at `offset`."""
    total = sum(n for _, n in counts)
    columns: dict[str, Any] = {
        name: np.frombuffer(memory, np.int64 if name == "ts_ms" else np.float64, total, offset + 8 * total * i)
        for i, name in enumerate(COLUMNS)
    }
    at, found = 0, {}
    for symbol, n in counts:
        found[symbol] = Bars(**{name: column[at : at + n] for name, column in columns.items()})
        at += n
    return dict(sorted(found.items()))


def footer_of(descriptor: int, size: int) -> dict[str, Any] | None:
    """The `about` of the series, their `series` (counts) and `crc`. None for a file that is not whole.

    Read, not mapped: of a mapped file the system takes in 64 KB around each touch, and a desk has thousands of files.
    """
    tail = len(MAGIC) + 8
    end = read_at(descriptor, END_BYTES, max(size - END_BYTES, 0))
    if len(end) < tail or end[-len(MAGIC) :] != MAGIC or read_at(descriptor, len(MAGIC), 0) != MAGIC:
        return None
    (length,) = struct.unpack_from("<q", end, len(end) - tail)
    if not 0 < length <= size - tail:
        return None
    if length > len(end) - tail:
        end = read_at(descriptor, length + tail, size - length - tail)
    try:
        footer: dict[str, Any] = msgspec.json.decode(end[len(end) - tail - length : len(end) - tail])
    except (msgspec.DecodeError, RecursionError):
        return None
    rows = sum(n for _, n in footer["series"])
    return footer if size == ALIGN + ROW * rows + length + tail else None


def is_sound(memory: Mapped, footer: Mapping[str, Any]) -> bool:
    """Whether the columns are what was written."""
    end, crc = ALIGN + ROW * sum(n for _, n in footer["series"]), 0
    for start in range(ALIGN, end, LOOK_BYTES):
        part = memoryview(memory)[start : min(start + LOOK_BYTES, end)]
        crc = zlib.crc32(part, crc)
        memory.touched(len(part) // ROW)
    return bool(crc == footer["crc"])


def _write(file: IO[bytes], stream: Stream, about: Mapping[str, Any]) -> None:
    file.write(MAGIC.ljust(ALIGN, b"\0"))
    crc = 0
    for part in stream.parts():
        crc = zlib.crc32(part, crc)
        file.write(part)
    text = json.dumps({**about, "series": list(stream.counts), "crc": crc}).encode()
    file.write(text + struct.pack("<q", len(text)) + MAGIC)
    file.flush()
