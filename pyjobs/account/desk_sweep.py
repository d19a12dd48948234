"""One strategy with many parameters on one account: what each combination came to, and how lucky the best one is."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from pyjobs.account import metrics
from pyjobs.account.backtest_results import equity_of
from pyjobs.account.deflated import Deflated, deflate
from pyjobs.account.strategy_job import Job
from pyjobs.account.strategy_run import Prepared, StrategyRun, run_account, sessions_of
from pyjobs.account.sweep_axes import Value, grid, refuse_more_than_trials
from pyjobs.market.bars import FloatArray
from pyjobs.market.desk import Account
from utils.errors import ConfigError, UsageError
from utils.work import Engine, Progress, Work, here, silent

Params = dict[str, int | float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One combination. `sharpe` is annualised; `returns`: one per session after the first; see `session_returns`."""

    params: Params
    sessions: list[dt.date]
    returns: FloatArray
    total_return: float
    sharpe: float
    max_drawdown: float
    n_trades: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """All trials in the order of the grid, the best by Sharpe ratio (of equals the first), and its deflation.

    `left_out`: combinations that cannot be, with the reason.
    """

    axes: dict[str, list[Value]]
    trials: list[Trial]
    best: Trial
    deflated: Deflated
    left_out: list[str]


def run(
    axes: Mapping[str, Sequence[Value]],
    backtest: Callable[[Params], StrategyRun],
    engine: Engine = here,
    progress: Progress = silent,
) -> Sweep:
    """Run every combination through `backtest`, which raises ConfigError for one that cannot be.

    Raises that error when none can be, UsageError when not one trial has a Sharpe ratio or there are too many.
    """
    refuse_more_than_trials(axes)
    combinations = cast("list[Params]", grid(axes))
    (outcomes,) = engine(Work(function=outcome, batches=[(backtest, combinations)]), progress)
    trials = [each for each in outcomes if isinstance(each, Trial)]
    refused = [each for each in outcomes if not isinstance(each, Trial)]
    if not trials:
        raise ConfigError(refused[-1][1])
    known = [each for each in trials if each.sharpe == each.sharpe]
    if not known:
        raise UsageError(f"none of {len(trials)} combinations ever traded in this window: nothing to choose from")
    best = max(known, key=lambda each: each.sharpe)
    return Sweep(
        axes={name: list(values) for name, values in axes.items()},
        trials=trials,
        best=best,
        deflated=deflate(best.returns, np.array([each.sharpe for each in trials]) / a_year()),
        left_out=[f"{named(params)}: {why.rpartition(': ')[2]}" for params, why in refused],
    )


def outcome(backtest: Callable[[Params], StrategyRun], params: Params) -> Trial | tuple[Params, str]:
    """One piece of a sweep's work: a combination's trial, or why it cannot be."""
    try:
        return trial(params, backtest(params))
    except ConfigError as error:
        return params, str(error)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnAccount:
    """A backtest of any parameters on one account of a job, such as `run` takes."""

    job: Job
    account: Account

    def __call__(self, params: Params) -> StrategyRun:
        return run_account(self.prepared(params), self.account)

    def prepared(self, params: Params) -> Prepared:
        """Raises ConfigError for parameters that cannot be."""
        return self.job.prepared(self.account, self.job.setup(params))

    def from_common_start(self, axes: Mapping[str, Sequence[Value]]) -> OnAccount:
        """The same from the first session on which every combination can decide, so that all see the same days.

        That is when the one that looks back furthest can. Raises ConfigError when no combination can be.
        """
        refuse_more_than_trials(axes)
        possible, refused = [], None
        for params in cast("list[Params]", grid(axes)):
            try:
                possible.append(self.job.setup(params))
            except ConfigError as error:
                refused = error
        if refused and not possible:
            raise refused
        furthest = max(possible, key=lambda setup: setup.lookback)
        start = self.job.prepared(self.account, furthest).closes[0][0]
        return replace(self, job=replace(self.job, start=start))


def trial(params: Params, result: StrategyRun) -> Trial:
    """The figures of one run."""
    returns = session_returns(equity_of(result.points))
    return Trial(
        params=params,
        sessions=sessions_of(result.points),
        returns=returns,
        total_return=float(result.points[-1].equity / result.points[0].equity - 1),
        sharpe=sharpe_of(returns),
        max_drawdown=metrics.max_drawdown(returns),
        n_trades=len(result.run.deals),
    )


def session_returns(equity: FloatArray) -> FloatArray:
    """Simple returns; -1 for the session on which equity is no longer above zero, all of it lost, and NaN after it."""
    alive = np.minimum.accumulate(equity) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(alive[1:], equity[1:] / equity[:-1] - 1, np.where(alive[:-1], -1.0, np.nan))


def sharpe_of(returns: FloatArray) -> float:
    """Annualised; NaN when nothing moved, which is no success and no failure."""
    known = returns[~np.isnan(returns)]
    return metrics.sharpe(known) if known.size > 1 and known.any() else math.nan


def a_year() -> float:
    """What a Sharpe ratio per session is multiplied by to be one per year."""
    return math.sqrt(metrics.SESSIONS_PER_YEAR)


def table_of(sweep: Sweep) -> tuple[str, str, list[list[float]]]:
    """(name down, name across, Sharpe ratios): the first two axes; over further ones the best. NaN: nothing."""
    down, across = (*sweep.axes, "")[:2]
    cells: dict[tuple[Value, Value], float] = {}
    for each in sweep.trials:
        place = each.params[down], each.params.get(across, 0)
        if each.sharpe == each.sharpe:
            cells[place] = max(cells.get(place, -math.inf), each.sharpe)
    columns = sweep.axes.get(across, [0])
    return down, across, [[cells.get((y, x), math.nan) for x in columns] for y in sweep.axes[down]]


def named(params: Mapping[str, float]) -> str:
    """`fast=20 slow=60`."""
    return " ".join(f"{name}={value:g}" for name, value in params.items())


def rows(sweep: Sweep) -> Iterator[list[object]]:
    """One line per trial: parameters, then figures."""
    for each in sweep.trials:
        figures = [each.total_return, each.sharpe, each.max_drawdown, each.n_trades]
        yield [*(each.params[name] for name in sweep.axes), *figures]
