"""Faults of bars, by the numbers alone. Each check gives a mask or positions over one series.

A *bad print* jumps away and back with nothing in between, or by a power of ten, as a misplaced decimal point does. A
*flash crash* trades its way down and up: its bars touch their neighbours, and where it is a single bar's low, its
volume is unusual; no crash opens or closes where neither neighbour has been. Volume proves nothing for a low that is a
hundredth or less of the price to within what a bar moves; but one cent, for what cost ten dollars or more, is where the
stub quotes of 2010-05-06 stood, and was traded at. Thresholds are ours; tests on a real market's shape and on injected
errors hold the two apart.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import COLUMNS, Bars, FloatArray, IntArray, in_order
from pyjobs.market.store.merge import joined

Mask = npt.NDArray[np.bool_]

FAR = 4.0  # a price this many times the price around it (or a part of it) needs an explanation
SLIP = 0.1  # how near log10 of the factor is to a whole number when a decimal point slipped
ROUNDED = 0.01  # a price that lost two digits is off by so much of log10, and is still an exact hundredth
STUB = 0.01
BUSY = 5.0  # volume of so many times the usual: something did happen
AROUND = 5  # bars on each side that say what is usual
SEEN = 4 * AROUND  # fewer bars than these on each side show what is bad
LOOKED_AT = 1 << 16  # bars at once: 20 MB


def impossible(bars: Bars) -> dict[str, Mask]:
    """The impossible bars, by the name of the fault."""
    least = np.minimum(np.minimum(bars.open, bars.close), np.minimum(bars.low, bars.high))
    finite = np.logical_and.reduce([np.isfinite(getattr(bars, name)) for name in COLUMNS[1:]])
    inside = in_order(bars.open, bars.high, bars.low, bars.close)
    return {
        "time that is there twice": np.append(False, np.diff(bars.ts_ms) == 0)[: len(bars)],
        "time before the bar before it": np.append(False, np.diff(bars.ts_ms) < 0)[: len(bars)],
        "missing or infinite value": ~finite,
        "price of zero or less": finite & (least <= 0),
        "open, high, low and close out of order": finite & ~inside,
        "negative volume": finite & (bars.volume < 0),
    }


def halts(bars: Bars) -> Mask:
    """Bars without a trade, in a series that reports volume: no volume and one price."""
    if not len(bars) or np.median(bars.volume) == 0:
        return np.zeros(len(bars), bool)
    return np.asarray((bars.volume == 0) & (bars.high == bars.low), np.bool_)


def bad_prints(bars: Bars) -> Mask:
    """Bars with a price that was not traded at. A flash crash is none; nor is a jump that lasts (see `breaks`)."""
    found = np.empty(len(bars), bool)
    for start in range(0, len(bars), LOOKED_AT):
        first, stop = max(start - SEEN, 0), min(start + LOOKED_AT, len(bars))
        found[start:stop] = _bad_prints(bars.slice(first, stop + SEEN))[start - first : stop - first]
    return found


def _bad_prints(bars: Bars) -> Mask:
    if len(bars) < 3:
        return np.zeros(len(bars), bool)
    prices = np.log10(np.stack([bars.open, bars.high, bars.low, bars.close]))
    earlier, later = (prices - np.log10(side) for side in _sides(bars.close))
    nearer = np.where(np.abs(earlier) < np.abs(later), earlier, later)  # so that a jump that lasts is near its own side
    far = np.abs(nearer) > np.log10(FAR)
    before, after = np.append(np.nan, bars.close[:-1]), np.append(bars.open[1:], np.nan)
    other = (prices - np.log10(before), prices - np.log10(after))  # in a fast market
    off = np.fmin.reduce([np.abs(factor - np.round(factor)) for factor in (nearer, *other)])  # from a power of ten
    exact = far & (off < np.maximum(*_sides(prices[1] - prices[2])) + ROUNDED)
    wick = exact[1:3] & ~(far[0] | far[3])  # a high or low alone
    slipped = far & (off < SLIP) & ~_neighbour_reaches(prices, wick)
    touches = _touches(bars)
    stub = (bars.low <= STUB) & (nearer[2] < -2.5)
    busy = bars.volume > np.where(stub, 1.0, BUSY) * np.maximum(*_sides(bars.volume))
    traded_at = busy & touches & (stub | ~exact[2] | (nearer[2] > -1.5))
    slipped[2] &= ~traded_at  # a low alone
    return np.asarray(slipped.any(axis=0) | _away_and_back(bars, np.where(far, np.sign(nearer), 0)), np.bool_)


def _away_and_back(bars: Bars, side: FloatArray) -> Mask:
    """Bars, alone or a few in a row, that jump away and back, with nothing traded in between.

    `side`: where each price lies, -1 far below and 1 far above the others; one row per field.
    """
    away = np.where(side[0] == side[3], side[0], 0)
    edges = np.flatnonzero(np.diff(away, prepend=0, append=0))
    found = np.zeros(len(bars), bool)
    for start, stop in itertools.pairwise(edges.tolist()):
        if away[start]:
            low, high = bars.low[start:stop].min() * 0.9, bars.high[start:stop].max() * 1.1
            other = [at for at in (start - 1, stop) if 0 <= at < len(bars)]
            found[start:stop] = all(bars.low[at] * 0.9 > high or bars.high[at] * 1.1 < low for at in other)
    return found


def _neighbour_reaches(prices: FloatArray, wick: Mask) -> Mask:
    """For each log10 price (one row per field): whether the bar before or after traded within `FAR` of it.

    `wick`: which highs (first row) and lows of a neighbour prove nothing, as they may have slipped themselves.
    """
    body = prices[[0, 3]]
    high = np.where(wick[0], body.max(axis=0), prices[1]) + np.log10(FAR)
    low = np.where(wick[1], body.min(axis=0), prices[2]) - np.log10(FAR)
    before = (prices[:, 1:] >= low[:-1]) & (prices[:, 1:] <= high[:-1])
    after = (prices[:, :-1] >= low[1:]) & (prices[:, :-1] <= high[1:])
    return np.asarray(np.pad(before, ((0, 0), (1, 0))) | np.pad(after, ((0, 0), (0, 1))), np.bool_)


def _touches(bars: Bars) -> Mask:
    """Whether each bar's range meets the range of the bar before or after it (with a tenth of a slip)."""
    low, high = bars.low * 0.9, bars.high * 1.1
    meets = (low[1:] <= high[:-1]) & (low[:-1] <= high[1:])
    return np.asarray(np.append(False, meets) | np.append(meets, False), np.bool_)


def _sides(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The median of the `AROUND` values before each value, and of those after it; at an end, the other side's."""
    windows = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(values, AROUND, mode="edge"), AROUND), axis=1)
    earlier, later = windows[: values.size].copy(), windows[AROUND + 1 :].copy()
    earlier[0], later[-1] = later[0], earlier[-1]
    return earlier, later


def usable(parts: list[Bars]) -> Bars:
    """The possible bars of all parts, in time order and each time once: what the statistical checks look at."""
    bars = joined(parts)
    wrong = np.zeros(len(bars), bool)
    for mask in impossible(bars).values():
        wrong |= mask
    if not wrong.any():
        return bars
    keep = np.flatnonzero(~wrong)
    order: IntArray = keep[np.argsort(bars.ts_ms[keep], kind="stable")]
    return Bars(**{name: getattr(bars, name)[order] for name in COLUMNS})
