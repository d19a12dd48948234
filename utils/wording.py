"""Pieces of messages: the first few of many names, an age."""

from __future__ import annotations

from collections.abc import Sequence

DAY_S = 86_400


def first_of(names: Sequence[str], most: int, joint: str = ", ") -> str:
    """`A, B, C and 4 more`; "" without a name."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return joint.join(names[:most]) + more


def aged(seconds: float) -> str:
    """`3 min`, `5.2 h`, `12 days`."""
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * DAY_S else f"{seconds / DAY_S:.0f} days"
