"""Columns whose rows come mixed, for example sorted by time, put in order of their symbols, in little memory.

Blocks of rows, each sorted by symbol, go into a nameless file, a column at a time; then every symbol's pieces are
fetched from all the blocks. Both ways the file is used in long stretches: a disk need not seek for every row.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np

from pyjobs.market.bars import COLUMNS, IntArray
from pyjobs.market.cache.bar_columns import BarColumns, give_back

BLOCK_ROWS = 1 << 19  # with some five columns of so many rows in memory: 20 MB
ORDER, VALUE = 4, 8  # bytes of a row's place in its block, and of its value
IN_MEMORY_ROWS = 2_000_000  # 24 MB: so many need no file
_ZERO = np.zeros(1, np.int32)


def regrouped(columns: BarColumns, rows: Sequence[int], room: Path | None) -> Iterator[IntArray]:
    """Like `columns.parts()`, but with each column's rows grouped by symbol: `rows[i]` rows of symbol i.

    A symbol's rows stay in the order they have in the file. On disk this takes 12 bytes a row, in the folder `room` or
    that of temporary files, given back at the end; where there is no room for it, it is in memory.
    """
    with _space(sum(rows), room) as file:
        edges = _sorted_blocks(file, columns, len(rows))
        for name in COLUMNS:
            _write(file, sum(rows), columns, name)
            give_back()
            for first, last in _groups(rows):
                yield from _fetched(file, ORDER * sum(rows), edges[:, first : last + 1])


def _space(rows: int, room: Path | None) -> IO[bytes]:
    if rows > IN_MEMORY_ROWS:
        import tempfile  # 20 ms

        for folder in (room, None):
            # no such folder, no room; a system that cannot promise any
            with contextlib.suppress(OSError, AttributeError), contextlib.ExitStack() as held:
                file = held.enter_context(tempfile.TemporaryFile(dir=folder))
                os.posix_fallocate(file.fileno(), 0, rows * (ORDER + VALUE))
                held.pop_all()
                return file
    return io.BytesIO()


def _sorted_blocks(file: IO[bytes], columns: BarColumns, symbols: int) -> Any:
    """Written: how each block is sorted. Returned: where each symbol's rows begin and end in it, a line per block."""
    edges = []
    for block in _blocks(columns.numbers(), np.min_scalar_type(symbols)):
        file.write(np.argsort(block, kind="stable").astype(np.uint32).data)
        ends = np.cumsum(np.bincount(block, minlength=symbols), dtype=np.int32)
        edges.append(np.concatenate((_ZERO, ends)))
    return np.array(edges)


def _write(file: IO[bytes], rows: int, columns: BarColumns, name: str) -> None:
    order = np.empty(BLOCK_ROWS, np.uint32)
    for i, block in enumerate(_blocks((part.view(np.int64) for part in columns.column(name)), np.int64)):
        file.seek(i * BLOCK_ROWS * ORDER)
        file.readinto(order[: len(block)])  # type: ignore[attr-defined]  # every binary file has it; IO does not say so
        file.seek(ORDER * rows + i * BLOCK_ROWS * VALUE)
        file.write(block[order[: len(block)]])


def _fetched(file: IO[bytes], begin: int, edges: Any) -> Iterator[IntArray]:
    """The rows of some symbols, one symbol after the other. `edges`: of these symbols."""
    places = (begin + VALUE * (edges[:, 0] + BLOCK_ROWS * np.arange(len(edges)))).tolist()
    lengths = (edges[:, -1] - edges[:, 0]).tolist()
    if edges.shape[1] == 2:
        yield from (_read(file, [place], [n]) for place, n in zip(places, lengths, strict=True))
    else:
        n = np.diff(edges, axis=1)
        found = (np.cumsum(n) - n.ravel()).reshape(n.shape).T.ravel()  # where the pieces are: by symbol, then by block
        n = n.T.ravel()
        shift = np.repeat(found - (np.cumsum(n) - n), n)
        yield _read(file, places, lengths)[shift + np.arange(len(shift))]


def _read(file: IO[bytes], places: Sequence[int], lengths: Sequence[int]) -> IntArray:
    made, at = np.empty(sum(lengths), np.int64), 0
    for place, n in zip(places, lengths, strict=True):
        file.seek(place)
        file.readinto(made[at : at + n])  # type: ignore[attr-defined]
        at += n
    return made


def _groups(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges of symbols that have a block's rows together at most; a symbol with more is alone."""
    edges, held = [0], 0
    for i, n in enumerate(rows):
        if held and held + n > BLOCK_ROWS:
            edges.append(i)
            held = 0
        held += n
    yield from pairwise([*edges, len(rows)])


def _blocks(parts: Iterator[Any], dtype: Any) -> Iterator[Any]:
    """The values in pieces of BLOCK_ROWS, the last one shorter; each piece is overwritten by the next."""
    block, at = np.empty(BLOCK_ROWS, dtype), 0
    for part in parts:
        while len(part):
            free = block[at : at + len(part)]
            free[:], part = part[: len(free)], part[len(free) :]
            at += len(free)
            if at == BLOCK_ROWS:
                yield block
                at = 0
    if at:
        yield block[:at]
