"""Whether two stretches of one series are on the same basis: a split or dividend moves all older prices by a factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS, Bars

Adjusted = Literal["raw", "split", "adjusted"]
"""What is worked into all prices of a series: nothing; splits, and no dividends; both."""
WORKED_IN: tuple[Adjusted, ...] = ("raw", "split", "adjusted")

OLDEST = 10  # shared bars that are compared, the oldest: what was worked in since has moved those, whatever came later
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
