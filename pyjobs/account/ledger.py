"""Money of one position at a time, all cash in: the loop that turns trades into worth, compiled (utils/native.py)."""

from __future__ import annotations

from typing import Any

Vector = Any

# A trade row as strategy.kernel writes it.
TRADE, SIDE, ENTRY_TS, ENTRY_PRICE, EXIT_TS, EXIT_PRICE = 9, 0, 2, 3, 5, 6
# Where it stands: worth, deepest fall, peak, cash, and of the open position side, quantity and price; trades done.
FINAL, DEEPEST, PEAK, CASH, POSITION, QUANTITY, PAID, DONE = range(8)
STATE = 8


def worth(
    ts: Vector, close: Vector, start: int, end: int, trades: Vector, n: int,
    fee: float, equity: Vector, has_equity: int, s: Vector,
) -> int:  # fmt: skip
    """Equity at each close of bars [start, end), going on from the state `s`.

    The peak begins at the cash. A fill spends all cash, fee included, in fractions; a short puts up its notional.
    """
    value, deepest, peak, cash = s[FINAL], s[DEEPEST], s[PEAK], s[CASH]
    j, side, quantity, paid, before = int(s[DONE]), s[POSITION], s[QUANTITY], s[PAID], s[FINAL]
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
    s[FINAL], s[DEEPEST], s[PEAK], s[CASH] = value, deepest, peak, cash
    s[DONE], s[POSITION], s[QUANTITY], s[PAID] = float(j), side, quantity, paid
    return 0
