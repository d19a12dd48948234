"""The life of one position, bar by bar: the one place where anything is entered or left. docs/SEMANTICS.md has the
reasons.

These functions are compiled (see utils/native) for whole series and called as they stand, on lists, for one bar; so
a backtest, a scan, an account and the live loop run the same lines. `s` is the state, `r` the rules, both flat vectors
of float64 indexed by the names below; NaN means "none". Times are `ts_ms`, exact in float64. A finished trade is
written to `out` from index `k` on, TRADE numbers wide.
"""

from __future__ import annotations

from math import nan

from utils.native import Bytes, Floats, Ints

# The state: the position (SIDE 0: none), how it will leave at the next open (EXIT 0: not), and what will be entered.
SIDE, SIGNAL_TS, ENTRY_TS, ENTRY_PRICE, HELD, STOP, TARGET, TRAIL, EXIT = range(9)
ORDER, ORDER_TS, ORDER_STOP, ORDER_DISTANCE, ORDER_TARGET, ORDER_TRAIL = range(9, 15)
STATE = 15

# The rules. Fractions of the fill, 0: none. VARIANT selects the conventions.
STOP_LOSS, TAKE_PROFIT, TRAIL_FRACTION, MAX_BARS, VARIANT = range(5)
RULES = 5
OWN, BACKTESTING_PY, VECTORBT = 0.0, 1.0, 2.0

# Reasons, as floats because they lie in float vectors.
STILL_OPEN, BY_SIGNAL, BY_STOP, BY_STOP_GAP, BY_TIME, BY_TARGET, BY_KILL = 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0
TRADE = 9  # side, signal ts, entry ts, entry price, stop, exit ts, exit price, reason, bars held

# Bits of `has`: which of the per-bar columns an entry carries.
HAS_STOP, HAS_DISTANCE, HAS_TARGET, HAS_TRAIL = 1, 2, 4, 8
LEAVE_LONG, LEAVE_SHORT, LEAVE_KILLED = 1, 2, 4  # the last one, whatever the side: a person's kill switch


def leave(s: Floats, out: Floats, k: int, ts: float, price: float, reason: float) -> float:
    """Close the position; returns the reason."""
    write_trade(s, out, k, ts, price, reason)
    s[SIDE] = s[SIGNAL_TS] = s[ENTRY_TS] = s[ENTRY_PRICE] = s[HELD] = s[EXIT] = 0.0
    s[STOP] = s[TARGET] = s[TRAIL] = nan
    return reason


def write_trade(s: Floats, out: Floats, k: int, ts: float, price: float, reason: float) -> None:
    """The position as a trade that ends there."""
    out[k] = s[SIDE]
    out[k + 1] = s[SIGNAL_TS]
    out[k + 2] = s[ENTRY_TS]
    out[k + 3] = s[ENTRY_PRICE]
    out[k + 4] = s[STOP]
    out[k + 5] = ts
    out[k + 6] = price
    out[k + 7] = reason
    out[k + 8] = s[HELD]


def nearer(side: float, a: float, b: float) -> float:
    """The stop that is hit first; NaN is none."""
    if a != a:
        return b
    if b != b:
        return a
    return a if side * (a - b) >= 0.0 else b


def first_stop(s: Floats, r: Floats, side: float, price: float) -> float:
    """The stop of a fill at `price`: the nearest of level, distance, percent and trailing stop."""
    stop = nearer(side, s[ORDER_STOP], price - side * s[ORDER_DISTANCE])
    stop = nearer(side, stop, price - side * s[ORDER_TRAIL])
    if r[STOP_LOSS] > 0.0:
        stop = nearer(side, stop, price * (1.0 - side * r[STOP_LOSS]))
    if r[TRAIL_FRACTION] > 0.0:
        stop = nearer(side, stop, price * (1.0 - side * r[TRAIL_FRACTION]))
    return stop


def first_target(s: Floats, r: Floats, side: float, price: float) -> float:
    """The target of a fill at `price`: the nearer of distance and percent target."""
    target: float = price + side * s[ORDER_TARGET]
    if r[TAKE_PROFIT] > 0.0:
        target = nearer(-side, target, price * (1.0 + side * r[TAKE_PROFIT]))
    return target


def enter(s: Floats, r: Floats, ts: float, price: float) -> None:
    """Fill the pending entry at `price`; one that would fill at or beyond its own stop is dropped."""
    side = s[ORDER]
    stop = first_stop(s, r, side, price)
    if not side * (price - stop) <= 0.0:
        s[TARGET] = first_target(s, r, side, price)
        s[SIDE] = side
        s[SIGNAL_TS] = s[ORDER_TS]
        s[ENTRY_TS] = ts
        s[ENTRY_PRICE] = price
        s[HELD] = 0.0
        s[STOP] = stop
        s[TRAIL] = s[ORDER_TRAIL]
    forget_order(s)


def forget_order(s: Floats) -> None:
    """Nothing waits for the next open any more."""
    s[ORDER] = s[ORDER_TS] = 0.0
    s[ORDER_STOP] = s[ORDER_DISTANCE] = s[ORDER_TARGET] = s[ORDER_TRAIL] = nan


def at_open(s: Floats, r: Floats, ts: float, price: float, out: Floats, k: int) -> float:
    """Step 1: a pending exit fills; else a stop jumped over, or a target passed, fills; then a pending entry fills.

    Returns the reason of a trade that ended, else 0. Without a price (NaN) everything waits.
    """
    reason = STILL_OPEN
    if price != price:
        return reason
    side = s[SIDE]
    if side != 0.0:
        if s[EXIT] != 0.0:
            reason = leave(s, out, k, ts, price, s[EXIT])
        elif side * (price - s[STOP]) < 0.0:
            reason = leave(s, out, k, ts, price, BY_STOP_GAP)
        elif side * (price - s[TARGET]) >= 0.0:
            reason = leave(s, out, k, ts, price, BY_TARGET)
    if s[SIDE] == 0.0 and s[ORDER] != 0.0:
        enter(s, r, ts, price)
    return reason


def in_range(s: Floats, ts: float, high: float, low: float, out: Floats, k: int) -> float:
    """Step 2: the bar's range against the stop, then the target. Returns the reason of a trade that ended, else 0."""
    side = s[SIDE]
    if side == 0.0:
        return STILL_OPEN
    worst = low if side > 0.0 else high
    best = high if side > 0.0 else low
    if side * (worst - s[STOP]) <= 0.0:
        return leave(s, out, k, ts, s[STOP], BY_STOP)
    if side * (best - s[TARGET]) >= 0.0:
        return leave(s, out, k, ts, s[TARGET], BY_TARGET)
    return STILL_OPEN


def at_close(
    s: Floats, r: Floats, ts: float, high: float, low: float, entry: float, leaving: int,
    stop: float, distance: float, target: float, trail: float,
) -> None:  # fmt: skip
    """Step 3: count the bar, move a trailing stop, turn signals into orders.

    `entry`: +1 long, -1 short, 0 none; `leaving`: bits of the sides to leave, or LEAVE_KILLED. Entry and exit of one
    side at one close: no entry. The exit of one side with the entry of the other: both fill at the next open.
    """
    side = s[SIDE]
    if side != 0.0:
        s[HELD] = s[HELD] + 1.0
        if s[EXIT] == 0.0 and leaving & LEAVE_KILLED:
            s[EXIT] = BY_KILL
        if s[EXIT] == 0.0 and leaving & (LEAVE_LONG if side > 0.0 else LEAVE_SHORT):
            s[EXIT] = BY_SIGNAL
        if s[EXIT] == 0.0 and 0.0 < r[MAX_BARS] <= s[HELD]:
            s[EXIT] = BY_TIME
        best = high if side > 0.0 else low
        if r[VARIANT] == VECTORBT and s[ENTRY_TS] == ts:
            best = nan  # its trailing stop does not see the entry bar
        if s[TRAIL] == s[TRAIL]:
            s[STOP] = nearer(side, s[STOP], best - side * s[TRAIL])
        if r[TRAIL_FRACTION] > 0.0:
            s[STOP] = nearer(side, s[STOP], best * (1.0 - side * r[TRAIL_FRACTION]))
        if s[EXIT] == 0.0 or entry != -side:
            return
    if entry != 0.0 and s[ORDER] == 0.0 and not leaving & (LEAVE_LONG if entry > 0.0 else LEAVE_SHORT):
        s[ORDER] = entry
        s[ORDER_TS] = ts
        s[ORDER_STOP] = stop
        s[ORDER_DISTANCE] = distance
        s[ORDER_TARGET] = target
        s[ORDER_TRAIL] = trail


def before_close(s: Floats, r: Floats, ts: float, price: float, high: float, low: float, out: Floats, k: int) -> int:
    """Steps 1 and 2 of a bar, in the order the variant has them; returns how many trades ended (0, 1 or 2)."""
    if r[VARIANT] != OWN:
        return before_close_elsewhere(s, r, ts, price, high, low, out, k)
    n = 0
    if at_open(s, r, ts, price, out, k) != STILL_OPEN:
        n = 1
    if in_range(s, ts, high, low, out, k + TRADE * n) != STILL_OPEN:
        n += 1
    return n


def before_close_elsewhere(
    s: Floats, r: Floats, ts: float, price: float, high: float, low: float, out: Floats, k: int
) -> int:
    """`before_close` as other engines have it: nothing hits on the entry bar, and the stop comes before the target.

    backtesting.py fills a pending exit before either; vectorbt after both, and what hits there also ends a reversal.
    """
    looks = s[SIDE] != 0.0 and (s[EXIT] == 0.0 or r[VARIANT] == VECTORBT)
    if looks and stop_then_target(s, ts, price, high, low, out, k) != STILL_OPEN:
        s[ORDER] = 0.0
        return 1
    return 1 if at_open(s, r, ts, price, out, k) != STILL_OPEN else 0


def stop_then_target(s: Floats, ts: float, price: float, high: float, low: float, out: Floats, k: int) -> float:
    """The whole bar against the stop, then against the target; what the open has passed fills at the open."""
    side = s[SIDE]
    worst = low if side > 0.0 else high
    best = high if side > 0.0 else low
    if side * (price - s[STOP]) < 0.0:
        return leave(s, out, k, ts, price, BY_STOP_GAP)
    if side * (worst - s[STOP]) <= 0.0:
        return leave(s, out, k, ts, s[STOP], BY_STOP)
    if side * (price - s[TARGET]) >= 0.0:
        return leave(s, out, k, ts, price, BY_TARGET)
    if side * (best - s[TARGET]) >= 0.0:
        return leave(s, out, k, ts, s[TARGET], BY_TARGET)
    return STILL_OPEN


def ride(price: Floats, high: Floats, low: Floats, leaving: Bytes, start: int, end: int, s: Floats, r: Floats) -> int:
    """The first bar of [start, end) at which an open position without a trailing stop may change; it only ages before.

    A short cut through steps 1 to 3 for bars where none of them does anything: most of them.
    """
    stop, target, i = s[STOP], s[TARGET], start
    if r[MAX_BARS] > 0.0:
        end = min(end, start + max(int(r[MAX_BARS] - s[HELD]) - 1, 0))
    if s[SIDE] > 0.0:
        while i < end and not (price[i] < stop or low[i] <= stop or leaving[i] & (LEAVE_LONG | LEAVE_KILLED)):
            if high[i] >= target or price[i] >= target:
                break
            i += 1
    else:
        while i < end and not (price[i] > stop or high[i] >= stop or leaving[i] & (LEAVE_SHORT | LEAVE_KILLED)):
            if low[i] <= target or price[i] <= target:
                break
            i += 1
    s[HELD] = s[HELD] + (i - start)
    return i


def fold(
    ts: Ints, price: Floats, high: Floats, low: Floats, entry: Bytes, leaving: Bytes,
    stop: Floats, distance: Floats, target: Floats, trail: Floats, has: int, start: int, end: int,
    s: Floats, r: Floats, out: Floats,
) -> int:  # fmt: skip
    """Bars [start, end) from state `s` on, which ends as the state after the last; returns how many trades ended.

    `out` needs room for two trades a bar.
    """
    n, i = 0, start
    while i < end:
        if s[SIDE] == 0.0 and s[ORDER] == 0.0:
            while i < end and entry[i] == 0:
                i += 1
        elif s[SIDE] != 0.0 and s[EXIT] == 0.0 and s[TRAIL] != s[TRAIL] and r[TRAIL_FRACTION] == 0.0:
            i = ride(price, high, low, leaving, i, end, s, r)
        if i >= end:
            break
        t = float(ts[i])
        n += before_close(s, r, t, price[i], high[i], low[i], out, n * TRADE)
        at_close(
            s, r, t, high[i], low[i], float(entry[i]), int(leaving[i]),
            stop[i] if has & HAS_STOP else nan,
            distance[i] if has & HAS_DISTANCE else nan,
            target[i] if has & HAS_TARGET else nan,
            trail[i] if has & HAS_TRAIL else nan,
        )  # fmt: skip
        i += 1
    return n


def follow(
    ts: Ints, price: Floats, high: Floats, low: Floats, close: Floats, none: Bytes, leaving: Bytes,
    stop: Floats, distance: Floats, target: Floats, trail: Floats, has: int, triggers: Ints, count: int, end: int,
    side: float, s: Floats, r: Floats, out: Floats, ends: Floats,
) -> int:  # fmt: skip
    """The entry signalled at each of `triggers`, on `side`, taken alone up to bar `end`. `none`: no entry at any bar.

    `ends`: for each how many trades ended (0 or 1), the position's side and the pending order's after the last bar, and
    the trade, one that is still open marked to the last close. `out` needs room for two trades.
    """
    for j in range(count):
        t, k = triggers[j], j * (3 + TRADE)
        for i in range(STATE):
            s[i] = nan if STOP <= i <= TRAIL or i >= ORDER_STOP else 0.0
        at_close(
            s, r, float(ts[t]), nan, nan, side, 0,
            stop[t] if has & HAS_STOP else nan,
            distance[t] if has & HAS_DISTANCE else nan,
            target[t] if has & HAS_TARGET else nan,
            trail[t] if has & HAS_TRAIL else nan,
        )  # fmt: skip
        n = fold(ts, price, high, low, none, leaving, stop, distance, target, trail, has, t + 1, end, s, r, out)
        ends[k], ends[k + 1], ends[k + 2] = float(n), s[SIDE], s[ORDER]
        if n == 0 and s[SIDE] != 0.0:
            write_trade(s, out, 0, float(ts[end - 1]), close[end - 1], STILL_OPEN)
        for i in range(TRADE):
            ends[k + 3 + i] = out[i]
    return count
