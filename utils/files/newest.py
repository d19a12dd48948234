"""What is old, without a clock: everything but the newest so many dates of its kind.

A date is text that sorts by time (2026-11-20, 20261120) in a name. A clock that was wrong for a night adds a date of
its own and takes the place of one other; it makes nothing older than it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

SPARED = 10  # so few may always go, whatever share of the whole they are


def oldest_kept(dates: Iterable[str], keep: int) -> str:
    """The oldest of the newest `keep` distinct dates; empty, which sorts before all, when there are no more."""
    newest = sorted(set(dates), reverse=True)
    return newest[keep - 1] if len(newest) > keep else ""


def older(dated: Iterable[tuple[str, str, str]], keep: int) -> list[str]:
    """The sorted names, out of (kind, date, name), older than the newest `keep` distinct dates of their kind."""
    things = list(dated)
    dates = defaultdict(set)
    for kind, date, _ in things:
        dates[kind].add(date)
    kept = {kind: oldest_kept(found, keep) for kind, found in dates.items()}
    return sorted(name for kind, date, name in things if date < kept[kind])


def too_many(going: int, of: int, share_percent: int) -> bool:
    """Whether `going` of so many are more than `share_percent` of them, and more than the few that always may."""
    return going > SPARED and going * 100 > of * share_percent
