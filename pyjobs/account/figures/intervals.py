"""95 % confidence intervals of a rate or a mean from few cases. Plain arithmetic, the same on every machine."""

from __future__ import annotations

import math

Z95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution


def wilson(wins: float, n: float) -> tuple[float, float] | None:
    """Score interval of a proportion; None for n = 0. Both may be fractions of trades, when overlap makes them fewer
    than n.

    Wilson (1927), JASA 22; recommended for small n by Brown, Cai & DasGupta (2001), Statistical Science 16.
    """
    if n == 0:
        return None
    rate, z2 = wins / n, Z95 * Z95
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return (0.0 if wins == 0 else centre - half), (1.0 if wins == n else centre + half)


def t_975(df: int) -> float:
    """The 97.5 % point of Student's t with `df` >= 1 degrees of freedom, to 1e-9.

    Bisection on the finite series for the central probability: Abramowitz & Stegun 26.7.3 and 26.7.4.
    Past 1000 degrees the expansion 26.7.5 is closer than that.
    """
    if df > 1000:
        z = Z95
        return z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
    low, high = Z95, 13.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (middle, high) if _central(middle, df) < 0.95 else (low, middle)
    return (low + high) / 2


def _central(t: float, df: int) -> float:
    """P(|T| < t)."""
    theta = math.atan(t / math.sqrt(df))
    cos2, sine = math.cos(theta) ** 2, math.sin(theta)
    if df % 2:
        term, total = math.cos(theta), 0.0
        for k in range(3, df + 1, 2):
            total += term
            term *= cos2 * (k - 1) / k
        return 2 / math.pi * (theta + sine * total)
    term, total = 1.0, 0.0
    for k in range(2, df + 1, 2):
        total += term
        term *= cos2 * (k - 1) / k
    return sine * total
