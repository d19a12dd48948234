"""Columns as lines of CSV, thousands at a time: the bytes that `text_files.write_csv` makes of the same rows.

Python spends a microsecond on the shortest text of a float; msgspec writes the same digits in a fifth of that, and a
file of a million rows is text for the most part. Where the two write a number differently, which is below 0.0001 and
from 10^16 on, Python's text is taken.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

LEAST, MOST = 1e-4, 1e16  # between them both write a number in the same way, without an exponent
EMPTY = msgspec.Raw(b"")
_BETWEEN = b"]\n["
_encoder = msgspec.json.Encoder()
Cells = list[Any]


def numbers(values: np.ndarray) -> Cells:
    """Cells of a column of int64 or float64: shortest exact text, empty for NaN and infinity."""
    cells: Cells = values.tolist()
    if values.dtype.kind == "f":
        size = np.abs(values)
        for i in np.flatnonzero(~((size >= LEAST) & (size < MOST)) & (size != 0.0)).tolist():
            cells[i] = msgspec.Raw(repr(cells[i]).encode()) if np.isfinite(size[i]) else EMPTY
    return cells


@lru_cache(maxsize=65536)
def texts(*values: str) -> msgspec.Raw:
    """Texts beside each other as one cell, quoted where CSV asks for it. Raises ValueError for one with a line end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    if "\n" in out.getvalue():
        raise ValueError(f"{values}: a text with a line end in it cannot be laid beside numbers")
    return msgspec.Raw(out.getvalue().encode())


def lines(columns: Sequence[Cells]) -> bytes:
    """The rows of `columns`, which are of one length, a line each; UTF-8."""
    written = _encoder.encode_lines(zip(*columns, strict=True))  # [a,b]\n[a,b]\n
    return written[1:-2].replace(_BETWEEN, b"\n") + b"\n" if written else b""


def pieces(size: int, rows: int) -> Iterator[slice]:
    """[0, size) in pieces of at most `rows`."""
    for start in range(0, size, rows):
        yield slice(start, min(start + rows, size))
