"""Averages must be exact, and the same wherever the array starts."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.strategy import exact_sums
from pyjobs.strategy.indicators import (
    atr,
    change,
    crosses_above,
    ema,
    highest,
    lowest,
    previous,
    returns,
    rsi,
    sma,
    true_range,
    wilder,
)

decimals = st.integers(0, 8).flatmap(
    lambda k: st.lists(st.integers(1, 10**9), min_size=1, max_size=40).map(lambda xs: [x / 10**k for x in xs])
)
long_decimals = st.integers(0, 8).flatmap(
    lambda k: st.lists(st.integers(10**14, 10**15 - 1), min_size=9, max_size=40).map(lambda xs: [x / 10**k for x in xs])
)
any_floats = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=40)
mixed = st.lists(st.one_of(st.floats(1e-6, 1e7), st.integers(1, 10**9).map(lambda x: x / 100)), min_size=1, max_size=40)


def stands_for(value: float) -> Fraction:
    """Second source: the shortest decimal text of the float (Python's repr), when it is short enough."""
    text = Fraction(repr(value))
    short = (text * 10**8).denominator == 1 and len(repr(value).replace(".", "").strip("0")) <= 15 and value < 1e15
    return text if short else Fraction(value)


def exact_sma(values: list[float], n: int) -> list[float]:
    """Second source: rational arithmetic; int / int is correctly rounded in CPython."""
    out = [float("nan")] * min(n - 1, len(values))
    for t in range(n - 1, len(values)):
        mean = sum((stands_for(v) for v in values[t - n + 1 : t + 1]), Fraction(0)) / n
        out.append(mean.numerator / mean.denominator)
    return out


@settings(max_examples=150, deadline=None)
@given(st.one_of(decimals, long_decimals, any_floats, mixed), st.integers(1, 12))
def test_sma_is_the_exact_mean_rounded_once(values: list[float], n: int) -> None:
    np.testing.assert_array_equal(sma(np.array(values), n), exact_sma(values, n))


@settings(max_examples=60, deadline=None)
@given(st.one_of(decimals, mixed), st.integers(1, 6))
def test_sma_does_not_depend_on_where_the_array_starts(values: list[float], n: int) -> None:
    whole = sma(np.array(values), n)
    for start in range(len(values)):
        np.testing.assert_array_equal(sma(np.array(values[start:]), n)[n - 1 :], whole[start + n - 1 :])


def test_sma_starts_anywhere_on_a_long_walk_with_one_odd_price() -> None:
    rng = np.random.default_rng(7)
    values = np.round(50 + np.cumsum(rng.normal(0, 0.4, 700)), 2).clip(1)
    values[350] = 100 / 3
    whole = sma(values, 60)
    for start in range(700):
        np.testing.assert_array_equal(sma(values[start:], 60)[59:], whole[start + 59 :])


@pytest.mark.parametrize("price", [0.1, 0.7, 1.1, 33.33, 182299.0, 0.00001234, 1 / 3, 6511.07, 1e7 + 0.1])
@pytest.mark.parametrize("n", [3, 7, 20, 60, 200])
def test_the_mean_of_a_constant_is_the_constant(price: float, n: int) -> None:
    assert set(sma(np.full(n + 5, price), n)[n - 1 :].tolist()) == {price}


def test_equal_means_over_different_windows_are_equal() -> None:
    # (0.1 + 0.3) / 2 == (0.3 + 0.2 + 0.1 + 0.3 + 0.1) / 5 == 0.2 in decimal; in binary, pandas has 0.2 < 0.2 here.
    values = np.array([0.3, 0.2, 0.1, 0.3, 0.1])
    assert sma(values, 2)[-1] == sma(values, 5)[-1] == 0.2


def test_flat_prices_never_cross() -> None:
    values = np.concatenate((np.full(80, 0.1), np.full(80, 0.3), np.full(80, 0.1)))
    ups = np.flatnonzero(crosses_above(sma(values, 20), sma(values, 60)))
    assert ups.tolist() == [80]


def test_prices_too_large_for_exact_float_sums_are_still_exact() -> None:
    values = [98765432.1234567, 98765432.1234569, 12345678.0000001, 98765432.1234567] * 3
    np.testing.assert_array_equal(sma(np.array(values), 4), exact_sma(values, 4))


@pytest.mark.parametrize("decimals", [0, 2, 6])
def test_sums_past_53_bits_are_rounded_once(decimals: int) -> None:
    values = np.random.default_rng(3).integers(9 * 10**14, 10**15, 60) / 10**decimals
    np.testing.assert_array_equal(sma(values, 12), exact_sma(values.tolist(), 12))


def test_sums_past_64_bits_do_not_wrap() -> None:
    assert sma(np.full(10_001, 999_999_999_999_999.0), 10_000)[-1] == 999_999_999_999_999.0


def test_sma_is_nan_until_full_and_while_a_value_is_missing() -> None:
    out = sma(np.array([1.0, 2.0, np.nan, 4.0, 5.0, np.inf, 7.0, 8.0]), 2)
    np.testing.assert_array_equal(out, [np.nan, 1.5, np.nan, np.nan, 4.5, np.nan, np.nan, 7.5])


def test_a_window_longer_than_the_data_gives_only_nan() -> None:
    for indicator in (sma, highest, lowest):
        assert np.isnan(indicator(np.array([1.0, 2.0]), 3)).all()
        assert indicator(np.array([]), 3).size == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.floats(0.01, 100), st.just(float("nan"))), min_size=1, max_size=30), st.integers(1, 9))
def test_highest_and_lowest_are_the_extremes_of_each_window(values: list[float], n: int) -> None:
    high, low = highest(np.array(values), n), lowest(np.array(values), n)
    for t in range(len(values)):
        window = values[t - n + 1 : t + 1] if t >= n - 1 else [float("nan")]
        missing = any(v != v for v in window)
        np.testing.assert_array_equal(high[t], float("nan") if missing else max(window))
        np.testing.assert_array_equal(low[t], float("nan") if missing else min(window))


def test_previous_is_one_bar_back() -> None:
    np.testing.assert_array_equal(previous(np.array([3.0, 4.0])), [np.nan, 3.0])


def closes(n: int, seed: int) -> np.ndarray:
    return np.round(50 + np.cumsum(np.random.default_rng(seed).normal(0, 0.7, n)), 2).clip(1)


def recursive(window: list[float], weight: float) -> float:
    """Second source: the definition, on one window."""
    mean = window[0]
    for value in window[1:]:
        mean += weight * (value - mean)
    return mean


def test_ema_and_wilder_run_over_their_fixed_windows() -> None:
    values = closes(200, 1)
    got_ema, got_wilder = ema(values, 6), wilder(values, 5)
    for t in range(200):
        expected = recursive(values[t - 29 : t + 1].tolist(), 2 / 7) if t >= 29 else float("nan")
        np.testing.assert_array_equal(got_ema[t], expected)
        expected = recursive(values[t - 49 : t + 1].tolist(), 1 / 5) if t >= 49 else float("nan")
        np.testing.assert_array_equal(got_wilder[t], expected)


def test_rsi_is_wilders() -> None:
    values = closes(300, 2)
    ups, downs = np.diff(values).clip(0), (-np.diff(values)).clip(0)
    for t in (20, 150, 299):
        up, down = (recursive(np.round(x[t - 20 : t], 2).tolist(), 1 / 2) for x in (ups, downs))
        assert rsi(values, 2)[t] == pytest.approx(100 * up / (up + down), rel=1e-12)
    assert np.isnan(rsi(values, 2)[:20]).all()
    assert set(rsi(np.full(40, 0.1), 2)[20:].tolist()) == {50.0}


def test_atr_is_the_exact_mean_of_decimal_ranges() -> None:
    high, low, close = [1.3, 1.5, 1.4, 1.9], [1.1, 1.2, 1.3, 1.5], [1.2, 1.3, 1.4, 1.8]
    # ranges: -, max(1.5, 1.2) - min(1.2, 1.2) = 0.3, max(1.4, 1.3) - min(1.3, 1.3) = 0.1, max(1.9, 1.4) - 1.4 = 0.5
    ranges = true_range(np.array(high), np.array(low), np.array(close))
    np.testing.assert_array_equal(ranges, [np.nan, 0.3, 0.1, 0.5])
    np.testing.assert_array_equal(atr(np.array(high), np.array(low), np.array(close), 3), [np.nan] * 3 + [0.3])


def test_returns_by_hand() -> None:
    np.testing.assert_array_equal(returns(np.array([10.0, 11.0, 22.0])), [np.nan, 11 / 10 - 1, 1.0])
    np.testing.assert_array_equal(returns(np.array([10.0, 11.0, 22.0]), 2), [np.nan, np.nan, 22 / 10 - 1])


@pytest.mark.parametrize("indicator", [ema, wilder, rsi])
def test_no_indicator_depends_on_where_the_array_starts(indicator: object) -> None:
    assert callable(indicator)
    values = np.concatenate((closes(300, 4), closes(50, 5) / 3))
    whole = indicator(values, 4)
    for start in (1, 17, 100, 299):
        np.testing.assert_array_equal(indicator(values[start:], 4)[45:], whole[start + 45 :])


@pytest.mark.parametrize(
    ("a", "b", "expected"), [(0.3, 0.2, 0.1), (1e6 + 0.1, 1e6, 0.1), (1.1, 1.0, 0.1), (5.0, 7.5, -2.5)]
)
def test_a_change_is_the_difference_of_decimals(a: float, b: float, expected: float) -> None:
    assert change(np.array([a]), np.array([b])).tolist() == [expected]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(1e-3, 1e6), min_size=5, max_size=60), st.sampled_from([2, 3, 4, 8]))
def test_prices_with_no_short_decimals_have_exact_means_too(values: list[float], n: int) -> None:
    np.testing.assert_array_equal(sma(np.array(values), n), exact_sma(values, n))


def test_adjusted_prices_far_from_the_start_are_still_exact() -> None:
    rng = np.random.default_rng(8)
    values = closes(5000, 9) * np.where(np.arange(5000) < 3000, 0.9871234567891, 1.0) * (1 + 1e-9 * rng.random(5000))
    got = sma(values, 20)
    for t in (19, 2999, 3010, 4999):
        assert got[t] == exact_sma(values[t - 19 : t + 1].tolist(), 20)[-1]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(2**52, 2**53 - 1), min_size=2, max_size=24), st.data())
def test_ties_and_near_ties_of_long_floats_are_rounded_once(mantissas: list[int], data: st.DataObject) -> None:
    # Mantissas of all 53 bits, mostly with an even number of them: means on and next to the half of a last bit.
    scales = data.draw(st.lists(st.integers(-60, -20), min_size=len(mantissas), max_size=len(mantissas)))
    values = [math.ldexp(m, scale) for m, scale in zip(mantissas, scales, strict=True)]
    n = len(values)
    mean = sum(map(Fraction, values), Fraction(0)) / n
    found = exact_sums.mean_of_window(n, n - 1, values, [0.0] * n)
    assert found == mean.numerator / mean.denominator or (math.isnan(found) and max(values) / min(values) > 2**38)
    np.testing.assert_array_equal(sma(np.array(values * 2), n), exact_sma(values * 2, n))


def test_a_half_goes_to_the_even_neighbour() -> None:
    one_up = math.nextafter(1.0, 2.0)
    two_up = math.nextafter(one_up, 2.0)
    zeros = [0.0, 0.0]
    assert exact_sums.mean_of_window(2, 1, [1.0, one_up], zeros) == 1.0
    assert exact_sums.mean_of_window(2, 1, [one_up, two_up], zeros) == two_up


@pytest.mark.parametrize("values", [[1.5, 0.0], [1.5, -2.5], [1e-300, 1e-300], [1e10, 1e-10], [1.5, math.inf]])
def test_a_window_that_does_not_fit_is_left(values: list[float]) -> None:
    assert math.isnan(exact_sums.mean_of_window(2, 1, values, [0.0, 0.0]))
    assert math.isnan(exact_sums.mean_of_window(2, 1, [1.5, 2.5], [0.0, 1e-20]))
