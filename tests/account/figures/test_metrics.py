"""Every published case of empyrical's own test suite, and what those cases leave out, by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs.account.figures import metrics as m
from pyjobs.account.figures.calendar_returns import aggregate

PER_YEAR = {"daily": 252, "weekly": 52, "monthly": 12, "yearly": 1}
# The columns of empyrical's df_simple, df_week, df_month (its tests/test_stats.py); the golden file only names them.
FRAME = (
    np.array([-0.00171614, 0.01322056, 0.03063862, -0.01422057, -0.00489779, 0.01268925, -0.03357711, 0.01797036]),
    np.array([0.01846232, 0.00793951, -0.01448395, 0.00422537, -0.00339611, 0.03756813, 0.0151531, 0.03549769]),
)


class Golden:
    """Turns the words of the golden file ("2 * noise", "negative_returns[1:]", "df_week") into arrays."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw["series"]

    def series(self, word: str) -> np.ndarray:
        if word == "random_100k":
            return np.random.default_rng(1337).uniform(-1, 1, 100_000)
        if word == "negative_returns[1:]":  # aligned by date: the first day has no partner
            return np.concatenate(([np.nan], self.series("negative_returns")[1:]))
        if word.startswith("2 * "):
            return 2 * self.series(word[4:])
        if word.startswith("-"):
            return -self.series(word[1:])
        return np.array([float(x) for x in self.raw[word.removesuffix("_df")]["values"]])

    def number_or_series(self, word: str | float) -> np.ndarray | float:
        try:
            return float(word)
        except ValueError:
            return self.series(str(word))

    def days(self, word: str) -> np.ndarray:
        start, frequency = self.raw[word]["index"][0][:10], self.raw[word]["freq"]
        n = np.arange(len(self.raw[word]["values"]))
        if frequency == "ME":
            return (np.datetime64(start[:7], "M") + (n + 1).astype("timedelta64[M]")).astype("datetime64[D]") - 1
        return np.datetime64(start, "D") + n * {"D": 1, "W-SUN": 7}[frequency]


def evaluate(g: Golden, metric: str, args: dict[str, Any]) -> Any:
    per_year = PER_YEAR.get(args.get("period", "daily"), 252)
    if args["returns"].startswith("df_"):
        return [one(g, metric, column, args, per_year) for column in FRAME]
    return one(g, metric, g.series(args["returns"]), args, per_year)


def one(g: Golden, metric: str, r: np.ndarray, args: dict[str, Any], per_year: int) -> Any:
    other = args.get("benchmark", args.get("factor_returns", "0.0"))
    risk_free = g.number_or_series(args.get("risk_free", "0.0"))
    required = g.number_or_series(args.get("required_return", "0.0"))
    calls: dict[str, Callable[[], Any]] = {
        "max_drawdown": lambda: m.max_drawdown(r),
        "annual_return": lambda: m.annual_return(r, per_year),
        "cagr": lambda: m.annual_return(r, per_year),
        "annual_volatility": lambda: m.annual_volatility(r, per_year),
        "calmar_ratio": lambda: m.calmar(m.annual_return(r, per_year), m.max_drawdown(r)),
        "omega_ratio": lambda: m.omega(r, risk_free, float(args["required_return"])),
        "sharpe_ratio": lambda: m.sharpe(r, risk_free),
        "sortino_ratio": lambda: m.sortino(r, required, per_year),
        "downside_risk": lambda: m.downside_risk(r, required, per_year),
        "alpha": lambda: m.alpha(r, g.series(other)),
        "beta": lambda: m.beta(r, g.series(other)),
        "alpha_beta": lambda: [m.alpha(r, g.series(other)), m.beta(r, g.series(other))],
        "excess_sharpe": lambda: m.excess_sharpe(r, g.number_or_series(other)),
        "stability_of_timeseries": lambda: m.stability(r),
        "tail_ratio": lambda: m.tail_ratio(r),
        "capture": lambda: m.capture(r, g.series(other)),
        "up_capture": lambda: m.up_capture(r, g.series(other)),
        "down_capture": lambda: m.down_capture(r, g.series(other)),
        "cum_returns_final": lambda: (
            m.total_return(r) if not args["starting_value"] else args["starting_value"] * (1 + m.total_return(r))
        ),
        "aggregate_returns": lambda: aggregate(g.days(args["returns"]), r, args["convert_to"]),
    }
    return calls[metric]()


def test_all_123_golden_cases(golden_cases: Path) -> None:
    raw = json.loads((golden_cases / "metrics_empyrical.json").read_text())
    assert len(raw["cases"]) == 123
    golden, wrong = Golden(raw), []
    for case in raw["cases"]:
        expected = np.array(case["expected"], dtype=float)
        got = np.array(evaluate(golden, case["metric"], case["args"]), dtype=float)
        same = got.shape == expected.shape and bool(
            np.isclose(got, expected, rtol=0, atol=1.5 * 10.0 ** -case["decimals"], equal_nan=True).all()
        )
        if not same:
            wrong.append((case["metric"], case["args"], expected.tolist(), got.tolist()))
    assert wrong == []


def test_value_at_risk_and_its_mean_beyond() -> None:
    # 21 returns -10 % .. +10 %: the 5 % quantile is the second worst, exactly; beyond it lie -10 % and -9 %.
    returns = np.arange(-10, 11) / 100
    assert m.value_at_risk(returns) == pytest.approx(-0.09)
    assert m.conditional_value_at_risk(returns) == pytest.approx(-0.095)


def test_the_longest_time_under_water_counts_periods_below_an_earlier_high() -> None:
    # 1, .9, .99, 1.089 (new high), 1.05, 1.06, 1.07 (still below at the end): runs of 2 and 3.
    wealth = np.array([1, 0.9, 0.99, 1.089, 1.05, 1.06, 1.07])
    assert m.max_drawdown_periods(np.diff(wealth) / wealth[:-1]) == 3


def test_losing_everything_has_no_annual_return() -> None:
    assert math.isnan(m.annual_return(np.array([-1.0, 0.5])))


def test_a_year_of_what_a_few_days_did_can_be_beyond_any_number() -> None:
    """20^252 is 10^327, 101^252 is 10^505."""
    assert m.annual_return(np.array([19.0])) == math.inf
    r, b = np.array([0.0, 50.0]), np.array([1e-6, 2e-6])  # beta 50 / 1e-6; a period's alpha 25 - 5e7 * 1.5e-6: -50
    assert m.beta(r, b) == pytest.approx(5e7)
    assert math.isnan(m.alpha(r, b))
    assert m.alpha(r[::-1], b) == math.inf  # beta -5e7: 25 + 75


def test_weeks_run_from_monday_to_sunday_also_over_new_year() -> None:
    days = np.array(["2024-12-29", "2024-12-30", "2025-01-03", "2025-01-06"], dtype="datetime64[D]")
    np.testing.assert_allclose(aggregate(days, np.array([0.1, 0.1, 0.1, 0.1]), "weekly"), [0.1, 0.21, 0.1])
