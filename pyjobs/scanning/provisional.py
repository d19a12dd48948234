"""The bar of a session that still runs, made of a quote: for a scan's eyes only, never stored, queued or backtested.

Its `ts_ms` is the close that the session will have, its close the last price so far, its volume that of the session so
far (0 where the provider has none): a setup that compares volumes sees a part of a day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pyjobs.market.bars import Bars, FloatArray, first_problem
from pyjobs.market.desk.snapshot import Series
from pyjobs.market.providers.base import Quote
from pyjobs.market.store.merge import joined
from utils import trading_day
from utils.trading_day import Session

SAME_BASIS = 0.005
"""A quote's close of the day before may differ from the stored one by this share: rounding, and late corrections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A series with the bar of the running session, or why it has none. `bars` is as long as a scan needs it.

    `status`: `ok`; `behind` (it lacks sessions before this one), `no_trade_yet`, `no_quote` (the quote lacks a price),
    `other_basis` (a split or the like since the stored close), `bad_quote` (prices that cannot be true).
    """

    status: str
    bars: Bars
    as_of_ms: int | None = None


def with_quote(series: Series, quote: Quote, session: Session, *, need: int) -> Running:
    """The last `need` stored bars with the session's provisional one behind them."""
    stored = series.bars.slice(max(0, len(series.bars) - need), len(series.bars))
    before = trading_day.load(series.instrument.market).previous_session(session.date).date
    if not len(stored) or series.last_session is None or series.last_session < before:
        return Running(status="behind", bars=stored)
    if series.last_session > before:  # stored while it runs? then it is no bar of a closed session
        return Running(status="behind", bars=stored)
    if not session.open_utc_s * 1000 <= quote.ts_ms <= session.close_utc_s * 1000:
        return Running(status="no_trade_yet", bars=stored, as_of_ms=int(stored.ts_ms[-1]))
    if any(math.isnan(price) for price in (quote.open, quote.high, quote.low, quote.last)):
        return Running(status="no_quote", bars=stored)
    if not _same_basis(quote.previous_close, float(stored.close[-1])):
        return Running(status="other_basis", bars=stored)
    bars = joined([stored, _bar(quote, session)])
    if first_problem(bars.slice(len(bars) - 1, len(bars))):
        return Running(status="bad_quote", bars=stored)
    return Running(status="ok", bars=bars, as_of_ms=quote.ts_ms)


def _same_basis(before: float, stored: float) -> bool:
    """Whether the quote's own close of the day before is the stored one; yes where it has none."""
    return math.isnan(before) or abs(before / stored - 1) <= SAME_BASIS


def _bar(quote: Quote, session: Session) -> Bars:
    def column(value: float) -> FloatArray:
        return np.array([value], np.float64)

    return Bars(
        ts_ms=np.array([session.close_utc_s * 1000], np.int64),
        open=column(quote.open),
        high=column(max(quote.high, quote.last)),
        low=column(min(quote.low, quote.last)),
        close=column(quote.last),
        volume=column(0.0 if math.isnan(quote.volume) else quote.volume),
    )
