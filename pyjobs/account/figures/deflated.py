"""How lucky the best of many trials is: the Deflated Sharpe Ratio.

Bailey, D. H. & López de Prado, M. (2014), "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest
Overfitting and Non-Normality", Journal of Portfolio Management 40(5), 94-107; the probabilistic Sharpe ratio is from
the same authors' "The Sharpe Ratio Efficient Frontier" (2012), Journal of Risk 15(2). All Sharpe ratios here are per
period (a session), not annualised; kurtosis is not in excess (a normal distribution has 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from pyjobs.market.bars import FloatArray

EULER = 0.5772156649015329  # the Euler-Mascheroni constant
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflated:
    """What is left of the best of `trials` Sharpe ratios.

    `sharpe`: the best one; `expected_best`: what the best of so many would be by luck alone; `probability`: that its
    true value is above that (the deflated Sharpe ratio); `against_zero`: the same against zero, for one trial.
    """

    trials: int
    sharpe: float
    expected_best: float
    probability: float
    against_zero: float
    skewness: float
    kurtosis: float
    n: int

    def verdict(self) -> str:
        """In words."""
        if self.probability != self.probability:
            return "undefined: too few returns or trials"
        if self.probability >= 0.95:
            return "hard to explain by luck"
        return "could well be luck" if self.probability < 0.5 else "luck cannot be ruled out"


def deflate(best: FloatArray, sharpes: FloatArray) -> Deflated:
    """Judge the returns of the best trial (one per period) by the Sharpe ratios of all trials, the best included.

    Trials count as independent; parameters close to each other are not, so the truth is kinder to the best one. NaN
    where undefined: below two trials with a Sharpe ratio, below four returns, or returns that never move.
    """
    known = sharpes[~np.isnan(sharpes)]
    returns = best[~np.isnan(best)]
    sharpe, skewness, kurtosis = moments(returns)
    spread = float(known.std(ddof=1)) if known.size > 1 else math.nan
    expected = expected_best(known.size, spread)
    return Deflated(
        trials=int(known.size),
        sharpe=sharpe,
        expected_best=expected,
        probability=probabilistic_sharpe(sharpe, expected, n=returns.size, skewness=skewness, kurtosis=kurtosis),
        against_zero=probabilistic_sharpe(sharpe, 0.0, n=returns.size, skewness=skewness, kurtosis=kurtosis),
        skewness=skewness,
        kurtosis=kurtosis,
        n=int(returns.size),
    )


def moments(returns: FloatArray) -> tuple[float, float, float]:
    """(Sharpe ratio per period with the n - 1 deviation, skewness, kurtosis); the last two from moments (1 / n)."""
    if returns.size < 4 or returns.max() == returns.min():
        return math.nan, math.nan, math.nan
    centred = returns - returns.mean()
    variance = float((centred**2).mean())
    skewness, kurtosis = (float((centred**k).mean()) / variance ** (k / 2) for k in (3, 4))
    return float(returns.mean() / returns.std(ddof=1)), skewness, kurtosis


def expected_best(trials: int, spread: float) -> float:
    """The expected largest of so many Sharpe ratios whose true value is zero and whose standard deviation is `spread`.

    spread * ((1 - g) * Z(1 - 1 / N) + g * Z(1 - 1 / (N e))), g Euler's constant, Z the normal quantile (equation 1 of
    the paper's appendix, "False Strategy theorem"). NaN below two trials.
    """
    if trials < 2 or spread != spread:
        return math.nan
    first, second = _NORMAL.inv_cdf(1 - 1 / trials), _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return spread * ((1 - EULER) * first + EULER * second)


def probabilistic_sharpe(sharpe: float, benchmark: float, *, n: int, skewness: float, kurtosis: float) -> float:
    """The probability that the true Sharpe ratio is above `benchmark`, given `n` returns of that shape.

    F((SR - SR0) sqrt(n - 1) / sqrt(1 - skewness * SR + (kurtosis - 1) / 4 * SR^2)), F the normal distribution.
    """
    under = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if n < 2 or not under > 0 or benchmark != benchmark:
        return math.nan
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(n - 1) / math.sqrt(under))
