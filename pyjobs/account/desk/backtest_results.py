"""A strategy run as results: metrics.json's content with its conventions, and daily returns."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from pyjobs.account.desk.strategy_run import StrategyRun, sessions_of
from pyjobs.account.figures import benchmark_figures
from pyjobs.account.figures.performance import CONVENTIONS, CurvePoint, measures
from pyjobs.account.figures.year import sessions_a_year
from pyjobs.market.bars import FloatArray
from pyjobs.market.benchmarks.closes import Benchmark

# One benchmark or several: the figures against each stand under `benchmarks`, apart from the account's own.
_PER_BENCHMARK = ("alpha", "beta", "benchmark_return", "benchmark_start")
_WITHOUT_LIMITS = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "max_drawdown",
    "n_trades",
    "fees",
    "exposure",
    "ruin",
)


def metrics_of(
    result: StrategyRun,
    free: StrategyRun,
    *,
    request: Mapping[str, object],
    currency: str,
    benchmarks: Sequence[Benchmark],
    missing: Mapping[str, str],
) -> dict[str, object]:
    """Everything of metrics.json; no name and no time of the run, so that the same inputs give the same bytes.

    `free`: the same without the account's limits. `missing`: benchmarks asked for and not found, with the reason.
    """
    sessions, equity = sessions_of(result.points), equity_of(result.points)
    per_year = sessions_a_year(str(request["market"]), sessions)
    own, without = (measures(each.points, each.run, None, per_year=per_year) for each in (result, free))
    against = {
        each.name: {
            "provider": each.provider,
            "symbol": each.symbol,
            "first_close": str(each.closes.days[0]),
            "last_close": str(each.closes.days[-1]),
            **benchmark_figures.figures(sessions, equity, each.closes.at(sessions), per_year=per_year),
        }
        for each in benchmarks
    }
    return {
        **request,
        "currency": currency,
        **{name: value for name, value in own.items() if name not in _PER_BENCHMARK},
        "n_sessions": len(result.points),
        "unconstrained": {name: without[name] for name in _WITHOUT_LIMITS},
        "benchmarks": against,
        "benchmarks_missing": dict(missing),
        "conventions": {
            **{name: text for name, text in CONVENTIONS.items() if name != "alpha_beta"},
            "alpha_beta": "against each benchmark from its start on; alpha (Jensen's) compounded to a year",
            **benchmark_figures.CONVENTIONS,
            "unconstrained": "every signal taken while flat, always with max_weight of the starting cash, in fractions",
        },
        "left_out": result.prepared.left_out,
        "behind": result.prepared.behind,
    }


def equity_of(points: Sequence[CurvePoint]) -> FloatArray:
    """Equity per session."""
    return np.array([point.equity for point in points], np.float64)


def returns_of(points: Sequence[CurvePoint]) -> list[float | None]:
    """The return of each session from the one before; None for the first, and from where equity is not above zero."""
    equity = [point.equity for point in points]
    return [
        None,
        *(now / was - 1 if was > 0 and now > 0 else None for was, now in itertools.pairwise(equity)),
    ]
