"""Whether two stretches of one series are on the same basis: a split or dividend moves all older prices by a factor."""

from __future__ import annotations

import numpy as np

from pyjobs.market.bars import Bars

OLDEST = 10  # shared bars that are compared, the oldest: what was worked in since has moved those, whatever came later
DIFFERENT = 0.002  # relative: more than files round, less than a dividend that matters


def factor_between(old: Bars, new: Bars) -> float:
    """How many times as high the closes of `new` are, by the oldest bars that both have; 1.0 on one basis.

    Also 1.0 where they share fewer than two bars: then nothing can be told.
    """
    shared, at_old, at_new = np.intersect1d(old.ts_ms, new.ts_ms, assume_unique=True, return_indices=True)
    if shared.size < 2:
        return 1.0
    factor = float(np.median(new.close[at_new][:OLDEST] / old.close[at_old][:OLDEST]))
    return factor if abs(factor - 1) > DIFFERENT else 1.0
