"""Stored bars that a provider leaves out for some days, while it serves all the others on another basis."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.dumps.halts import halted
from pyjobs.market.providers.units import tens
from pyjobs.market.store.confirmed_empty import without
from pyjobs.market.store.merge import joined, merged
from pyjobs.market.times import utc_text
from utils.errors import BadDataError

FEW, MOST = 5, 0.01  # of what is stored: so many, or such a share. More are a hole, and no bars that were left out
OTHER, OTHER_SHARE, ENOUGH = 0.01, 0.2, 20  # a factor that moves by more, on such a share of so many days at least
ALIKE = 1e-3  # relative: two prices' factors are one and the same; providers round


def with_left_out(old: Bars, new: Bars) -> tuple[Bars, tuple[str, ...], bool]:
    """`new`, and in it what of `old` it lacks, on the new basis: times the factor by which both neighbours have moved.

    Rows go where the place of the step is not known: at an end, or between neighbours that have moved by two factors.
    Volume goes by the neighbours' too (a split moves it, a dividend does not). Besides, what became of them, each a
    sentence, and whether any are lacking, but few; of more than those, and of an answer that ends before what is
    stored, nothing is kept.
    """
    away = without(old.ts_ms, new.ts_ms)
    still = halted(np.column_stack([old.open, old.high, old.low, old.close, old.volume]))
    lost = without(away, old.ts_ms[still])  # a session without a trade is no bar
    if not lost.size and away.size:
        return new, (), True
    if not lost.size or lost.size > max(FEW, MOST * len(old)) or not len(new) or lost[-1] > new.ts_ms[-1]:
        return new, (), False
    shared, at_old, at_new = np.intersect1d(old.ts_ms, new.ts_ms, assume_unique=True, return_indices=True)
    after = np.searchsorted(shared, lost)
    rows, found = list[Bars](), list[str]()
    for ts_ms, right in zip(lost.tolist(), after.tolist(), strict=True):
        sides = [(int(at_old[at]), int(at_new[at])) for at in (right - 1, right) if 0 <= at < shared.size]
        kept = list(_rescaled(old, new, int(np.searchsorted(old.ts_ms, ts_ms)), sides)) if len(sides) == 2 else []
        rows += kept
        what = "stays, moved as its neighbours were" if kept else "is gone: how far it has moved is not known"
        found.append(f"the provider leaves out the stored bar of {utc_text(ts_ms)}: it {what}")
    return merged(joined(rows), new), tuple(found), True


def refuse_other(key: SeriesKey, old: Bars, new: Bars) -> None:
    """Raises BadDataError where `new` is no other basis of `old`: a split or dividend moves all before it alike.

    So the factor between the two changes on a few days only; between two instruments it does on most.
    """
    shared, at_old, at_new = np.intersect1d(old.ts_ms, new.ts_ms, assume_unique=True, return_indices=True)
    moved = np.log(new.close[at_new] / old.close[at_old])
    if np.unique(tens(moved)).size > 1:
        raise BadDataError(
            f"{key}: a part of what comes now is in another unit than what is stored, and another part is not. Nothing "
            f"was stored; move {key.symbol}'s series away to begin again"
        )
    steps = np.abs(np.diff(moved)) > OTHER
    if shared.size > ENOUGH and steps.mean() > OTHER_SHARE:
        raise BadDataError(
            f"{key}: between the stored closes and those that come now lie {int(steps.sum())} factors on {shared.size} "
            "days: no split or dividend, but another instrument under this name? Nothing was stored (move the series "
            "away to take the new prices)"
        )


def _rescaled(old: Bars, new: Bars, at: int, sides: list[tuple[int, int]]) -> Iterator[Bars]:
    """The old bar `at` on the new basis, where its neighbours (old, new) agree on what that is."""
    before, after = (float(new.close[there] / old.close[here]) for here, there in sides)
    if abs(before / after - 1) > ALIKE:
        return
    volumes = [float(new.volume[there] / old.volume[here]) for here, there in sides if old.volume[here] > 0]
    factors = dict.fromkeys(("open", "high", "low", "close"), before) | {"volume": volumes[0] if volumes else 1.0}
    one = old.slice(at, at + 1)
    yield Bars(ts_ms=one.ts_ms, **{name: getattr(one, name) * factor for name, factor in factors.items()})
