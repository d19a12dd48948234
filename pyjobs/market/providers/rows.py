"""From a provider's rows to bars: closed ones only, closes by timeframe or calendar, rows that cannot be true out."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import COLUMNS, DAY_MS, TIMEFRAME_MS, Bars, FloatArray, IntArray, in_order
from pyjobs.market.calendars.hours import EPOCH_ORDINAL, hours_of
from pyjobs.market.dumps.halts import halted
from pyjobs.market.providers.base import BarRequest, ConfirmedEmpty, Fetched, Range, Refused
from pyjobs.market.store.partitions import Adjusted
from utils.trading_day import CalendarRangeError, load

Row = Sequence[str | float | int | None]
"""(start, open, high, low, close, volume): start is UTC milliseconds, or `YYYY-MM-DD` for a session's bar."""

Labels = Sequence[str | float | int | None] | FloatArray
"""The first column of rows."""

_WIDEST_ROUNDING = 1e-3  # an index's open may lie this far outside its low..high: Yahoo's rounding, 2026-11-20
ENOUGH_FOR_SPACING = 30  # bars: fewer of an illiquid symbol may lie apart by chance
_DAY = dt.timedelta(days=1)
_NO_CLOSE = int(np.iinfo(np.int64).min)


def to_fetched(
    rows: Iterable[Row] | FloatArray,
    request: BarRequest,
    *,
    provider: str,
    adjusted: Adjusted,
    now_ms: int,
    revised_for_ms: int,
) -> Fetched:
    """The rows that are closed, true, traded and asked for.

    `revised_for_ms`: so long after its close the provider revises a bar. An array of rows has six columns, the start in
    milliseconds first. Raises ConfirmedEmpty when a proper answer holds nothing in the range; Refused(schema) when no
    row can be true, or the bars are longer ones.
    """
    labels, prices = _columns(rows)
    if request.timeframe == "1d" and request.market not in ("24/7", "FX") and len(labels):
        traded = ~halted(prices)
        labels, prices = list(itertools.compress(labels, traded)), prices[traded]
    good = are_true(prices)
    bars = in_session(_bars(labels, prices, request, good), request)
    _refuse_other_spacing(bars, request, provider)
    if len(labels) and not len(bars):
        detail = f"none of {len(labels)} rows is usable"
        raise Refused("schema", provider=provider, symbol=request.symbol, detail=detail, retry_after_s=0.0)
    end_ms = min(request.end_ms, now_ms)
    inside = (bars.ts_ms >= request.start_ms) & (bars.ts_ms <= end_ms)
    bars = Bars(**{name: getattr(bars, name)[inside] for name in COLUMNS})
    empty = gaps(bars.ts_ms, request, until_ms=min(request.end_ms, now_ms - revised_for_ms))
    if not len(bars):
        raise ConfirmedEmpty(provider=provider, symbol=request.symbol, ranges=empty)
    return Fetched(
        bars=bars,
        provider=provider,
        symbol=request.symbol,
        adjusted=adjusted,
        fetched_at_ms=now_ms,
        last_final=bool(bars.ts_ms[-1] + revised_for_ms <= now_ms),
        confirmed_empty=empty,
        untrue=() if good.all() else _untrue(labels, good, request, end_ms),
    )


def _untrue(labels: Labels, good: npt.NDArray[np.bool_], request: BarRequest, end_ms: int) -> tuple[int, ...]:
    """The closes of the other rows, of those within the request that had closed at `end_ms`."""
    closes = np.unique(_closes_ms(_picked(labels, ~good), request))
    return tuple(closes[(closes >= request.start_ms) & (closes <= end_ms)].tolist())


def _picked(labels: Labels, which: npt.NDArray[np.bool_]) -> Labels:
    return labels[which] if isinstance(labels, np.ndarray) else list(itertools.compress(labels, which))


def in_session(bars: Bars, request: BarRequest) -> Bars:
    """Those that overlap a session of the market: trades before the open or after the close are none of its bars.

    Days are kept, and so is what lies outside the calendar.
    """
    step = TIMEFRAME_MS[request.timeframe]
    if request.market == "24/7" or step >= DAY_MS or not len(bars):
        return bars
    calendar = load(request.market)
    days = [dt.datetime.fromtimestamp(int(ts_ms) / 1000, dt.UTC).date() for ts_ms in (bars.ts_ms[0], bars.ts_ms[-1])]
    first, last = max(days[0] - _DAY, calendar.first), min(days[1] + _DAY, calendar.last)
    sessions = calendar.sessions_between(first, last) if first <= last else []
    if not sessions:
        return bars
    opens = np.array([one.open_utc_s * 1000 for one in sessions], np.int64)
    closes = np.array([one.close_utc_s * 1000 for one in sessions], np.int64)
    at = np.searchsorted(opens, bars.ts_ms, side="left") - 1  # the last that opens before the bar ends
    kept = (at >= 0) & (bars.ts_ms - step < closes[np.maximum(at, 0)])
    kept |= (bars.ts_ms <= _midnight_ms(calendar.first)) | (bars.ts_ms > _midnight_ms(calendar.last + _DAY))
    return bars if kept.all() else Bars(**{name: getattr(bars, name)[kept] for name in COLUMNS})


def _midnight_ms(day: dt.date) -> int:
    return (day.toordinal() - EPOCH_ORDINAL) * DAY_MS


def _refuse_other_spacing(bars: Bars, request: BarRequest, provider: str) -> None:
    """Raises Refused(schema) where many bars are apart by a whole number of bars of this length: longer ones."""
    if len(bars) < ENOUGH_FOR_SPACING:
        return
    apart, step = np.diff(bars.ts_ms), TIMEFRAME_MS[request.timeframe]
    by_session = step == DAY_MS and request.market != "24/7"  # closes move with summer time
    spacing = int(apart.min() if by_session else np.gcd.reduce(apart))
    if spacing > (4 * DAY_MS if by_session else step):
        detail = f"asked for {request.timeframe}, its {len(bars)} bars are {spacing / step:.4g} of them apart or more"
        raise Refused("schema", provider=provider, symbol=request.symbol, detail=detail, retry_after_s=0.0)


def true_now_ms(now_ms: int, sent_s: float | None) -> int:
    """`now_ms`, or when the provider sent its answer where our clock is ahead of its: no bar closes before its time."""
    return now_ms if sent_s is None else min(now_ms, int(sent_s * 1000))


def are_true(prices: FloatArray) -> npt.NDArray[np.bool_]:
    """Which rows (open, high, low, close, volume) can be true, one answer for each row.

    All five are there, the prices above zero and in order (up to rounding), the volume not negative.
    """
    open_, high, low, close, volume = prices.T
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused in any case
        slack = _WIDEST_ROUNDING * high
        ordered = in_order(open_, high + slack, low - slack, close)
    return np.asarray(np.isfinite(prices).all(axis=1) & ordered & (low > 0) & (volume >= 0), np.bool_)


def gaps(ts_ms: IntArray, request: BarRequest, *, until_ms: int) -> tuple[Range, ...]:
    """Stretches of a 24/7 request, up to `until_ms`, without a bar; () for a market that closes."""
    step = TIMEFRAME_MS[request.timeframe]
    if request.market != "24/7":
        return ()
    first = -(-request.start_ms // step) * step
    last = until_ms // step * step
    edges = [first - step, *ts_ms[(ts_ms >= first) & (ts_ms <= last)].tolist(), last + step]
    return tuple((before + step, after - step) for before, after in itertools.pairwise(edges) if after - before > step)


def _columns(rows: Iterable[Row] | FloatArray) -> tuple[Labels, FloatArray]:
    """The labels, and the five numbers of each row; NaN for what is not there or no number."""
    if isinstance(rows, np.ndarray):
        return rows[:, 0], rows[:, 1:]
    rows = list(rows)
    numbers = [
        [value if isinstance(value, int | float) else math.nan for value in row[1:6]]
        if len(row) >= 6
        else [math.nan] * 5
        for row in rows
    ]
    return [row[0] for row in rows], np.array(numbers, np.float64).reshape(len(rows), 5)


def _bars(labels: Labels, prices: FloatArray, request: BarRequest, good: npt.NDArray[np.bool_]) -> Bars:
    """The good ones, increasing in time; of two rows for one bar the later counts."""
    closes = np.full(len(prices), _NO_CLOSE, np.int64)
    closes[good] = _closes_ms(_picked(labels, good), request)
    order = np.argsort(closes, kind="stable")  # stable: of two equal closes the later row comes second
    ts_ms = closes[order]
    last = np.append(ts_ms[1:] != ts_ms[:-1], True)[: len(ts_ms)] & (ts_ms != _NO_CLOSE)
    open_, high, low, close, volume = prices[order[last]].T.copy()
    return Bars(
        ts_ms=ts_ms[last],
        open=open_,
        high=np.maximum.reduce([high, open_, close]),
        low=np.minimum.reduce([low, open_, close]),
        close=close,
        volume=volume,
    )


def _closes_ms(labels: Labels, request: BarRequest) -> IntArray:
    """Each row's close; _NO_CLOSE on a day without a session, and for a start off the minute (a price, not a bar)."""
    if len(labels) and isinstance(labels[0], str):
        return _session_closes_ms(labels, request.market)
    if not isinstance(labels, np.ndarray):
        labels = np.array([start if isinstance(start, int | float) else 0 for start in labels], np.float64)
    starts = labels.astype(np.int64)
    is_bar = (starts > 0) & (starts % 60_000 == 0)
    return np.where(is_bar, starts + TIMEFRAME_MS[request.timeframe], _NO_CLOSE)


def _session_closes_ms(days: Labels, market: str) -> IntArray:
    hours = hours_of(market)
    closes = np.full(len(days), _NO_CLOSE, np.int64)
    for at, day in enumerate(days):
        with contextlib.suppress(KeyError, CalendarRangeError):
            closes[at] = hours.close_ms(dt.date.fromisoformat(str(day)).toordinal())
    return closes
