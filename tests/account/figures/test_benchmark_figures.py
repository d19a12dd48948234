"""An account against a benchmark, by hand."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from pyjobs.account.figures.benchmark_figures import figures

DAYS = [dt.date(2026, 1, day) for day in (5, 6, 7, 8)]


def test_figures_begin_where_the_benchmark_does() -> None:
    equity = np.array([100.0, 110.0, 121.0, 108.9])  # from the second session on: +10 %, -10 %
    closes = np.array([np.nan, 50.0, 52.5, 49.875])  # +5 %, -5 %
    told = figures(DAYS, equity, closes, per_year=252)
    assert (told["start"], told["end"]) == ("2026-01-06", "2026-01-08")
    assert told["total_return"] == pytest.approx(-0.0025)
    assert told["excess_return"] == pytest.approx(-0.01 + 0.0025)
    assert told["beta"] == pytest.approx(2.0)  # twice the benchmark, both times
    assert told["alpha"] == pytest.approx(0.0, abs=1e-12)
    assert told["correlation"] == pytest.approx(1.0)
    # active returns +5 % and -5 %: mean 0; standard deviation sqrt(2) * 5 %
    assert told["information_ratio"] == pytest.approx(0.0, abs=1e-12)
    assert told["tracking_error"] == pytest.approx(math.sqrt(2) * 0.05 * math.sqrt(252))


def test_the_information_ratio_is_annualised() -> None:
    equity = np.array([100.0, 101.0, 104.03, 105.0703])  # +1 %, +3 %, +1 %
    told = figures(DAYS, equity, np.full(4, 7.0), per_year=252)
    active = [0.01, 0.03, 0.01]
    mean = sum(active) / 3
    deviation = math.sqrt(sum((x - mean) ** 2 for x in active) / 2)
    assert told["information_ratio"] == pytest.approx(mean / deviation * math.sqrt(252))
    assert math.isnan(float(str(told["correlation"])))


def test_a_benchmark_with_one_close_or_none_has_no_figures() -> None:
    assert figures(DAYS, np.ones(4), np.array([np.nan] * 3 + [5.0]), per_year=252) == {"start": None, "end": None}


def test_a_ruined_account_has_no_figures_against_a_benchmark() -> None:
    told = figures(DAYS, np.array([100.0, -1.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0, 4.0]), per_year=252)
    assert told["total_return"] == 3.0
    assert "beta" not in told
