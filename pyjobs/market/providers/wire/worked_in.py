"""Dividends that a provider announces, and has not worked into its adjusted closes: they are worked in here.

Yahoo announces some weeks after they fell due, and for some hours sends closes as adjusted ones
(https://github.com/FinanceData/FinanceDataReader/issues/214). Unchanged, a history would have a fall that never
happened. A close before an ex-day counts times 1 - dividend / last close, as Yahoo itself reckons it.

Now and then Yahoo lists one dividend twice, under two days, and works it in once (yfinance 1.7.0, history.py, the
source of NEAR and ALIKE): the other is ignored. A share that pays every week has more than two such, and each counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LEAST = 1e-3  # of the price: a smaller one may be lost in rounding; one above the price is in another unit
NEAR, ALIKE = 12, 0.08  # rows of 17 days, and how far two amounts may lie apart that are one dividend
LARGE = 0.15  # of the price: one so large must show in the price, too; else its amount is a mistake


def lacking(
    closes: Sequence[float], adjusted: Sequence[float], dividends: Mapping[int, float]
) -> list[tuple[int, float]]:
    """(row, factor) of each dividend that is not in `adjusted`: rows before it count times the factor, a share of 1.

    `closes` and `adjusted`: by row, NaN or 0 where there is none. `dividends`: the announced amounts, by the row of
    the ex-day, in the currency of the closes.
    """
    lacks = dict[int, float]()
    for at, amount in sorted(dividends.items()):
        before = next((row for row in range(at - 1, -1, -1) if _known(closes[row], adjusted[row])), None)
        after = next((row for row in range(at, len(closes)) if _known(closes[row], adjusted[row])), None)
        if before is None or after is None:
            continue
        share = amount / closes[before]
        worked_in = 1 - (adjusted[before] / closes[before]) / (adjusted[after] / closes[after])
        falls = 1 - closes[after] / closes[before]
        if LEAST <= share < 1 and worked_in <= share / 2 and (share < LARGE or falls > share / 2):
            lacks[at] = 1 - share
    return [(at, factor) for at, factor in lacks.items() if not _is_told_twice(at, dividends, lacks)]


def _is_told_twice(at: int, dividends: Mapping[int, float], lacks: Mapping[int, float]) -> bool:
    """Whether the only other dividend near this one has almost its amount, and is worked in."""
    near = [other for other in dividends if 0 < abs(other - at) <= NEAR]
    return len(near) == 1 and near[0] not in lacks and abs(dividends[near[0]] / dividends[at] - 1) < ALIKE


def _known(close: float, adjusted: float) -> bool:
    return close > 0 and adjusted > 0
