"""Whether an answer contradicts itself: it lists a split that is not in its prices.

A provider may announce a split days before it works it in, or never work it in
(https://github.com/ranaroussi/yfinance/issues/1531, 280): stored, such prices would have a fall that never happened.
"""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from pyjobs.market.bars import DAY_MS
from pyjobs.market.providers.base import Event, Fetched
from utils import trading_day
from utils.trading_day import Calendar

LEAST = math.log(1.5)  # of a smaller split an ordinary night may look like the price before it
NEAR_MS = 7 * DAY_MS  # bars farther from the split say nothing of it


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
