"""The figures of a tear sheet beyond metrics.json, of an account and of a benchmark alike. Fractions, never percent.

`values`: worth at each session's close, ascending, above zero. NaN or None: undefined.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pyjobs.account.figures import deflated, metrics
from pyjobs.account.figures.calendar_returns import Period, aggregate, period_number
from pyjobs.market.bars import FloatArray

DAYS_PER_YEAR = 365.25
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
BACK = {"three_months": 3, "six_months": 6, "one_year": 12, "three_years": 36, "five_years": 60, "ten_years": 120}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """Below an earlier high: from the session of that high over the deepest to the one that reached it again.

    `end` None: not reached yet. `depth`: zero or negative; `sessions`: below the high, the last one included.
    """

    start: dt.date
    bottom: dt.date
    end: dt.date | None
    depth: float
    sessions: int


def drawdowns(sessions: Sequence[dt.date], values: FloatArray) -> list[Drawdown]:
    """Every stretch below an earlier high, the deepest first; of equals the earlier."""
    below = values / np.maximum.accumulate(values) - 1
    under = np.concatenate(([False], below < 0, [False]))
    found = []
    for first, after in np.flatnonzero(np.diff(under)).reshape(-1, 2).tolist():
        bottom = first + int(np.argmin(below[first:after]))
        end = sessions[after] if after < len(values) else None
        found.append(
            Drawdown(
                start=sessions[first - 1],
                bottom=sessions[bottom],
                end=end,
                depth=float(below[bottom]),
                sessions=after - first,
            )
        )
    return sorted(found, key=lambda each: (each.depth, each.start))


def figures(sessions: Sequence[dt.date], values: FloatArray, *, per_year: float) -> dict[str, float]:
    """The figures by name, see `CONVENTIONS`. All NaN but for what is defined with fewer than two sessions."""
    if len(values) < 2:
        return {}
    returns = values[1:] / values[:-1] - 1
    return {
        **_risk(sessions, values, returns, per_year),
        **_extremes(sessions, returns),
        **recent(sessions, values),
    }


def _risk(sessions: Sequence[dt.date], values: FloatArray, returns: FloatArray, per_year: float) -> dict[str, float]:
    below = values / np.maximum.accumulate(values) - 1
    stretches = drawdowns(sessions, values)
    deepest = float(below.min())
    a_session, skewness, kurtosis = deflated.moments(returns)
    losses = -float(returns[returns < 0].sum())
    return {
        "volatility": metrics.annual_volatility(returns, per_year),
        "sortino": metrics.sortino(returns, per_year=per_year),
        "likely_sharpe": deflated.probabilistic_sharpe(
            a_session, 0.0, n=returns.size, skewness=skewness, kurtosis=kurtosis
        ),
        "omega": metrics.omega(returns),
        "gain_to_pain": float(returns.sum()) / losses if losses > 0 else math.nan,
        "skewness": skewness,
        "kurtosis": kurtosis - 3,
        "tail_ratio": metrics.tail_ratio(returns),
        "stability": metrics.stability(returns),
        "var": metrics.value_at_risk(returns),
        "cvar": metrics.conditional_value_at_risk(returns),
        "ulcer": math.sqrt(float((below**2).mean())),
        "recovery": float(values[-1] / values[0] - 1) / -deepest if deepest < 0 else math.nan,
        "max_drawdown_sessions": max((each.sessions for each in stretches), default=0),
        "mean_drawdown": _mean(np.array([each.depth for each in stretches])),
        "mean_drawdown_sessions": _mean(np.array([float(each.sessions) for each in stretches])),
    }


def _extremes(sessions: Sequence[dt.date], returns: FloatArray) -> dict[str, float]:
    days = np.array(sessions[1:], dtype="datetime64[D]")
    found: dict[str, float] = {}
    periods: Mapping[str, Period] = {"month": "monthly", "year": "yearly"}
    for name, each in (
        ("session", returns),
        *((name, aggregate(days, returns, period)) for name, period in periods.items()),
    ):
        found |= {f"best_{name}": float(each.max()), f"worst_{name}": float(each.min()), f"won_{name}": _won(each)}
        found |= {f"mean_up_{name}": _mean(each[each > 0]), f"mean_down_{name}": _mean(each[each < 0])}
    return found


def recent(sessions: Sequence[dt.date], values: FloatArray) -> dict[str, float]:
    """Return since the end of last month and year, and over the last months and years; over one year a year's.

    From the newest session on or before that day; NaN where the curve begins later.
    """
    last = sessions[-1]
    days = np.array(sessions, dtype="datetime64[D]")

    def since(day: dt.date) -> float:
        place = int(np.searchsorted(days, np.datetime64(day), side="right")) - 1
        if place < 0:
            return math.nan
        growth, years = float(values[-1] / values[place]), (last - sessions[place]).days / DAYS_PER_YEAR
        return metrics.compounded(growth, 1 / years) if years > 1.5 else growth - 1

    found = {"month_to_date": since(last.replace(day=1) - dt.timedelta(days=1))}
    found["year_to_date"] = since(dt.date(last.year - 1, 12, 31))
    return found | {name: since(months_before(last, months)) for name, months in BACK.items()}


def months_before(day: dt.date, months: int) -> dt.date:
    """This day of the month, so many months earlier; that month's last day where it has no such day."""
    year, month = divmod(12 * day.year + day.month - 1 - months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def by_year(sessions: Sequence[dt.date], values: FloatArray) -> dict[int, float]:
    """Return of each calendar year, oldest first; the first from the curve's first session on."""
    days = np.array(sessions[1:], dtype="datetime64[D]")
    years = np.unique(period_number(days, "yearly")) + 1970
    return dict(zip(years.tolist(), aggregate(days, values[1:] / values[:-1] - 1, "yearly").tolist(), strict=True))


def quantiles(sessions: Sequence[dt.date], values: FloatArray) -> dict[str, list[float]]:
    """Per length of period (session to year): how many there are, and `QUANTILES` of their returns."""
    days, returns = np.array(sessions[1:], dtype="datetime64[D]"), values[1:] / values[:-1] - 1
    periods: Sequence[Period] = ("weekly", "monthly", "quarterly", "yearly")
    each = {"session": returns} | {name: aggregate(days, returns, name) for name in periods}
    return {name: [float(found.size), *np.quantile(found, QUANTILES).tolist()] for name, found in each.items()}


def rolling(returns: FloatArray, window: int, *, per_year: float) -> tuple[FloatArray, FloatArray]:
    """(Sharpe ratio, volatility), annualised, of the last `window` returns at each of them; NaN before there are.

    A stretch in which nothing moves has volatility 0 and no Sharpe ratio.
    """
    sharpe, volatility = np.full(returns.size, math.nan), np.full(returns.size, math.nan)
    if 2 <= window <= returns.size:
        last = np.lib.stride_tricks.sliding_window_view(returns, window)
        deviation = np.where(last.max(axis=1) == last.min(axis=1), 0.0, last.std(axis=1, ddof=1))
        volatility[window - 1 :] = deviation * math.sqrt(per_year)
        moves = np.where(deviation > 0, deviation, math.nan)
        sharpe[window - 1 :] = last.mean(axis=1) / moves * math.sqrt(per_year)
    return sharpe, volatility


def rolling_beta(returns: FloatArray, benchmark: FloatArray, window: int) -> FloatArray:
    """Beta of the last `window` returns at each of them; NaN before there are, and where one of theirs is unknown."""
    beta = np.full(returns.size, math.nan)
    if 2 <= window <= returns.size:
        mine = np.lib.stride_tricks.sliding_window_view(returns, window)
        theirs = np.lib.stride_tricks.sliding_window_view(benchmark, window)
        spread = theirs - theirs.mean(axis=1, keepdims=True)
        variance = (spread**2).mean(axis=1)
        beta[window - 1 :] = (spread * mine).mean(axis=1) / np.where(variance > 0, variance, math.nan)
    return beta


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else math.nan


def _won(returns: FloatArray) -> float:
    moved = int(np.count_nonzero(returns))
    return int(np.count_nonzero(returns > 0)) / moved if moved else math.nan
