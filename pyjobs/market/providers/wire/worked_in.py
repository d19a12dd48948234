"""Dividends that a provider tells, and has not worked into its adjusted closes: they are worked in here.

Yahoo tells some weeks after they fell due, and for some hours sends closes as adjusted ones
(https://github.com/FinanceData/FinanceDataReader/issues/214). Taken as they come, a history would have a fall that
nobody suffered. A close before an ex-day counts times 1 - dividend / last close, as Yahoo itself reckons it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LEAST = 1e-3  # of the price: a smaller one may be lost in rounding; one above the price is told in another unit
LARGE = 0.15  # of the price: one so large must show in the price, too; else its amount is a mistake


def lacking(
    closes: Sequence[float], adjusted: Sequence[float], dividends: Mapping[int, float]
) -> list[tuple[int, float]]:
    """(row, factor) of each dividend that is not in `adjusted`: rows before it count times the factor, a share of 1.

    `closes` and `adjusted`: by row, NaN or 0 where there is none. `dividends`: what is told, by the row of its ex-day,
    in the currency of the closes.
    """
    found = []
    for at, amount in sorted(dividends.items()):
        before = next((row for row in range(at - 1, -1, -1) if _known(closes[row], adjusted[row])), None)
        after = next((row for row in range(at, len(closes)) if _known(closes[row], adjusted[row])), None)
        if before is None or after is None:
            continue
        share = amount / closes[before]
        worked_in = 1 - (adjusted[before] / closes[before]) / (adjusted[after] / closes[after])
        falls = 1 - closes[after] / closes[before]
        if LEAST <= share < 1 and worked_in <= share / 2 and (share < LARGE or falls > share / 2):
            found.append((at, 1 - share))
    return found


def _known(close: float, adjusted: float) -> bool:
    return close > 0 and adjusted > 0
