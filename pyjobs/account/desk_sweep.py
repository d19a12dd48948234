"""One strategy with many parameters on one account: what each combination came to, and how lucky the best one is."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pyjobs.account import metrics
from pyjobs.account.backtest_results import equity_of
from pyjobs.account.deflated import Deflated, deflate
from pyjobs.account.strategy_run import Prepared, StrategyRun, sessions_of
from pyjobs.market.bars import FloatArray
from utils.errors import ConfigError, UsageError

Params = dict[str, int | float]
MOST_TRIALS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One combination. `sharpe` is annualised; `returns`: one per session after the first, NaN after ruin."""

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

    axes: dict[str, list[float]]
    trials: list[Trial]
    best: Trial
    deflated: Deflated
    left_out: list[str]


def parse_axis(text: str) -> tuple[str, list[float]]:
    """`fast=5,10,20`, or `slow=40..120:20` from 40 to 120 (included) by 20 (by 1 when left out), as name and values.

    Raises UsageError for anything else, for a value that stands twice, and for an endless range.
    """
    name, _, values = text.partition("=")
    first, dots, rest = values.partition("..")
    last, _, step = rest.partition(":")
    try:
        found = _range(float(first), float(last), float(step or 1)) if dots else list(map(float, values.split(",")))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UsageError(f"--sweep {text!r}: write K=1,2,3 or K=FIRST..LAST or K=FIRST..LAST:STEP") from None
    if not name.strip() or len(set(found)) < len(found) or not all(map(math.isfinite, found)):
        raise UsageError(f"--sweep {text!r}: needs a name, and numbers that are finite and stand once")
    return name.strip(), found


def combinations(axes: Mapping[str, Sequence[float]]) -> list[Params]:
    """Every combination, the last axis moving fastest. Raises UsageError past ten thousand."""
    count = math.prod(len(values) for values in axes.values())
    if count > MOST_TRIALS:
        raise UsageError(f"--sweep: {count} combinations are more than {MOST_TRIALS}")
    whole = [[int(value) if value == int(value) else value for value in values] for values in axes.values()]
    return [dict(zip(axes, each, strict=True)) for each in itertools.product(*whole)]


def run(
    axes: Mapping[str, Sequence[float]],
    backtest: Callable[[Params], StrategyRun],
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Sweep:
    """Run every combination through `backtest`, which raises ConfigError for one that cannot be.

    Raises that error when none can be, UsageError when not one trial has a Sharpe ratio.
    """
    trials, left_out, refused = [], [], None
    wanted = combinations(axes)
    for number, params in enumerate(wanted, 1):
        try:
            trials.append(trial(params, backtest(params)))
        except ConfigError as error:
            refused = error
            left_out.append(f"{named(params)}: {str(error).rpartition(': ')[2]}")
        progress(number, len(wanted))
    if refused and not trials:
        raise refused
    known = [each for each in trials if each.sharpe == each.sharpe]
    if not known:
        raise UsageError(f"none of {len(trials)} combinations ever traded in this window: nothing to choose from")
    best = max(known, key=lambda each: each.sharpe)
    return Sweep(
        axes={name: list(values) for name, values in axes.items()},
        trials=trials,
        best=best,
        deflated=deflate(best.returns, np.array([each.sharpe for each in trials]) / a_year()),
        left_out=left_out,
    )


def common_start(axes: Mapping[str, Sequence[float]], prepare: Callable[[Params], Prepared]) -> dt.date:
    """The first session on which every combination can decide, so that all are judged over the same days.

    `prepare` raises ConfigError for a combination that cannot be; that error is raised when none can.
    """
    starts, refused = [], None
    for params in combinations(axes):
        try:
            starts.append(prepare(params).closes[0][0])
        except ConfigError as error:
            refused = error
    if refused and not starts:
        raise refused
    return max(starts)


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
    """Simple returns; NaN from where equity is not above zero."""
    alive = np.minimum.accumulate(equity) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(alive[1:], equity[1:] / equity[:-1] - 1, np.nan)


def sharpe_of(returns: FloatArray) -> float:
    """Annualised; NaN when nothing moved, which is no success and no failure."""
    known = returns[~np.isnan(returns)]
    return metrics.sharpe(known) if known.size > 1 and known.any() else math.nan


def a_year() -> float:
    """What a Sharpe ratio per session is multiplied by to be one per year."""
    return math.sqrt(metrics.SESSIONS_PER_YEAR)


def table_of(sweep: Sweep) -> tuple[str, str, list[list[float]]]:
    """(name down, name across, Sharpe ratios): the first two axes; over further ones the best. NaN: left out."""
    down, across = (*sweep.axes, "")[:2]
    cells: dict[tuple[float, float], float] = {}
    for each in sweep.trials:
        place = each.params[down], each.params.get(across, 0)
        cells[place] = max(cells.get(place, -math.inf), each.sharpe) if each.sharpe == each.sharpe else math.nan
    columns = sweep.axes.get(across, [0])
    return down, across, [[cells.get((y, x), math.nan) for x in columns] for y in sweep.axes[down]]


def named(params: Mapping[str, float]) -> str:
    """`fast=20 slow=60`."""
    return " ".join(f"{name}={value:g}" for name, value in params.items())


def _range(first: float, last: float, step: float) -> list[float]:
    """From `first` to `last`, included, by `step`."""
    count = math.floor((last - first) / step + 1e-9) + 1
    if not 0 < count <= MOST_TRIALS:
        raise ValueError(count)
    return [first + step * number for number in range(count)]


def rows(sweep: Sweep) -> Iterator[list[object]]:
    """One line per trial: parameters, then figures."""
    for each in sweep.trials:
        figures = [each.total_return, each.sharpe, each.max_drawdown, each.n_trades]
        yield [*(each.params[name] for name in sweep.axes), *figures]
