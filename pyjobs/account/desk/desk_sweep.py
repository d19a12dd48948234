"""One strategy with many parameters on one account: what each combination came to, and how lucky the best one is.

Each trial keeps its figures only, so that ten thousand need little room; the best is run once more for its returns.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from pyjobs.account.desk.backtest import session_closes
from pyjobs.account.desk.strategy_job import Job
from pyjobs.account.desk.strategy_run import Prepared, StrategyRun, run_account
from pyjobs.account.figures import metrics
from pyjobs.account.figures.deflated import Deflated, deflate
from pyjobs.account.figures.year import sessions_a_year
from pyjobs.account.sweep_axes import Value, grid, refuse_more_than_trials
from pyjobs.market.bars import FloatArray
from pyjobs.market.desk.desk_file import Account
from pyjobs.strategy.trace import remembering
from utils.errors import ConfigError, StrategyError, UsageError, found_in
from utils.pieces.work import Engine, Progress, Work, here, silent

Params = dict[str, int | float]
Span = tuple[int, int]  # of returns, [first, end)
TOGETHER = 8  # combinations in a piece of work: what they have in common is computed once
ROOM = 16_000_000  # values that a piece remembers of indicators and what they are made of, at most 128 MB


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One combination. Sharpe ratios are annualised; `sharpes`: one for each of the spans asked for."""

    params: Params
    total_return: float
    sharpe: float
    max_drawdown: float
    n_trades: int
    sharpes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """All trials in the order of the grid, the best by Sharpe ratio (of equals the first), and its deflation.

    `sessions`: those of every trial, `per_year` of them make a year. `left_out`: combinations that cannot be, and why.
    """

    axes: dict[str, list[Value]]
    trials: list[Trial]
    best: Trial
    sessions: list[dt.date]
    deflated: Deflated
    left_out: list[str]
    per_year: float


def run(
    axes: Mapping[str, Sequence[Value]],
    backtest: Callable[[Params], StrategyRun],
    engine: Engine = here,
    progress: Progress = silent,
    *,
    per_year: float,
    spans: Sequence[Span] = (),
) -> Sweep:
    """Run every combination through `backtest`, which raises ConfigError for one that cannot be.

    Sharpe ratios are annualised by `per_year` sessions a year.

    Raises that error when none can be, UsageError when not one trial has a Sharpe ratio or there are too many.
    """
    refuse_more_than_trials(axes)
    combinations = cast("list[Params]", grid(axes))
    parts = [combinations[at : at + TOGETHER] for at in range(0, len(combinations), TOGETHER)]
    (done,) = engine(Work(function=outcomes_of, batches=[((backtest, tuple(spans), per_year), parts)]), progress)
    outcomes = [each for part in done for each in part]
    trials = [each for each in outcomes if isinstance(each, Trial)]
    refused = [each for each in outcomes if not isinstance(each, Trial)]
    if not trials:
        raise ConfigError(refused[-1][1])
    known = [each for each in trials if each.sharpe == each.sharpe]
    if not known:
        raise UsageError(f"none of {len(trials)} combinations ever traded in this window: nothing to choose from")
    best = max(known, key=lambda each: each.sharpe)
    again = backtest(best.params)
    return Sweep(
        axes={name: list(values) for name, values in axes.items()},
        trials=trials,
        best=best,
        sessions=[day for day, _ in again.prepared.closes],
        deflated=deflate(
            session_returns(again.equity), np.array([each.sharpe for each in trials]) / math.sqrt(per_year)
        ),
        left_out=[f"{named(params)}: {why.rpartition(': ')[2]}" for params, why in refused],
        per_year=per_year,
    )


Material = tuple[Callable[[Params], StrategyRun], tuple[Span, ...], float]


def outcomes_of(material: Material, combinations: Sequence[Params]) -> list[Trial | tuple[Params, str]]:
    """One piece of a sweep's work: of each combination its trial, or why it cannot be."""
    backtest, spans, per_year = material
    found: list[Trial | tuple[Params, str]] = []
    with remembering(ROOM):
        for params in combinations:
            try:
                with found_in(named(params)):
                    found.append(trial(params, backtest(params), spans, per_year=per_year))
            except StrategyError:
                raise  # of no other combination would it be another experiment
            except ConfigError as error:
                found.append((params, str(error)))
    return found


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
        """This backtest from the first session on which every combination can decide, so that all see the same days.

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
        nearest = min(possible, key=lambda setup: setup.lookback)
        closes, longest = (self.job.prepared(self.account, each).closes for each in (furthest, nearest))
        cut = len(longest) - len(closes)
        note = (
            f"{cut} of {len(longest)} sessions are left out for the longest set: it looks back on {furthest.lookback} "
            f"bars and begins on {closes[0][0]}, the shortest ({nearest.lookback} bars) could on {longest[0][0]}"
        )
        notes = [*self.job.notes, *([note] if cut > 0 else [])]
        return replace(self, job=replace(self.job, start=closes[0][0], notes=notes))

    def per_year(self) -> float:
        """Sessions a year of the desk's market, over the years up to the snapshot."""
        closes = session_closes(self.job.snapshot, 0)
        start = self.job.start or closes[0][0]
        return sessions_a_year(self.job.snapshot.desk.market, [start, self.job.snapshot.session])


def trial(params: Params, result: StrategyRun, spans: Sequence[Span] = (), *, per_year: float) -> Trial:
    """The figures of one run; of its returns nothing else is kept."""
    equity = result.equity
    returns = session_returns(equity)
    return Trial(
        params=params,
        total_return=float(equity[-1] / equity[0] - 1),
        sharpe=sharpe_of(returns, per_year),
        max_drawdown=metrics.max_drawdown(returns),
        n_trades=len(result.run.account_trades),
        sharpes=tuple(sharpe_of(returns[first:end], per_year) for first, end in spans),
    )


def session_returns(equity: FloatArray) -> FloatArray:
    """Simple returns; -1 for the session on which equity is no longer above zero, all of it lost, and NaN after it."""
    alive = np.minimum.accumulate(equity) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(alive[1:], equity[1:] / equity[:-1] - 1, np.where(alive[:-1], -1.0, np.nan))


def sharpe_of(returns: FloatArray, per_year: float) -> float:
    """Annualised; NaN when nothing moved, which is no success and no failure."""
    known = returns[~np.isnan(returns)]
    return metrics.sharpe(known, per_year=per_year) if known.size > 1 and known.any() else math.nan


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
