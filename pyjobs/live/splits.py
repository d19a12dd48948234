"""Splits and issues of a loop's series: by which factor all prices before a bar are to be multiplied.

Those of raw prices are recorded: in data/actions/<exchange>.csv, and in the file that the loop's `actions` names. A
series with splits worked in is re-based as a whole by its provider; then the factor is that between the bars as they
were seen and as they are stored now. Cash dividends are in no raw price and change nothing here.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np

from pyjobs.live.deciding.core import Lane
from pyjobs.live.deciding.seen import Seen, scaled
from pyjobs.live.spec import Spec
from pyjobs.market.bars import COLUMNS, Bars, FloatArray, IntArray
from pyjobs.market.store.basis import DIFFERENT, factor_between
from utils import paths
from utils.errors import MissingInputError
from utils.files import os_files

NEVER = ("24/7", "FX")
EPOCH = dt.date(1970, 1, 1).toordinal()
SIMPLE: FloatArray = np.array(
    sorted({p / q for p in range(1, 21) for q in range(1, 21)} | {n**k for n in range(1, 1001) for k in (1.0, -1.0)})
)
ROUNDED = 0.0005  # relative: a re-based series' prices are rounded again


class Split(NamedTuple):
    """From that day of the market on, all prices before it count times `factor`."""

    day: int
    factor: float
    text: str


def recorded(spec: Spec) -> list[Split]:
    """The splits of a raw series, by day; none where nothing is recorded. Raises BadDataError, MissingInputError."""
    derived, own = paths.data_dir() / "actions" / f"{spec.exchange}.csv", paths.root() / spec.actions
    if spec.actions and not os_files.is_there(own):
        raise MissingInputError(f"loop {spec.tag}: actions: {own} is not there")
    if not spec.actions and not os_files.is_there(derived):
        return []
    from pyjobs.market.desk import corporate_actions  # only where there is something to read

    mine = corporate_actions.read_actions(own) if spec.actions else []
    found = corporate_actions.with_room(mine, corporate_actions.read_actions(derived))
    return [
        Split(
            each.session.toordinal() - EPOCH,
            each.ratio if each.kind == "base" else 1.0 / each.ratio,
            f"{each.kind} of {each.session}",
        )
        for each in sorted([*mine, *found], key=lambda one: one.session)
        if each.symbol == spec.stored and each.kind != "dividend"
    ]


def rebased(seen: Seen, stored: Bars) -> float:
    """By which factor the stored bars differ from those that were seen, 1 where they do not; a ratio of small whole
    numbers where it is one but for rounding."""
    factor = factor_between(seen.window(0, len(seen)), stored)
    if factor == 1.0:
        return 1.0
    nearest = float(SIMPLE[np.abs(SIMPLE / factor - 1.0).argmin()])
    return nearest if abs(nearest / factor - 1.0) < ROUNDED else factor


def between(lane: Lane, seen: Seen, new: Bars, splits: list[Split]) -> tuple[FloatArray, list[tuple[int, Split]]]:
    """The factor of each new bar; and the splits that came too late, with the number of their bar in `seen`.

    A split that took effect some days earlier is too late: a person corrected its day, for example.
    """
    factors, late = np.ones(len(new)), []
    days = lane.days(np.concatenate([seen.bars.ts_ms, new.ts_ms]))
    for split in splits:
        at = int(np.searchsorted(days, split.day))
        if at >= len(seen) and (counted := _counted(seen, days, split)) is not None:
            late.append((counted, split))
        elif at >= len(seen) and 0 < at < len(days):
            factors[at - len(seen)] *= split.factor
        elif 0 < at < len(seen) and seen.factors[at] == 1.0 and split.factor != 1.0:
            late.append((at, split))
    return factors, late


def _counted(seen: Seen, days: IntArray, split: Split) -> int | None:
    """The number of the bar at which the same split, by factor and about its day, has counted; None for none."""
    if split.factor == 1.0 or (seen.factors == 1.0).all():
        return None
    from pyjobs.market.desk.corporate_actions import SAME_EVENT_DAYS

    near = np.abs(days[: len(seen)] - split.day) <= SAME_EVENT_DAYS
    found = np.flatnonzero(near & (np.abs(seen.factors / split.factor - 1.0) < ROUNDED))
    return int(found[-1]) if len(found) else None


def with_marked(lane: Lane, seen: Seen, known: list[Split]) -> list[Split]:
    """`known`, and the splits marked in a loop's bars alone, of its `actions`: near those `known` gives way."""
    factors, _ = between(lane, Seen.of(seen.bars.slice(0, 0)), seen.bars, known)
    at = np.flatnonzero((seen.factors != 1.0) & (factors == 1.0))
    days = lane.days(seen.bars.ts_ms[at]).tolist()
    if not days:
        return known
    from pyjobs.market.desk.corporate_actions import SAME_EVENT_DAYS

    own = [Split(day, each, "marked") for day, each in zip(days, seen.factors[at].tolist(), strict=True)]
    return [*own, *(each for each in known if all(abs(each.day - day) > SAME_EVENT_DAYS for day in days))]


def unexplained(spec: Spec, lane: Lane, seen: Seen, new: Seen, splits: list[Split]) -> tuple[int, str]:
    """The first new raw bar that opens as only after a split that is not recorded, and the line about it; their number
    and "" without one.
    """
    if spec.market in NEVER or not len(new):
        return len(new), ""
    from pyjobs.market.desk.action_checks import leaps_as_a_split

    whole = seen.then(new)
    steps = whole.bars.open[1:] / whole.bars.close[:-1]
    explained = {split.day for split in splits}
    for at in (np.flatnonzero((steps > 1.3) | (steps < 1 / 1.3)) + 1).tolist():
        step = float(steps[at - 1])
        day = int(lane.days(whole.bars.ts_ms[at : at + 1])[0])
        if at < len(seen) or day in explained or not leaps_as_a_split(step, spec.market):
            continue
        date = dt.date.fromordinal(day + EPOCH)
        return at - len(seen), (
            f"loop {spec.tag}: {spec.key} opens on {date} at {step:.4g} of the last close, as after a split, and none "
            f"is recorded: that bar waits. Write '{spec.stored},{date},split,{max(1 / step, 1):.3g}:"
            f"{max(step, 1):.3g},' into the file that the loop's `actions` names (1:1 where it was none)"
        )
    return len(new), ""


def as_seen(seen: Seen, stored: Bars) -> Seen:
    """Stored bars of a series that is re-based as a whole, in the shares in which they were seen: before each split of
    `seen` they are divided by its factor. Where that is what was seen but for rounding, it is what was seen.
    """
    at = np.minimum(np.searchsorted(stored.ts_ms, seen.bars.ts_ms[seen.factors != 1.0]), len(stored))
    splits, factors = seen.factors[seen.factors != 1.0], np.ones(len(stored))
    for i, factor in zip(at.tolist(), splits.tolist(), strict=True):
        if 0 < i < len(stored):
            factors[i] *= factor
    if (factors == 1.0).all():
        return Seen(bars=stored, factors=factors)
    later = np.append(np.cumprod(factors[:0:-1])[::-1], 1.0)
    bars = scaled(stored, 1.0 / later)
    _, mine, theirs = np.intersect1d(seen.bars.ts_ms, bars.ts_ms, assume_unique=True, return_indices=True)
    same = alike(seen.bars, mine, bars, theirs) & (later[theirs] != 1.0)
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    for name in COLUMNS:
        columns[name][theirs[same]] = getattr(seen.bars, name)[mine[same]]
    return Seen(bars=Bars(**columns), factors=factors)


def alike(one: Bars, at: np.ndarray, other: Bars, there: np.ndarray) -> np.ndarray:
    """Whether the prices are the same but for rounding after a split. One for each of `at`."""
    pairs = ((getattr(one, name)[at], getattr(other, name)[there]) for name in ("open", "high", "low", "close"))
    return np.asarray(np.logical_and.reduce([np.abs(a / b - 1.0) < DIFFERENT for a, b in pairs]))
