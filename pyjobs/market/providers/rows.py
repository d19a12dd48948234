"""From a provider's rows to bars: closed ones only, closes by timeframe or calendar, rows that cannot be true out."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from pyjobs.market.bars import COLUMNS, TIMEFRAME_MS, Bars, IntArray
from pyjobs.market.partitions import Adjusted
from pyjobs.market.providers.base import BarRequest, ConfirmedEmpty, Fetched, Range, Refused
from utils.trading_day import CalendarRangeError

Row = Sequence[str | float | int | None]
"""(start, open, high, low, close, volume): start is UTC milliseconds, or `YYYY-MM-DD` for a session's bar."""

_WIDEST_ROUNDING = 1e-3  # an index's open may lie this far outside its low..high: rounding, seen at Yahoo


def to_fetched(
    rows: Iterable[Row], request: BarRequest, *, provider: str, adjusted: Adjusted, now_ms: int, settle_ms: int
) -> Fetched:
    """The rows that are closed, true and asked for. `settle_ms`: how long after its close the provider revises a bar.

    Raises ConfirmedEmpty when a proper answer holds nothing in the range; Refused(schema) when no row can be true.
    """
    rows = list(rows)
    bars = _bars([row for row in rows if is_true(row)], request)
    if rows and not len(bars):
        raise Refused("schema", provider=provider, symbol=request.symbol, detail=f"none of {len(rows)} rows is usable")
    end_ms = min(request.end_ms, now_ms)
    inside = (bars.ts_ms >= request.start_ms) & (bars.ts_ms <= end_ms)
    bars = Bars(**{name: getattr(bars, name)[inside] for name in COLUMNS})
    empty = gaps(bars.ts_ms, request, until_ms=min(request.end_ms, now_ms - settle_ms))
    if not len(bars):
        raise ConfirmedEmpty(provider=provider, symbol=request.symbol, ranges=empty)
    return Fetched(
        bars=bars,
        provider=provider,
        symbol=request.symbol,
        adjusted=adjusted,
        fetched_at_ms=now_ms,
        last_final=bool(bars.ts_ms[-1] + settle_ms <= now_ms),
        confirmed_empty=empty,
    )


def is_true(row: Row) -> bool:
    """Whether the prices of a row are there, above zero and in order (up to rounding), and its volume not negative."""
    numbers = [value for value in row[1:6] if isinstance(value, int | float) and math.isfinite(value)]
    if len(numbers) != 5:
        return False
    open_, high, low, close, volume = numbers
    slack = _WIDEST_ROUNDING * high
    return low > 0 and volume >= 0 and high + slack >= max(open_, close) and low - slack <= min(open_, close)


def gaps(ts_ms: IntArray, request: BarRequest, *, until_ms: int) -> tuple[Range, ...]:
    """Stretches of a 24/7 request, up to `until_ms`, without a bar; () for a market that closes."""
    step = TIMEFRAME_MS[request.timeframe]
    if request.market != "24/7":
        return ()
    first = -(-request.start_ms // step) * step
    last = until_ms // step * step
    edges = [first - step, *ts_ms[(ts_ms >= first) & (ts_ms <= last)].tolist(), last + step]
    return tuple((before + step, after - step) for before, after in itertools.pairwise(edges) if after - before > step)


def _bars(rows: list[Row], request: BarRequest) -> Bars:
    """Increasing in time; of two rows for one bar the later stands."""
    closes = _closes_ms(rows, request)
    by_close: dict[int, Row] = {ts: row for ts, row in zip(closes, rows, strict=True) if ts is not None}
    order = sorted(by_close)
    prices = np.array([by_close[ts][1:6] for ts in order], np.float64).reshape(len(order), 5)
    open_, high, low, close, volume = prices.T.copy()
    return Bars(
        ts_ms=np.array(order, np.int64),
        open=open_,
        high=np.maximum.reduce([high, open_, close]),
        low=np.minimum.reduce([low, open_, close]),
        close=close,
        volume=volume,
    )


def _closes_ms(rows: list[Row], request: BarRequest) -> list[int | None]:
    """Each row's close; None for a day without a session, and for a start off the minute (a live price, not a bar)."""
    if not rows or not isinstance(rows[0][0], str):
        step = TIMEFRAME_MS[request.timeframe]
        starts = [int(start) if isinstance(start, int | float) else 0 for start, *_ in rows]
        return [start + step if start > 0 and start % 60_000 == 0 else None for start in starts]
    from pyjobs.market.hours import hours_of

    hours = hours_of(request.market)
    closes: list[int | None] = []
    for row in rows:
        try:
            closes.append(hours.close_ms(dt.date.fromisoformat(str(row[0])).toordinal()))
        except (KeyError, CalendarRangeError):
            closes.append(None)
    return closes
