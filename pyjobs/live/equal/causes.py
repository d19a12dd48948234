"""Why two decisions differ: one of a short list of causes, each of which can be shown by folding the bar again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyjobs.live.deciding.core import Decider, Lane, Stand
from pyjobs.live.deciding.one_bar import DAY
from pyjobs.live.deciding.standing import CASH, recorded
from pyjobs.live.equal.logs import BLOCKED, CODE, LATE, Log
from pyjobs.live.equal.replay import Apart, late_marks_differ, stand_before
from pyjobs.live.journal import names
from utils.errors import NightdeskError

CAUSES = {
    "missing bar live": "a bar that the backtest has was never decided live",
    "late decision": "live came too late for the next open, or acted as if it had not",
    "revised bar": "the provider changed a bar after live had decided on it",
    "restart": "live went on from another state than that of the row before it",
    "stop-fill convention": "a stop was filled at a price that neither convention gives, or its open took all money",
    "limit or kill": "a limit or the kill switch forbade an entry, or should have",
    "code or parameters changed": "another version of the code, or other parameters, decided there",
    "data changed": "a file or the bars are not what they were when they were written",
    "strategy looks ahead": "with the bars that came later the strategy decides otherwise than it did live",
    "unknown": "none of the known causes can be shown",
}
ENTRY, LEFT, REASON = (names.TRADES.index(each) for each in ("entry_ts_ms", "exit_price", "reason"))


def of_replay(log: Log, lane: Lane, apart: Apart, code: str) -> str:
    """The cause of a row, or trade, that does not follow from what was recorded."""
    if apart.layer == "trades":
        ended = next((k for k, row in enumerate(log.decisions) if row[names.TS_MS] == str(apart.ts_ms)), -1)
        if ended >= 0 and other_code(log, ended, code):
            return "code or parameters changed"
        return of_trade_cells(apart.found.split(","), apart.wanted.split(","))
    if not apart.found:
        return "missing bar live"
    row, words = log.decisions[apart.row], recorded(log.decisions[apart.row][BLOCKED])
    if other_code(log, apart.row, code):
        return "code or parameters changed"
    if late_marks_differ(row):
        return "late decision"
    if refolded(log, lane, apart.row, stand_before(log, lane, apart.row), words) == _text(row):
        return "strategy looks ahead"  # alone, with what was known then, it is right
    if starts_over(log, lane, apart.row):
        return "restart"
    for cause, other in variants(log, apart.row):
        if refolded(log, lane, apart.row, stand_before(log, lane, apart.row), other) == _text(row):
            return cause
    lost = apart.ts_ms not in log.bars.ts_ms
    return "data changed" if lost or _is_consistent_after(log, lane, apart.row) else "unknown"


def variants(log: Log, at: int) -> Iterator[tuple[str, str]]:
    """The other settings that may have been in force when the row was decided, and their names."""
    row = log.decisions[at]
    own = recorded(row[BLOCKED])
    late = row[LATE] == "1" or any(each[LATE] == "1" for each in log.decisions[max(0, at - 1) : at + 2])
    for words in ("", "late", "kill", "kill+flatten"):
        if words != own:
            yield ("late decision" if late and "kill" not in own + words else "limit or kill"), words


def other_code(log: Log, row: int, code: str) -> bool:
    """Whether the row was decided by other code than the one that looks at it now."""
    return log.decisions[row][CODE] != code


def starts_over(log: Log, lane: Lane, row: int) -> bool:
    """Whether the row is what a loop would decide that had forgotten all before."""
    if not row:
        return False
    before = stand_before(log, lane, row)
    forgetful = Stand.first(lane.money)
    forgetful.p = [before.cash, 0.0, before.cash, before.day_equity, *before.p[DAY:]]
    if before.s == forgetful.s:
        return False
    text = refolded(log, lane, row, forgetful, recorded(log.decisions[row][BLOCKED]))
    mine = log.decisions[row]
    return text is not None and text.split(",")[4:9] == mine[4:9]


def refolded(log: Log, lane: Lane, row: int, stand: Stand, words: str) -> str | None:
    """The row decided again from that stand under those words; None where its bar is not there."""
    ts_ms = int(log.decisions[row][names.TS_MS])
    at = int(np.searchsorted(log.bars.ts_ms, ts_ms))
    if at == len(log.bars) or log.bars.ts_ms[at] != ts_ms:
        return None
    first = max(0, at - lane.lookback + 1)
    stand.rescale(float(log.seen.factors[at]))
    try:
        return Decider(lane, stand, log.seen.window(first, at + 1)).decide(at - first, words).text
    except NightdeskError:
        return None


def _text(row: list[str]) -> str:
    return ",".join(row[: names.DETERMINISTIC])


def _is_consistent_after(log: Log, lane: Lane, row: int) -> bool:
    """Whether the rows after it go on as if it had been the right one: then it alone was changed."""
    if row + 1 >= len(log.decisions):
        return True
    stand = stand_before(log, lane, row)
    right = refolded(log, lane, row, stand, recorded(log.decisions[row][BLOCKED]))
    if right is None:
        return False
    later = log.decisions[row + 1]
    text = refolded(log, lane, row + 1, stand, recorded(later[BLOCKED]))
    return text == _text(later)


def of_trade_cells(live: list[str], other: list[str]) -> str:
    """The cause of two trades that differ, by the cells that do."""
    if len(live) != len(other) or len(live) < 3:
        return "unknown"
    apart = {name for name, a, b in zip(names.TRADES[:-2], live, other, strict=False) if a != b}  # what was decided
    fills = "exit_price" in apart <= {"exit_price", "return", "number", "quantity"}
    if fills and live[names.TRADES.index("reason")] == "stop_hit":
        return "stop-fill convention"
    return "data changed"


def ruined_by_a_fill(live: Log, other: Log, row: list[str], theirs: list[str]) -> bool:
    """Whether at these decisions one has no money left and the other has, after a stop with two fills."""
    if (float(row[CASH]) > 0.0) == (float(theirs[CASH]) > 0.0):
        return False
    paid = {trade[ENTRY]: trade[LEFT] for trade in other.trades if trade[REASON] == "stop_hit"}
    ended = (trade for trade in live.trades if int(trade[names.TS_MS]) <= int(row[names.TS_MS]))
    return any(paid.get(trade[ENTRY], trade[LEFT]) != trade[LEFT] for trade in ended)
