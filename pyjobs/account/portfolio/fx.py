"""Money of another currency in an account: what one unit of it costs in the account's own, at each moment.

The rate at a moment is the close of the newest bar of the desk's `fx` instrument that had closed by then, never a later
one. A fill uses the rate known when its bar opened, for a stop hit within the bar too: the minute of the hit is not
known. A position is marked at the rate known at the moment of the mark. Nothing is bought at a rate older than
STALE_DAYS; what is held is marked and sold at the last one there is. A pair serves both ways: USDKRW also gives KRW in
USD.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, FloatArray, IntArray, SeriesKey
from pyjobs.market.desk.snapshot import DAY_MS, Series, Snapshot
from pyjobs.strategy.indicators import BoolArray
from utils import trading_day

STALE_DAYS = 10  # Seoul was closed for ten days in October 2017, and its own rates with it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """What one unit of a currency costs in another: `rate` from each `ts_ms` on, ascending, at least one."""

    key: SeriesKey
    ts_ms: IntArray
    rate: FloatArray

    def at(self, moments_ms: IntArray) -> FloatArray:
        """The newest not later than each moment; NaN before the first."""
        place = np.searchsorted(self.ts_ms, moments_ms, side="right") - 1
        return np.where(place >= 0, self.rate[np.maximum(place, 0)], np.nan)

    def fresh(self, moments_ms: IntArray) -> BoolArray:
        """Whether there is one at each moment, and not older than STALE_DAYS."""
        place = np.searchsorted(self.ts_ms, moments_ms, side="right") - 1
        age_ms = moments_ms - self.ts_ms[np.maximum(place, 0)]
        return np.asarray((place >= 0) & (age_ms <= STALE_DAYS * DAY_MS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversion:
    """Rates as a series of bars meets them, one value per bar.

    `at_open`: known when the bar opened, NaN where there is none. `may_enter`, `may_signal`: whether one was fresh at
    its open, at its close.
    """

    rates: Rates
    at_open: FloatArray
    may_enter: BoolArray
    may_signal: BoolArray


@lru_cache(maxsize=8)
def rates_of(snapshot: Snapshot, *, of: str, into: str) -> Rates | str:
    """The rates of the desk's instrument for the pair, or why there are none."""
    for series in snapshot.series:
        instrument, bars = series.instrument, series.bars
        if instrument.role != "fx" or {instrument.base, instrument.currency} != {of, into}:
            continue
        if not len(bars):
            return f"no rate of {of} in {into}: {instrument.symbol} has no bars"
        rate = bars.close if instrument.base == of else 1.0 / bars.close
        return Rates(key=instrument.key, ts_ms=bars.ts_ms, rate=rate)
    return f"no rate of {of} in {into}: the desk has no fx instrument for it"


@lru_cache(maxsize=4096)
def conversion(rates: Rates, series: Series) -> Conversion:
    """The rates as the bars of `series` meet them."""
    opens_ms = opens_of(series)
    return Conversion(
        rates=rates,
        at_open=rates.at(opens_ms),
        may_enter=rates.fresh(opens_ms),
        may_signal=rates.fresh(series.bars.ts_ms),
    )


def opens_of(series: Series) -> IntArray:
    """When each bar opened, UTC ms: an intraday one its length before its close, a daily one with its session.

    A daily bar that closes at no session's close (those before the calendar's years) is taken to be a day long.
    """
    ts_ms, timeframe = series.bars.ts_ms, series.instrument.timeframe
    if timeframe != "1d":
        return ts_ms - TIMEFRAME_MS[timeframe]
    sessions = trading_day.load(series.instrument.market).sessions()
    closes = np.array([session.close_utc_s * 1000 for session in sessions], np.int64)
    opens = np.array([session.open_utc_s * 1000 for session in sessions], np.int64)
    place = np.minimum(np.searchsorted(closes, ts_ms), closes.size - 1)
    return np.where(closes[place] == ts_ms, opens[place], ts_ms - DAY_MS)
