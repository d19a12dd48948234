"""What an account makes of signals at a close: who leaves, who is let in, who is refused; compiled as `book`."""

from __future__ import annotations

from math import nan

from pyjobs.account.portfolio.seats import (
    AT_BUSY,
    AT_SPARE,
    AT_WANTING,
    BUDGET,
    CONSTRAINED,
    EVENT,
    FIRST_ENTRY,
    FIRST_LEVEL,
    FRESH_CLOSE,
    GROUP,
    GROUP_FULL,
    HAS,
    HELD_ALREADY,
    MAX_GROUP_WEIGHT,
    MAX_POSITIONS,
    MAX_WEIGHT,
    N_BARS,
    N_BUSY,
    N_NEW,
    NEAR,
    NO_RATE,
    PLACE,
    PLACES,
    QUANTITY,
    SEAT,
    SEATS,
    SERIES,
    SIGN,
    SLOTS,
    START_CASH,
    TO_BITS,
    Vector,
    fresh,
    is_flat,
    is_here,
    next_bar,
    put_back,
    take_out,
    value,
)
from pyjobs.account.portfolio.sums import add, begin_sum, total
from pyjobs.strategy.kernel import (
    EXIT,
    HAS_DISTANCE,
    HAS_STOP,
    HAS_TARGET,
    HAS_TRAIL,
    LEAVE_LONG,
    LEAVE_SHORT,
    MAX_BARS,
    SIDE,
    STATE,
    TRAIL_FRACTION,
    at_close,
)
from pyjobs.strategy.riding import ages


def leave_or_stay(x: Vector, m: Vector, px: Vector, bits: Vector, s: Vector, r: Vector, ts: float) -> None:
    """The close of the bars of this moment for positions and orders; seats that have become flat leave the list."""
    kept = 0
    for h in range(m[N_BUSY]):
        k = m[m[AT_BUSY] + h]
        if is_flat(x, k):
            continue
        m[m[AT_BUSY] + kept] = k  # never beyond what has been read
        kept += 1
        if is_here(m, k):
            i = next_bar(m, k) - 1
            bit = m[PLACES + k * PLACE + TO_BITS] + i
            told, q = (bits[bit >> 3] >> (bit & 7)) & 1 != 0, SEATS + k * SEAT
            if ages(x, q, x[q + STATE + MAX_BARS], x[q + STATE + TRAIL_FRACTION], told):
                continue
            way_out = LEAVE_LONG if x[q + SIGN] > 0.0 else LEAVE_SHORT
            leaving = way_out if told else 0
            take_out(x, k, s, r)
            at_close(s, r, ts, px[m[N_BARS] + i], px[2 * m[N_BARS] + i], 0.0, leaving, nan, nan, nan, nan)
            put_back(x, k, s)
    m[N_BUSY] = kept


def let_in(
    x: Vector, m: Vector, px: Vector, flags: Vector, events: Vector, levels: Vector, s: Vector, r: Vector,
    ts: float, equity: float, j: int,
) -> None:  # fmt: skip
    """The entry signals of moment j at flat seats, in their order: each becomes an order or is refused."""
    wanting = m[N_NEW] = 0
    for event in range(events[j], events[j + 1], EVENT):
        if is_flat(x, events[event]):
            m[m[AT_WANTING] + wanting] = event
            wanting += 1
    for h in range(wanting):
        event = m[m[AT_WANTING] + h]
        k, n = events[event], events[event + 1]
        q, i = SEATS + k * SEAT, next_bar(m, k) - 1
        refusal = 0 if fresh(m, flags, k, i, FRESH_CLOSE) else NO_RATE
        if refusal == 0 and m[CONSTRAINED]:
            refusal = refused(x, m, px, k, equity)
        if refusal:
            m[refusal] += 1
            continue
        x[q + BUDGET] = x[MAX_WEIGHT] * (equity if m[CONSTRAINED] else x[START_CASH])
        take_out(x, k, s, r)
        at_close(
            s, r, ts, px[m[N_BARS] + i], px[2 * m[N_BARS] + i], x[q + SIGN], 0,
            level(m, levels, k, n, HAS_STOP), level(m, levels, k, n, HAS_DISTANCE),
            level(m, levels, k, n, HAS_TARGET), level(m, levels, k, n, HAS_TRAIL),
        )  # fmt: skip
        put_back(x, k, s)
        m[m[AT_BUSY] + m[N_BUSY] + m[N_NEW]] = k
        m[N_NEW] += 1
    if m[N_NEW]:
        put_in_order(m)


def level(m: Vector, levels: Vector, k: int, n: int, bit: int) -> float:
    """What entry n, of seat k, carries of the kind `bit`; NaN where the seat's have none."""
    p = PLACES + k * PLACE
    if not m[p + HAS] & bit:
        return nan
    at = m[p + FIRST_LEVEL] + (n - m[p + FIRST_ENTRY]) * columns_of(m[p + HAS])
    return float(levels[at + columns_of(m[p + HAS] & (bit - 1))])


def columns_of(has: int) -> int:
    """How many bits of it are set."""
    return int((has & 1) + (has >> 1 & 1) + (has >> 2 & 1) + (has >> 3 & 1))


def put_in_order(m: Vector) -> None:
    """The list of busy seats with the new ones, which stand behind it in their own order, among them."""
    old, new, end = m[AT_BUSY], m[AT_BUSY] + m[N_BUSY], m[AT_BUSY] + m[N_BUSY] + m[N_NEW]
    first_new, at = new, m[AT_SPARE]
    while old < first_new or new < end:
        if new == end or (old < first_new and m[old] < m[new]):
            m[at] = m[old]
            old += 1
        else:
            m[at] = m[new]
            new += 1
        at += 1
    m[AT_BUSY], m[AT_SPARE] = m[AT_SPARE], m[AT_BUSY]
    m[N_BUSY] += m[N_NEW]
    m[N_NEW] = 0


def refused(x: Vector, m: Vector, px: Vector, k: int, equity: float) -> int:
    """Why a constrained account does not take seat k's signal, as a place in `m`; 0 when it does."""
    p, taken, already = PLACES + k * PLACE, 0, False
    mates = begin_sum(x, m)
    for h in range(m[N_BUSY] + m[N_NEW]):
        other = m[m[AT_BUSY] + h]
        q, same = SEATS + other * SEAT, m[PLACES + other * PLACE + SERIES] == m[p + SERIES]
        leaves = x[q + SIDE] != 0.0 and x[q + EXIT] != 0.0
        if same and leaves and x[q + SIGN] != x[SEATS + k * SEAT + SIGN]:
            continue  # it leaves at the very open at which this one would take the other side
        taken += 1
        already = already or same
        if m[p + GROUP] >= 0 and m[PLACES + other * PLACE + GROUP] == m[p + GROUP]:
            mates = add(x, m, mates, value(x, m, px, other) if x[q + QUANTITY] != 0.0 else x[q + BUDGET])
    if already:
        return HELD_ALREADY
    if taken >= m[MAX_POSITIONS]:
        return SLOTS
    wanted = total(x, m, mates) + x[MAX_WEIGHT] * equity
    full = m[p + GROUP] >= 0 and wanted > x[MAX_GROUP_WEIGHT] * equity * (1.0 + NEAR)
    return GROUP_FULL if full else 0
