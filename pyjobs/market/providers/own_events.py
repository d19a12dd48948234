"""Whether an answer contradicts itself: its own splits are not in its prices, or some of them are in another unit.

A provider may announce a split days before it works it in, or never work it in; a share in pence may be in pounds for
some days, for single rows in the middle of its history, or in one of a row's prices. All were seen at Yahoo:
https://github.com/ranaroussi/yfinance/issues/1531, 280 and 552. Stored, such prices would have a fall that never
happened. Where the newest prices are in another unit than those before them, nothing is taken until the provider mends
them; of an older change the unit of the newest rows counts, and the others are set aside.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import COLUMNS, DAY_MS, Bars, IntArray
from pyjobs.market.providers.base import Event, Fetched
from pyjobs.market.times import utc_text
from utils import trading_day
from utils.trading_day import Calendar

LEAST = math.log(1.5)  # of a smaller split an ordinary night may look like the price before it
NEAR_MS = 7 * DAY_MS  # bars farther from the split say nothing of it
UNITS = (math.log(100), math.log(1000))  # pence, fils
ALIKE = 0.5  # what a market may move besides: 61 to 165 times, and 607 to 1649, are a change of unit
NEWEST = 10  # bars in which a change of unit that lasts keeps the others from being stored
STRAY = 2  # bars in another unit just before those: single ones, and no change that lasts


def contradicted(fetched: Fetched, market: str) -> str:
    """The reason not to trust the answer's prices; empty without one. Raw prices have their splits in them as falls.

    A split is not worked in where the price before it, divided by it, is nearer to the open after it than undivided.
    """
    if fetched.adjusted == "raw":
        return ""
    splits = [one for one in fetched.events if one.kind == "split" and one.value > 0]
    calendar = trading_day.load(market) if splits else None
    for split in splits:
        if calendar and abs(math.log(split.value)) >= LEAST and _is_missing(fetched, split, calendar):
            return f"it reports a split of {split.value:g} for 1 on {split.session} that is not in its prices before"
    return _newest_in_another_unit(fetched.bars)


def of_one_unit(fetched: Fetched) -> Fetched:
    """`fetched` without rows that are, or a price of theirs is, in another unit than the newest; they are `untrue`.

    Raw prices (coins, currencies, indices) may really fall to a hundredth, and are left as they are.
    """
    bars = fetched.bars
    if fetched.adjusted == "raw" or not (wrong := _mixed(bars)).any():
        return fetched
    kept = Bars(**{name: getattr(bars, name)[~wrong] for name in COLUMNS})
    untrue = tuple(sorted({*fetched.untrue, *bars.ts_ms[wrong].tolist()}))
    return replace(fetched, bars=kept, untrue=untrue)


def _levels(bars: Bars) -> IntArray:
    """By row, how many units the open, and the close, lie above those of the first row; two columns.

    Each step between two prices that follow one another counts by itself: a share that rises tenfold in years has none.
    """
    moved = np.diff(np.log(np.column_stack([bars.open, bars.close]).ravel()), prepend=np.log(bars.open[:1]))
    steps = np.zeros(moved.size, np.int64)
    for at, unit in enumerate(UNITS):
        alike = np.abs(np.abs(moved) - unit) < ALIKE
        steps[alike] = np.sign(moved[alike]).astype(np.int64) * (at + 2)  # a hundred is two tens, a thousand three
    return np.asarray(np.cumsum(steps).reshape(-1, 2), np.int64)


def _mixed(bars: Bars) -> npt.NDArray[np.bool_]:
    levels = _levels(bars)
    wide = np.column_stack(
        [bars.high / np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close) / bars.low]
    )
    apart = np.zeros(wide.shape, bool)
    for unit in UNITS:
        apart |= np.abs(np.log(wide) - unit) < ALIKE
    return np.asarray((levels != levels[-1, 1]).any(axis=1) | apart.any(axis=1), np.bool_)


def _newest_in_another_unit(bars: Bars) -> str:
    """The sentence about a change that lasts to the end and began within the newest bars."""
    levels = _levels(bars)
    last, old = levels[-1, 1], max(0, len(bars) - NEWEST)
    if (levels[max(0, old - STRAY) : old + 1] == last).any():  # before the newest, prices were in the unit of the last
        return ""
    at = min(int(np.flatnonzero((levels != last).any(axis=1))[-1]) + 1, len(bars) - 1)
    times = 10 ** abs(int(last - levels[old, 1]))
    way = "higher" if last > levels[old, 1] else "lower"
    since = utc_text(int(bars.ts_ms[at]))
    return f"from the bar of {since} on its prices are {times} times {way}, and it reports no split: another unit?"


def _is_missing(fetched: Fetched, split: Event, calendar: Calendar) -> bool:
    day = dt.date.fromisoformat(split.session)
    session = calendar.session(day) if calendar.first <= day <= calendar.last else None
    if session is None:
        return False
    bars, open_ms = fetched.bars, session.open_utc_s * 1000
    at = int(np.searchsorted(bars.ts_ms, open_ms, side="right"))
    if not 0 < at < len(bars) or bars.ts_ms[at] - open_ms > NEAR_MS or open_ms - bars.ts_ms[at - 1] > NEAR_MS:
        return False
    moved = math.log(bars.open[at] / bars.close[at - 1])
    return abs(moved + math.log(split.value)) < abs(moved)
