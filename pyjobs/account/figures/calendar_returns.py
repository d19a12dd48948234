"""Returns per week, month, quarter and year, from returns per day."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import FloatArray

Period = Literal["weekly", "monthly", "quarterly", "yearly"]
DateArray = npt.NDArray[np.datetime64]


def aggregate(dates: DateArray, returns: FloatArray, period: Period) -> FloatArray:
    """Compound return of each calendar period that has a return, oldest first.

    `dates`: one day (datetime64[D]) per return, ascending. Weeks run Monday to Sunday (ISO 8601). NaN counts as zero.
    """
    if not returns.size:
        return np.array([], dtype=np.float64)
    label = period_number(dates.astype("datetime64[D]"), period)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(label)) + 1))
    return np.asarray(np.multiply.reduceat(1 + np.nan_to_num(returns, nan=0.0), starts) - 1, dtype=np.float64)


def period_number(days: DateArray, period: Period) -> npt.NDArray[np.int64]:
    """A number that is the same for all days of one period and grows with time."""
    if period == "weekly":
        return np.asarray((days.astype(np.int64) + 3) // 7)  # day 0, 1970-01-01, was a Thursday
    months = days.astype("datetime64[M]").astype(np.int64)
    return np.asarray(months // {"monthly": 1, "quarterly": 3, "yearly": 12}[period])
