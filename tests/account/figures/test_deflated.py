"""The deflated Sharpe ratio against the numbers printed in its paper, and against a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyjobs.account.figures.deflated import deflate, expected_best, moments, probabilistic_sharpe

# Bailey & López de Prado (2014), "A numerical example": 1250 daily returns, annualised Sharpe ratio 2.5, variance of
# the annualised ratios 1/2, skewness -3, kurtosis 10; 100 trials give 0.1132 and 0.9004, 46 trials about 0.9505.
SHARPE = 2.5 / math.sqrt(250)
SPREAD = math.sqrt(0.5 / 250)


@pytest.mark.parametrize(("trials", "expected", "probability"), [(100, 0.1132, 0.9004), (46, 0.1004, 0.9505)])
def test_the_papers_own_example(trials: int, expected: float, probability: float) -> None:
    best = expected_best(trials, SPREAD)
    assert best == pytest.approx(expected, abs=5e-5)
    found = probabilistic_sharpe(SHARPE, best, n=1250, skewness=-3, kurtosis=10)
    assert found == pytest.approx(probability, abs=5e-5)


def test_the_expected_best_is_what_a_simulation_shows() -> None:
    drawn = np.random.default_rng(5).standard_normal((40_000, 30)).max(axis=1).mean()
    assert expected_best(30, 1.0) == pytest.approx(drawn, abs=0.05)  # the formula is a limit for many


def test_moments_are_those_of_the_definition() -> None:
    sharpe, skewness, kurtosis = moments(np.array([0.01, -0.02, 0.03, 0.0]))
    mean, centred = 0.005, [0.005, -0.025, 0.025, -0.005]
    second, third, fourth = (sum(x**k for x in centred) / 4 for k in (2, 3, 4))
    assert sharpe == pytest.approx(mean / math.sqrt(sum(x**2 for x in centred) / 3))
    assert (skewness, kurtosis) == (pytest.approx(third / second**1.5, abs=1e-12), pytest.approx(fourth / second**2))


def test_the_best_of_many_lucky_ones_is_told_from_one_with_skill() -> None:
    rng = np.random.default_rng(7)
    lucky = rng.normal(0.0, 0.01, (200, 1000))
    sharpes = lucky.mean(axis=1) / lucky.std(axis=1, ddof=1)
    found = deflate(lucky[int(sharpes.argmax())], sharpes)
    assert found.against_zero > 0.95  # alone it would look like skill
    assert found.probability < 0.95
    assert found.verdict() != "hard to explain by luck"
    skilled = lucky[0] + 0.003
    sharpes[0] = skilled.mean() / skilled.std(ddof=1)
    assert deflate(skilled, sharpes).verdict() == "hard to explain by luck"


def test_too_little_to_judge_is_undefined() -> None:
    for returns, sharpes in ((np.zeros(10), np.array([0.1, 0.2])), (np.array([0.1, 0.2]), np.array([0.1, 0.2]))):
        assert math.isnan(deflate(returns, sharpes).probability)
    one = deflate(np.array([0.01, -0.01, 0.02, 0.0]), np.array([0.2]))
    assert math.isnan(one.probability)
    assert one.verdict() == "undefined: too few returns or trials"
    assert not math.isnan(one.against_zero)
