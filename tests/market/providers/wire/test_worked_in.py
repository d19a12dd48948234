"""Dividends that are told and lack in the adjusted closes: by hand, each by itself."""

from __future__ import annotations

import pytest

from pyjobs.market.providers.wire.worked_in import lacking

NAN = float("nan")
CLOSES = [100.0, 100.0, 98.0, 98.0, 49.0]


@pytest.mark.parametrize(
    ("adjusted", "dividends", "found"),
    [
        pytest.param(CLOSES, {2: 2.0}, [(2, 0.98)], id="lacking"),
        pytest.param([98.0, 98.0, 98.0, 98.0, 49.0], {2: 2.0}, [], id="worked in"),
        pytest.param([98.0, 98.0, 98.0, 98.0, 49.0], {1: 1.0, 2: 2.0}, [(1, 0.99)], id="one of two is lacking"),
        pytest.param([98.0, 98.0, 98.0, 98.0, 49.0], {1: 1.9, 2: 2.0}, [], id="told twice, and worked in once"),
        pytest.param(
            [98.0, 98.0, 98.0, 98.0, 49.0], {1: 2.0, 2: 2.0, 3: 2.0}, [(1, 0.98), (3, 1 - 2 / 98)], id="weekly"
        ),
        pytest.param(CLOSES, {2: 200.0}, [], id="more than the price: told in pence"),
        pytest.param(CLOSES, {2: 0.05}, [], id="lost in rounding"),
        pytest.param(CLOSES, {2: 40.0}, [], id="so large, and the price has not moved: a mistake"),
        pytest.param(CLOSES, {4: 49.0}, [(4, 0.5)], id="so large, and the price has fallen by it"),
        pytest.param(CLOSES, {0: 2.0}, [], id="no row before it"),
        pytest.param([NAN, 100.0, NAN, 98.0, 49.0], {2: 2.0}, [(2, 0.98)], id="a row without a price between"),
    ],
)
def test_each_dividend_that_the_adjusted_closes_lack_is_found(
    adjusted: list[float], dividends: dict[int, float], found: list[tuple[int, float]]
) -> None:
    assert lacking(CLOSES, adjusted, dividends) == found
