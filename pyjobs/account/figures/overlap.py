"""Confidence interval and effective sample size for the mean return of trades that overlap in time.

Two trades held over the same days share what those days did, on one series or on several. So the sample is the bars,
not the trades: each trade's return is split into what it made in each bar, what all trades made in one bar is added
up, and those sums, whose noise is independent from bar to bar as that of prices is, give the variance:

    V = A / (A - 1) * sum over bars b of (sum over trades i of g_ib - m / k_i)^2,   m -+ t(97.5 %, A - 1) sqrt(V) / n

g_ib: what trade i made in bar b, in fractions of its entry, which add up to n m over all; k_i: its number of bars;
A = (sum c_b^2)^2 / sum c_b^4, the bars' degrees of freedom, with c_b trades in bar b.
Calendar-time aggregation: Jaffe (1974), J. Business 47; Fama (1998), J. Financial Economics 49, section 4;
Lyon, Barber & Tsai (1999), J. Finance 54. Degrees of freedom: Satterthwaite (1946), Biometrics Bulletin 2.
Effective number: n over the design effect (Kish 1965, Survey Sampling, 8.2), which is V over what it would be if no two
trades shared a bar; with it Wilson's interval holds for a win rate (Korn & Graubard 1998, Survey Methodology 24), on
the safe side, as wins overlap less than returns do.
Never narrower than for independent trades. Markets that follow each other a day later are not seen as one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyjobs.account.figures.intervals import t_975
from pyjobs.market.bars import FloatArray, IntArray
from pyjobs.strategy.indicators import BoolArray

# Below ten independent trades even a setup that always wins has a Wilson interval reaching down to 72 %: no verdict.
FEWEST_INDEPENDENT = 10
WORTH = "worth: how many trades that share no bar would weigh as much as the closed ones; the 95 % intervals use it."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """One trade, bar by bar: the number of each bar's slot in time, and what it made there (fractions of its entry).

    Two trades that share a slot were held at the same time. The gains add up to the trade's net return.
    """

    slots: IntArray
    gains: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """Many of them, one after the other: how many bars each has, and the slots and gains of all."""

    sizes: IntArray
    slots: IntArray
    gains: FloatArray

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Paths:
        """The paths of single trades, put together."""
        none: IntArray = np.zeros(0, np.int64)
        return cls(
            sizes=np.array([path.gains.size for path in paths], np.int64),
            slots=np.concatenate([none, *(path.slots for path in paths)]),
            gains=np.concatenate([none.astype(np.float64), *(path.gains for path in paths)]),
        )

    @staticmethod
    def places(sizes: IntArray) -> IntArray:
        """0 to size - 1 for each size, one after the other."""
        starts = np.cumsum(sizes) - sizes
        found: IntArray = np.arange(int(sizes.sum())) - np.repeat(starts, sizes)
        return found

    def chosen(self, which: BoolArray) -> Paths:
        """Some of them."""
        bars = np.repeat(which, self.sizes)
        return Paths(sizes=self.sizes[which], slots=self.slots[bars], gains=self.gains[bars])

    def returns(self) -> list[float]:
        """What each made, rounded once."""
        gains, ends = self.gains.tolist(), np.cumsum(self.sizes).tolist()
        return [math.fsum(gains[start:end]) for start, end in itertools.pairwise([0, *ends])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """The mean of overlapping trades, its 95 % interval, and the number of independent trades that would be as
    informative (1 to n).
    """

    mean: float
    low: float
    high: float
    n_effective: float


def together(paths: Paths) -> Together | None:
    """See the module; None for fewer than two trades, or when all of them lived in one slot."""
    n = paths.sizes.size
    if n < 2:
        return None
    returns = paths.returns()
    mean = math.fsum(returns) / n
    at = np.unique(paths.slots, return_inverse=True)[1]
    rest = paths.gains - np.repeat(mean / paths.sizes, paths.sizes)
    held = np.bincount(at).astype(np.float64) ** 2
    freedom = float(held.sum() ** 2 / (held**2).sum())
    if freedom < 2:
        return None
    shared, alone = float((np.bincount(at, rest) ** 2).sum()), float((rest**2).sum())
    spread = math.fsum((each - mean) ** 2 for each in returns) / (n - 1)
    half = t_975(int(freedom) - 1) * math.sqrt(max(shared * freedom / (freedom - 1), n * spread)) / n
    alike = n * alone / shared if shared > 0 else n
    return Together(mean=mean, low=mean - half, high=mean + half, n_effective=max(1.0, min(float(n), alike)))
