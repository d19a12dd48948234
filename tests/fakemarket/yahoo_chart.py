"""The body of a Yahoo chart: rows, their times, events and the instrument's own fields."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np

from tests.fakemarket.bars import DAY_MS, Bars, aggregate, day_ms, local_day, offset_ms, sessions_of
from tests.fakemarket.market import Market
from tests.fakemarket.universe import Instrument
from tests.fakemarket.wire import Request
from utils import trading_day

MINUTES = {"1m": 1, "2m": 2, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "90m": 90, "1h": 60}
RANGES = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827, "10y": 3653}
VALID_RANGES = [*RANGES, "ytd", "max"]


def longer(bars: Bars, one: Instrument, interval: str) -> Bars:
    """Daily bars folded into weeks from Monday or calendar months; `5d` counts trading days."""
    if interval == "1d" or not len(bars):
        return bars
    local = (bars.start_ms + offset_ms(one, bars.start_ms)) // DAY_MS
    if interval == "1wk":
        bucket = local - (local + 3) % 7
    elif interval == "5d":
        bucket = local[np.arange(len(local)) // 5 * 5]
    else:
        months = local.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        months = months // (3 if interval == "3mo" else 1) * (3 if interval == "3mo" else 1)
        bucket = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    folded = aggregate(bars, bucket)
    start_ms = folded.start_ms * DAY_MS
    return Bars(
        start_ms=start_ms - offset_ms(one, start_ms), ohlc=folded.ohlc, volume=folded.volume, traded=folded.traded
    )


def chart(
    one: Instrument, interval: str, bars: Bars, market: Market, request: Request, null_rows: set[int]
) -> dict[str, object]:
    """The whole answer; without a bar there is no `timestamp` and an empty quote."""
    result: dict[str, object] = {"meta": meta(one, interval, bars, request)}
    indicators: dict[str, object] = {"quote": [quote(bars, null_rows)]}
    if len(bars):
        result["timestamp"] = stamps(one, interval, bars, request.now_ms)
        if found := events(one, bars, market):
            result["events"] = found
    if interval not in MINUTES:
        closes = bars.ohlc[:, 3] * market.dividend_factor(one, market.dates_ms(one, bars))
        indicators["adjclose"] = [{"adjclose": np.round(closes, 6).tolist()} if len(bars) else {}]
    result["indicators"] = indicators
    return {"chart": {"result": [result], "error": None}}


def quote(bars: Bars, null_rows: set[int]) -> dict[str, list[object]]:
    """The five columns; rows that start at one of `null_rows` have no value, as Yahoo's sometimes have not."""
    if not len(bars):
        return {}
    opened, high, low, close = bars.ohlc.T.tolist()
    columns = {"open": opened, "high": high, "low": low, "close": close, "volume": bars.volume.astype(int).tolist()}
    empty = [int(at) in null_rows for at in bars.start_ms]
    return {
        name: [None if hole else value for hole, value in zip(empty, column, strict=True)]
        for name, column in columns.items()
    }


def stamps(one: Instrument, interval: str, bars: Bars, now_ms: int) -> list[int]:
    """Row times in seconds; the last daily row of a running session carries the time of its price."""
    seconds = [int(at) for at in bars.start_ms // 1000]
    session = trading_day.load(one.market).session(local_day(one, seconds[-1]))
    if interval == "1d" and session is not None and session.open_utc_s < now_ms // 1000 < session.close_utc_s:
        seconds[-1] = now_ms // 1000
    return seconds


def meta(one: Instrument, interval: str, bars: Bars, request: Request) -> dict[str, object]:
    now_s = request.now_ms // 1000
    now = dt.datetime.fromtimestamp(now_s, ZoneInfo(zone_of(one)))
    east_s, short, zone = int((now.utcoffset() or dt.timedelta()).total_seconds()), now.tzname() or "UTC", zone_of(one)
    regular = {"timezone": short, "gmtoffset": east_s, "start": now_s, "end": now_s}
    told: dict[str, object] = {
        "currency": one.currency, "symbol": one.yahoo, "exchangeName": one.market, "fullExchangeName": one.market,
        "instrumentType": one.kind, "firstTradeDate": day_ms(one.listed) // 1000, "regularMarketTime": now_s,
        "hasPrePostMarketData": False, "gmtoffset": east_s, "timezone": short, "exchangeTimezoneName": zone,
        "regularMarketPrice": float(bars.ohlc[-1, 3]) if len(bars) else None, "priceHint": 2,
        "currentTradingPeriod": {"pre": regular, "regular": regular, "post": regular},
        "dataGranularity": interval, "range": request.params.get("range", ""), "validRanges": VALID_RANGES,
        "longName": one.name, "shortName": one.name,
    }  # fmt: skip
    if interval in MINUTES:
        told["tradingPeriods"] = trading_periods(one, bars, short)
    return told


def zone_of(one: Instrument) -> str:
    """The zone Yahoo names: of currencies it is London's, whose midnight begins their day there."""
    return {"24/7": "UTC", "FX": "Europe/London"}.get(one.market) or trading_day.load(one.market).zone


def trading_periods(one: Instrument, bars: Bars, short: str) -> list[list[dict[str, object]]]:
    """The regular hours of each day served. A day of currencies ends at 23:59, so that clients drop its last minute."""
    if one.market == "FX":
        return london_days(bars, short)
    days = sorted({local_day(one, int(at) // 1000) for at in bars.start_ms})
    found = [trading_day.load(one.market).session(day) for day in days]
    east = trading_day.load(one.market).utc_offset_s
    return [
        [{"timezone": short, "start": day.open_utc_s, "end": day.close_utc_s, "gmtoffset": east(day.open_utc_s)}]
        for day in found
        if day is not None
    ]


def london_days(bars: Bars, short: str) -> list[list[dict[str, object]]]:
    """Each London day that has a bar, from midnight to 23:59."""
    zone = ZoneInfo("Europe/London")
    days = sorted({dt.datetime.fromtimestamp(at, zone).date() for at in (bars.start_ms // 1000).tolist()})
    starts = [dt.datetime(day.year, day.month, day.day, tzinfo=zone) for day in days]
    return [
        [{"timezone": short, "start": int(at.timestamp()), "end": int(at.timestamp()) + 86_340,
          "gmtoffset": int((at.utcoffset() or dt.timedelta()).total_seconds())}]
        for at in starts
    ]  # fmt: skip


def events(one: Instrument, bars: Bars, market: Market) -> dict[str, object]:
    """Splits and dividends of the days served, keyed by the second of their session's open."""
    first, last = local_day(one, int(bars.start_ms[0]) // 1000), local_day(one, int(bars.start_ms[-1]) // 1000)
    opens = {
        day.date: day.open_utc_s for year in range(first.year, last.year + 1) for day in sessions_of(one.market, year)
    }
    found: dict[str, object] = {}
    splits = {str(opens[s.session]): {"date": opens[s.session], "numerator": s.ratio, "denominator": 1,
                                      "splitRatio": f"{s.ratio:g}:1"}
              for s in market.splits(one.id) if first <= s.session <= last and s.session in opens}  # fmt: skip
    dividends = {}
    for paid in market.dividends(one.id):
        if first <= paid.session <= last and paid.session in opens:
            later = float(np.prod([s.ratio for s in market.splits(one.id) if s.session > paid.session]))
            at = opens[paid.session]
            dividends[str(at)] = {"amount": round(paid.amount / later, 6), "date": at}
    if splits:
        found["splits"] = splits
    if dividends:
        found["dividends"] = dividends
    return found
