"""Which bars a market should have: the closes of its bars, by its own calendar."""

from __future__ import annotations

import datetime as dt

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, IntArray
from pyjobs.market.store.ledger import NO_TIMES, within
from pyjobs.market.store.partitions import is_intraday
from utils import trading_day

ROUND_THE_CLOCK = "24/7"
_EPOCH = dt.date(1970, 1, 1)
_DAY = dt.timedelta(days=1)


def expected_closes(market: str, timeframe: str, first_ms: int, last_ms: int, *, from_open: bool = False) -> IntArray:
    """The close times (ts_ms, increasing) of every bar that should close from `first_ms` to `last_ms`, both included.

    An intraday bar is expected where it overlaps a session; a daily one closes with its session. `from_open`: bars are
    counted from the session's open, and not from midnight UTC. Before the calendar's first day nothing is known, so
    nothing is expected. Raises CalendarRangeError past its last day.
    """
    step = TIMEFRAME_MS[timeframe]
    if last_ms < first_ms:
        return NO_TIMES
    if market == ROUND_THE_CLOCK:
        return np.arange(-(-first_ms // step) * step, last_ms + 1, step, dtype=np.int64)
    calendar = trading_day.load(market)
    first, last = max(_date(first_ms) - _DAY, calendar.first), min(_date(last_ms) + _DAY, calendar.last)
    if _date(last_ms) > calendar.last:
        calendar.session(_date(last_ms))  # knows how to refuse
    sessions = calendar.sessions_between(first, last)
    if not is_intraday(timeframe):
        closes = np.array([s.close_utc_s * 1000 for s in sessions], np.int64)
    else:
        edges = [(s.open_utc_s * 1000, s.close_utc_s * 1000) for s in sessions]
        starts = [opens if from_open else opens // step * step for opens, _ in edges]
        spans = zip(starts, (close for _, close in edges), strict=True)
        closes = np.concatenate([NO_TIMES, *(np.arange(a, b, step, dtype=np.int64) + step for a, b in spans)])
    return within(closes, first_ms, last_ms)


def are_from_open(market: str, timeframe: str, ts_ms: IntArray) -> bool:
    """Whether bars with these closes are counted from the open: Yahoo's hours of New York run from half past nine."""
    if market == ROUND_THE_CLOCK or not is_intraday(timeframe):
        return False
    return int((ts_ms % TIMEFRAME_MS[timeframe] != 0).sum()) * 2 > ts_ms.size


def _date(ts_ms: int) -> dt.date:
    return _EPOCH + dt.timedelta(days=ts_ms // 86_400_000)
