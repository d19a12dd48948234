"""The figures of a tear sheet beyond metrics.json, against hand-made curves and pandas."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from pyjobs.account.figures import sheet

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(8)]
VALUES = np.array([100.0, 110.0, 99.0, 104.5, 110.0, 121.0, 60.5, 90.0])


def test_drawdowns_go_from_the_high_over_the_deepest_to_the_session_that_reached_it_again() -> None:
    deep, mild = sheet.drawdowns(DAYS, VALUES)
    assert (deep.start, deep.bottom, deep.end, deep.depth, deep.sessions) == (DAYS[5], DAYS[6], None, -0.5, 2)
    assert (mild.start, mild.bottom, mild.end, mild.sessions) == (DAYS[1], DAYS[2], DAYS[4], 2)
    assert mild.depth == pytest.approx(-0.1)
    assert sheet.drawdowns(DAYS[:2], VALUES[:2]) == []


def test_figures_of_eight_sessions_are_those_of_a_hand() -> None:
    found = sheet.figures(DAYS, VALUES, per_year=252)
    returns = [0.1, -0.1, 104.5 / 99 - 1, 110 / 104.5 - 1, 0.1, -0.5, 90 / 60.5 - 1]
    assert found["gain_to_pain"] == pytest.approx(sum(returns) / 0.6)
    assert found["best_session"] == pytest.approx(returns[-1]) and found["worst_session"] == -0.5
    assert found["won_session"] == pytest.approx(5 / 7)
    assert found["mean_down_session"] == pytest.approx(-0.3)
    assert found["mean_drawdown"] == pytest.approx(-0.3) and found["mean_drawdown_sessions"] == 2
    assert found["recovery"] == pytest.approx(-0.1 / 0.5)
    below = [0, 0, -0.1, -0.05, 0, 0, -0.5, 90 / 121 - 1]
    assert found["ulcer"] == pytest.approx(math.sqrt(sum(each**2 for each in below) / 8))
    assert sheet.figures(DAYS[:1], VALUES[:1], per_year=252) == {}


def test_recent_returns_begin_at_the_newest_session_on_or_before_that_day() -> None:
    days = [
        dt.date(2021, 11, 30),
        dt.date(2023, 12, 29),
        dt.date(2024, 2, 29),
        dt.date(2024, 10, 31),
        dt.date(2024, 11, 30),
    ]
    found = sheet.recent(days, np.array([50.0, 80.0, 100.0, 110.0, 121.0]))
    assert found["month_to_date"] == pytest.approx(0.1)
    assert found["six_months"] == pytest.approx(0.21)  # 30 May: February's is the newest before it
    assert found["year_to_date"] == pytest.approx(121 / 80 - 1)
    assert found["three_years"] == pytest.approx((121 / 50) ** (365.25 / 1096) - 1)
    assert math.isnan(found["five_years"])
    assert sheet.months_before(dt.date(2024, 3, 31), 1) == dt.date(2024, 2, 29)


def test_rolling_figures_are_those_of_pandas_and_unknown_before_their_window() -> None:
    rng = np.random.default_rng(3)
    mine, theirs = rng.normal(0, 0.01, 60), rng.normal(0, 0.01, 60)
    mine[20:40] = 0.0
    sharpe, volatility = sheet.rolling(mine, 20, per_year=252)
    window = pd.Series(mine).rolling(20)
    np.testing.assert_allclose(volatility, window.std() * math.sqrt(252), atol=1e-12)
    expected = (window.mean() / window.std() * math.sqrt(252)).to_numpy()
    assert math.isnan(sharpe[39])  # nothing moved
    np.testing.assert_allclose(np.delete(sharpe, 39), np.delete(expected, 39), atol=1e-9)
    beta = pd.Series(mine).rolling(20).cov(pd.Series(theirs)) / pd.Series(theirs).rolling(20).var()
    np.testing.assert_allclose(sheet.rolling_beta(mine, theirs, 20), beta, atol=1e-12)
    assert np.isnan(sheet.rolling_beta(mine[:5], theirs[:5], 20)).all()


def test_years_and_quantiles_count_by_the_calendar() -> None:
    days = [dt.date(2023, 12, 28), dt.date(2023, 12, 29), dt.date(2024, 1, 2), dt.date(2024, 1, 3)]
    values = np.array([100.0, 110.0, 121.0, 108.9])
    assert sheet.by_year(days, values) == pytest.approx({2023: 0.1, 2024: -0.01})
    found = sheet.quantiles(days, values)
    assert found["session"] == pytest.approx([3, -0.1, -0.08, 0, 0.1, 0.1, 0.1, 0.1])
    assert found["yearly"][0] == 2
