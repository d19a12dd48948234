"""Whether an answer contradicts itself: its own splits are not in its prices, or its newest prices are in another unit.

A provider may tell a split days before it works it in, or never does; a share in pence may be in pounds for some days.
Both were seen at Yahoo: https://github.com/ranaroussi/yfinance/issues/1531 and 280. Stored, such prices would have a
fall that nobody suffered, until the provider mends them.
"""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from pyjobs.market.bars import DAY_MS
from pyjobs.market.providers.base import Event, Fetched
from pyjobs.market.times import utc_text
from utils import trading_day
from utils.trading_day import Calendar

LEAST = math.log(1.5)  # of a smaller split an ordinary night may look like the price before it
NEAR_MS = 7 * DAY_MS  # bars farther from the split say nothing of it
UNITS, ALIKE = (math.log(100), math.log(1000)), 0.25  # pence, fils; and what a market may move besides
NEWEST = 10  # bars in which a change of unit keeps the others from being stored; an older one is check_data's


def contradicted(fetched: Fetched, market: str) -> str:
    """What speaks against the answer's prices; empty for nothing. Raw prices have their splits in them as falls.

    A split is not worked in where the price before it, divided by it, is nearer to the open after it than undivided.
    """
    if fetched.adjusted == "raw":
        return ""
    splits = [one for one in fetched.events if one.kind == "split" and one.value > 0]
    if not splits:
        return _in_another_unit(fetched)
    calendar = trading_day.load(market)
    for split in splits:
        if abs(math.log(split.value)) >= LEAST and _is_missing(fetched, split, calendar):
            return f"it tells a split of {split.value:g} for 1 on {split.session} that is not in its prices before"
    return ""


def _in_another_unit(fetched: Fetched) -> str:
    bars = fetched.bars.slice(max(0, len(fetched.bars) - NEWEST), len(fetched.bars))
    moved = np.log(bars.open[1:] / bars.close[:-1])
    for at in np.flatnonzero(np.abs(moved) > UNITS[0] - ALIKE).tolist():
        unit = next((unit for unit in UNITS if abs(abs(moved[at]) - unit) < ALIKE), None)
        if unit is not None:
            times = f"{math.exp(unit):.0f} times {'higher' if moved[at] > 0 else 'lower'}"
            since = utc_text(int(bars.ts_ms[at + 1]))
            return f"from the bar of {since} on its prices are {times}, and it tells no split: another unit?"
    return ""


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
