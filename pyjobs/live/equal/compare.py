"""Decisions and trades of a live journal against a backtest's, over the window both have, from where both are flat.

A difference is explained when a recorded event explains it (late, blocked, and with the store's bars: revised), and
so are those after it until both are flat again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from pyjobs.live.equal.logs import BLOCKED, LATE, Log
from pyjobs.live.journal import names
from pyjobs.live.journal.cells import FLAT_STATE
from pyjobs.live.journal.lines import Row
from pyjobs.live.journal.rows import Rows
from pyjobs.market.bars import Bars

FIRST, LAST = 4, names.COMPARED  # action, reason, before, after, state
BEFORE, AFTER, STATE = (names.DECISIONS.index(each) for each in ("before", "after", "state"))
IDENTITY = slice(names.DECISIONS.index("strategy"), names.DECISIONS.index("fingerprint") + 1)
NUMBER, SIDE, SIGNAL, ENTRY, PAID, STOP, LEFT, REASON, HELD, GAIN = (
    names.TRADES.index(each)
    for each in (
        *("number", "side", "signal_ts_ms", "entry_ts_ms", "entry_price", "stop", "exit_price", "reason"),
        *("bars_held", "return"),
    )
)
EQUAL = (names.TS_MS, SIDE, SIGNAL, ENTRY, PAID, STOP, REASON, HELD)
CLOSE_ENOUGH = 1e-12
NEVER_FLAT = "the two are never flat at one bar, so nothing can be compared: let START_TS_MS be a bar at which live is"
Explain = Callable[[Row], str]
"""What recorded event explains a difference at this live row; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """The first unexplained difference of a layer: the bar, or the trade's number, and both rows ("" for none)."""

    layer: str
    ts_ms: int
    live: str
    other: str
    what: str


@dataclass(slots=True, kw_only=True)
class Compared:
    """The result of a comparison. `excused`: stretches [first, last] that recorded events explain, and by which."""

    first_ms: int = 0
    last_ms: int = 0
    synced_ms: int = 0
    rows: int = 0
    explained: int = 0
    excused: list[tuple[int, int, str]] = field(default_factory=list)
    decisions: Mismatch | None = None
    trades: Mismatch | None = None
    live_trades: int = 0
    other_trades: int = 0

    @property
    def passed(self) -> bool:
        """Whether nothing is unexplained."""
        return self.decisions is None and self.trades is None


def by_events(row: Row) -> str:
    """Why it may differ, by the row's own columns."""
    words = names.blocks(row[BLOCKED]) - {"no_cash"}
    if row[LATE] == "1" or words & {"late", "fetch_failed"}:
        return "late decision"
    return "limit or kill" if words else ""


def compare(live: Log, other: Log, explain: Explain = by_events) -> Compared:
    """See the module."""
    found = Compared()
    if live.decisions and other.decisions:
        found.first_ms, found.last_ms = max(live.first_ms, other.first_ms), min(live.last_ms, other.last_ms)
    mine, theirs = (_within(log.decisions, found.first_ms, found.last_ms) for log in (live, other))
    if not mine.size or not theirs.size:
        found.decisions = Mismatch(layer="decisions", ts_ms=0, live="", other="", what="the windows do not overlap")
        return found
    a, b = live.decisions[int(mine[0])], other.decisions[int(theirs[0])]
    if a[IDENTITY] != b[IDENTITY]:
        found.decisions = replace(_apart(a, b), what="another strategy, or other parameters")
        return found
    _decisions(found, live.decisions, other.decisions, (mine, theirs), explain)
    if not found.synced_ms:
        found.decisions = Mismatch(layer="decisions", ts_ms=0, live="", other="", what=NEVER_FLAT)
        return found
    _trades(found, live, other)
    return found


def _within(rows: Rows, first_ms: int, last_ms: int) -> np.ndarray:
    """The numbers of the rows of a window."""
    return np.arange(np.searchsorted(rows.ts_ms, first_ms), np.searchsorted(rows.ts_ms, last_ms, side="right"))


def _decisions(
    found: Compared, live: Rows, other: Rows, window: tuple[np.ndarray, np.ndarray], explain: Explain
) -> None:
    """Both, over all closes that either has; only at rows that differ are cells looked at."""
    mine, theirs = live.ts_ms[window[0]], other.ts_ms[window[1]]
    if np.array_equal(mine, theirs):
        at, (a, b) = mine, window
    else:
        at = np.union1d(mine, theirs)
        a, b = (_numbers(rows, at, which) for rows, which in ((live, window[0]), (other, window[1])))
    both = (a >= 0) & (b >= 0)
    same, flat, ready = (np.zeros(len(at), np.bool_) for _ in range(3))
    same[both] = live.same(a[both], other, b[both], FIRST, LAST)
    flats = [rows.has(STATE, FLAT_STATE.encode()) for rows in (live, other)]  # after a row, nothing held or ordered
    flat[both] = flats[0][a[both]] & flats[1][b[both]]
    ready[both] = _begins(live, flats[0], a[both], window[0]) & _begins(other, flats[1], b[both], window[1])
    begin = int(np.argmax(ready)) if ready.any() else len(at)
    if begin == len(at):
        return
    found.synced_ms = int(at[begin])
    apart, calm = np.flatnonzero(~same), np.flatnonzero(flat)
    k = int(np.searchsorted(apart, begin))
    while k < len(apart):
        here = int(apart[k])
        row_a, row_b = live[int(a[here])] if a[here] >= 0 else None, other[int(b[here])] if b[here] >= 0 else None
        why = explain(row_a or row_b or [])
        if not why:
            found.rows, found.decisions = here - begin + 1, _apart(row_a, row_b)
            return
        again = int(np.searchsorted(calm, here))
        end = int(calm[again]) if again < len(calm) else len(at)
        after = int(np.searchsorted(apart, end, side="right"))
        found.explained += after - k
        found.excused.append((int(at[here]), int(at[end]) if end < len(at) else found.last_ms, why))
        k = after
    found.rows = len(at) - begin


def _numbers(rows: Rows, at: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The row of each close, -1 where there is none; `which` are the rows of the window."""
    found = which[0] + np.minimum(np.searchsorted(rows.ts_ms[which], at), len(which) - 1)
    return np.where(rows.ts_ms[found] == at, found, -1)


def _begins(rows: Rows, flat: np.ndarray, at: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Whether nothing was held before these rows, and nothing ordered before them within the window."""
    was_flat = (at == which[0]) | flat[np.maximum(at - 1, 0)]
    return np.asarray(rows.has(BEFORE, b"flat")[at] & was_flat)


def _trades(found: Compared, live: Log, other: Log) -> None:
    """Trades from the sync on that ended within the window and that no excused stretch touches."""
    mine, theirs = (_counted(found, log.trades) for log in (live, other))
    found.live_trades, found.other_trades = len(mine), len(theirs)
    n = min(len(mine), len(theirs))
    alike = np.ones(n, np.bool_)
    for first, last in ((names.TS_MS, names.TS_MS + 1), (SIDE, HELD + 1), (GAIN, GAIN + 1)):
        alike &= live.trades.same(mine[:n], other.trades, theirs[:n], first, last)
    for k in np.flatnonzero(~alike).tolist():
        a, b = live.trades[int(mine[k])], other.trades[int(theirs[k])]
        if what := different(a, b, live.bars):
            found.trades = Mismatch(
                layer="trades", ts_ms=int(a[names.TS_MS]), live=",".join(a), other=",".join(b), what=what
            )
            return
    if len(mine) != len(theirs):
        one = live.trades[int(mine[n])] if len(mine) > n else []
        more = other.trades[int(theirs[n])] if len(theirs) > n else []
        at = int((one or more)[names.TS_MS])
        found.trades = Mismatch(
            layer="trades", ts_ms=at, live=",".join(one), other=",".join(more), what="one has a trade more"
        )


def _counted(found: Compared, trades: Rows) -> np.ndarray:
    """Their numbers. Stretches come in order and apart: the last one that begins by a trade's end is the one to ask."""
    signal, left = trades.floats(SIGNAL, 1)[0], trades.ts_ms
    keep = (signal >= found.synced_ms) & (left <= found.last_ms)
    if found.excused:
        begins, ends = (np.array(column, np.int64) for column in list(zip(*found.excused, strict=True))[:2])
        k = np.searchsorted(begins, left, side="right") - 1
        keep &= (k < 0) | (ends[np.maximum(k, 0)] < signal)
    return np.flatnonzero(keep)


def different(live: Row, other: Row, bars: Bars) -> str:
    """In what two trades differ, in words; empty where they agree or only the convention of a jumped stop differs."""
    for cell in EQUAL:
        if live[cell] != other[cell]:
            return f"{names.TRADES[cell]} {live[cell]} live, {other[cell]} in the backtest"
    if live[LEFT] == other[LEFT]:
        gain = abs(float(live[GAIN]) - float(other[GAIN]))
        return "" if gain <= CLOSE_ENOUGH else f"return {live[GAIN]} live, {other[GAIN]} in the backtest"
    stop, opened = float(live[STOP]) if live[STOP] != "-" else 0.0, _open_at(bars, int(live[names.TS_MS]))
    side = 1.0 if live[SIDE] == "long" else -1.0
    jumped = opened and side * (float(opened) - stop) < 0.0
    if live[REASON] == "stop_hit" and jumped and float(live[LEFT]) == stop and other[LEFT] == opened:
        return ""
    return (
        f"exit_price {live[LEFT]} live, {other[LEFT]} in the backtest (stop {live[STOP]}, open {opened or 'unknown'})"
    )


def _open_at(bars: Bars, ts_ms: int) -> str:
    """The open of the bar that closes then, as text; empty where there is none."""
    i = int(np.searchsorted(bars.ts_ms, ts_ms))
    return repr(float(bars.open[i])) if i < len(bars) and bars.ts_ms[i] == ts_ms else ""


def _apart(a: Row | None, b: Row | None) -> Mismatch:
    one = "only the backtest has this bar" if a is None else "only live has this bar"
    what = one if a is None or b is None else "they decided differently"
    return Mismatch(
        layer="decisions", ts_ms=int((a or b or [])[names.TS_MS]), live=",".join(a or ()), other=",".join(b or ()),
        what=what,
    )  # fmt: skip
