"""An account beside a benchmark: figures over the sessions on which the benchmark's close is known."""

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
    "information_ratio": "mean / sample standard deviation of (account - benchmark) returns, times sqrt(252)",
    "tracking_error": "sample standard deviation of (account - benchmark) returns, times sqrt(252)",
    "capture": "annual return of the account over that of the benchmark, on sessions when the benchmark rose (fell)",
    "excess_return": "total return of the account less that of the benchmark, over the same sessions",
}


def figures(sessions: Sequence[dt.date], equity: FloatArray, closes: FloatArray) -> dict[str, object]:
    """Figures of the benchmark itself, and of the account against it; NaN where undefined.

    `equity` and `closes`: one per session, ascending; `closes` is NaN before the benchmark begins. Equity at or below
    zero has no returns: then everything against the benchmark is undefined.
    """
    known = np.flatnonzero(~np.isnan(closes))
    if known.size < 2:
        return {"start": None, "end": None}
    first = int(known[0])
    mine, theirs = equity[first:], closes[first:]
    b = theirs[1:] / theirs[:-1] - 1
    years = (sessions[-1] - sessions[first]).days / DAYS_PER_YEAR
    own: dict[str, object] = {
        "start": sessions[first].isoformat(),
        "end": sessions[-1].isoformat(),
        "total_return": float(theirs[-1] / theirs[0] - 1),
        "cagr": metrics.compounded(float(theirs[-1] / theirs[0]), 1 / years) if years > 0 else math.nan,
        "volatility": metrics.annual_volatility(b),
        "sharpe": metrics.sharpe(b),
        "max_drawdown": metrics.max_drawdown(b),
    }
    return own if (mine <= 0).any() else {**own, **_against(mine[1:] / mine[:-1] - 1, b)}


def _against(r: FloatArray, b: FloatArray) -> dict[str, object]:
    a_year = math.sqrt(metrics.SESSIONS_PER_YEAR)
    return {
        "excess_return": metrics.total_return(r) - metrics.total_return(b),
        "alpha": metrics.alpha(r, b),
        "beta": metrics.beta(r, b),
        "correlation": metrics.correlation(r, b),
        "information_ratio": metrics.excess_sharpe(r, b) * a_year,
        "tracking_error": metrics.annual_volatility(r - b),
        "up_capture": metrics.up_capture(r, b),
        "down_capture": metrics.down_capture(r, b),
    }
