"""A loop's last bars, one state each: decided, late, blocked (why), or missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pyjobs.live.journal import names
from pyjobs.live.journal.lines import LinesFile, Row
from pyjobs.live.spec import Spec
from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS, IntArray
from pyjobs.market.ingest.gaps import missing_bars
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.times import utc_text

SHOWN = 288  # bars: a day of five minutes
DECIDED, LATE, BLOCKED, MISSING = "decided", "late", "blocked", "missing"
SLACK_MS = 180_000
FAULTS = ("persist_failed", "limits_unreadable")  # of what forbids an entry; the rest is a person's, or the money's
_LATE, _BLOCKED = names.DECISIONS.index("late"), names.DECISIONS.index("blocked_by")


class Cell(NamedTuple):
    """One bar. `why`: what forbade an entry, or what is missing."""

    ts_ms: int
    state: str
    why: str


def strip(spec: Spec, store: BarStore, now_ms: int) -> list[Cell]:
    """The last SHOWN bars that were due up to `now_ms`, the newest of all left out as a loop leaves it out.

    Raises BadDataError for a journal that is not what was written.
    """
    rows = last_rows(spec, SHOWN)
    if not rows:
        return []
    cells = {int(row[names.TS_MS]): of_row(row) for row in rows}
    _add_missing(cells, spec, store, now_ms)
    return [cells[ts_ms] for ts_ms in sorted(cells)][-SHOWN:]


def _add_missing(cells: dict[int, Cell], spec: Spec, store: BarStore, now_ms: int) -> None:
    """The bars after the first that are missing, or not decided; a loop leaves out the newest stored one."""
    first, until = min(cells), now_ms - TIMEFRAME_MS[spec.timeframe] - SLACK_MS
    newest = store.newest(spec.key)
    stored = store.read(spec.key, start_ms=first, end_ms=until).ts_ms.tolist()
    absent = missing_bars(store, spec.key, spec.market, first_ms=first, last_ms=until).tolist()
    for times, why in ((stored, "stored, and not decided"), (absent, "not there")):
        for ts_ms in times:
            if newest is None or ts_ms != newest[0]:
                cells.setdefault(ts_ms, Cell(ts_ms, MISSING, why))


def of_row(row: Row) -> Cell:
    """A decision as a cell; a bar for which there are too few before it, or whose values are broken, is decided."""
    words = [word for word in row[_BLOCKED].split("+") if word in names.BLOCKED]
    held = [word for word in words if word not in ("late", "fetch_failed")]
    ts_ms = int(row[names.TS_MS])
    if held:
        return Cell(ts_ms, BLOCKED, "+".join(words))
    return Cell(ts_ms, LATE, "+".join(words) or "late") if row[_LATE] == "1" else Cell(ts_ms, DECIDED, "")


def last_rows(spec: Spec, count: int) -> list[Row]:
    """Its last decisions; none where there is no file. A running step may add to it."""
    path = spec.place.decisions
    return LinesFile(path=path, columns=names.DECISIONS).peek(count) if path.exists() else []


def clean_days(spec: Spec, store: BarStore, now_ms: int, most: int) -> tuple[int, str]:
    """How many of the market's last whole days were clean, one after the other, at most `most`; and what ended it.

    Clean: each bar of the day was decided, on time, could be stored, and was held against limits that could be read. A
    person's limit or kill is no fault. Days that the market is closed count for nothing. Raises as `strip`.
    """
    lane = spec.lane(f"loop {spec.tag}")
    rows = last_rows(spec, (most + 2) * max(DAY_MS // TIMEFRAME_MS[spec.timeframe], 1))
    if not rows:
        return 0, "nothing is decided yet"
    states = {int(row[names.TS_MS]): of_row(row) for row in rows}
    _add_missing(states, spec, store, now_ms)
    return _counted(states, lane.days, now_ms, most)


def _counted(
    states: dict[int, Cell], days_of: Callable[[IntArray], IntArray], now_ms: int, most: int
) -> tuple[int, str]:
    times = sorted(states)
    days = days_of(np.array([*times, now_ms], np.int64)).tolist()
    today, by_day = days[-1], dict[int, list[Cell]]()
    for ts_ms, day in zip(times, days, strict=False):
        by_day.setdefault(day, []).append(states[ts_ms])
    whole = [day for day in sorted(by_day) if day < today][1:]  # the first may have begun amid a day
    count = 0
    for day in reversed(whole):
        bad = next((cell for cell in by_day[day] if _is_bad(cell)), None)
        if bad is not None:
            return count, f"{utc_text(bad.ts_ms)} {bad.why or bad.state}"
        count += 1
        if count == most:
            break
    return count, "" if count == most else "it has not run for longer"


def _is_bad(cell: Cell) -> bool:
    return cell.state in (LATE, MISSING) or any(word in cell.why for word in FAULTS)
