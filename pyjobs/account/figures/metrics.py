"""Measures of a series of simple returns, one per period, oldest first. Fractions, never percent.

Definitions follow the empyrical library's, so that figures can be compared; its 123 published cases are the test.
NaN policy: a NaN return counts as a period without change when compounding and is left out of means and deviations.
Too few periods, or a ratio of nothing to nothing, is NaN; a gain without risk is +inf. `per_year`: periods in a year.
Sources: Sharpe (1994) "The Sharpe Ratio"; Sortino & van der Meer (1991); Young (1991) "Calmar Ratio";
Keating & Shadwick (2002) "Omega"; Jensen (1968) for alpha; Rockafellar & Uryasev (2000) for CVaR.
"""

from __future__ import annotations

import math

import numpy as np

from pyjobs.market.bars import FloatArray

SESSIONS_PER_YEAR = 252


def cumulative(returns: FloatArray) -> FloatArray:
    """Growth of 1 after each period: prod(1 + r)."""
    return np.asarray(np.cumprod(1 + np.nan_to_num(returns, nan=0.0)), dtype=np.float64)


def total_return(returns: FloatArray) -> float:
    """prod(1 + r) - 1; NaN for no returns."""
    return float(cumulative(returns)[-1] - 1) if returns.size else math.nan


def compounded(growth: float, times: float) -> float:
    """growth^times - 1; NaN when all was lost, infinite beyond the largest float."""
    try:
        return float(growth) ** times - 1 if growth > 0 else math.nan
    except OverflowError:
        return math.inf


def annual_return(returns: FloatArray, per_year: float = SESSIONS_PER_YEAR) -> float:
    """Compound growth per year, counting periods: prod(1 + r)^(per_year / n) - 1. NaN when all was lost."""
    if not returns.size:
        return math.nan
    return compounded(float(cumulative(returns)[-1]), per_year / returns.size)


def annual_volatility(returns: FloatArray, per_year: float = SESSIONS_PER_YEAR) -> float:
    """Sample standard deviation (n - 1) times sqrt(per_year)."""
    return _deviation(returns) * math.sqrt(per_year)


def sharpe(returns: FloatArray, risk_free: FloatArray | float = 0.0, per_year: float = SESSIONS_PER_YEAR) -> float:
    """mean(r - rf) / sd(r - rf) * sqrt(per_year); rf per period."""
    excess = returns - risk_free
    return _ratio(_mean(excess), _deviation(excess)) * math.sqrt(per_year) if excess.size > 1 else math.nan


def downside_risk(
    returns: FloatArray, required: FloatArray | float = 0.0, per_year: float = SESSIONS_PER_YEAR
) -> float:
    """sqrt(mean(min(r - required, 0)^2) * per_year); every period counts in the mean."""
    short = np.minimum(returns - required, 0)
    return math.sqrt(_mean(short**2) * per_year) if returns.size else math.nan


def sortino(returns: FloatArray, required: FloatArray | float = 0.0, per_year: float = SESSIONS_PER_YEAR) -> float:
    """mean(r - required) * per_year / downside_risk."""
    if returns.size < 2:
        return math.nan
    return _ratio(_mean(returns - required) * per_year, downside_risk(returns, required, per_year))


def drawdowns(returns: FloatArray) -> FloatArray:
    """After each period: wealth over its highest so far (the start counts) - 1; zero or negative."""
    wealth = np.concatenate(([1.0], cumulative(returns)))
    return np.asarray((wealth / np.maximum.accumulate(wealth) - 1)[1:], dtype=np.float64)


def max_drawdown(returns: FloatArray) -> float:
    """The deepest of `drawdowns`: zero or negative. NaN for no returns."""
    return float(drawdowns(returns).min()) if returns.size else math.nan


def max_drawdown_periods(returns: FloatArray) -> int:
    """The longest run of periods spent below an earlier high, whether recovered or not."""
    longest = run = 0
    for below in (drawdowns(returns) < 0).tolist():
        run = run + 1 if below else 0
        longest = max(longest, run)
    return longest


def calmar(annual: float, deepest: float) -> float:
    """A year's return over the deepest drawdown (both fractions, the second <= 0); NaN without a drawdown."""
    return annual / -deepest if deepest < 0 else math.nan


def omega(
    returns: FloatArray,
    risk_free: FloatArray | float = 0.0,
    required_annual: float = 0.0,
    per_year: float = SESSIONS_PER_YEAR,
) -> float:
    """Gains over losses around a threshold per period: sum((x)+) / sum((-x)+), x = r - rf - threshold."""
    if returns.size < 2 or required_annual <= -1:
        return math.nan
    excess = returns - risk_free - ((1 + required_annual) ** (1 / per_year) - 1)
    losses = -float(excess[excess < 0].sum())
    return float(excess[excess > 0].sum()) / losses if losses > 0 else math.nan


def value_at_risk(returns: FloatArray, tail: float = 0.05) -> float:
    """Historical: the `tail` quantile of the returns, linear between neighbours (a loss is negative)."""
    known = returns[~np.isnan(returns)]
    return float(np.quantile(known, tail)) if known.size else math.nan


def conditional_value_at_risk(returns: FloatArray, tail: float = 0.05) -> float:
    """Historical: mean of the returns not above `value_at_risk`."""
    known = returns[~np.isnan(returns)]
    return float(known[known <= value_at_risk(known, tail)].mean()) if known.size else math.nan


def tail_ratio(returns: FloatArray) -> float:
    """|95 % quantile| / |5 % quantile|."""
    known = returns[~np.isnan(returns)]
    return (
        _ratio(abs(float(np.quantile(known, 0.95))), abs(float(np.quantile(known, 0.05)))) if known.size else math.nan
    )


def stability(returns: FloatArray) -> float:
    """R^2 of a straight line through the cumulative log returns; NaN below two returns."""
    known = returns[~np.isnan(returns)]
    if known.size < 2:
        return math.nan
    path = np.cumsum(np.log1p(known))
    return correlation(np.arange(path.size, dtype=np.float64), path) ** 2


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's; NaN when either does not move. Sums only: np.corrcoef's last bit is another on another processor."""
    x, y = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((x * x).sum()) * float((y * y).sum()))
    return max(-1.0, min(1.0, float((x * y).sum()) / scale)) if scale > 0 else math.nan


def beta(returns: FloatArray, benchmark: FloatArray, risk_free: float = 0.0) -> float:
    """cov(r, b) / var(b) over the periods where both are known; NaN below two of them."""
    if min(returns.size, benchmark.size) < 2:
        return math.nan
    both = ~(np.isnan(returns) | np.isnan(benchmark))
    r, b = returns[both] - risk_free, benchmark[both] - risk_free
    spread = b - _mean(b)
    variance = _mean(spread**2)
    return _mean(spread * r) / variance if variance > 0 else math.nan


def alpha(
    returns: FloatArray, benchmark: FloatArray, risk_free: float = 0.0, per_year: float = SESSIONS_PER_YEAR
) -> float:
    """Jensen's alpha of one period, mean(r - beta b) over periods where both are known, compounded to a year.

    NaN when it is a loss of everything each period, as a beta from a few periods can have it.
    """
    slope = beta(returns, benchmark, risk_free)
    per_period = _mean((returns - risk_free) - slope * (benchmark - risk_free)) if slope == slope else math.nan
    return compounded(1 + per_period, per_year)


def excess_sharpe(returns: FloatArray, benchmark: FloatArray | float) -> float:
    """Information ratio per period, not annualised: mean(r - b) / sd(r - b)."""
    active = returns - benchmark
    return _ratio(_mean(active), _deviation(active)) if active.size > 1 else math.nan


def capture(returns: FloatArray, benchmark: FloatArray, per_year: float = SESSIONS_PER_YEAR) -> float:
    """annual_return of r over that of b."""
    return _ratio(annual_return(returns, per_year), annual_return(benchmark, per_year))


def up_capture(returns: FloatArray, benchmark: FloatArray, per_year: float = SESSIONS_PER_YEAR) -> float:
    """`capture` over the periods in which the benchmark rose."""
    return capture(returns[benchmark > 0], benchmark[benchmark > 0], per_year)


def down_capture(returns: FloatArray, benchmark: FloatArray, per_year: float = SESSIONS_PER_YEAR) -> float:
    """`capture` over the periods in which the benchmark fell."""
    return capture(returns[benchmark < 0], benchmark[benchmark < 0], per_year)


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _deviation(values: FloatArray) -> float:
    """Sample standard deviation; exactly zero for a constant, which rounding inside the mean would hide."""
    known = values[~np.isnan(values)]
    if known.size < 2:
        return math.nan
    return 0.0 if known.max() == known.min() else float(known.std(ddof=1))


def _ratio(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or a != a else math.copysign(math.inf, a)
    return a / b
