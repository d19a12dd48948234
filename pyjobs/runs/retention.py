"""Which runs may go. A pure decision over names, so that a dry run shows exactly what a real one does.

No clock takes part, and no mtime: what counts is how many newer dates have a good run of the same desk. So a night
under a clock that is wrong adds a date, and makes no other run older; a machine that rested for a year loses nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from utils.files.newest import oldest_kept

KEEP_DAYS = 30
KEEP_MAX_RUNS = 120
MAX_SHARE = 50

Kind = Literal["run", "building", "removing", "link", "foreign", "unread"]
Status = Literal["ok", "partial", "broken"]
Action = Literal["keep", "remove"]
_STAMP = re.compile(r"\d{8}(?:[T_-]?\d{4,9})?", re.ASCII)
_BEST_FIRST: dict[Status, int] = {"ok": 0, "partial": 1, "broken": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in a folder of runs. `run_id` is the name of the run inside it, empty for what is not ours.

    `status` is the manifest's; `broken` when it is missing or unreadable. `held`: a living process builds it. `group`:
    the desk, or the strategy of a backtest; empty when the manifest has none. `pin_until`: the last date a pin is for,
    as `2027-03-31`; empty: it has no end.
    """

    name: str
    kind: Kind
    run_id: str = ""
    status: Status = "broken"
    pinned: bool = False
    pin_reason: str = ""
    pin_until: str = ""
    held: bool = False
    group: str = ""

    @property
    def age(self) -> tuple[str, str]:
        """What puts runs in order: the digits of the time in the name, then the name."""
        found = _STAMP.match(self.run_id)
        if not found:
            raise ValueError(f"'{self.name}': kind {self.kind!r} without a time in its name")
        return re.sub(r"\D", "", found[0]).ljust(17, "0"), self.run_id

    @property
    def date(self) -> str:
        """The day it began, in UTC, as `20261120`."""
        return self.age[0][:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What happens to one entry, and why."""

    entry: Entry
    action: Action
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What one entry's verdict depends on besides itself.

    `kept_from`: by group, the oldest date that stays. `pinned`: names with a pin that still holds.
    """

    keep_days: int
    keep_max_runs: int
    newest_good: frozenset[str]
    newest: str
    rank: dict[str, int]
    kept_from: dict[str, str]
    pinned: frozenset[str]


def decide(entries: Iterable[Entry], *, keep_days: int, keep_max_runs: int) -> list[Decision]:
    """One decision per entry, by name.

    Never removed: the newest good run of a group, a pinned one, one that is being built, anything that is a link or not
    ours. Removed: runs older than the newest `keep_days` distinct dates of their group's good runs; runs beyond
    `keep_max_runs`, counted from the newest good one to the oldest, then the partial, then the broken ones (pinned ones
    do not count); what a dead night left, unless nothing is newer; leftovers of an interrupted prune.
    """
    ordered = sorted(entries, key=lambda entry: entry.name)
    runs = sorted((entry for entry in ordered if entry.kind == "run"), key=lambda entry: entry.age, reverse=True)
    pinned = frozenset(entry.name for entry in runs if entry.pinned and not _lapsed(entry, runs))
    counted = sorted((entry for entry in runs if entry.name not in pinned), key=lambda entry: _BEST_FIRST[entry.status])
    begun = [entry for entry in ordered if entry.kind in ("run", "building")]
    view = _View(
        keep_days=keep_days,
        keep_max_runs=keep_max_runs,
        newest_good=frozenset({entry.group: entry.name for entry in reversed(runs) if entry.status == "ok"}.values()),
        newest=max(begun, key=lambda entry: entry.age).name if begun else "",
        rank={entry.name: place for place, entry in enumerate(counted, start=1)},
        kept_from=_kept_from([entry for entry in runs if entry.name not in pinned], keep_days),
        pinned=pinned,
    )
    return [_decide_one(entry, view) for entry in ordered]


def _kept_from(runs: Iterable[Entry], keep_days: int) -> dict[str, str]:
    """By group, the oldest date that stays; of runs without a group, no date that any group keeps goes."""
    dates: dict[str, set[str]] = defaultdict(set)
    for entry in runs:
        if entry.status == "ok":
            dates[entry.group].add(entry.date)
    kept = {group: oldest_kept(found, keep_days) for group, found in dates.items()}
    kept.setdefault("", min(kept.values(), default=""))
    return kept


def _lapsed(entry: Entry, runs: Iterable[Entry]) -> bool:
    """Whether a pin has ended: two later dates have good runs of its group, so that one wrong clock ends none."""
    if not entry.pin_until:
        return False
    end = entry.pin_until.replace("-", "")
    good = (each for each in runs if each.status == "ok" and entry.group in ("", each.group))
    return len({each.date for each in good if each.date > end}) >= 2


def _pin(entry: Entry) -> str:
    """`pinned until 2027-03-31: why`."""
    text = "pinned" + (f" until {entry.pin_until}" if entry.pin_until else "")
    return text + (f": {entry.pin_reason}" if entry.pin_reason else "")


def _decide_one(entry: Entry, view: _View) -> Decision:
    if entry.kind == "run":
        action, reason = _run(entry, view)
    elif entry.kind == "building":
        action, reason = _building(entry, view)
    elif entry.kind == "removing":
        action, reason = "remove", "left by an interrupted prune"
    elif entry.kind == "unread":
        action, reason = "keep", "its manifest cannot be read now: left alone"
    elif entry.kind == "link":
        action, reason = "keep", "a symbolic link: never followed, never removed"
    else:
        action, reason = "keep", "not a run: left alone"
    return Decision(entry=entry, action=action, reason=reason)


def _run(entry: Entry, view: _View) -> tuple[Action, str]:
    """The verdict on a finished run; the first rule that applies."""
    rank = view.rank.get(entry.name, 0)
    oldest = view.kept_from.get(entry.group, "")
    if entry.name in view.pinned:
        return "keep", _pin(entry)
    if entry.name in view.newest_good:
        return "keep", "the newest good run"
    if rank > view.keep_max_runs:
        return "remove", f"number {rank} of the newest, {view.keep_max_runs} are kept"
    if entry.date < oldest:
        return "remove", f"of {entry.date}: good runs have {view.keep_days} newer dates, from {oldest} on"
    return "keep", "among the newest dates of good runs" if oldest else "good runs have no more dates than are kept"


def _building(entry: Entry, view: _View) -> tuple[Action, str]:
    """The verdict on a folder that is being built, or was."""
    if entry.held:
        return "keep", "being built"
    if entry.pinned:
        return "keep", _pin(entry)
    if entry.name == view.newest:
        return "keep", "unfinished: its night died; nothing newer is here"
    return "remove", "unfinished: its night died, and a newer one is here"
