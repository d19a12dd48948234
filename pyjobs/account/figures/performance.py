"""The figures of one account run: its worth at each session's close, and measures with the way each was taken."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyjobs.account.figures import metrics
from pyjobs.account.figures.account_types import FIGURES
from pyjobs.account.portfolio.simulate import ENTRY_PRICE, REASON, AccountRun, AccountTrade, AccountTrades
from pyjobs.market.bars import FloatArray, IntArray
from pyjobs.strategy import kernel

DAYS_PER_YEAR = 365.25
PIECE = 8192
RECENT_DAYS = 180

CONVENTIONS: Mapping[str, str | float] = {
    "returns": "simple, from one session's close to the next, of the desk's market; fractions",
    "periods_per_year": "sessions_per_year: those of the desk's market in the calendar years of the run",
    "risk_free": 0.0,
    "cagr": "(end / start) ^ (365.25 / calendar days) - 1",
    "volatility": "sample standard deviation (n - 1) of returns, times sqrt(sessions_per_year)",
    "sharpe": "mean / sample standard deviation of returns, times sqrt(sessions_per_year)",
    "sortino": "mean * sessions_per_year / (sqrt(mean(min(r, 0)^2)) * sqrt(sessions_per_year))",
    "calmar": "cagr / |max_drawdown|",
    "max_drawdown_sessions": "longest run of sessions below an earlier high, recovered or not",
    "var": "historical 5 % quantile of returns; cvar: mean of the returns not above it",
    "trades": "n_trades counts entries filled; win_rate, profit_factor, expectancy are of closed trades, after costs",
    "trade_return": "pnl after fees and tax / entry notional",
    "exposure": "mean over sessions of the value of positions / equity",
    "turnover": "(bought + sold) / 2 / mean equity, per year",
    "alpha_beta": "against the benchmark's closes, from benchmark_start on; alpha compounded to a year",
    "fills": "at the bar's price made worse by slippage_bps, then moved to the next tick where the account has rules",
    "fees": "fees, tax on sales (by date with rules: KRX) and the loan of shorts (borrow_bps a year of 365 days)",
    "lots": "the desk's lot; else whole shares; 1e-8 of a unit on a 24/7 market; fractions when unconstrained",
    "currencies": "all money is the account's; prices of another currency are converted at each fill and mark, at the "
    "last close of its fx instrument by then; fees (fx_bps among them) too; no cash is held abroad",
    "open_positions": "marked to the last close; their exit cost is not yet taken",
    "session_of_bars": "equity at a session's close uses the newest bars closed by then",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The account at a session's close (`ts_ms`), money in its currency."""

    session: dt.date
    ts_ms: int
    equity: float
    cash: float
    exposure: float
    n_positions: int


def curve(run: AccountRun, closes: Sequence[tuple[dt.date, int]], *, cash: float) -> list[CurvePoint]:
    """The account at each (session, close time), ascending; before the first event it is the starting cash."""
    points = []
    for (session, ts_ms), i in zip(closes, latest(run, closes).tolist(), strict=True):
        values = (
            (float(run.equity[i]), float(run.cash[i]), float(run.exposure[i]), int(run.n_positions[i]))
            if i >= 0
            else (cash, cash, 0.0, 0)
        )
        equity, cash_then, exposure, n_positions = values
        points.append(
            CurvePoint(
                session=session,
                ts_ms=ts_ms,
                equity=equity,
                cash=cash_then,
                exposure=exposure,
                n_positions=n_positions,
            )
        )
    return points


def latest(run: AccountRun, closes: Sequence[tuple[dt.date, int]]) -> IntArray:
    """The number of the newest event at each close; -1 before the first."""
    return np.searchsorted(run.ts_ms, [ts_ms for _, ts_ms in closes], side="right") - 1


def measures(
    points: Sequence[CurvePoint], run: AccountRun, benchmark: FloatArray | None, *, per_year: float
) -> dict[str, Any]:
    """Every figure of metrics.json that comes from the run; None or NaN: undefined. `benchmark`: a close per point.

    `per_year`: sessions a year of the points' market. `short`: less than a year of them, so that a figure of a year is
    little more than a guess; `ruin`: the first session at which nothing is left. With fewer than two points nothing
    but the equity is defined.
    """
    undefined: dict[str, Any] = dict.fromkeys(FIGURES)
    if len(points) < 2:
        only = points[0].equity if points else None
        return {**undefined, "start_equity": only, "end_equity": only, "n_trades": 0}
    equity = np.array([point.equity for point in points])
    years = (points[-1].session - points[0].session).days / DAYS_PER_YEAR
    exposures = np.array([point.exposure for point in points])
    return {
        **undefined,
        "start": points[0].session.isoformat(),
        "end": points[-1].session.isoformat(),
        "start_equity": float(equity[0]),
        "end_equity": float(equity[-1]),
        "sessions_per_year": per_year,
        "short": len(points) <= per_year,
        "ruin": next((point.session.isoformat() for point in points if point.equity <= 0), None),
        **_of_returns(equity, years, per_year),
        **_of_account_trades(run.account_trades),
        **_against(equity, benchmark, per_year),
        "benchmark_start": _first_known(points, benchmark),
        f"return_{RECENT_DAYS}d": _recent(points),
        "exposure": float(np.nanmean(exposures)) if (equity > 0).all() else None,
        "turnover": run.traded / 2 / float(equity.mean()) / years if (equity > 0).all() else None,
        "signals_refused": dict(run.refused),
    }


def _of_returns(equity: FloatArray, years: float, per_year: float) -> dict[str, float | int]:
    if (equity <= 0).any():  # only unconstrained: from here on a return has no meaning
        return {"total_return": float(equity[-1] / equity[0] - 1)}
    returns = equity[1:] / equity[:-1] - 1
    cagr = metrics.compounded(float(equity[-1] / equity[0]), 1 / years)
    deepest = metrics.max_drawdown(returns)
    return {
        "total_return": float(equity[-1] / equity[0] - 1),
        "cagr": cagr,
        "volatility": metrics.annual_volatility(returns, per_year),
        "sharpe": metrics.sharpe(returns, per_year=per_year),
        "sortino": metrics.sortino(returns, per_year=per_year),
        "calmar": metrics.calmar(cagr, deepest),
        "max_drawdown": deepest,
        "max_drawdown_sessions": metrics.max_drawdown_periods(returns),
        "var": metrics.value_at_risk(returns),
        "cvar": metrics.conditional_value_at_risk(returns),
    }


def _of_account_trades(account_trades: Sequence[AccountTrade]) -> dict[str, float | int | None]:
    pnls, fees, returns = _money_of(account_trades)
    gains, losses, n = _exact_sum(pnls[pnls > 0]), -_exact_sum(pnls[pnls < 0]), pnls.size
    return {
        "n_trades": len(account_trades),
        "n_open": len(account_trades) - n,
        "win_rate": int(np.count_nonzero(pnls > 0)) / n if n else None,
        "profit_factor": gains / losses if losses else None,
        "expectancy": _exact_sum(returns) / n if n else None,
        "fees": _exact_sum(fees),
    }


def _exact_sum(values: FloatArray) -> float:
    """Rounded once. A few thousand numbers at a time: as Python's they take four times the memory."""
    pieces = (values[at : at + PIECE].tolist() for at in range(0, values.size, PIECE))
    return math.fsum(itertools.chain.from_iterable(pieces))


def _money_of(account_trades: Sequence[AccountTrade]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """pnl of the closed ones, fees of all, net return of the closed ones."""
    if not isinstance(account_trades, AccountTrades):
        closed = [account_trade for account_trade in account_trades if account_trade.trade.reason != "open"]
        found = [d.pnl for d in closed], [d.fees for d in account_trades], [d.net_return for d in closed]
        pnls, fees, returns = (np.array(values, np.float64) for values in found)
        return pnls, fees, returns
    ended, paid = (
        account_trades.trade(REASON) != kernel.STILL_OPEN,
        account_trades.money("size") * account_trades.trade(ENTRY_PRICE),
    )
    pnl = account_trades.money("pnl")[ended]
    return pnl, account_trades.money("fees"), pnl / (paid * account_trades.money("rate_in"))[ended]


def _against(equity: FloatArray, benchmark: FloatArray | None, per_year: float) -> dict[str, float | None]:
    if benchmark is None or (equity <= 0).any() or (benchmark <= 0).any():
        return {"alpha": None, "beta": None, "benchmark_return": None}
    known = benchmark[~np.isnan(benchmark)]
    returns, theirs = equity[1:] / equity[:-1] - 1, benchmark[1:] / benchmark[:-1] - 1
    return {
        "alpha": metrics.alpha(returns, theirs, per_year=per_year),
        "beta": metrics.beta(returns, theirs),
        "benchmark_return": float(known[-1] / known[0] - 1) if known.size else None,
    }


def _first_known(points: Sequence[CurvePoint], benchmark: FloatArray | None) -> str | None:
    """The session from which there is a benchmark to compare with."""
    if benchmark is None or np.isnan(benchmark).all():
        return None
    return points[int(np.flatnonzero(~np.isnan(benchmark))[0])].session.isoformat()


def _recent(points: Sequence[CurvePoint]) -> float | None:
    """The return since the newest point that is at least 180 calendar days old; None when there is none."""
    since = points[-1].session - dt.timedelta(days=RECENT_DAYS)
    old = [point.equity for point in points if point.session <= since]
    return points[-1].equity / old[-1] - 1 if old and old[-1] > 0 else None
