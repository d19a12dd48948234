"""An account's backtest at a snapshot: which series it trades, from when, and its two variants side by side."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from pyjobs.account.figures.account_types import Metrics
from pyjobs.account.figures.performance import CONVENTIONS, CurvePoint, curve, measures
from pyjobs.account.figures.year import sessions_a_year
from pyjobs.account.portfolio.simulate import AccountRun, AccountTrade, Terms, Waiting, simulate_each
from pyjobs.account.portfolio.sleeves import behind, costs_of, first_decision_ms, sleeves_of
from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.bars import FloatArray
from pyjobs.market.cache.release import give_back_freed
from pyjobs.market.desk.desk_file import Account
from pyjobs.market.desk.snapshot import Snapshot
from pyjobs.strategy.signals import Setup
from utils import trading_day


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """One way of running the account: `metrics` as in metrics.json, the curve by session, the account trades by exit.

    `waiting`: what it would do at the next open.
    """

    metrics: dict[str, object]
    curve: list[CurvePoint]
    account_trades: Sequence[AccountTrade]
    waiting: Sequence[Waiting] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountResult:
    """Both variants (`constrained`, `unconstrained`) and the benchmark's (session, ts_ms, close) where there is one."""

    variants: dict[str, Variant]
    benchmark: list[tuple[dt.date, int, float]]


def backtest(
    snapshot: Snapshot,
    account: Account,
    setups: Mapping[str, Setup],
    *,
    notes: Sequence[str] = (),
    strategy_errors: StrategyErrors | None = None,
) -> AccountResult:
    """Run the account over the whole history of the desk's `trade` instruments in its currencies.

    It starts at the first close at which some setup can be decided (bars before that only warm up) or, if later, at the
    first session of the desk's calendar file; equity is struck at every session of the desk's market from there on.
    `notes` go into the metrics; `strategy_errors`: as of `sleeves_of`.
    """
    found = sleeves_of(snapshot, account, setups, second_core=True, strategy_errors=strategy_errors)
    closes = session_closes(snapshot, first_decision_ms(found.sleeves, setups))
    benchmark = _benchmark_closes(snapshot, account.currency, closes)
    record = {"notes": list(notes), "left_out": found.left_out, "behind": behind(snapshot, found.sleeves)}
    runs = simulate_each(
        found.sleeves,
        [terms_of(account, constrained=constrained) for constrained in (True, False)],
        start_ms=closes[0][1] if closes else 0,
        marks_ms=[ts_ms for _, ts_ms in closes],
    )
    del found  # its signals are laid out: of thousands of series they are not in memory twice
    give_back_freed()
    variants = {
        name: _variant(run, account, closes, benchmark, record, snapshot.desk.market)
        for name, run in zip(("constrained", "unconstrained"), runs, strict=True)
    }
    pairs = [] if benchmark is None else zip(closes, benchmark.tolist(), strict=True)
    return AccountResult(
        variants=variants, benchmark=[(day, ts_ms, close) for (day, ts_ms), close in pairs if close == close]
    )


def session_closes(snapshot: Snapshot, start_ms: int | None) -> list[tuple[dt.date, int]]:
    """(session, close time) of the desk's market, from the last not after `start_ms` to the snapshot's session."""
    if start_ms is None:
        return []
    closes = _closes(trading_day.load(snapshot.desk.market), snapshot.session)
    first = max(0, bisect_right(closes, start_ms, key=itemgetter(1)) - 1)
    return closes[first:]


@lru_cache(maxsize=2)
def _closes(calendar: trading_day.Calendar, last: dt.date) -> list[tuple[dt.date, int]]:
    return [(each.date, each.close_utc_s * 1000) for each in calendar.sessions_between(calendar.first, last)]


def terms_of(account: Account, *, constrained: bool) -> Terms:
    """The account's money, limits and costs as the engine takes them."""
    return Terms(
        cash=account.cash,
        max_positions=account.max_positions,
        max_weight=account.max_weight,
        costs=costs_of(account),
        stop_loss=account.stop_loss,
        max_group_weight=account.max_group_weight,
        constrained=constrained,
    )


def _variant(
    run: AccountRun,
    account: Account,
    closes: Sequence[tuple[dt.date, int]],
    benchmark: FloatArray | None,
    notes: Mapping[str, Any],
    market: str,
) -> Variant:
    points = curve(run, closes, cash=account.cash)
    per_year = sessions_a_year(market, [point.session for point in points]) if points else 0
    figures = measures(points, run, benchmark, per_year=per_year)
    metrics = Metrics(**figures, currency=account.currency, conventions=dict(CONVENTIONS), **notes)
    record = msgspec.structs.asdict(metrics)
    return Variant(metrics=record, curve=points, account_trades=run.account_trades, waiting=run.waiting)


def _benchmark_closes(snapshot: Snapshot, currency: str, closes: Sequence[tuple[dt.date, int]]) -> FloatArray | None:
    """The newest close of the desk's first benchmark in `currency` at each session; NaN before its first bar."""
    for series in snapshot.series:
        if series.instrument.role == "benchmark" and series.instrument.currency == currency and len(series.bars):
            at = np.searchsorted(series.bars.ts_ms, [ts_ms for _, ts_ms in closes], side="right") - 1
            return np.where(at >= 0, series.bars.close[np.maximum(at, 0)], np.nan)
    return None
