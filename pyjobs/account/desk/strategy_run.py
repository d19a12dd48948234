"""One strategy over a window of a desk's history: the one place where desk-based runs meet the account engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyjobs.account.desk.backtest import session_closes, terms_of
from pyjobs.account.figures.performance import CurvePoint, curve, latest
from pyjobs.account.portfolio.simulate import AccountRun, Terms, simulate
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.account.portfolio.sleeves import behind, first_decision_ms, sleeves_of
from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.bars import FloatArray
from pyjobs.market.desk.desk_file import Account
from pyjobs.market.desk.snapshot import Snapshot
from pyjobs.strategy.signals import Setup
from utils.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What does not depend on the account's limits: the sleeves, the sessions of the window, what was left out and why.

    `closes`: (session, close time) of the desk's market, ascending; the first is where the account starts.
    """

    sleeves: list[Sleeve]
    closes: list[tuple[dt.date, int]]
    left_out: list[dict[str, str]]
    behind: list[dict[str, str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class StrategyRun:
    """The account at each session's close, and everything the engine recorded about the run. `cash`: at its start."""

    run: AccountRun
    prepared: Prepared
    cash: float

    @cached_property
    def points(self) -> list[CurvePoint]:
        """One per session."""
        return curve(self.run, self.prepared.closes, cash=self.cash)

    @property
    def equity(self) -> FloatArray:
        """The equity column of `points`; a sweep reads nothing else."""
        before_and_after = np.append(self.cash, self.run.equity)
        return before_and_after[latest(self.run, self.prepared.closes) + 1]


def prepare(
    snapshot: Snapshot,
    account: Account,
    strategy: str,
    setup: Setup,
    *,
    start: dt.date | None = None,
    strategy_errors: StrategyErrors | None = None,
) -> Prepared:
    """Signals over the whole history up to the snapshot; the account opens at the first session not before `start`.

    Bars before that only warm up: nothing is decided on them. Without `start`, or where it is earlier, it opens when
    the first series has the bars the strategy looks back on. Raises UsageError when nothing is left to run on, and what
    the strategy raised where that is why. `strategy_errors`: as of `sleeves_of`.
    """
    setups = {strategy: setup}
    found = sleeves_of(snapshot, account, setups, strategy_errors=strategy_errors)
    sleeves, left_out = found.sleeves, found.left_out
    if not sleeves:
        if strategy_errors is not None:
            strategy_errors.refuse()
        raise UsageError(
            f"{strategy} needs {setup.lookback} bars; no {' or '.join((account.currency, *account.trades))} "
            f"instrument of desk {snapshot.desk.name!r} can be traded up to {snapshot.session}: "
            + ("; ".join(f"{each['symbol']} {each['why']}" for each in left_out) or "no instrument to trade")
        )
    closes = session_closes(snapshot, first_decision_ms(sleeves, setups))
    inside = [pair for pair in closes if start is None or pair[0] >= start]
    if len(inside) < 2:
        raise UsageError(
            f"the window from {start} to {snapshot.session} has {len(inside)} sessions to run on; "
            f"{strategy} can decide from {closes[0][0] if closes else 'no session'} on"
        )
    return Prepared(sleeves=sleeves, closes=inside, left_out=left_out, behind=behind(snapshot, sleeves))


def run_account(prepared: Prepared, account: Account, *, constrained: bool = True) -> StrategyRun:
    """Run the account over the prepared window. Equal inputs give equal results to the last bit."""
    return run_terms(prepared, terms_of(account, constrained=constrained))


def run_terms(prepared: Prepared, terms: Terms) -> StrategyRun:
    """Run the account with the engine's own terms."""
    closes_ms = [ts_ms for _, ts_ms in prepared.closes]
    run = simulate(prepared.sleeves, terms, start_ms=closes_ms[0], marks_ms=closes_ms)
    return StrategyRun(run=run, prepared=prepared, cash=terms.cash)


def sessions_of(points: Sequence[CurvePoint]) -> list[dt.date]:
    """The sessions of a curve."""
    return [point.session for point in points]
