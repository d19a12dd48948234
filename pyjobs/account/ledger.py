"""Money of one position at a time, all cash in: the loops that turn trades into worth, compiled (utils/native.py)."""

from __future__ import annotations

from typing import Any

from pyjobs.strategy.kernel import ENTRY_PRICE, ENTRY_TS, SIDE, STILL_OPEN, TRADE, fold, write_trade

Vector = Any

EXIT_TS, EXIT_PRICE, REASON = 5, 6, 7  # of a trade row as the kernel writes it; its first four are the state's
FINAL, DEEPEST = range(2)  # what `worth` tells; `alone` has RETURN in the place of FINAL
RETURN, ENTRIES = 0, 2


def alone(
    ts: Vector, price: Vector, high: Vector, low: Vector, entry: Vector, leaving: Vector,
    stop: Vector, distance: Vector, target: Vector, trail: Vector, has: int, start: int, end: int,
    s: Vector, r: Vector, trades: Vector, close: Vector, cash: float, fee: float, out: Vector,
) -> int:  # fmt: skip
    """`kernel.fold`, then the figures of its trades: RETURN (a fraction), DEEPEST, ENTRIES.

    A trade still open is added, marked to the last close: `trades` needs room for one more. Returns how many there are.
    """
    n = fold(ts, price, high, low, entry, leaving, stop, distance, target, trail, has, start, end, s, r, trades)
    if s[SIDE] != 0.0:
        write_trade(s, trades, n * TRADE, float(ts[end - 1]), close[end - 1], STILL_OPEN)
        n += 1
    worth(ts, close, start, end, trades, n, cash, fee, out, 0, out)
    out[RETURN] = out[FINAL] / cash - 1.0
    out[ENTRIES] = float(n)
    return n


def worth(
    ts: Vector, close: Vector, start: int, end: int, trades: Vector, n: int,
    cash: float, fee: float, equity: Vector, has_equity: int, out: Vector,
) -> int:  # fmt: skip
    """Equity at each close of bars [start, end), and into `out` its last value and its deepest fall from a peak.

    The peak begins at `cash`. A fill spends all cash, fee included, in fractions; a short puts up its notional. Only
    the lowest value after each peak is divided by it: rounding keeps the order of quotients, so none falls deeper.
    """
    i, j, side, quantity, paid = start, 0, 0.0, 0.0, 0.0
    peak, lowest, deepest, value = cash, cash, 0.0, cash
    while i < end:
        t = float(ts[i])
        while j < n:
            row = j * TRADE
            if side == 0.0 and trades[row + ENTRY_TS] == t:
                side, paid = trades[row + SIDE], trades[row + ENTRY_PRICE]
                quantity = cash / (paid * (1.0 + fee))
            if side == 0.0 or trades[row + EXIT_TS] != t or trades[row + REASON] == STILL_OPEN:
                break
            price = trades[row + EXIT_PRICE]
            cash = quantity * (price * (1.0 - fee) if side > 0.0 else 2.0 * paid - price * (1.0 + fee))
            side = 0.0
            j += 1
        event = end if j == n else bar_at(ts, trades[j * TRADE + (ENTRY_TS if side == 0.0 else EXIT_TS)], i + 1, end)
        if side == 0.0 and not has_equity:
            i = event - 1  # the bars between are all the same
        while i < event:
            value = cash
            if side > 0.0:
                value = quantity * close[i]
            elif side < 0.0:
                value = quantity * (2.0 * paid - close[i])
            if has_equity:
                equity[i - start] = value
            if value > peak:
                deepest = min(deepest, lowest / peak - 1.0)
                peak = lowest = value
            elif value < lowest:
                lowest = value
            i += 1
    out[FINAL] = value
    out[DEEPEST] = min(deepest, lowest / peak - 1.0)
    return 0


def bar_at(ts: Vector, wanted: float, start: int, end: int) -> int:
    """The first bar of [start, end) that closes at `wanted`; `end` when none does."""
    t, i = int(wanted), start
    while i < end and ts[i] != t:
        i += 1
    return i
