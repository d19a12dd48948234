"""Facts about a series, kept when it is written so that its bars need not be read again: its ends, and its opens far
from the close before.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.chained import parts_of

LEAP = 1.3  # an open so many times the close before it, or the other way round
MOST_KEPT = 100  # leaps; a series with more is looked at each time
Leap = tuple[int, float]  # the close of the bar that opens far away, and its open over the close before


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a series that has bars. `leaps`: as `leaps_of`; None where there are too many to keep."""

    first_ms: int
    last_ms: int
    last_close: float
    leaps: list[Leap] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenBars(Bars):
    """Bars, and what was seen in them."""

    seen: Seen


def seen_in(bars: Bars) -> Seen:
    """A look at `bars`, of which there must be one."""
    leaps = _leaps_in(bars)
    return Seen(
        first_ms=int(bars.ts_ms[0]),
        last_ms=bars.last_ms,
        last_close=float(bars.close[-1]),
        leaps=leaps if len(leaps) <= MOST_KEPT else None,
    )


def with_seen(bars: Bars, seen: Seen) -> Bars:
    """The arrays of `bars`, with what `seen_in` found in them."""
    return SeenBars(seen=seen, **{name: getattr(bars, name) for name in COLUMNS})


def is_seen(bars: Bars) -> bool:
    """Whether `first_ms_of` and `leaps_of` touch the newest part of them at most."""
    return isinstance(parts_of(bars)[0], SeenBars)


def first_ms_of(bars: Bars) -> int:
    """The close of the first bar, of which there must be one."""
    first = parts_of(bars)[0]
    return first.seen.first_ms if isinstance(first, SeenBars) else int(first.ts_ms[0])


def leaps_of(bars: Bars) -> list[Leap]:
    """Every bar that opens at more than LEAP times the close before it, or at less than that part, in time order.

    Prices of zero and less have none.
    """
    found: list[Leap] = []
    before: Bars | None = None
    for part in parts_of(bars):
        if before is not None:
            close = before.seen.last_close if isinstance(before, SeenBars) else float(before.close[-1])
            found += _leap_between(close, part)
        kept = part.seen.leaps if isinstance(part, SeenBars) else None
        found += _leaps_in(part) if kept is None else kept
        before = part
    return found


def _leap_between(before: float, bars: Bars) -> list[Leap]:
    """From the last close of one part to the first open of the next."""
    opened = float(bars.open[0])
    far = opened > LEAP * before or opened * LEAP < before
    return [(int(bars.ts_ms[0]), opened / before)] if far and opened > 0 and before > 0 else []


def _leaps_in(bars: Bars) -> list[Leap]:
    before, opened = bars.close[:-1], bars.open[1:]
    far = (opened > LEAP * before) | (opened * LEAP < before)
    places = np.flatnonzero(far & (opened > 0) & (before > 0)).tolist()
    return [(int(bars.ts_ms[at + 1]), float(opened[at] / before[at])) for at in places]
