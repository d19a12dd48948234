"""Whether two stretches of one series are on the same basis: a split or dividend moves all older prices by a factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS, Bars, SeriesKey
from utils.errors import BadDataError

Adjusted = Literal["raw", "split", "adjusted"]
"""What is worked into all prices of a series: nothing; splits, and no dividends; both."""
WORKED_IN: tuple[Adjusted, ...] = ("raw", "split", "adjusted")

OLDEST = 10  # shared bars that are compared, the oldest: what was worked in since has moved those, whatever came later
CHANGED = 1e-6  # relative; providers round
OTHERS = 0.8  # of the shared raw closes: so many do not change by a hundredth each because they were revised
RESCALED = 0.01  # a raw price moved by more than this, everywhere by the same factor, was not revised but rescaled
DIFFERENT = 0.002  # relative: more than files round, less than a dividend that matters


def of_file(about: Mapping[str, str], timeframe: str) -> Adjusted:
    """The basis of a file. Yahoo's bars within the day have no dividends: before December 2026 they were called
    adjusted, as its days are.
    """
    if about["adjusted"] == "adjusted" and about["provider"] == "yf_etf" and TIMEFRAME_MS[timeframe] < DAY_MS:
        return "split"
    return next((one for one in WORKED_IN if one == about["adjusted"]), "raw")


def factor_between(old: Bars, new: Bars) -> float:
    """How many times as high the closes of `new` are, by the oldest bars that both have; 1.0 on one basis.

    Also 1.0 where they share fewer than two bars: then it cannot be known.
    """
    shared, at_old, at_new = np.intersect1d(old.ts_ms, new.ts_ms, assume_unique=True, return_indices=True)
    if shared.size < 2:
        return 1.0
    factor = float(np.median(new.close[at_new][:OLDEST] / old.close[at_old][:OLDEST]))
    return factor if abs(factor - 1) > DIFFERENT else 1.0


def rescaled(key: SeriesKey, old: Bars, bars: Bars, *, adjusted: bool) -> bool:
    """Whether the `old` prices, those stored of `bars`' stretch, are on another basis than `bars`.

    Raises BadDataError when that must not be: raw prices.
    """
    shared, at_old, at_new = np.intersect1d(old.ts_ms, bars.ts_ms, assume_unique=True, return_indices=True)
    if shared.size < 2:
        return False
    ratio = bars.close[at_new] / old.close[at_old]
    changed = np.abs(ratio - 1) > CHANGED
    if not changed.any():
        return False
    if adjusted:  # the oldest ones suffice: a provider may be days late to work a split in
        return bool(changed.sum() * 2 > shared.size or changed[:2].all())
    factor = float(np.median(ratio))
    if shared.size >= 3 and abs(factor - 1) > RESCALED and np.ptp(ratio) < RESCALED * abs(factor - 1):
        raise BadDataError(
            f"{key}: {shared.size} stored raw closes now come {factor:.6g} times as high: the provider rescales "
            "what it calls raw; nothing was stored (move the series away to take the new prices)"
        )
    others = np.abs(ratio - 1) > RESCALED
    if shared.size >= 5 and others.mean() > OTHERS:
        raise BadDataError(
            f"{key}: {int(others.sum())} of {shared.size} stored raw closes come otherwise, by no common factor: "
            "another instrument under this name? Nothing was stored (move the series away to take the new prices)"
        )
    return False


def volumes_moved(old: Bars, new: Bars) -> tuple[float, int] | None:
    """By which factor the volumes of `new` are those of `old` on the same closes, and up to which time that is so.

    None where that is so of fewer than three bars, or of others than the oldest that both have.
    """
    shared, at_old, at_new = np.intersect1d(old.ts_ms, new.ts_ms, assume_unique=True, return_indices=True)
    traded = (old.volume[at_old] > 0) & (new.volume[at_new] > 0)
    shared, at_old, at_new = shared[traded], at_old[traded], at_new[traded]
    ratio = new.volume[at_new] / old.volume[at_old]
    count = int((np.abs(ratio - 1) > RESCALED).sum())
    moved, known = ratio[:count], old.close[at_old[:count]]
    if (
        count < 3
        or abs(moved[0] - 1) <= RESCALED
        or np.ptp(moved) > CHANGED * moved[0]
        or np.unique(old.volume[at_old[:count]]).size < 3
    ):
        return None
    same = np.allclose(known, new.close[at_new[:count]], rtol=CHANGED, atol=0.0)
    return (float(moved[0]), int(shared[count - 1])) if same else None
