"""Replay: the fold over what was recorded (bars as seen, late marks, limits, kills) must give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyjobs.live.deciding.core import Decider, Lane, Stand
from pyjobs.live.deciding.standing import DECIDED_AT, recorded, stand_after
from pyjobs.live.equal.logs import BLOCKED, LATE, Log
from pyjobs.live.journal import names
from utils.errors import BadDataError

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

    Raises BadDataError where a decided bar is not in bars.csv.
    """
    times, known = log.times(), log.bars.ts_ms
    at = np.searchsorted(known, times)
    if (at >= known.size).any() or (known[np.minimum(at, known.size - 1)] != times).any():
        lost = int(times[(at >= known.size) | (known[np.minimum(at, max(known.size - 1, 0))] != times)][0])
        raise BadDataError(f"{log.place.bars}: lacks the bar of ts_ms {lost} that was decided on")
    if (np.diff(at) != 1).any():
        k = int(np.flatnonzero(np.diff(at) != 1)[0])
        ts_ms = int(known[at[k] + 1])
        return Apart(row=k + 1, ts_ms=ts_ms, layer="decisions", wanted="a row of its own", found="")
    trades: list[str] = []
    stand, reach = Stand.first(lane.money), lane.lookback - 1
    for begin in range(0, len(times), BLOCK):
        end = min(begin + BLOCK, len(times))
        first = max(0, int(at[begin]) - reach)
        decider = Decider(lane, stand, log.bars.slice(first, int(at[end - 1]) + 1))
        for k in range(begin, end):
            row = log.decisions[k]
            done = decider.decide(int(at[k]) - first, recorded(row[BLOCKED]))
            text = ",".join(row[: names.DETERMINISTIC])
            if done.text != text or done.blocked_by != row[BLOCKED] or ("late" in row[BLOCKED]) > (row[LATE] == "1"):
                told = f"{text},{row[LATE]},{row[BLOCKED]}"
                return Apart(
                    row=k, ts_ms=int(times[k]), layer="decisions", found=told,
                    wanted=f"{done.text},{row[LATE]},{done.blocked_by}",
                )  # fmt: skip
            if row[LATE] == "1" and not {"late", "fetch_failed"} & set(row[BLOCKED].split("+")):
                return Apart(
                    row=k, ts_ms=int(times[k]), layer="decisions", wanted="blocked_by late", found=row[BLOCKED]
                )
            trades += [f"{trade},{row[DECIDED_AT]}" for trade in done.trades]
    return _trades_apart(log, trades)


def _trades_apart(log: Log, wanted: list[str]) -> Apart | None:
    found = [",".join(row[:-1]) for row in log.trades]
    if found == wanted:
        return None
    k = next((k for k, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), min(len(found), len(wanted)))
    told = (wanted[k : k + 1] or found[k : k + 1])[0]
    return Apart(
        row=k, ts_ms=int(told.split(",")[names.TS_MS]), layer="trades",
        wanted=(wanted[k : k + 1] or ["no trade"])[0], found=(found[k : k + 1] or ["no trade"])[0],
    )  # fmt: skip


def stand_before(log: Log, lane: Lane, row: int) -> Stand:
    """Where the file says the loop stood before that row."""
    return stand_after(lane, log.decisions[row - 1]) if row else Stand.first(lane.money)
