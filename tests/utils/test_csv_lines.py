"""Lines made of columns are the bytes that Python's csv module makes of the same rows."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest

from utils.csv_text import lines as csv_lines

AWKWARD = [0.0, -0.0, 1.0, 0.1, 1e-4, 9.999e-5, 1e-5, 5e-324, 1e15, 1e16, 1.5e16, 1e300, -123.456, 2 / 3, 1e22]


def by_the_csv_module(rows: list[list[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def lines(*columns: csv_lines.Column) -> bytes:
    return csv_lines.Labels().lines(columns)


def test_numbers_are_written_as_python_writes_them() -> None:
    drawn = np.random.default_rng(1)
    values = [*AWKWARD, *(drawn.standard_normal(500) * 10.0 ** drawn.integers(-20, 20, 500)).tolist()]
    counts = np.arange(len(values), dtype=np.int64) * 10**12
    made = lines(csv_lines.numbers(counts), csv_lines.numbers(np.array(values)))
    assert made == by_the_csv_module([[n, repr(x)] for n, x in zip(counts.tolist(), values, strict=True)])


def test_every_float_gets_the_shortest_digits_that_read_as_it() -> None:
    drawn = np.random.default_rng(2)
    anything = drawn.integers(-(2**63), 2**63 - 1, 20_000).view(np.float64)
    powers = np.concatenate([2.0 ** np.arange(-1074, 1024), [float(f"1e{n}") for n in range(-323, 309)]])
    beside = (np.nextafter(powers, 0.0), powers, np.nextafter(powers, np.inf))
    subnormal, prices = drawn.integers(1, 2**52, 5_000).view(np.float64), np.round(drawn.uniform(0, 1e6, 20_000), 2)
    values = np.concatenate(
        (anything, *beside, subnormal, prices, prices / 3, np.arange(5_000.0), 2.0**53 * powers[:-1000])
    )
    values = values[np.isfinite(values)]
    assert lines(csv_lines.numbers(values)) == "".join(f"{x!r}\n" for x in values.tolist()).encode()


def test_what_is_no_number_is_an_empty_cell() -> None:
    numbers = csv_lines.numbers(np.array([math.nan, math.inf, -math.inf, 1.5]))
    whole = csv_lines.whole(np.array([math.nan, -0.0, -7.0, 2.0**53]))
    assert lines(csv_lines.numbers(np.arange(1, 5)), numbers, whole) == b"1,,\n2,,0\n3,,-7\n4,1.5,9007199254740992\n"


def test_an_integer_that_no_float_holds_is_refused() -> None:
    for value in (2**53 + 1, -(2**53) - 1):
        with pytest.raises(ValueError, match="beyond 2\\^53"):
            csv_lines.numbers(np.array([1, value]))


def test_texts_are_quoted_where_csv_asks_for_it() -> None:
    labels = csv_lines.Labels()
    texts = [labels.number('a "b"', "c,d", "e]"), labels.NOTHING, labels.number("서울")]
    made = labels.lines((labels.column(np.array(texts)), csv_lines.numbers(np.array([7, 8, 9]))))
    assert made == '"a ""b""","c,d",e],7\n,8\n서울,9\n'.encode()
    assert labels.number("서울") == texts[2]


def test_a_text_with_a_line_end_is_refused() -> None:
    with pytest.raises(ValueError, match="line end"):
        csv_lines.Labels().number("a\nb")


def test_no_rows_are_no_bytes_and_pieces_cover_all_rows_once() -> None:
    assert lines(csv_lines.numbers(np.zeros(0)), csv_lines.whole(np.zeros(0))) == b""
    assert [(p.start, p.stop) for p in csv_lines.pieces(5, 2)] == [(0, 2), (2, 4), (4, 5)]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        lines(csv_lines.numbers(np.zeros(2)), csv_lines.numbers(np.zeros(3)))
