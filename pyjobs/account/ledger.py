"""Money of one position at a time, all cash in: the loop that turns trades into worth, compiled (utils/native.py)."""

from __future__ import annotations

from typing import Any

Vector = Any

# A trade row as strategy.kernel writes it.
TRADE, SIDE, ENTRY_TS, ENTRY_PRICE, EXIT_TS, EXIT_PRICE = 9, 0, 2, 3, 5, 6
FINAL, DEEPEST = range(2)


def worth(
    ts: Vector, close: Vector, start: int, end: int, trades: Vector, n: int,
    cash: float, fee: float, equity: Vector, has_equity: int, out: Vector,
) -> int:  # fmt: skip
    """Equity at each close of bars [start, end), and into `out` its last value and its deepest fall from a peak.

    The peak begins at `cash`. A fill spends all cash, fee included, in fractions; a short puts up its notional.
    """
    j, side, quantity, paid = 0, 0.0, 0.0, 0.0
    peak, deepest, value, before = cash, 0.0, cash, cash
    for i in range(start, end):
        t = float(ts[i])
        while j < n:
            row = j * TRADE
            if side == 0.0 and trades[row + ENTRY_TS] == t:
                side, paid = trades[row + SIDE], trades[row + ENTRY_PRICE]
                quantity = cash / (paid * (1.0 + fee))
            if side == 0.0 or trades[row + EXIT_TS] != t:
                break
            price = trades[row + EXIT_PRICE]
            cash = quantity * (price * (1.0 - fee) if side > 0.0 else 2.0 * paid - price * (1.0 + fee))
            side = 0.0
            j += 1
        if side == 0.0:
            value = cash
        elif side > 0.0:
            value = quantity * close[i]
        else:
            value = quantity * (2.0 * paid - close[i])
        if has_equity:
            equity[i - start] = value
        if value > peak:
            peak = value
        elif value != before:
            deepest = min(deepest, value / peak - 1.0)
        before = value
    out[FINAL] = value
    out[DEEPEST] = deepest
    return 0
