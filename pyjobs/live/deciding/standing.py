"""A loop's state, from its files alone; trades that a kill kept from the file are made again from the bars."""

from __future__ import annotations

import numpy as np

from pyjobs.live.deciding.core import Lane, Stand, deciders
from pyjobs.live.deciding.seen import seen_in
from pyjobs.live.journal import names
from pyjobs.live.journal.cells import state_in
from pyjobs.live.journal.journal import NUMBER, TRADES, Journal, LookDeeper
from pyjobs.live.journal.lines import Row
from utils.errors import BadDataError

STATE, CASH, QUANTITY, EQUITY, DAY_EQUITY, BLOCKED, DECIDED_AT = (
    names.DECISIONS.index(each)
    for each in ("state", "cash", "quantity", "equity", "day_equity", "blocked_by", "decided_at")
)


def stand_after(lane: Lane, row: Row) -> Stand:
    """The loop's state after that decision. Raises BadDataError for cells that cannot be."""
    try:
        ts_ms = int(row[names.TS_MS])
        cash, quantity, equity, day_equity = (float(row[k]) for k in (CASH, QUANTITY, EQUITY, DAY_EQUITY))
        day = int(lane.days(np.array([ts_ms]))[0])
        purse = [cash, quantity, equity, day_equity, day, int(row[TRADES])]
        return Stand(ts_ms=ts_ms, p=purse, s=state_in(row[STATE]))
    except ValueError as error:
        raise BadDataError(f"the decision of ts_ms {row[names.TS_MS]} cannot be read: {error}") from None


def restored(journal: Journal, lane: Lane) -> Stand:
    """The state of the journal's loop. Trades that its decisions do not know go; those that are missing are added."""
    last = journal.decisions[-1] if journal.decisions else None
    stand = stand_after(lane, last) if last else Stand.first(lane.money)
    known = int(journal.trades[-1][NUMBER]) if journal.trades else 0
    if known > stand.trades:
        beyond = [row for row in journal.trades if int(row[NUMBER]) > stand.trades]
        kept = journal.trades[: len(journal.trades) - len(beyond)]
        if not kept and stand.trades:  # a step looks at two rows, a start at ten thousand
            raise LookDeeper if len(journal.trades) <= 2 else _apart(journal, known, stand.trades)
        journal.files["trades"].drop(beyond, kept[-1][-1] if kept else "", "trades without a written decision")
        journal.trades = kept
    elif known < stand.trades:
        _add_missing(journal, lane, known)
    return stand


def _add_missing(journal: Journal, lane: Lane, known: int) -> None:
    """Fold the bars since the last trade that is in the file again, and add what ended."""
    rows = journal.decisions
    before = next((k for k in reversed(range(len(rows))) if int(rows[k][TRADES]) <= known), None)
    if before is None:  # a step looks at two rows, a start at ten thousand
        raise LookDeeper if len(rows) <= 2 else _apart(journal, known, int(rows[-1][TRADES]))
    todo, seen, lines = rows[before + 1 :], seen_in(journal.bars), []
    begin = int(np.searchsorted(seen.bars.ts_ms, int(todo[0][names.TS_MS])))
    if begin + len(todo) > len(seen):
        raise _apart(journal, known, int(rows[-1][TRADES]))
    for a, b, first, decider in deciders(lane, stand_after(lane, rows[before]), seen, begin, begin + len(todo)):
        for k in range(a, b):
            row = todo[k - begin]
            done = decider.decide(k - first, recorded(row[BLOCKED]))
            if done.text != ",".join(row[: names.DETERMINISTIC]):
                raise _apart(journal, known, int(rows[-1][TRADES]))
            missing = [each for each in done.trades if int(each.split(",")[NUMBER]) > known]  # two may end in one bar
            lines += [f"{trade},{row[DECIDED_AT]}" for trade in missing]
    journal.files["trades"].append(lines)
    journal.files["trades"].sync()
    journal.files["trades"].repairs.append(f"trades.csv: {len(lines)} trades added that the decisions show")


def recorded(cell: str) -> str:
    """The part of a `blocked_by` cell that was a record, not a consequence."""
    known = names.blocks(cell) - {"no_cash"}
    return "+".join(word for word in cell.split("+") if word in known)


def _apart(journal: Journal, known: int, found: int) -> BadDataError:
    return BadDataError(
        f"{journal.place.trades}: has {known} trades where {journal.place.decisions.name} shows {found}, and the "
        "bars do not explain it: the two are not of one time. Put both back from one copy, or choose another tag"
    )
