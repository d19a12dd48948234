"""Which runs may go. A pure decision over names, so that a dry run shows exactly what a real one does.

A run's age comes from its RUN_ID, never from a file's mtime. The wall clock is believed only as far as it agrees with
the runs: runs from its future are kept and named, and nothing is judged by age across a long hole that no good run
follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from pyjobs.runs.run_folder import started_at

KEEP_DAYS = 30
KEEP_MAX_RUNS = 120
BUILDING_GRACE = timedelta(days=1)
CLOCK_BEHIND = timedelta(days=1)
IMPLAUSIBLE_HOLE = timedelta(days=180)

Kind = Literal["run", "building", "removing", "link", "foreign"]
Status = Literal["ok", "partial", "broken"]
Action = Literal["keep", "remove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in the runs folder. `run_id` is the RUN_ID inside the name, empty for what is not ours.

    `status` is the manifest's; `broken` when it is missing or unreadable. `held`: a living process builds it.
    """

    name: str
    kind: Kind
    run_id: str = ""
    status: Status = "broken"
    pinned: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What happens to one entry, and why."""

    entry: Entry
    action: Action
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What one entry's verdict depends on besides itself."""

    now: datetime
    keep_days: int
    keep_max_runs: int
    newest_good: str
    rank: dict[str, int]
    no_age: dict[str, str]


def decide(entries: Iterable[Entry], *, now: datetime, keep_days: int, keep_max_runs: int) -> list[Decision]:
    """One decision per entry, by name. `now` is aware.

    Never removed: the newest good run, a pinned one, one that is being built, one from the future, anything that is a
    link or not ours. Removed: runs older than `keep_days`, runs beyond the newest `keep_max_runs` (pinned and future
    ones do not count), leftovers of a night that died more than a day ago, leftovers of an interrupted prune.
    """
    ordered = sorted(entries, key=lambda entry: entry.name)
    runs = [entry for entry in ordered if entry.kind == "run"]
    timed = sorted((entry for entry in ordered if entry.kind in ("run", "building")), key=lambda entry: entry.run_id)
    good = [entry.name for entry in runs if entry.status == "ok" and _started(entry) <= now]
    counted = [entry.name for entry in reversed(runs) if not entry.pinned and _started(entry) <= now]
    view = _View(
        now=now,
        keep_days=keep_days,
        keep_max_runs=keep_max_runs,
        newest_good=good[-1] if good else "",
        rank={name: place for place, name in enumerate(counted, start=1)},
        no_age=_not_judged_by_age(timed, now),
    )
    return [_decide_one(entry, view) for entry in ordered]


def _decide_one(entry: Entry, view: _View) -> Decision:
    if entry.kind == "run":
        action, reason = _run(entry, view)
    elif entry.kind == "building":
        action, reason = _building(entry, view)
    elif entry.kind == "removing":
        action, reason = "remove", "left by an interrupted prune"
    elif entry.kind == "link":
        action, reason = "keep", "a symbolic link: never followed, never removed"
    else:
        action, reason = "keep", "not a run: left alone"
    return Decision(entry=entry, action=action, reason=reason)


def _run(entry: Entry, view: _View) -> tuple[Action, str]:
    """The verdict on a finished run; the first rule that applies."""
    age_days = (view.now - _started(entry)) / timedelta(days=1)
    rank = view.rank.get(entry.name, 0)
    if entry.pinned:
        return "keep", "pinned"
    if age_days < 0:
        return "keep", f"from the future (by {-age_days:.1f} days): is the clock right?"
    if entry.name == view.newest_good:
        return "keep", "the newest good run"
    if rank > view.keep_max_runs:
        return "remove", f"number {rank} of the newest, {view.keep_max_runs} are kept"
    if age_days <= view.keep_days:
        return "keep", f"{age_days:.1f} days old"
    if entry.name in view.no_age:
        return "keep", view.no_age[entry.name]
    return "remove", f"{age_days:.1f} days old, {view.keep_days} are kept"


def _building(entry: Entry, view: _View) -> tuple[Action, str]:
    """The verdict on a folder that is being built, or was."""
    age = view.now - _started(entry)
    if entry.held:
        return "keep", "being built"
    if entry.pinned:
        return "keep", "pinned"
    if age < timedelta(0):
        return "keep", "unfinished, from the future: is the clock right?"
    if age <= BUILDING_GRACE:
        return "keep", "unfinished, younger than a day"
    if entry.name in view.no_age:
        return "keep", view.no_age[entry.name]
    return "remove", f"unfinished: its night died {age / timedelta(days=1):.1f} days ago"


def _not_judged_by_age(timed: list[Entry], now: datetime) -> dict[str, str]:
    """Names whose age the clock cannot tell, with the reason; empty when clock and runs agree. `timed`: oldest first.

    A clock far behind the newest finished run tells no ages at all. A hole of more than half a year, between two starts
    or between the newest and now, means that the clock jumped ahead or the machine rested. A good run after the hole
    vouches for the clock (its session came from the calendar, its bars were fresh); without one, what lies before the
    hole is only counted.
    """
    newest = next((entry for entry in reversed(timed) if entry.kind == "run"), None)
    if newest and now < _started(newest) - CLOCK_BEHIND:
        why = f"the clock is behind the newest run '{newest.run_id}': nothing is judged by age"
        return {entry.name: why for entry in timed}
    past = [entry for entry in timed if _started(entry) <= now]
    starts = [*[_started(entry) for entry in past], now]
    vouched = max((at for at, entry in enumerate(past) if entry.kind == "run" and entry.status == "ok"), default=-1)
    holes = [
        at for at, (start, after) in enumerate(pairwise(starts)) if at >= vouched and after - start > IMPLAUSIBLE_HOLE
    ]
    if not holes:
        return {}
    days = (starts[holes[-1] + 1] - starts[holes[-1]]).days
    why = f"followed by {days} days without a run: did the clock jump? not judged by age"
    return {entry.name: why for entry in past[: holes[-1] + 1]}


def _started(entry: Entry) -> datetime:
    started = started_at(entry.run_id)
    if started is None:
        raise ValueError(f"'{entry.name}': kind {entry.kind!r} without a RUN_ID")
    return started
