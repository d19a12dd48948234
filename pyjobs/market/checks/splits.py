"""Splits that were not worked in, found by prices, volumes and the gap between two bars.

A split changes the price between two bars, at the open, by p:1 or 1:q up to 1 000, or p:q with both up to 20, and for
good; shares traded change by as much the other way (or not at all, where the volumes were put right already), so that
the money traded stays what it was; and the day itself is like any other. A crash falls within the bar, or on many times
the volume, or over a day as wild as none before. Coins and currencies do not split. Thresholds are ours.

On 26 674 real days of four Korean shares (1985 to 2018, adjusted) and 20 332 real candles of a coin taken for a share
nothing is called a split. Splits planted on those days are found 9 times in 10 if p:1 or 1:q (2 in 3 where the volume
was put right already), 2 in 3 of p:q (2026-11-29, 150 of each kind).

A smaller move than BREAK is reported, down to 20:19, on more evidence, for many nights move as far: the jump is a
multiple of all gaps for weeks, and the day after it is an ordinary one by its range and by the money traded, which no
news leaves alone. How often is in docs/DESIGN.md, measured by tests/bench/splits.py: one false alarm on the days
above, none on 2 148 days of Google (2004 to 2013, the sample of backtesting 0.6.6).
"""

from __future__ import annotations

import numpy as np

from pyjobs.market.bars import Bars, FloatArray

BREAK = 0.30  # a jump by more than this
AROUND = 5  # bars on each side that say what lasts
USUAL = 20  # bars before that say what is usual
WHOLE, BOTH = 1000, 20
LEAST_FIT, WIDEST_FIT = 0.01, 0.06  # relative: the market itself moves overnight
LASTS = 0.25
MONEY = 2.5  # the money traded may change by this factor
STEADY = 1.5  # or the shares traded by no more than this one
WILD = 3.0  # times the usual range of a bar
SMALL = 0.045  # log of the least of small splits
NIGHTLY = 0.15  # log: a smaller jump than this needs more to be none of the market's
WEEKS = 60  # bars whose gaps say what a night moves
FAR, FARTHEST = (7.0, 5.0), (2.2, 1.8)  # times the usual gap, and the widest of them; below NIGHTLY and from it on
ORDINARY, CALM = 1.5, 0.5  # times the usual range of a bar; of the jump, what the bar itself moves
LEAST_MONEY, MOST_MONEY = 0.3, 2.5  # times the usual money traded
NIGHT_MS = 4 * 3_600_000
NEVER = frozenset({"24/7", "FX"})
_SIMPLE = sorted({p / q for p in range(1, BOTH + 1) for q in range(1, p)} | {float(p) for p in range(2, WHOLE + 1)})
RATIOS: FloatArray = np.array(_SIMPLE)


def breaks(bars: Bars, market: str | None = None) -> list[tuple[int, float]]:
    """(position, factor) where the price jumps for good as by a split; factor is the price after over before."""
    if market in NEVER or len(bars) < 2 * AROUND:
        return []
    gap = np.log(bars.open[1:] / bars.close[:-1])
    found = []
    for at in (np.flatnonzero(np.abs(gap) > SMALL) + 1).tolist():
        jump = float(gap[at - 1])
        size = _ratio(bars, at, jump, gap) if abs(jump) > np.log(1 + BREAK) else _small(bars, at, jump, gap)
        if size is not None:
            found.append((at, size))
    return found


def _ratio(bars: Bars, at: int, jump: float, gap: FloatArray) -> float | None:
    """The price after over before, when everything about the bar is as at a split."""
    earlier = slice(max(0, at - USUAL), at)
    near, after = slice(max(0, at - AROUND), at), slice(at, at + AROUND)
    usual = float(np.median(np.abs(gap[max(0, at - 1 - USUAL) : at - 1]))) if at > 1 else 0.0
    fit = min(max(3 * usual, LEAST_FIT), WIDEST_FIT)
    size = float(np.exp(abs(jump)))
    nearest = float(RATIOS[np.abs(np.log(RATIOS / size)).argmin()])
    if abs(np.log(nearest / size)) > fit:
        return None
    lasting = float(np.median(bars.close[after]) / np.median(bars.close[near]))
    if abs(np.log(lasting) - jump) > LASTS:
        return None
    ranges = np.log(bars.high[earlier] / bars.low[earlier])
    if float(np.log(bars.high[at] / bars.low[at])) > max(WILD * float(np.median(ranges)), abs(jump) / 4):
        return None
    return lasting if _volume_agrees(bars, near, after, jump, whole=nearest % 1 == 0) else None


def _volume_agrees(bars: Bars, near: slice, after: slice, jump: float, *, whole: bool) -> bool:
    before, since = float(np.median(bars.volume[near])), float(np.median(bars.volume[after]))
    if not before or not since:
        return whole  # a series without volume: only a whole ratio means anything
    shares = np.log(since / before)
    follows = abs(shares + jump) < np.log(MONEY if whole else STEADY)
    return bool(follows or (whole and abs(shares) < np.log(STEADY)))


def _small(bars: Bars, at: int, jump: float, gap: FloatArray) -> float | None:
    """The price after over before, when a jump that a night may well make is a split by all else there is to see."""
    if at <= WEEKS or at + AROUND > len(bars) or bars.ts_ms[at] - bars.ts_ms[at - 1] < NIGHT_MS:
        return None
    size, nights, before = abs(jump), np.abs(gap[at - 1 - WEEKS : at - 1]), slice(at - USUAL, at)
    usual = 1.4826 * float(np.median(nights))  # as a standard deviation
    far, farthest = FAR[size >= NIGHTLY], FARTHEST[size >= NIGHTLY]
    if size < far * usual or size < farthest * float(nights.max()):
        return None
    ranges, volume = np.log(bars.high[before] / bars.low[before]), float(np.median(bars.volume[before]))
    if float(np.log(bars.high[at] / bars.low[at])) > ORDINARY * max(float(np.median(ranges)), 1e-3):
        return None
    if abs(float(np.log(bars.close[at] / bars.open[at]))) > CALM * size:
        return None
    if not volume or not LEAST_MONEY < float(bars.volume[at]) / volume * np.exp(jump) < MOST_MONEY:
        return None
    lasting = float(np.median(bars.close[at : at + AROUND]) / np.median(bars.close[at - AROUND : at]))
    return lasting if abs(np.log(lasting) - jump) <= CALM * size else None
