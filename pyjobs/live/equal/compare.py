"""Decisions and trades of a live journal against a backtest's, over the window both have, from where both are flat.

A difference is explained when a recorded event explains it (late, blocked, and with the store's bars: revised), and
so are those after it until both are flat again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pyjobs.live.equal.logs import BLOCKED, LATE, Log
from pyjobs.live.journal import names
from pyjobs.live.journal.cells import FLAT_STATE
from pyjobs.live.journal.lines import Row

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
    """What a comparison found. `excused`: stretches [first, last] that recorded events explain, and by which."""

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
    mine = [row for row in live.decisions if found.first_ms <= int(row[names.TS_MS]) <= found.last_ms]
    theirs = [row for row in other.decisions if found.first_ms <= int(row[names.TS_MS]) <= found.last_ms]
    if not mine or not theirs:
        found.decisions = Mismatch(layer="decisions", ts_ms=0, live="", other="", what="the windows do not overlap")
        return found
    if mine[0][IDENTITY] != theirs[0][IDENTITY]:
        found.decisions = replace(_apart(mine[0], theirs[0]), what="another strategy, or other parameters")
        return found
    _decisions(found, mine, theirs, explain)
    if not found.synced_ms:
        found.decisions = Mismatch(layer="decisions", ts_ms=0, live="", other="", what=NEVER_FLAT)
        return found
    _trades(found, live, other)
    return found


def _decisions(found: Compared, mine: Sequence[Row], theirs: Sequence[Row], explain: Explain) -> None:
    """Walk both, a bar at a time."""
    i = j = 0
    since, why = 0, ""
    while i < len(mine) or j < len(theirs):
        a = mine[i] if i < len(mine) else None
        b = theirs[j] if j < len(theirs) else None
        x = int(a[names.TS_MS]) if a else 2**63
        y = int(b[names.TS_MS]) if b else 2**63
        at, a, b = min(x, y), a if x <= y else None, b if y <= x else None
        i, j = i + (a is not None), j + (b is not None)
        if not found.synced_ms:
            if a is None or b is None or not (a[BEFORE] == b[BEFORE] == "flat" and _was_flat(mine, theirs, i, j)):
                continue
            found.synced_ms = at
        found.rows += 1
        same = a is not None and b is not None and a[FIRST:LAST] == b[FIRST:LAST]
        if not same:
            why_here = explain(a) if a is not None else explain(b) if b is not None else ""
            if not why and not why_here:
                found.decisions = _apart(a, b)
                return
            if not why:
                since, why = at, why_here
            found.explained += 1
        if why and a is not None and b is not None and a[STATE] == b[STATE] == FLAT_STATE:
            found.excused.append((since, at, why))
            since, why = 0, ""
    if why:
        found.excused.append((since, found.last_ms, why))


def _was_flat(mine: Sequence[Row], theirs: Sequence[Row], i: int, j: int) -> bool:
    """Whether nothing was ordered before the rows just read either."""
    before = [rows[at - 2] for rows, at in ((mine, i), (theirs, j)) if at > 1]
    return all(row[STATE] == FLAT_STATE for row in before)


def _trades(found: Compared, live: Log, other: Log) -> None:
    """Trades from the sync on that ended within the window and that no excused stretch touches."""
    mine, theirs = (_counted(found, log) for log in (live, other))
    found.live_trades, found.other_trades = len(mine), len(theirs)
    opens = {
        int(ts_ms): repr(price) for ts_ms, price in zip(live.bars.ts_ms.tolist(), live.bars.open.tolist(), strict=True)
    }
    for a, b in zip(mine, theirs, strict=False):
        if what := different(a, b, opens):
            found.trades = Mismatch(
                layer="trades", ts_ms=int(a[names.TS_MS]), live=",".join(a), other=",".join(b), what=what
            )
            return
    if len(mine) != len(theirs):
        k = min(len(mine), len(theirs))
        one, more = [*mine[k : k + 1], []][0], [*theirs[k : k + 1], []][0]
        at = int((one or more)[names.TS_MS])
        found.trades = Mismatch(
            layer="trades", ts_ms=at, live=",".join(one), other=",".join(more), what="one has a trade more"
        )


def _counted(found: Compared, log: Log) -> list[Row]:
    """Stretches come in order and apart: the last one that begins by a trade's end is the only one to ask."""
    kept, begins = [], [first for first, _, _ in found.excused]
    for row in log.trades:
        signal, left = int(row[SIGNAL]), int(row[names.TS_MS])
        if signal < found.synced_ms or left > found.last_ms:
            continue
        k = bisect_right(begins, left) - 1
        if k < 0 or found.excused[k][1] < signal:
            kept.append(row)
    return kept


def different(live: Row, other: Row, opens: dict[int, str]) -> str:
    """In what two trades differ, in words; empty where they agree or only the convention of a jumped stop differs."""
    for cell in EQUAL:
        if live[cell] != other[cell]:
            return f"{names.TRADES[cell]} {live[cell]} live, {other[cell]} in the backtest"
    if live[LEFT] == other[LEFT]:
        gain = abs(float(live[GAIN]) - float(other[GAIN]))
        return "" if gain <= CLOSE_ENOUGH else f"return {live[GAIN]} live, {other[GAIN]} in the backtest"
    stop, opened = float(live[STOP]) if live[STOP] != "-" else 0.0, opens.get(int(live[names.TS_MS]), "")
    side = 1.0 if live[SIDE] == "long" else -1.0
    jumped = opened and side * (float(opened) - stop) < 0.0
    if live[REASON] == "stop_hit" and jumped and float(live[LEFT]) == stop and other[LEFT] == opened:
        return ""
    return (
        f"exit_price {live[LEFT]} live, {other[LEFT]} in the backtest (stop {live[STOP]}, open {opened or 'unknown'})"
    )


def _apart(a: Row | None, b: Row | None) -> Mismatch:
    one = "only the backtest has this bar" if a is None else "only live has this bar"
    what = one if a is None or b is None else "they decided differently"
    return Mismatch(
        layer="decisions", ts_ms=int((a or b or [])[names.TS_MS]), live=",".join(a or ()), other=",".join(b or ()),
        what=what,
    )  # fmt: skip
