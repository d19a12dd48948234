"""Money of one position at a time, all cash in: the loops that turn trades into worth, compiled (utils/native)."""

from __future__ import annotations

from pyjobs.strategy.kernel import ENTRY_PRICE, ENTRY_TS, SIDE, STILL_OPEN, TRADE, fold, write_trade
from utils.native import Bytes, Floats, Ints

EXIT_TS, EXIT_PRICE, REASON = 5, 6, 7  # of a trade row as the kernel writes it; its first four are the state's
# Its state: worth, its deepest fall, its peak and its lowest since; cash; side, quantity and price paid of the
# open position; trades done.
FINAL, DEEPEST, PEAK, LOWEST, CASH, POSITION, QUANTITY, PAID, DONE = range(9)
STATE = 9


def alone(
    ts: Ints, price: Floats, high: Floats, low: Floats, entry: Bytes, leaving: Bytes,
    stop: Floats, distance: Floats, target: Floats, trail: Floats, has: int, start: int, end: int,
    s: Floats, r: Floats, trades: Floats, close: Floats, cash: float, fee: float, w: Floats,
) -> int:  # fmt: skip
    """`kernel.fold`, then `worth` of its trades, into `w`. Returns how many count.

    A trade still open is added, marked to the last close: `trades` needs room for one more.
    """
    n = fold(ts, price, high, low, entry, leaving, stop, distance, target, trail, has, start, end, s, r, trades)
    if s[SIDE] != 0.0:
        write_trade(s, trades, n * TRADE, float(ts[end - 1]), close[end - 1], STILL_OPEN)
        n += 1
    begin(w, cash)
    return worth(ts, close, start, end, trades, n, fee, w, 0, w)


def begin(w: Floats, cash: float) -> None:
    """A flat account."""
    w[FINAL] = w[PEAK] = w[LOWEST] = w[CASH] = cash
    w[DEEPEST] = w[POSITION] = w[QUANTITY] = w[PAID] = w[DONE] = 0.0


def worth(
    ts: Ints, close: Floats, start: int, end: int, trades: Floats, n: int,
    fee: float, equity: Floats, has_equity: int, w: Floats,
) -> int:  # fmt: skip
    """Equity at each close of bars [start, end), continuing from the state `w`. Returns how many trades count.

    The peak begins at the cash. A fill spends all cash, fee included, in fractions; a short puts up its notional, and
    when it loses all of it or more, there is no further trade. Only the lowest value after each peak is divided by it:
    rounding keeps the order of quotients, so none falls deeper.
    """
    value, peak, lowest, deepest, cash = w[FINAL], w[PEAK], w[LOWEST], w[DEEPEST], w[CASH]
    i, j, side, quantity, paid = start, int(w[DONE]), w[POSITION], w[QUANTITY], w[PAID]
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
            if cash <= 0.0:
                n = j
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
    w[FINAL], w[PEAK], w[LOWEST], w[CASH] = value, peak, lowest, cash
    w[DEEPEST] = min(deepest, lowest / peak - 1.0)
    w[DONE], w[POSITION], w[QUANTITY], w[PAID] = float(j), side, quantity, paid
    return n


def bar_at(ts: Ints, wanted: float, start: int, end: int) -> int:
    """The first bar of [start, end) that closes at `wanted`; `end` when none does."""
    t, i = int(wanted), start
    while i < end and ts[i] != t:
        i += 1
    return i
