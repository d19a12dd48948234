"""Columns as lines of CSV, thousands at a time: the bytes that `text_files.write_csv` makes of the same rows.

Python spends a microsecond on the shortest text of a float, and a file of a million rows is text for the most part;
compiled (`cells`) it is a twentieth of that.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from utils import native
from utils.csv_text import cells
from utils.native import address

AHEAD = 4  # pieces of text in memory that are not written yet
EXACT = 2**53  # every integer up to it is a float


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Cells of one kind (FLOAT, WHOLE or LABEL of `cells`), as float64."""

    kind: int
    values: np.ndarray


def numbers(values: np.ndarray) -> Column:
    """Cells of a column of float64 or int64: shortest exact text, empty for NaN and infinity."""
    return Column(cells.FLOAT, values) if values.dtype.kind == "f" else whole(values)


def whole(values: np.ndarray) -> Column:
    """Cells of integers, which may be given as float64: empty for NaN. Raises ValueError for one beyond 2^53."""
    if values.size and max(np.nanmax(values, initial=0), -np.nanmin(values, initial=0)) > EXACT:
        raise ValueError("an integer beyond 2^53 cannot be written as a cell")
    return Column(cells.WHOLE, values)


class Labels:
    """The texts that a file's rows need, each once and by its number, and the lines that are made with them."""

    NOTHING = 0  # the number of an empty cell

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._texts = [b""]
        self._laid = np.zeros(0, np.int8), np.zeros(1, np.int64)

    def number(self, *values: str) -> int:
        """The number of `values` as one text, quoted where CSV needs it. Raises ValueError for one with a line end."""
        known = self._numbers.get(values)
        if known is None:
            known = self._numbers[values] = len(self._texts)
            self._texts.append(_quoted(values))
        return known

    def column(self, which: np.ndarray) -> Column:
        """Cells of texts, by their numbers."""
        return Column(cells.LABEL, which)

    def lines(self, columns: Sequence[Column]) -> bytes:
        """The rows of `columns`, which are of one length, a line each; UTF-8. Raises ValueError for other lengths."""
        rows = columns[0].values.size
        if any(column.values.size != rows for column in columns):
            raise ValueError("columns of different lengths cannot be lines")
        texts, starts = self._together()
        kinds = np.array([column.kind for column in columns], np.int8)
        table = np.empty((len(columns), rows))
        for row, column in zip(table, columns, strict=True):
            row[:] = column.values
        labels = table[kinds == cells.LABEL].astype(np.int64)
        room = table.size * cells.LONGEST + int(np.diff(starts)[labels].sum())
        out, found = np.empty(room, np.int8), np.zeros(2, np.int64)
        size = _loops().write_rows(
            address(table), address(table), address(kinds), len(columns), rows,
            address(powers()), address(texts), address(starts), address(found), address(out),
        )  # fmt: skip
        return out[:size].tobytes()

    def _together(self) -> tuple[np.ndarray, np.ndarray]:
        if self._laid[1].size != len(self._texts) + 1:
            ends = np.cumsum([len(text) for text in self._texts])
            self._laid = np.frombuffer(b"".join(self._texts), np.int8), np.concatenate(([0], ends))
        return self._laid


def _quoted(values: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    if "\n" in out.getvalue():
        raise ValueError(f"{values}: a text with a line end in it cannot be written in a line of numbers")
    return out.getvalue().encode()


def made_ahead(make: Callable[[slice], bytes], some: Iterable[slice]) -> Iterator[bytes]:
    """`make` of each, in order, by two threads while the earlier ones are written: the compiled loops run at once."""
    with ThreadPoolExecutor(2) as pool:
        begun = deque[Future[bytes]]()
        for each in some:
            begun.append(pool.submit(make, each))
            if len(begun) > AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def pieces(size: int, rows: int) -> Iterator[slice]:
    """[0, size) in pieces of at most `rows`."""
    for start in range(0, size, rows):
        yield slice(start, min(start + rows, size))


@lru_cache(maxsize=1)
def _loops() -> native.Library:
    return native.load("csv", (cells,), (cells.write_rows,))


@lru_cache(maxsize=1)
def powers() -> np.ndarray:
    """10^k as the 128 bits from its first one on, rounded up, in two halves: for each k in `cells`."""
    halves: list[int] = []
    for k in range(cells.LEAST_POWER, cells.GREATEST_POWER + 1):
        above, below = (10**k, 1) if k >= 0 else (1, 10**-k)
        shift = 128 - (above.bit_length() - below.bit_length() + 1)
        bits = _divided_up(above, below, shift)
        if bits.bit_length() < 128:
            bits = _divided_up(above, below, shift + 1)
        halves += divmod(bits, 1 << 64)
    return np.array(halves, np.uint64)


def _divided_up(above: int, below: int, shift: int) -> int:
    """above / below * 2^shift, rounded up."""
    return -(-(above << max(shift, 0)) // (below << max(-shift, 0)))
