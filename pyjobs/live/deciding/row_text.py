"""The deterministic cells of decisions as bytes, held against those of a file; to be compiled (see utils/native).

A number is written as `core` and `cells` write it: the shortest text that reads as it, whole ones of a state without a
point. A number that is not finite is no number of a journal: such a row is reported as different, and looked at by
`core`.
"""

from __future__ import annotations

from math import nan
from typing import NamedTuple

import numpy as np

from pyjobs.live.deciding.one_bar import (
    CADENCE,
    DAY_WORTH,
    ENDED,
    FEATURES,
    FEW_BARS,
    KERNEL_STATE,
    MONEY,
    SHARES,
    SKIP,
    WORTH,
    done_at_close,
    new_day,
    opened,
    orders_of,
    valued,
)
from pyjobs.live.journal.line_loops import ALL_ONES, COMMA, LETTER_A, SEAL, ZERO, summed
from pyjobs.strategy.kernel import (
    HAS_DISTANCE,
    HAS_STOP,
    HAS_TARGET,
    HAS_TRAIL,
    ORDER,
    SIDE,
    forget_order,
)
from utils.csv_text.cells import MINUS, write_digits, write_float
from utils.native import Bytes, Floats, Ints

DASH, UNKNOWN, BAR = 45, 63, 124
WHOLE_LIMIT = 9007199254740992.0  # 2^53
KILLED, FLATTENED, FORBIDDEN, TOLD_BROKE = 1, 2, 4, 8  # bits of what stands in `blocked_by`; a reported skip: times 16
PREFIX, IDENTITY, FLAT, LAST, FIRST_SIDE, FIRST_ACTION, FIRST_TOLD = 0, 1, 2, 3, 5, 7, 15  # numbers of labels


class Bench(NamedTuple):
    """The memory of a fold: the state, the purse and their bits, the rules, room for one bar and for one line."""

    s: Floats
    s_bits: Ints
    p: Floats
    p_bits: Ints
    r: Floats
    w: Floats
    bar_ts: Ints
    bar_close: Floats
    powers: Ints
    found: Ints
    line: Bytes


class Series(NamedTuple):
    """A stretch of bars with its signals, and for each bar its day, whether it is skipped, and its seal."""

    ts: Ints
    price: Floats
    high: Floats
    low: Floats
    close: Floats
    entry: Bytes
    leaving: Bytes
    stop: Floats
    distance: Floats
    target: Floats
    trail: Floats
    has: int
    day: Floats
    broken: Bytes
    lacking: Bytes
    seals: Ints
    lookback: int


class Against(NamedTuple):
    """The lines that must be so: where each begins, where its last deterministic cell ends, what forbade an entry."""

    text: Bytes
    starts: Ints
    ends: Ints
    forbids: Bytes
    labels: Bytes
    label_starts: Ints


def seal_bars(
    prices: Floats, bits: Ints, n: int, powers: Ints, found: Ints, tables: Ints, line: Bytes, seals: Ints
) -> int:
    """The checksum of each bar as a decision has it: open, high, low, close, volume, as text. `n`, if all are finite.

    `prices`: the five columns one after the other.
    """
    for i in range(n):
        at = 0
        for column in range(5):
            place = column * n + i
            if prices[place] - prices[place] != 0.0:
                return i
            at = put_exact(prices[place], bits[place], powers, found, line, at)
            line[at] = COMMA
            at += 1
        seals[i] = summed(line, 0, at - 1, ALL_ONES, tables) ^ ALL_ONES
    return n


def rows_alike(
    bench: Bench, series: Series, start: int, end: int, row: int, against: Against, at_stop: int, fee: float,
    trades: Floats, sizes: Floats, ended: Ints,
) -> int:  # fmt: skip
    """Decide bars [start, end) and hold each against the line `row` and those after it; how many are the same.

    Trades that ended go to `trades` and `sizes` (room for two a bar, and one), their rows to `ended`, from 1 on;
    `ended[0]` counts them.
    """
    for i in range(start, end):
        k = row + i - start
        size = one_row(bench, series, i, k, int(against.forbids[k]), 1, against, at_stop, fee, trades, sizes, ended)
        begins = against.starts[k]
        if size != against.ends[k] - begins:
            return i - start
        for j in range(size):
            if bench.line[j] != against.text[begins + j]:
                return i - start
    return end - start


def rows_written(
    bench: Bench, series: Series, start: int, end: int, row: int, against: Against, at_stop: int, fee: float,
    trades: Floats, sizes: Floats, ended: Ints, out: Bytes,
) -> int:  # fmt: skip
    """Decide bars [start, end), about which nothing is recorded, and write their lines to `out`; how many bytes.

    The text after the deterministic cells, the line's end included, is the last label. Trades as in `rows_alike`.
    """
    at = 0
    for i in range(start, end):
        size = one_row(bench, series, i, row + i - start, 0, 0, against, at_stop, fee, trades, sizes, ended)
        for j in range(size):
            out[at + j] = bench.line[j]
        at = put_label(against, LAST, out, at + size)
    return at


def one_row(
    bench: Bench, series: Series, i: int, row: int, forbids: int, is_recorded: int, against: Against, at_stop: int,
    fee: float, trades: Floats, sizes: Floats, ended: Ints,
) -> int:  # fmt: skip
    """Bar `i` decided, and its deterministic cells in the bench's line: how many bytes; -1 where a record differs.

    `forbids`: what was recorded; with `is_recorded` also what followed by itself: a skip, no cash.
    """
    s, p, before = bench.s, bench.p, bench.s[SIDE]
    new_day(p, series.day[i])
    found = filled(bench, series, i, forbids & KILLED != 0, at_stop != 0, fee, row, trades, sizes, ended)
    skip = FEW_BARS if i + 1 < series.lookback else 0
    if skip == 0 and series.broken[i] + series.lacking[i] > 0:
        skip = CADENCE if series.broken[i] else FEATURES
    broke = p[MONEY] <= 0.0 and s[SIDE] == 0.0
    if is_recorded == 0:
        forbids = FORBIDDEN if skip or broke else 0
    elif forbids >> 4 != (skip - FEW_BARS + 1 if skip else 0) or (forbids & TOLD_BROKE != 0) != broke:
        return -1
    valued(s, p, series.close[i])
    side = s[SIDE]
    done = at_its_close(bench, series, i, forbids)
    action, reason = done // 32, done % 32
    if skip:
        action, reason = SKIP, skip
    if found:
        reason = found
    return write_row(bench, series, i, action, reason, before, side, against)


def filled(
    bench: Bench, series: Series, i: int, killed: bool, at_stop: bool, fee: float, row: int,
    trades: Floats, sizes: Floats, ended: Ints,
) -> int:  # fmt: skip
    """`opened` of one bar, where there is anything to fill; the code of what happened."""
    s = bench.s
    if s[SIDE] == 0.0 and s[ORDER] == 0.0:
        return 0
    n = ended[0]
    code = opened(
        s, bench.r, bench.p, float(series.ts[i]), series.price[i], series.high[i], series.low[i], killed, at_stop,
        fee, trades, sizes, n, bench.w, bench.bar_ts, bench.bar_close,
    )  # fmt: skip
    more = code % 4
    for m in range(more):
        ended[1 + n + m] = row
    ended[0] = n + more
    bench.p[ENDED] += float(more)
    return code // 4


def at_its_close(bench: Bench, series: Series, i: int, forbids: int) -> int:
    """`orders_of` of one bar, where there is a signal, less what is forbidden; `done_at_close` of it."""
    s, has = bench.s, series.has
    if s[SIDE] == 0.0 and series.entry[i] == 0:
        return done_at_close(s, 0)
    orders = orders_of(
        s, bench.r, float(series.ts[i]), series.high[i], series.low[i], float(series.entry[i]),
        int(series.leaving[i]), forbids & FLATTENED != 0,
        series.stop[i] if has & HAS_STOP else nan,
        series.distance[i] if has & HAS_DISTANCE else nan,
        series.target[i] if has & HAS_TARGET else nan,
        series.trail[i] if has & HAS_TRAIL else nan,
    )  # fmt: skip
    if orders & 1 and forbids:
        forget_order(s)
        orders -= 1
    return done_at_close(s, orders)


def write_row(
    bench: Bench, series: Series, i: int, action: int, reason: int, before: float, side: float, against: Against
) -> int:
    """The deterministic cells of one decision into the bench's line; how many bytes."""
    s, p, line = bench.s, bench.p, bench.line
    at = put_label(against, PREFIX, line, 0)
    at = write_digits(np.uint64(series.ts[i]), line, at)
    line[at] = COMMA
    at = put_label(against, FIRST_ACTION + action, line, at + 1)
    at = put_label(against, FIRST_TOLD + reason, line, at)
    at = put_label(against, FIRST_SIDE + int(before), line, at)
    at = put_label(against, FIRST_SIDE + int(side), line, at)
    if s[SIDE] == 0.0 and s[ORDER] == 0.0:
        at = put_label(against, FLAT, line, at)
    else:
        for m in range(KERNEL_STATE):
            at = put_number(s[m], bench.s_bits[m], bench.powers, bench.found, line, at)
            line[at] = BAR
            at += 1
        line[at - 1] = COMMA
    at = put_label(against, IDENTITY, line, at)
    at = write_digits(np.uint64(p[ENDED]), line, at)
    line[at] = COMMA
    at += 1
    for m in (MONEY, SHARES, WORTH, DAY_WORTH):
        at = put_exact(p[m], bench.p_bits[m], bench.powers, bench.found, line, at)
        line[at] = COMMA
        at += 1
    seal = series.seals[i]
    for m in range(SEAL):
        digit = (seal >> (4 * (SEAL - 1 - m))) & 15
        line[at + m] = ZERO + digit if digit < 10 else LETTER_A + digit - 10
    return at + SEAL


def put_label(against: Against, number: int, line: Bytes, at: int) -> int:
    """A text that is in many rows, its comma included; where it ends."""
    for i in range(against.label_starts[number], against.label_starts[number + 1]):
        line[at] = against.labels[i]
        at += 1
    return at


def put_number(value: float, bits: int, powers: Ints, found: Ints, line: Bytes, at: int) -> int:
    """A number of a state: `cells.number`."""
    if value != value:
        line[at] = DASH
        return at + 1
    if not -WHOLE_LIMIT < value < WHOLE_LIMIT or value != float(int(value)):
        return put_exact(value, bits, powers, found, line, at)
    if value < 0.0:
        line[at] = MINUS
        at += 1
    return write_digits(np.uint64(abs(value)), line, at)


def put_exact(value: float, bits: int, powers: Ints, found: Ints, line: Bytes, at: int) -> int:
    """A number as Python's `repr`; for one that is not finite a byte that no journal has."""
    if value - value != 0.0:
        line[at] = UNKNOWN
        return at + 1
    if bits < 0:
        line[at] = MINUS
        at += 1
    return write_float(np.uint64(bits), powers, found, line, at)
