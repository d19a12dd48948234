"""One bar decided, without its text: fills and what they pay, what is held worth, orders. Around the backtest's kernel.

As the kernel, these functions are compiled for whole journals (`whole`) and called as they stand, on lists, for one
bar (`core`): a loop, its replay and its backtest run the same lines. `s`, `r`: the kernel's state and rules; `p`: the
purse.
"""

from __future__ import annotations

from math import nan

from pyjobs.account.single.equity_loop import CASH, DONE, PAID, POSITION, QUANTITY, begin, worth
from pyjobs.strategy import kernel
from pyjobs.strategy.kernel import (
    BY_SIGNAL,
    BY_STOP_GAP,
    BY_TIME,
    ENTRY_PRICE,
    ENTRY_TS,
    EXIT,
    LEAVE_KILLED,
    ORDER,
    ORDER_STOP,
    ORDER_TS,
    SIDE,
    STILL_OPEN,
    STOP,
    TRADE,
    TRAIL,
    at_close,
    before_close,
    forget_order,
    write_trade,
)
from utils.native import Floats, Ints

KERNEL_STATE = kernel.STATE  # `equity_loop` has a STATE of its own

MONEY, SHARES, WORTH, DAY_WORTH, DAY, ENDED = range(6)  # the purse: what it holds, since when, how many trades ended
PURSE = 6
TRADE_STOP, TRADE_EXIT_PRICE, TRADE_REASON = 4, 6, 7  # of a trade row as the kernel writes it
# The code of a bar, by numbers of TOLD in `core`: the kernel's exits (1 to 6), and
FILLED, DROPPED, FEW_BARS, CADENCE, FEATURES, NO_SIGNAL, HOLDING, ENTERING, LEAVING, TIMED, KILLING = range(7, 18)
# What is done at its close, by numbers of ACTIONS in `core`.
STAY_OUT, STAY_IN, GO_LONG, GO_SHORT, GO_OUT, TURN_LONG, TURN_SHORT, SKIP = range(8)


def opened(
    s: Floats, r: Floats, p: Floats, ts: float, price: float, high: float, low: float, killed: bool, at_stop: bool,
    fee: float, out: Floats, sizes: Floats, at: int, w: Floats, bar_ts: Ints, bar_close: Floats,
) -> int:  # fmt: skip
    """Open and range of a bar: the code of what happened (0: nothing) times four, plus the number of trades that ended.

    They go to `out` from its row `at` on (room for three), their quantities to `sizes`. `at_stop`: a stop that the open
    has jumped over fills at the stop (live), not at the open. The last three: room for `worth` and the bar it sees.
    """
    if s[ORDER] != 0.0 and killed:
        forget_order(s)
    side, paid, shares, ordered = s[SIDE], s[ENTRY_PRICE], p[SHARES], s[ORDER] != 0.0
    n = before_close(s, r, ts, price, high, low, out, at * TRADE)
    for k in range(at, at + n):
        row = k * TRADE
        if at_stop and out[row + TRADE_REASON] == BY_STOP_GAP:
            out[row + TRADE_EXIT_PRICE] = out[row + TRADE_STOP]
    is_filled = s[SIDE] != 0.0 and s[ENTRY_TS] == ts
    if n == 0 and not is_filled:
        return 4 * DROPPED if ordered and s[ORDER] == 0.0 else 0
    paid_out(s, p, ts, side, paid, shares, fee, out, at, at + n, is_filled, w, bar_ts, bar_close)
    for k in range(at, at + n):
        sizes[k] = shares if out[k * TRADE + ENTRY_TS] != ts else p[SHARES]
    if s[SIDE] == 0.0 or p[MONEY] <= 0.0:  # a short may lose all, and then nothing else is entered
        if s[SIDE] != 0.0:
            emptied(s)
        p[SHARES] = 0.0
    found = int(out[(at + n - 1) * TRADE + TRADE_REASON]) if n > 0 else FILLED
    return 4 * found + n


def paid_out(
    s: Floats, p: Floats, ts: float, side: float, paid: float, shares: float, fee: float, out: Floats, at: int,
    end: int, is_filled: bool, w: Floats, bar_ts: Ints, bar_close: Floats,
) -> None:  # fmt: skip
    """Cash and quantity after the fills of one bar, trades [at, end) and an entry: `worth` over that bar alone."""
    count = end
    if is_filled:
        write_trade(s, out, end * TRADE, ts, s[ENTRY_PRICE], STILL_OPEN)
        count = end + 1
    begin(w, p[MONEY] if p[MONEY] > 0.0 else 1.0)
    w[CASH], w[POSITION], w[PAID], w[QUANTITY], w[DONE] = p[MONEY], side, paid, shares, float(at)
    bar_ts[0], bar_close[0] = int(ts), 1.0
    worth(bar_ts, bar_close, 0, 1, out, count, fee, w, 0, w)
    p[MONEY], p[SHARES] = w[CASH], w[QUANTITY]


def emptied(s: Floats) -> None:
    """No position and no order."""
    for i in range(KERNEL_STATE):
        s[i] = nan if STOP <= i <= TRAIL or i >= ORDER_STOP else 0.0


def valued(s: Floats, p: Floats, close: float) -> None:
    """The worth of the position at a close."""
    if s[SIDE] == 0.0:
        p[WORTH] = p[MONEY]
    else:
        p[WORTH] = p[SHARES] * (close if s[SIDE] > 0.0 else 2.0 * s[ENTRY_PRICE] - close)


def new_day(p: Floats, day: float) -> None:
    """The equity from which a day's loss is counted."""
    if p[DAY] != day:
        p[DAY], p[DAY_WORTH] = day, p[WORTH]


def orders_of(
    s: Floats, r: Floats, ts: float, high: float, low: float, entry: float, leaving: int, flattens: bool,
    stop: float, distance: float, target: float, trail: float,
) -> int:  # fmt: skip
    """Signals become orders: bit 1 for one of now to enter, bit 2 for one of now to leave."""
    was_leaving = s[EXIT] != 0.0
    at_close(s, r, ts, high, low, entry, leaving | (LEAVE_KILLED if flattens else 0), stop, distance, target, trail)
    orders = 1 if s[ORDER] != 0.0 and s[ORDER_TS] == ts else 0
    return orders + (2 if s[EXIT] != 0.0 and not was_leaving else 0)


def done_at_close(s: Floats, orders: int) -> int:
    """The action at a close, times 32, plus its code. `orders`: of `orders_of`, less what was forbidden."""
    if orders & 1:
        if orders & 2:
            return 32 * (TURN_LONG if s[ORDER] > 0.0 else TURN_SHORT) + ENTERING
        return 32 * (GO_LONG if s[ORDER] > 0.0 else GO_SHORT) + ENTERING
    if orders & 2:
        why = s[EXIT]
        return 32 * GO_OUT + (LEAVING if why == BY_SIGNAL else TIMED if why == BY_TIME else KILLING)
    return 32 * STAY_IN + HOLDING if s[SIDE] != 0.0 else 32 * STAY_OUT + NO_SIGNAL
