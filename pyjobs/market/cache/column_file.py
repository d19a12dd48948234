"""Series of bars as raw columns in one file that a process maps into memory instead of reading.

Six columns one after the other, each of all series, then a footer. Mapped memory is the system's page cache, but what a
process has touched counts as its own until it is given back: `done_with`. So a file of any size is worked on in little
memory, a series at a time.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from pyjobs.market.bars import COLUMNS, Bars, IntArray

MAGIC = b"NDCOLS1\n"
ALIGN = 64
ROW = 8 * len(COLUMNS)
IN_MEMORY_ROWS = 2_000_000  # 96 MB: so many are held rather than written where they cannot be kept
USED_ROWS = 500_000  # 24 MB may have been touched before they are given back: a call for each series would cost more
LOOK_BYTES = 16_000_000
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
        """Of all series."""
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


class Mapped(mmap.mmap):
    """A file's memory."""

    used = 0  # rows said to have been touched since pages were last given back

    def touched(self, rows: int) -> None:
        """Count them, and when there are many give all pages back: they come again, the same, when they are needed."""
        self.used += rows
        if self.used > USED_ROWS:
            self.used = 0
            with contextlib.suppress(AttributeError, OSError):  # a system without it; a process that locks its memory
                self.madvise(mmap.MADV_DONTNEED)


def done_with(bars: Bars | IntArray) -> None:
    """Say that `bars`, or the times of bars, will not be looked at soon, so that their memory can be used otherwise.

    Nothing else changes. Nothing happens to bars that no file is behind, and where the system cannot do it.
    """
    memory: Any = bars.ts_ms if isinstance(bars, Bars) else bars
    while isinstance(memory, np.ndarray | memoryview):
        memory = memory.base if isinstance(memory, np.ndarray) else memory.obj
    if isinstance(memory, Mapped):
        memory.touched(len(bars))


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


def footer_of(memory: Mapped) -> dict[str, Any] | None:
    """What was told `about` the series, their `series` (counts) and `crc`. None for a file that is not whole."""
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
