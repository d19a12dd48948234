"""Sums of an account are those of the standard library, which rounds once."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from pyjobs.strategy.exact_sums import SUMS, add, begin_sum, is_certain, total

DRAWN = np.random.default_rng(8)


def exactly(terms: list[float]) -> float:
    parts = [0.0] * SUMS
    n = begin_sum(parts)
    for term in terms:
        n = add(parts, n, term)
    return total(parts, n)


@pytest.mark.parametrize("spread", [1, 20, 200])
def test_a_sum_is_rounded_once_whatever_its_order(spread: int) -> None:
    for _ in range(30):
        terms = (DRAWN.standard_normal(40) * 10.0 ** DRAWN.integers(-spread, spread + 1, 40)).tolist()
        assert exactly(terms) == exactly(terms[::-1]) == math.fsum(terms)


def test_a_tie_is_rounded_to_even_and_what_cancels_is_nothing() -> None:
    assert exactly([1.0, 2.0**-53]) == 1.0
    assert exactly([1.0, 2.0**-53, 2.0**-105]) == 1.0 + 2.0**-52
    assert exactly([1e300, 1.0, -1e300]) == 1.0
    assert exactly([0.1, -0.1]) == exactly([]) == 0.0


def test_what_is_not_finite_stays_so() -> None:
    assert exactly([1.0, math.inf]) == math.inf
    assert math.isnan(exactly([1.0, math.nan, 2.0]))


def test_a_sum_is_certain_only_where_all_within_its_slack_are_rounded_alike() -> None:
    assert is_certain(1.0, 2.0**-60, 2.0**-80)
    assert not is_certain(1.0, 2.0**-53, 2.0**-80)  # halfway to the next number
    assert not is_certain(math.inf, 0.0, 0.0)
    for high, low in DRAWN.standard_normal((200, 2)).tolist():
        low, slack = low * 2.0**-54, 2.0**-57
        if is_certain(high, low, slack):
            ends = [Fraction(high) + Fraction(low) + sign * Fraction(slack) for sign in (-1, 1)]
            assert {float(end) for end in ends} == {high + low}
