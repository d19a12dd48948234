"""Walk-forward: choose parameters on the past, trade them on what comes next, again and again.

Each fold trains on `train` sessions and is tested on the `test` sessions right after; then both move on by `test`. In
training, a combination's returns are those of one run over the whole history, cut to the window: an account's past
does not depend on its future, so nothing after the window is in them. The test is a run of its own: it begins flat,
with the chosen parameters, at the last session of the training, and what is still open at its end pays its way out.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from pyjobs.account.desk.desk_sweep import Params, run, session_returns, sharpe_of
from pyjobs.account.desk.strategy_run import Prepared, StrategyRun, run_terms
from pyjobs.account.figures import metrics
from pyjobs.account.portfolio.simulate import Terms
from pyjobs.account.sweep_axes import Value, grid, refuse_more_than_trials
from pyjobs.market.bars import FloatArray
from utils.errors import ConfigError, UsageError
from utils.pieces.work import Engine, Progress, here, silent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """One step. `returns`: of the test's sessions, one each. Sharpe ratios are annualised; NaN: nothing traded."""

    params: Params
    train_start: dt.date
    train_end: dt.date
    sessions: list[dt.date]
    returns: FloatArray
    train_sharpe: float
    test_sharpe: float
    n_trades: int

    @property
    def test_return(self) -> float:
        """Over the fold's test."""
        return metrics.total_return(self.returns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkForward:
    """All folds, and the figures of their tests one after the other.

    `efficiency`: the Sharpe ratio of all tests over the mean one of the trainings that chose them. `per_year` sessions
    make a year; `untested`: those after the last test, too few for another.
    """

    folds: list[Fold]
    total_return: float
    cagr: float
    sharpe: float
    max_drawdown: float
    train_sharpe: float
    efficiency: float
    n_params: int
    per_year: float
    untested: list[dt.date]

    @property
    def sessions(self) -> list[dt.date]:
        """The sessions of all tests."""
        return [session for fold in self.folds for session in fold.sessions]

    @property
    def returns(self) -> FloatArray:
        """The returns of all tests, one per session."""
        return np.concatenate([fold.returns for fold in self.folds])


def windows(n: int, train: int, test: int) -> list[tuple[int, int, int]]:
    """(first of training, first of test, end of test) as positions in `n` sessions; a last short test is dropped.

    Raises UsageError when not even one fits, or the lengths make no sense.
    """
    if train < 2 or test < 2:
        raise UsageError(f"--train {train} --test {test}: at least two sessions each")
    found = [(at, at + train, at + train + test) for at in range(0, n - train - test + 1, test)]
    if not found:
        raise UsageError(f"{n} sessions are too few to train on {train} and test on {test}")
    return found


def walk(
    axes: Mapping[str, Sequence[Value]],
    prepared: Callable[[Params], Prepared],
    terms: Terms,
    *,
    train: int,
    test: int,
    per_year: float,
    engine: Engine = here,
    progress: Progress = silent,
) -> WalkForward:
    """Choose by Sharpe ratio and test, fold by fold. Every combination that `prepared` takes has the same sessions.

    A fold in which no combination traded in training stays out of the market. Raises UsageError as `windows`, and as
    `desk_sweep.run`.
    """
    backtest = OnTerms(prepared=prepared, terms=terms)
    n = len(backtest.first_of(axes).closes)
    spans = [(first, split - 1) for first, split, _ in windows(n, train, test)]
    swept = run(axes, backtest, engine, progress, spans=spans, per_year=per_year)
    trials, sessions, folds = swept.trials, swept.sessions, []
    for number, (first, split, end) in enumerate(windows(n, train, test)):
        sharpes = [each.sharpes[number] for each in trials]
        chosen = max(range(len(trials)), key=lambda k: -math.inf if math.isnan(sharpes[k]) else sharpes[k])
        params = trials[chosen].params
        tested = None
        if not math.isnan(sharpes[chosen]):
            tested = run_terms(between(prepared(params), sessions[split - 1], sessions[end - 1]), terms)
        returns = np.zeros(end - split) if tested is None else closed_out(tested)
        folds.append(
            Fold(
                params=params,
                train_start=sessions[first],
                train_end=sessions[split - 1],
                sessions=sessions[split:end],
                returns=returns,
                train_sharpe=sharpes[chosen],
                test_sharpe=sharpe_of(returns, per_year),
                n_trades=0 if tested is None else len(tested.run.account_trades),
            )
        )
    untested = sessions[windows(n, train, test)[-1][2] :]
    return summary(folds, len({tuple(fold.params.items()) for fold in folds}), per_year, untested)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnTerms:
    """A backtest of any parameters, such as `desk_sweep.run` takes."""

    prepared: Callable[[Params], Prepared]
    terms: Terms

    def __call__(self, params: Params) -> StrategyRun:
        return run_terms(self.prepared(params), self.terms)

    def first_of(self, axes: Mapping[str, Sequence[Value]]) -> Prepared:
        """The first combination that can be. Raises ConfigError when none can, UsageError for too many."""
        refuse_more_than_trials(axes)
        for params in cast("list[Params]", grid(axes)):
            try:
                return self.prepared(params)
            except ConfigError as error:
                refused = error
        raise refused


def between(prepared: Prepared, first: dt.date, last: dt.date) -> Prepared:
    """`prepared` with an account that opens at the close of `first`, and no bar after the close of `last`."""
    closes = [pair for pair in prepared.closes if first <= pair[0] <= last]
    sleeves = []
    for sleeve in prepared.sleeves:
        n = int(np.searchsorted(sleeve.bars.ts_ms, closes[-1][1], side="right"))
        sleeves.append(replace(sleeve, bars=sleeve.bars.slice(0, n), signals=sleeve.signals.slice(0, n)))
    return replace(prepared, sleeves=sleeves, closes=closes)


def closed_out(result: StrategyRun) -> FloatArray:
    """Returns per session, the last one after the cost of leaving what is still open."""
    equity = result.equity
    for account_trade in result.run.account_trades:
        if account_trade.trade.reason == "open":
            equity[-1] -= account_trade.to_leave
    return session_returns(equity)


def summary(folds: list[Fold], n_params: int, per_year: float, untested: list[dt.date]) -> WalkForward:
    """The tests one after the other, as if each had begun with what the one before had left."""
    returns = np.concatenate([fold.returns for fold in folds])
    trained = [fold.train_sharpe for fold in folds if not math.isnan(fold.train_sharpe)]
    train_sharpe = float(np.mean(trained)) if trained else math.nan
    sharpe = sharpe_of(returns, per_year)
    return WalkForward(
        folds=folds,
        total_return=metrics.total_return(returns),
        cagr=metrics.annual_return(returns, per_year),
        sharpe=sharpe,
        max_drawdown=metrics.max_drawdown(returns),
        train_sharpe=train_sharpe,
        efficiency=sharpe / train_sharpe if train_sharpe > 0 else math.nan,
        n_params=n_params,
        per_year=per_year,
        untested=untested,
    )
