"""Replay: the fold over what was recorded (bars as seen, late marks, limits, kills) must give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyjobs.live.deciding.core import Decided, Lane, Stand, deciders, trade_texts
from pyjobs.live.deciding.standing import DECIDED_AT, recorded, stand_after
from pyjobs.live.deciding.whole import OF_A_TRADE, OTHER, forbids_of, same_rows, same_trades
from pyjobs.live.equal.logs import BLOCKED, LATE, Log
from pyjobs.live.journal import names
from pyjobs.live.journal.rows import Rows

BLOCK = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """Where the fold and the file first differ: the row's number, its close, and what the fold gives there."""

    row: int
    ts_ms: int
    layer: str
    wanted: str
    found: str


def replay(log: Log, lane: Lane) -> Apart | None:
    """The first row that does not follow from the recorded inputs; None when each does. Trades included.

    Compiled loops check whether all rows do; where one may not, the core decides them a bar at a time and names it.
    """
    times, known = log.decisions.ts_ms, log.bars.ts_ms
    at = np.searchsorted(known, times)
    lost = unmatched(log, times, known, at)
    if lost is None:
        forbids = forbidden(log.decisions)
        if not (forbids == OTHER).any():
            made = same_rows(lane, log.seen, log.decisions, forbids, int(at[0]), at_stop=True, block=BLOCK)
            if made is not None:
                stamps = log.decisions.cells(DECIDED_AT, DECIDED_AT + 1, made.at)
                if same_trades(lane, made, log.trades) and stamps == _stamps(log.trades):
                    return None
                texts = trade_texts(lane, made.rows, made.sizes.tolist(), 0)
                return _trades_apart(log, [f"{a},{b}" for a, b in zip(texts, stamps, strict=True)])
    return _by_bar(log, lane, at, lost)


def _by_bar(log: Log, lane: Lane, at: np.ndarray, lost: Apart | None) -> Apart | None:
    upto = len(at) if lost is None else lost.row
    trades: list[str] = []
    stand, reach = Stand.first(lane.money), lane.lookback - 1
    for begin in range(0, upto, BLOCK):
        end = min(begin + BLOCK, upto)
        rows = log.decisions[begin:end]
        first, shift = max(0, int(at[begin]) - reach), int(at[begin]) - begin  # bars and rows go side by side
        for a, b, zero, decider in deciders(lane, stand, log.seen, begin + shift, end + shift, first=first):
            for i in range(a, b):
                row = rows[i - shift - begin]
                blocked = row[BLOCKED]
                done = decider.decide(i - zero, recorded(blocked) if blocked else "")
                same = done.text == ",".join(row[: names.DETERMINISTIC]) and done.blocked_by == blocked
                if not same or ((blocked or row[LATE] != "0") and late_marks_differ(row)):
                    return _row_apart(i - shift, row, done)
                if done.trades:
                    trades += [f"{trade},{row[DECIDED_AT]}" for trade in done.trades]
    return lost or _trades_apart(log, trades)


def forbidden(rows: Rows) -> np.ndarray:
    """Each row's `blocked_by`, as `whole.same_rows` takes it, int8; OTHER where that is not possible."""
    found, known = np.zeros(len(rows), np.int8), dict[str, int]()
    marked = np.flatnonzero(~(rows.has(BLOCKED, b"") & rows.has(LATE, b"0")))
    for k, text in zip(marked.tolist(), rows.cells(LATE, BLOCKED + 1, marked), strict=True):
        if text not in known:
            late, _, cell = text.partition(",")
            known[text] = OTHER if marks_differ(late, cell) else forbids_of(cell)
        found[k] = known[text]
    return found


def _row_apart(k: int, row: list[str], done: Decided) -> Apart:
    text = ",".join(row[: names.DETERMINISTIC])
    return Apart(
        row=k, ts_ms=int(row[names.TS_MS]), layer="decisions", found=f"{text},{row[LATE]},{row[BLOCKED]}",
        wanted=f"{done.text},{row[LATE]},{done.blocked_by}",
    )  # fmt: skip


def late_marks_differ(row: list[str]) -> bool:
    """Whether only one of `late` and `blocked_by` has the bar as late, or `late` is neither 0 nor 1."""
    return marks_differ(row[LATE], row[BLOCKED])


def marks_differ(late: str, blocked: str) -> bool:
    """`late_marks_differ` of the two cells."""
    return late != str(int(bool({"late", "fetch_failed"} & set(blocked.split("+")))))


def unmatched(log: Log, times: np.ndarray, known: np.ndarray, at: np.ndarray) -> Apart | None:
    """The first decision whose bar is not in bars.csv, or the first bar there that has no decision; or one that is
    gone from the beginning, by bars.csv or by the event that a journal begins with."""
    begun = [ts_ms for ts_ms in log.begun_ms if ts_ms and ts_ms < times[0]]
    if begun:
        return Apart(row=0, ts_ms=min(begun), layer="decisions", wanted="a decision: the loop began there", found="")
    lost = (at >= known.size) | (known[np.minimum(at, max(known.size - 1, 0))] != times) if known.size else times > 0
    first = int(np.flatnonzero(lost)[0]) if lost.any() else len(times)
    holes = np.flatnonzero(np.diff(at[:first]) != 1)
    if holes.size:
        k = int(holes[0])
        return Apart(row=k + 1, ts_ms=int(known[at[k] + 1]), layer="decisions", wanted="a decision", found="")
    if first == len(times):
        return None
    row = log.decisions[first]
    return Apart(
        row=first, ts_ms=int(times[first]), layer="decisions", found=",".join(row),
        wanted=f"a bar of that time in {log.place.bars.name}",
    )  # fmt: skip


def _stamps(trades: Rows) -> list[str]:
    """When each was decided, as its line has it."""
    return trades.cells(OF_A_TRADE, OF_A_TRADE + 1, np.arange(len(trades)))


def _trades_apart(log: Log, wanted: list[str]) -> Apart | None:
    found = log.trades.cells(0, len(names.TRADES) - 1, np.arange(len(log.trades)))
    if found == wanted:
        return None
    k = next((k for k, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), min(len(found), len(wanted)))
    ends = [int(each.split(",")[names.TS_MS]) for each in (*wanted[k : k + 1], *found[k : k + 1])]
    return Apart(
        row=k, ts_ms=min(ends), layer="trades",
        wanted=(wanted[k : k + 1] or ["no trade"])[0], found=(found[k : k + 1] or ["no trade"])[0],
    )  # fmt: skip


def stand_before(log: Log, lane: Lane, row: int) -> Stand:
    """Where the loop stood before that row, by the file."""
    return stand_after(lane, log.decisions[row - 1]) if row else Stand.first(lane.money)
