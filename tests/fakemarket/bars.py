"""Bars as columns, folding short ones into longer ones, and the sessions of a market as arrays."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tests.fakemarket.universe import Instrument
from tests.fakemarket.walk import FloatArray, IntArray
from utils import trading_day
from utils.trading_day import Session

MINUTE_MS = 60_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars ascending by `start_ms` (UTC); `ohlc` is n x 4. `traded` is False for a session nobody traded in."""

    start_ms: IntArray
    ohlc: FloatArray
    volume: FloatArray
    traded: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def __len__(self) -> int:
        return len(self.start_ms)

    def take(self, chosen: NDArray[np.bool_]) -> Bars:
        return Bars(
            start_ms=self.start_ms[chosen],
            ohlc=self.ohlc[chosen],
            volume=self.volume[chosen],
            traded=self.traded[chosen],
        )


EMPTY = Bars(start_ms=np.empty(0, np.int64), ohlc=np.empty((0, 4)), volume=np.empty(0), traded=np.empty(0, bool))


def aggregate(minutes: Bars, bucket: IntArray) -> Bars:
    """One bar for each run of equal `bucket`: first open, highest high, lowest low, last close, summed volume."""
    if not len(minutes):
        return EMPTY
    begin = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    last = np.append(begin[1:], len(bucket)) - 1
    columns = (
        minutes.ohlc[begin, 0],
        np.maximum.reduceat(minutes.ohlc[:, 1], begin),
        np.minimum.reduceat(minutes.ohlc[:, 2], begin),
        minutes.ohlc[last, 3],
    )
    return Bars(
        start_ms=bucket[begin],
        ohlc=np.stack(columns, axis=1),
        volume=np.add.reduceat(minutes.volume, begin),
        traded=np.add.reduceat(minutes.traded, begin) > 0,
    )


def concatenate(parts: list[Bars]) -> Bars:
    if not parts:
        return EMPTY
    return Bars(
        start_ms=np.concatenate([part.start_ms for part in parts]),
        ohlc=np.concatenate([part.ohlc for part in parts]),
        volume=np.concatenate([part.volume for part in parts]),
        traded=np.concatenate([part.traded for part in parts]),
    )


def day_ms(day: dt.date) -> int:
    """UTC midnight of `day` in milliseconds."""
    return (day.toordinal() - dt.date(1970, 1, 1).toordinal()) * DAY_MS


def date_of(ms: int) -> dt.date:
    """The UTC date of a time in milliseconds."""
    return dt.date.fromordinal(int(ms // DAY_MS) + dt.date(1970, 1, 1).toordinal())


def offset_ms(one: Instrument, at_ms: IntArray) -> IntArray:
    """How far the exchange's clock is ahead of UTC at each time, in milliseconds."""
    since, east = np.array(trading_day.load(one.market).offsets, np.int64).T
    return np.asarray(east[np.maximum(np.searchsorted(since * 1000, at_ms, side="right") - 1, 0)] * 1000, np.int64)


@lru_cache(maxsize=64)
def sessions_of(market: str, year: int) -> tuple[Session, ...]:
    """The sessions of one calendar year that the market's file covers."""
    calendar = trading_day.load(market)
    first, last = max(calendar.first, dt.date(year, 1, 1)), min(calendar.last, dt.date(year, 12, 31))
    return tuple(calendar.sessions_between(first, last)) if first <= last else ()


@lru_cache(maxsize=8)
def session_edges(market: str) -> tuple[IntArray, IntArray]:
    """Open and close of every session of the market's file, in UTC milliseconds."""
    sessions = trading_day.load(market).sessions()
    opens = np.array([one.open_utc_s for one in sessions], np.int64) * 1000
    return opens, np.array([one.close_utc_s for one in sessions], np.int64) * 1000


def local_day(one: Instrument, at_s: int) -> dt.date:
    """The date it is at the exchange, `at_s` seconds after 1970."""
    at_ms = max(at_s, 0) * 1000
    return date_of(at_ms + int(offset_ms(one, np.array([at_ms]))[0]))
