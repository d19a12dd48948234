"""Trades that ended as bytes, held against the lines of a file; to be compiled, with `row_text`."""

from __future__ import annotations

import numpy as np

from pyjobs.live.deciding.row_text import FIRST_SIDE, FIRST_TOLD, PREFIX, Against, put_exact, put_label, put_number
from pyjobs.live.journal.line_loops import COMMA
from pyjobs.strategy.kernel import TRADE
from utils.csv_text.cells import write_digits
from utils.native import Bytes, Floats, Ints


def trades_alike(
    rows: Floats, bits: Ints, n: int, sizes: Floats, size_bits: Ints, gains: Floats, gain_bits: Ints, powers: Ints,
    found: Ints, line: Bytes, against: Against,
) -> int:  # fmt: skip
    """How many of the first trades have the first of these lines, as `core.trade_texts` writes them; at most `n`.

    `rows`: as the kernel writes them; `sizes`, `gains`: their quantities and returns; each also as bits.
    """
    for k in range(n):
        size = write_trade_text(rows, bits, k, size_bits, sizes, gain_bits, gains, powers, found, line, against)
        begins = against.starts[k]
        if size != against.ends[k] - begins:
            return k
        for j in range(size):
            if line[j] != against.text[begins + j]:
                return k
    return n


def write_trade_text(
    rows: Floats, bits: Ints, k: int, size_bits: Ints, sizes: Floats, gain_bits: Ints, gains: Floats, powers: Ints,
    found: Ints, line: Bytes, against: Against,
) -> int:  # fmt: skip
    """The cells of trade `k` up to its return into `line`; how many bytes."""
    row = k * TRADE
    at = put_label(against, PREFIX, line, 0)
    at = put_whole(rows[row + 5], line, at)
    at = put_whole(float(k + 1), line, at)
    at = put_label(against, FIRST_SIDE + int(rows[row]), line, at)
    at = put_whole(rows[row + 1], line, at)
    at = put_whole(rows[row + 2], line, at)
    at = put_exact(rows[row + 3], bits[row + 3], powers, found, line, at)
    line[at] = COMMA
    at = put_number(rows[row + 4], bits[row + 4], powers, found, line, at + 1)
    line[at] = COMMA
    at = put_exact(rows[row + 6], bits[row + 6], powers, found, line, at + 1)
    line[at] = COMMA
    at = put_label(against, FIRST_TOLD + int(rows[row + 7]), line, at + 1)
    at = put_whole(rows[row + 8], line, at)
    at = put_exact(sizes[k], size_bits[k], powers, found, line, at)
    line[at] = COMMA
    return put_exact(gains[k], gain_bits[k], powers, found, line, at + 1)


def put_whole(value: float, line: Bytes, at: int) -> int:
    """A time or a count, and a comma."""
    at = write_digits(np.uint64(value), line, at)
    line[at] = COMMA
    return at + 1
