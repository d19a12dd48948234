"""The rows of a whole file of the journal: its text, and where each cell ends. Cells are cut when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np

from pyjobs.live.journal import line_loops, names
from pyjobs.live.journal.lines import Row
from utils import native
from utils.native import address

BIGGEST = 2**31 - 1  # bytes: what an int32 can point to


@dataclass(frozen=True, slots=True, eq=False)
class Rows(Sequence[Row]):
    """`text`: int8, the file's bytes; `starts`: int64, where each row begins; `ends`: int32, one line a row, where each
    cell ends; `ts_ms`: int64."""

    text: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    ts_ms: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Row], width: int) -> Rows:
        """Rows that are cells already. Raises ValueError where a time is no number, or a row has another width."""
        return cls.of_text("".join(f"{','.join(row)}\n" for row in rows).encode(), width)

    @classmethod
    def of_text(cls, content: bytes, width: int) -> Rows:
        """Rows of whole lines, whatever their checksums. Raises ValueError as `of`."""
        text = np.frombuffer(content, np.int8)
        ends = np.flatnonzero((text == line_loops.COMMA) | (text == line_loops.LINE_END)).reshape(-1, width)
        if (text[ends[:, -1]] != line_loops.LINE_END).any():
            raise ValueError(f"a line has not {width} cells")
        data = text.data
        at = zip((ends[:, names.TS_MS - 1] + 1).tolist(), ends[:, names.TS_MS].tolist(), strict=True)
        times = np.array([int(bytes(data[a:b])) for a, b in at], np.int64)
        return cls(text, _starts(ends, 0), ends.astype(np.int32), times)

    def __len__(self) -> int:
        return len(self.ts_ms)

    def __iter__(self) -> Iterator[Row]:
        return iter(self[:])

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        width = self.ends.shape[1]
        if isinstance(at, slice):
            return [line.split(",") for line in self.cells(0, width, np.arange(len(self))[at])]
        row = range(len(self))[at]
        return str(self.text.data[self.starts[row] : self.ends[row, width - 1]], "utf-8").split(",")

    def cells(self, first: int, last: int, which: np.ndarray) -> list[str]:
        """The cells [first, last) of these rows, with the commas between them."""
        begins = (self.ends[which, first - 1] + 1 if first else self.starts[which]).tolist()
        ends, text = self.ends[which, last - 1].tolist(), self.text.data
        return [str(text[a:b], "utf-8") for a, b in zip(begins, ends, strict=True)]

    def has(self, column: int, word: bytes) -> np.ndarray:
        """Bool for each row: whether that cell (not the first) is that word."""
        begins, sizes = self.ends[:, column - 1].astype(np.int64) + 1, np.diff(self.ends[:, column - 1 : column + 1])
        found: np.ndarray = sizes[:, 0] == len(word) + 1
        for i, byte in enumerate(word):
            at = np.flatnonzero(found)
            found[at] = self.text[begins[at] + i] == byte
        return found

    def same(self, mine: np.ndarray, other: Rows, theirs: np.ndarray, first: int, last: int) -> np.ndarray:
        """Bool for each pair of rows (int64 numbers of mine and of the other's): whether those cells are the same."""
        out = np.zeros(len(mine), np.int8)
        mine, theirs = (np.ascontiguousarray(each, np.int64) for each in (mine, theirs))
        loops().alike(
            address(self.text), address(self.ends), address(mine), address(other.text), address(other.ends),
            address(theirs), len(mine), self.ends.shape[1], first, last, address(out),
        )  # fmt: skip
        return out.astype(np.bool_)

    def are_numbers(self, columns: Sequence[int], dashed: int) -> bool:
        """Whether each of those cells is plainly a number; False also for what only Python reads as one.

        `dashed`: the column in which a `-` is one, too."""
        which = np.array(columns, np.int64)
        found = loops().plain_numbers(
            address(self.text), address(self.ends), len(self), self.ends.shape[1], address(which), len(which), dashed
        )
        return bool(found == len(self))

    def floats(self, first: int, count: int) -> np.ndarray:
        """`count` columns from `first` on, as float64 (count, rows). Raises ValueError for a cell that is none."""
        out, left = np.empty((count, len(self))), np.empty(count * len(self), np.int64)
        unread = loops().read_floats(
            address(self.text), address(self.ends), len(self), self.ends.shape[1], first, count, address(_tens()),
            address(out), address(left),
        )  # fmt: skip
        for place in left[:unread].tolist():
            row, column = divmod(place, count)
            begins, end = self.ends[row, first + column - 1] + 1, self.ends[row, first + column]
            out[column, row] = float(self.text[begins:end].tobytes())
        return out


def scanned(text: bytes, start: int, width: int, *, step: int) -> Rows | None:
    """The whole lines of `text` from `start` on, checked; None where one is not plain, or not sealed, or out of order.

    `step`: as in `line_loops.scan`.
    """
    size = text.rfind(b"\n") + 1
    if size > BIGGEST:
        return None
    count = text.count(b"\n", start)
    content = np.frombuffer(text, np.int8)
    ends, times = np.empty((count, width), np.int32), np.empty(count, np.int64)
    found = loops().scan(
        address(content), start, size, width, names.TS_MS, step, address(tables()), address(ends), address(times)
    )
    return Rows(content, _starts(ends, start), ends, times) if found == count else None


def _starts(ends: np.ndarray, first: int) -> np.ndarray:
    starts = np.empty(len(ends), np.int64)
    starts[:1], starts[1:] = first, ends[:-1, -1] + 1
    return starts


@lru_cache(maxsize=1)
def loops() -> native.Library:
    """The compiled loops, by name."""
    exports = (line_loops.scan, line_loops.read_floats, line_loops.plain_numbers, line_loops.alike)
    return native.load("journal", (line_loops,), exports)


@lru_cache(maxsize=1)
def _tens() -> np.ndarray:
    return np.array([10.0**k for k in range(line_loops.EXACT_DIGITS + 1)])


@lru_cache(maxsize=1)
def tables() -> np.ndarray:
    """For CRC-32 by eight bytes at once: https://create.stephan-brumme.com/crc32/ (slicing-by-8)."""
    table = np.arange(256, dtype=np.int64)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ 0xEDB88320, table >> 1)
    found = [table]
    for _ in range(line_loops.TABLES - 1):
        found.append((found[-1] >> 8) ^ table[found[-1] & 255])
    return np.concatenate(found)
