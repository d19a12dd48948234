"""Alpaca's market data: bars of stocks and coins, in pages that may end in the middle of a symbol."""

from __future__ import annotations

import base64
import datetime as dt
import re
from urllib.parse import quote_plus

import numpy as np

from tests.fakemarket.bars import DAY_MS, MINUTE_MS, Bars, aggregate, date_of, offset_ms
from tests.fakemarket.market import Market
from tests.fakemarket.running_session import traded
from tests.fakemarket.universe import Instrument, by_name
from tests.fakemarket.wire import Reply, Request, json_reply, replaced
from utils.trading_day import Session

STOCKS, COINS, SNAPSHOTS = "/v2/stocks/bars", "/v1beta3/crypto/us/bars", "/v2/stocks/snapshots"
SYMBOL = re.compile(r"[A-Z][A-Z.]*$")
LONGEST_SYMBOLS = 4_000  # bytes: what is left of an address of 4 KB
TIMEFRAME = re.compile(r"(\d+)(Min|T|Hour|H|Day|D|Week|W|Month|M)$")
MOST_OF = {"Min": 59, "Hour": 23, "Day": 1, "Week": 1, "Month": 12}
LONG_NAMES = {"T": "Min", "H": "Hour", "D": "Day", "W": "Week", "M": "Month"}
SIP_DELAY_MS = 15 * MINUTE_MS
Row = dict[str, object]


class Alpaca:
    """Stocks need both key headers; `wrong_keys` are refused, every other pair is taken."""

    name = "alpaca"
    hosts = ("data.alpaca.markets", "data.sandbox.alpaca.markets")
    paths = ("/v2/stocks/", "/v1beta3/")
    null_bars = b'{"bars":null,"next_page_token":null}'

    def __init__(self) -> None:
        self.wrong_keys: set[str] = set()

    def reset(self) -> None:
        self.wrong_keys = set()

    def answer(self, request: Request, market: Market) -> Reply:
        if request.path not in (STOCKS, COINS, SNAPSHOTS):
            return refused(404, 40410000, "endpoint not found.")
        key, secret = request.headers.get("apca-api-key-id"), request.headers.get("apca-api-secret-key")
        if request.path in (STOCKS, SNAPSHOTS) and (not key or not secret):
            return refused(401, 40110000, "unauthorized.")
        if key in self.wrong_keys:
            return refused(403, 40310000, "forbidden.")
        try:
            return snapshots(request, market) if request.path == SNAPSHOTS else self._bars(request, market)
        except ValueError as problem:
            return refused(422, 42210000, str(problem))

    def rename(self, body: bytes) -> bytes:
        return replaced(body, (b'"bars"', b'"candles"'), (b'"c":', b'"close":'))

    def failure(self, status: int, _variant: str) -> Reply:
        texts = {
            401: "unauthorized.",
            403: "forbidden.",
            429: "too many requests.",
            500: "internal server error occurred",
        }
        if status == 503:
            return Reply(
                status=503, body=b"<html><body>503 Service Temporarily Unavailable</body></html>", kind="text/html"
            )
        return json_reply({"message": texts.get(status, "request failed")}, status)

    def _bars(self, request: Request, market: Market) -> Reply:
        params = request.params
        amount, unit = timeframe(params.get("timeframe", ""))
        limit = int(params.get("limit") or 1000)
        if not 1 <= limit <= 10_000:
            raise ValueError("invalid limit: limit should be between 1 and 10000")
        now_ms = request.now_ms
        midnight = now_ms // DAY_MS * DAY_MS
        end_ms = parse_time(params["end"]) if params.get("end") else now_ms
        start_ms = parse_time(params["start"]) if params.get("start") else midnight
        if start_ms > end_ms:
            raise ValueError("end should not be before start")
        if request.path == STOCKS and params.get("feed") == "sip" and end_ms > now_ms - SIP_DELAY_MS:
            return refused(403, 42210000, "subscription does not permit querying recent SIP data")
        adjustment = params.get("adjustment") or "raw"
        if adjustment not in ("raw", "split", "dividend", "all"):
            raise ValueError(f"invalid adjustment: {adjustment}")
        symbols = asked_symbols(request)
        series = [
            (name, self._series(name, request, amount, unit, start_ms, end_ms, adjustment, market)) for name in symbols
        ]
        return json_reply(page(series, limit, params.get("page_token", ""), params.get("sort") == "desc"))

    def _series(
        self,
        name: str,
        request: Request,
        amount: int,
        unit: str,
        start_ms: int,
        end_ms: int,
        adjustment: str,
        market: Market,
    ) -> list[Row]:
        one = by_name("alpaca", name)
        if one is None or (one.market == "24/7") != (request.path == COINS):
            if request.path == COINS and one is None:
                raise ValueError(f"invalid symbol: {name}")
            return []
        if unit in ("Min", "Hour"):
            step = amount * (MINUTE_MS if unit == "Min" else 60 * MINUTE_MS)
            bars = market.intraday(one, step, start_ms, end_ms + 1)
        else:
            bars = dated(one, amount, unit, start_ms, end_ms, market)
        return [row for row, traded in zip(rows(one, bars, adjustment, market), bars.traded, strict=True) if traded]


def asked_symbols(request: Request) -> list[str]:
    """In order, each once. The first that cannot be a symbol is refused, and the whole request with it."""
    symbols = sorted({name for name in request.params.get("symbols", "").split(",") if name})
    if not symbols:
        raise ValueError("symbols: is required")
    for name in symbols:
        if request.path != COINS and not SYMBOL.match(name):
            raise ValueError(f"invalid symbol: {name}")
    if len(quote_plus(",".join(symbols))) > LONGEST_SYMBOLS:
        raise ValueError("the request's address is too long")
    return symbols


def snapshots(request: Request, market: Market) -> Reply:
    """The last trade, its minute, its day and the day before of each symbol it knows; times in nanoseconds."""
    found: dict[str, object] = {}
    for name in asked_symbols(request):
        one = by_name("alpaca", name)
        so_far = traded(one, market, request.now_ms) if one is not None and one.market != "24/7" else None
        if one is None or so_far is None:
            continue
        day = {"t": midnight(so_far.session), "o": so_far.open, "h": so_far.high, "l": so_far.low, "c": so_far.last,
               "v": int(so_far.volume), "n": 100, "vw": so_far.last}  # fmt: skip
        at = dt.datetime.fromtimestamp(so_far.at_ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S") + ".000000001Z"
        trade = {"t": at, "x": "V", "p": so_far.last, "s": 100, "c": ["@"], "i": 1, "z": "C"}
        found[name] = {
            "latestTrade": trade,
            "latestQuote": {"t": at, "ax": "V", "ap": so_far.last, "as": 1, "bx": "V", "bp": so_far.last, "bs": 1},
            "dailyBar": day,
            "prevDailyBar": day | {"c": so_far.previous_close},
        }
    return json_reply(found)


def midnight(session: Session) -> str:
    """Of New York, where a day begins at 4 or 5 in the morning UTC."""
    return stamp(session.open_utc_s * 1000 - (9 * 60 + 30) * MINUTE_MS)


def dated(one: Instrument, amount: int, unit: str, start_ms: int, end_ms: int, market: Market) -> Bars:
    """Days, weeks from Monday or months, stamped with midnight at the exchange."""
    days = market.daily(one, date_of(start_ms) - dt.timedelta(days=1), date_of(end_ms))
    days = days.take(days.traded)
    local = market.dates_ms(one, days) // DAY_MS
    if unit == "Week":
        local = local - (local + 3) % 7
    elif unit == "Month":
        months = local.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // amount * amount
        local = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    folded = aggregate(days, local * DAY_MS)
    # The offset at midnight is that of the day before when clocks change; both change on a Sunday.
    start = folded.start_ms - offset_ms(one, folded.start_ms)
    bars = Bars(start_ms=start, ohlc=folded.ohlc, volume=folded.volume, traded=folded.traded)
    return bars.take((start >= start_ms) & (start <= end_ms))


def rows(one: Instrument, bars: Bars, adjustment: str, market: Market) -> list[Row]:
    """Rows in the asked adjustment: `raw` is what was traded that day, the market's own is split-adjusted."""
    dates = market.dates_ms(one, bars)
    splits = market.split_factor(one.id, dates, as_traded=True) / market.split_factor(one.id, dates)
    factor = splits if adjustment in ("raw", "dividend") else np.ones(len(bars))
    volume = bars.volume / factor
    if adjustment in ("dividend", "all"):
        factor = factor * market.dividend_factor(one, dates)
    ohlc = np.round(bars.ohlc * factor[:, None], max(one.decimals, 2)).tolist()
    middle = np.round(bars.ohlc.mean(axis=1) * factor, 6).tolist()
    amounts = np.round(volume, one.volume_decimals).tolist()
    whole = not one.volume_decimals
    return [
        {"t": stamp(int(at)), "o": o, "h": h, "l": low, "c": c, "v": int(v) if whole else v, "n": 1 + int(v) % 500,
         "vw": vw}
        for at, (o, h, low, c), v, vw in zip(bars.start_ms, ohlc, amounts, middle, strict=True)
    ]  # fmt: skip


def page(series: list[tuple[str, list[Row]]], limit: int, token: str, newest_first: bool) -> dict[str, object]:
    """`limit` rows from where `token` points, all symbols counted together; the token is where the next begin."""
    flat = [(name, row) for name, found in series for row in (reversed(found) if newest_first else found)]
    begin = int(base64.urlsafe_b64decode(token).decode().partition("|")[2]) if token else 0
    served: dict[str, list[Row]] = {}
    for name, row in flat[begin : begin + limit]:
        served.setdefault(name, []).append(row)
    more = begin + limit < len(flat)
    last = flat[begin + limit - 1][0] if more else ""
    return {
        "bars": served,
        "next_page_token": base64.urlsafe_b64encode(f"{last}|{begin + limit}".encode()).decode() if more else None,
    }


def timeframe(text: str) -> tuple[int, str]:
    match = TIMEFRAME.match(text)
    if match is None:
        raise ValueError(f"invalid timeframe: {text}")
    amount, unit = int(match[1]), LONG_NAMES.get(match[2], match[2])
    if not 1 <= amount <= MOST_OF[unit]:
        raise ValueError(f"invalid timeframe: {text}")
    return amount, unit


def parse_time(text: str) -> int:
    try:
        at = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"invalid time: {text}") from None
    return round((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * 1000)


def stamp(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refused(status: int, code: int, message: str) -> Reply:
    return json_reply({"code": code, "message": message}, status)
