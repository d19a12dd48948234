"""What an account makes of signals at a close: who leaves, who is let in, who is refused; compiled as `book`."""

from __future__ import annotations

from math import nan

from pyjobs.account.portfolio.seats import (
    AT,
    AT_ENTRIES,
    AT_HERE,
    AT_LEVELS,
    AT_TAKEN,
    BUDGET,
    CONSTRAINED,
    ENTRY,
    FRESH_CLOSE,
    GROUP,
    GROUP_FULL,
    HELD_ALREADY,
    LAST_ENTRY,
    LEVELS,
    MAX_GROUP_WEIGHT,
    MAX_POSITIONS,
    MAX_WEIGHT,
    N_BARS,
    N_HERE,
    N_SEATS,
    N_TAKEN,
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
    TO_SIGNALS,
    Vector,
    add,
    begin_sum,
    fresh,
    put_back,
    take_out,
    total,
    value,
)
from pyjobs.strategy.kernel import (
    EXIT,
    LEAVE_LONG,
    LEAVE_SHORT,
    ORDER,
    SIDE,
    at_close,
)


def close_bars(x: Vector, m: Vector, px: Vector, flags: Vector, s: Vector, r: Vector, ts: float, equity: float) -> None:
    """The signals of the bars that have closed: positions may be told to leave, then flat seats may be let in."""
    wanting = 0
    for h in range(m[N_HERE]):
        k = m[m[AT_HERE] + h]
        q, p = SEATS + k * SEAT, PLACES + k * PLACE
        i = m[p + AT] - 1
        if x[q + SIDE] != 0.0 or x[q + ORDER] != 0.0:
            way_out = LEAVE_LONG if x[q + SIGN] > 0.0 else LEAVE_SHORT
            take_out(x, k, s, r)
            leaving = way_out if flags[m[p + TO_SIGNALS] + i] else 0
            at_close(s, r, ts, px[m[N_BARS] + i], px[2 * m[N_BARS] + i], 0.0, leaving, nan, nan, nan, nan)
            put_back(x, k, s)
            continue
        while m[p + ENTRY] < m[p + LAST_ENTRY] and m[m[AT_ENTRIES] + m[p + ENTRY]] < i:
            m[p + ENTRY] += 1
        if m[p + ENTRY] < m[p + LAST_ENTRY] and m[m[AT_ENTRIES] + m[p + ENTRY]] == i:
            m[m[AT_HERE] + wanting] = k  # never beyond what has been read
            wanting += 1
    if wanting:
        let_in(x, m, px, flags, s, r, ts, equity, wanting)


def let_in(
    x: Vector, m: Vector, px: Vector, flags: Vector, s: Vector, r: Vector, ts: float, equity: float, wanting: int
) -> None:
    """Entry signals of flat seats, in their order: each becomes an order or is refused."""
    m[N_TAKEN] = 0
    for k in range(m[N_SEATS]):
        if x[SEATS + k * SEAT + SIDE] != 0.0 or x[SEATS + k * SEAT + ORDER] != 0.0:
            m[m[AT_TAKEN] + m[N_TAKEN]] = k
            m[N_TAKEN] += 1
    for h in range(wanting):
        k = m[m[AT_HERE] + h]
        q, i = SEATS + k * SEAT, m[PLACES + k * PLACE + AT] - 1
        refusal = 0 if fresh(m, flags, k, i, FRESH_CLOSE) else NO_RATE
        if refusal == 0 and m[CONSTRAINED]:
            refusal = refused(x, m, px, k, equity)
        if refusal:
            m[refusal] += 1
            continue
        x[q + BUDGET] = x[MAX_WEIGHT] * (equity if m[CONSTRAINED] else x[START_CASH])
        a = m[AT_LEVELS] + m[PLACES + k * PLACE + ENTRY] * LEVELS
        take_out(x, k, s, r)
        high, low = px[m[N_BARS] + i], px[2 * m[N_BARS] + i]
        at_close(s, r, ts, high, low, x[q + SIGN], 0, x[a], x[a + 1], x[a + 2], x[a + 3])
        put_back(x, k, s)
        m[m[AT_TAKEN] + m[N_TAKEN]] = k
        m[N_TAKEN] += 1


def refused(x: Vector, m: Vector, px: Vector, k: int, equity: float) -> int:
    """Why a constrained account does not take seat k's signal, as a place in `m`; 0 when it does."""
    p, taken, already = PLACES + k * PLACE, 0, False
    mates = begin_sum(x, m)
    for h in range(m[N_TAKEN]):
        other = m[m[AT_TAKEN] + h]
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
