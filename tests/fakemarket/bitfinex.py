"""Bitfinex v2 public candles and the two `conf` calls by which ccxt learns the markets.

Rows are `[MTS, OPEN, CLOSE, HIGH, LOW, VOLUME]`; a bucket without a trade has no row.
"""

from __future__ import annotations

import datetime as dt
import json
import re

import numpy as np

from tests.fakemarket.bars import DAY_MS, MINUTE_MS, Bars, aggregate, date_of, day_ms
from tests.fakemarket.market import Market
from tests.fakemarket.universe import INSTRUMENTS, Instrument, by_name
from tests.fakemarket.wire import Reply, Request, json_reply

MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "3h": 180, "6h": 360, "12h": 720, "1D": 1440}
LONG = {"1W": 7, "7D": 7, "14D": 14, "1M": 31}  # 7D is ccxt's
CANDLES = re.compile(r"/v2/candles/trade:(?P<tf>[^:/]+):(?P<pair>t[^/]+)/(?P<section>hist|last)$")
LIMIT, MOST = 100, 10_000
WINDOW = 1.2  # a window of this many times `limit` buckets is looked at first, for those that have no trade


class Bitfinex:
    name = "bitfinex"
    hosts = ("api-pub.bitfinex.com", "api.bitfinex.com")
    paths = ("/v2/candles/", "/v2/conf/", "/v2/platform/")
    null_bars = b"null"

    def reset(self) -> None:
        """Nothing is remembered."""

    def answer(self, request: Request, market: Market) -> Reply:
        if request.path.startswith("/v2/conf/"):
            return json_reply([conf(label) for label in request.path.removeprefix("/v2/conf/").split(",")])
        if request.path == "/v2/platform/status":
            return json_reply([1])
        asked = CANDLES.match(request.path)
        if asked is None:
            return error(404, 10020, "path: invalid")
        one = by_name("bitfinex", asked["pair"])
        if one is None:
            return error(500, 10020, "symbol: invalid")
        if asked["tf"] not in MINUTES and asked["tf"] not in LONG:
            return error(500, 10020, "timeframe: invalid")
        try:
            return json_reply(candles(one, asked["tf"], asked["section"], request, market))
        except ValueError:
            return error(500, 10020, "limit: invalid")

    def rename(self, body: bytes) -> bytes:
        """Rows have no names to change: they come as objects instead."""
        names = ("mts", "open", "close", "high", "low", "volume")
        rows = [dict(zip(names, row, strict=True)) if isinstance(row, list) else row for row in json.loads(body)]
        return json.dumps(rows).encode()

    def failure(self, status: int, variant: str) -> Reply:
        if status == 429:
            if variant == "object":
                return json_reply({"error": "ERR_RATE_LIMIT"}, 429)
            return error(429, 11010, "ratelimit: error")
        if status == 503:
            if variant == "object":
                told = {
                    "code": 503,
                    "error": "temporarily_unavailable",
                    "error_description": "Sorry, the service is temporarily unavailable.",
                }
                return json_reply(told, 503)
            return error(503, 20060, "maintenance")
        return error(status, 10001, "unknown error" if status >= 500 else "refused")


def candles(one: Instrument, tf: str, section: str, request: Request, market: Market) -> list[object]:
    params = request.params
    end_ms = int(params["end"]) if params.get("end") else request.now_ms
    if section == "last":
        newest = rows(buckets(one, tf, request.now_ms - 40 * span_ms(tf), request.now_ms + 1, market))
        return newest[-1] if newest else []
    limit = int(params.get("limit") or LIMIT)
    if not 0 < limit <= MOST:
        raise ValueError(limit)
    oldest_first = params.get("sort") == "1"
    first_ms = max(int(params.get("start") or 0), day_ms(one.listed))
    end_ms = min(end_ms, request.now_ms)
    found = nearest(one, tf, first_ms, end_ms, limit, oldest_first, market)
    return rows(found)[:limit] if oldest_first else rows(found)[::-1][:limit]


def nearest(
    one: Instrument, tf: str, first_ms: int, end_ms: int, limit: int, oldest_first: bool, market: Market
) -> Bars:
    """At least `limit` bars from the wanted end of the range, or all there are: widens until it has enough."""
    width = round(limit * span_ms(tf) * WINDOW) + 10 * span_ms(tf)
    while True:
        low, high = (
            (first_ms, min(end_ms, first_ms + width)) if oldest_first else (max(first_ms, end_ms - width), end_ms)
        )
        found = buckets(one, tf, low, high + 1, market)
        if len(found) >= limit or (low == first_ms and high == end_ms):
            return found
        width *= 2


def buckets(one: Instrument, tf: str, start_ms: int, stop_ms: int, market: Market) -> Bars:
    """Bars that start in [start_ms, stop_ms)."""
    if tf in MINUTES and tf != "1D":
        return market.intraday(one, MINUTES[tf] * MINUTE_MS, start_ms, stop_ms)
    first = date_of(start_ms) - dt.timedelta(days=0 if tf == "1D" else LONG[tf])
    days = market.daily(one, first, date_of(stop_ms - 1))
    days = days.take(days.traded)
    if tf != "1D" and len(days):
        days = aggregate(days, fold(tf, days.start_ms // DAY_MS) * DAY_MS)
    return days.take((days.start_ms >= start_ms) & (days.start_ms < stop_ms))


def fold(tf: str, day: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The first day of the week (Monday), fortnight or month of each day number."""
    if tf == "1M":
        return day.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    length = LONG[tf]
    return np.asarray(day - (day + 3) % length, np.int64)


def span_ms(tf: str) -> int:
    return MINUTES[tf] * MINUTE_MS if tf in MINUTES else LONG[tf] * DAY_MS


def rows(bars: Bars) -> list[object]:
    opened, high, low, close = bars.ohlc.T.tolist()
    return [
        list(row) for row in zip(bars.start_ms.tolist(), opened, close, high, low, bars.volume.tolist(), strict=True)
    ]


def conf(label: str) -> list[object]:
    """One of the lists that `conf` joins: what is traded, and how it is spelled."""
    pairs = [one.bitfinex[1:] for one in INSTRUMENTS if one.bitfinex]
    coins = sorted({pair.replace(":", "")[:-3] for pair in pairs} | {"USD"})
    if label == "pub:info:pair":
        return [
            [pair, [None, None, None, "0.0001", "5000.0", None, None, None, None, None, None, None]] for pair in pairs
        ]
    if label == "pub:list:pair:exchange":
        return list(pairs)
    if label == "pub:list:currency":
        return list(coins)
    return []


def error(status: int, code: int, text: str) -> Reply:
    return json_reply(["error", code, text], status)
