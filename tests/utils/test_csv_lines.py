"""Lines made of columns are the bytes that Python's csv module makes of the same rows."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest

from utils import csv_lines

AWKWARD = [0.0, -0.0, 1.0, 0.1, 1e-4, 9.999e-5, 1e-5, 5e-324, 1e15, 1e16, 1.5e16, 1e300, -123.456, 2 / 3, 1e22]


def by_the_csv_module(rows: list[list[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def test_numbers_are_written_as_python_writes_them() -> None:
    drawn = np.random.default_rng(1)
    values = [*AWKWARD, *(drawn.standard_normal(500) * 10.0 ** drawn.integers(-20, 20, 500)).tolist()]
    counts = np.arange(len(values), dtype=np.int64) * 10**12
    made = csv_lines.lines((csv_lines.numbers(counts), csv_lines.numbers(np.array(values))))
    assert made == by_the_csv_module([[n, repr(x)] for n, x in zip(counts.tolist(), values, strict=True)])


def test_what_is_no_number_is_an_empty_cell() -> None:
    cells = csv_lines.numbers(np.array([math.nan, math.inf, -math.inf, 1.5]))
    assert csv_lines.lines(([1, 2, 3, 4], cells)) == b"1,\n2,\n3,\n4,1.5\n"


def test_texts_are_quoted_where_csv_asks_for_it() -> None:
    assert csv_lines.lines(([csv_lines.texts('a "b"', "c,d", "e]")], [7])) == b'"a ""b""","c,d",e],7\n'


def test_a_text_with_a_line_end_is_refused() -> None:
    with pytest.raises(ValueError, match="line end"):
        csv_lines.texts("a\nb")


def test_no_rows_are_no_bytes_and_pieces_cover_all_rows_once() -> None:
    assert csv_lines.lines(([], [])) == b""
    assert [(p.start, p.stop) for p in csv_lines.pieces(5, 2)] == [(0, 2), (2, 4), (4, 5)]
