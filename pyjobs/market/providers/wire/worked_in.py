"""Whether the dividends that Yahoo tells are in the adjusted closes that it sends beside them.

For some hours it has sent closes as adjusted ones: https://github.com/FinanceData/FinanceDataReader/issues/214. Taken,
a history would lose all its dividends, and get them back the day after.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

WEEK_S = 7 * 86_400  # a dividend may be told days before it is worked in
LEAST = 1e-3  # of the price: a smaller one may be lost in rounding; one above the price is told in another unit

Column = Sequence[float | None]


def none_is_worked_in(result: Mapping[str, Any]) -> bool:
    """Whether `result` (a chart of days) tells dividends of more than a week ago, and its closes have none of them."""
    times, quotes = result.get("timestamp") or [], result["indicators"]
    found = ((result.get("events") or {}).get("dividends") or {}).values()
    own = (None, "", result["meta"].get("currency"))  # in another currency (yfinance 1.7.0, history.py): no measure
    old = [one for one in found if times and one["date"] < times[-1] - WEEK_S and one.get("currency") in own]
    closes, adjusted = quotes["quote"][0].get("close") or [], quotes["adjclose"][0].get("adjclose") or []
    seen = [_is_in(one["amount"], bisect_left(times, one["date"]), closes, adjusted) for one in old]
    return False in seen and True not in seen


def _is_in(amount: float, at: int, closes: Column, adjusted: Column) -> bool | None:
    """Whether the row before `at` is adjusted by at least half of the dividend; None where it cannot be seen."""
    before, after = _factor(range(at - 1, -1, -1), closes, adjusted), _factor(range(at, len(closes)), closes, adjusted)
    if before is None or after is None or not LEAST * before[1] <= amount < before[1]:
        return None
    return 1 - before[0] / after[0] > amount / before[1] / 2


def _factor(rows: range, closes: Column, adjusted: Column) -> tuple[float, float] | None:
    """Adjusted close over close, and the close, of the first of `rows` that has both."""
    for row in rows:
        close, other = closes[row], adjusted[row]
        if close and other:
            return other / close, close
    return None
