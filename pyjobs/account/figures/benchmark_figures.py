"""An account against a benchmark: figures over the sessions on which the benchmark's close is known."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence

import numpy as np

from pyjobs.account.figures import metrics
from pyjobs.market.bars import FloatArray

DAYS_PER_YEAR = 365.25

CONVENTIONS: Mapping[str, str] = {
    "benchmark_close": "the newest close dated on or before the session; figures from the first such session on",
    "information_ratio": "mean / sample deviation of (account - benchmark) returns, times sqrt(sessions_per_year)",
    "tracking_error": "sample standard deviation of (account - benchmark) returns, times sqrt(sessions_per_year)",
    "capture": "annual return of the account over that of the benchmark, on sessions when the benchmark rose (fell)",
    "excess_return": "total return of the account less that of the benchmark, over the same sessions",
}


def figures(
    sessions: Sequence[dt.date], equity: FloatArray, closes: FloatArray, *, per_year: float
) -> dict[str, object]:
    """Figures of the benchmark itself, and of the account against it; NaN where undefined.

    `equity` and `closes`: one per session, ascending; `closes` is NaN before the benchmark begins; `per_year` of these
    sessions make a year. Equity or closes at or below zero have no returns: what needs them is undefined.
    """
    known = np.flatnonzero(~np.isnan(closes))
    if known.size < 2:
        return {"start": None, "end": None}
    first = int(known[0])
    mine, theirs = equity[first:], closes[first:]
    if (theirs <= 0).any():
        return {"start": sessions[first].isoformat(), "end": sessions[-1].isoformat()}
    b = theirs[1:] / theirs[:-1] - 1
    years = (sessions[-1] - sessions[first]).days / DAYS_PER_YEAR
    own: dict[str, object] = {
        "start": sessions[first].isoformat(),
        "end": sessions[-1].isoformat(),
        "total_return": float(theirs[-1] / theirs[0] - 1),
        "cagr": metrics.compounded(float(theirs[-1] / theirs[0]), 1 / years) if years > 0 else math.nan,
        "volatility": metrics.annual_volatility(b, per_year),
        "sharpe": metrics.sharpe(b, per_year=per_year),
        "max_drawdown": metrics.max_drawdown(b),
    }
    return own if (mine <= 0).any() else {**own, **_against(mine[1:] / mine[:-1] - 1, b, per_year)}


def _against(r: FloatArray, b: FloatArray, per_year: float) -> dict[str, object]:
    a_year = math.sqrt(per_year)
    return {
        "excess_return": metrics.total_return(r) - metrics.total_return(b),
        "alpha": metrics.alpha(r, b, per_year=per_year),
        "beta": metrics.beta(r, b),
        "correlation": metrics.correlation(r, b),
        "information_ratio": metrics.excess_sharpe(r, b) * a_year,
        "tracking_error": metrics.annual_volatility(r - b, per_year),
        "up_capture": metrics.up_capture(r, b, per_year),
        "down_capture": metrics.down_capture(r, b, per_year),
    }
