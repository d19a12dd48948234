"""The calls to other people's clients. Only the worker imports this: some log in at import, some never time out.

Each takes the question and the credentials it needs, and returns rows `(start or date, o, h, l, c, v)`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pyjobs.market.providers.answers import OF_EXCHANGES
from pyjobs.market.providers.shapes import doubt
from pyjobs.market.providers.wire import Answer, Fault, Stopped
from utils import private

Question = Mapping[str, Any]
Rows = list[list[Any]]

PAGE_BARS, CONTROL_BARS = 1_000, 10
_CCXT_PAGE = {"bitfinex": 10_000}


def yahoo(question: Question, secrets: Mapping[str, str]) -> Rows:  # noqa: ARG001 - one signature for all
    """yfinance: `adjusted` asks for prices with dividends worked in."""
    yf = import_module("yfinance")
    private.make_folder(question["cache_folder"], private.FOLDER_MODES[private.YAHOO])
    yf.set_tz_cache_location(question["cache_folder"])
    yf.config.debug.hide_exceptions = False
    daily = question["timeframe"] == "1d"
    margin_s = 3 * 86_400 if daily else 0  # a session's bar begins before the UTC day in which it closes
    frame = yf.Ticker(question["symbol"]).history(
        start=_utc(question["start_ms"] // 1000 - margin_s - question["step_ms"] // 1000),
        end=_utc(question["end_ms"] // 1000 + margin_s + 1),
        interval=question["timeframe"],
        auto_adjust=bool(question["adjusted"]),
        actions=False,
    )
    columns = frame[["Open", "High", "Low", "Close", "Volume"]].to_numpy(float).tolist()
    if daily:
        labels: list[Any] = [day.date().isoformat() for day in frame.index]
    else:
        labels = [int(start.timestamp() * 1000) for start in frame.index]
    return [[label, *prices] for label, prices in zip(labels, columns, strict=True)]


def pykrx(question: Question, secrets: Mapping[str, str]) -> Rows:
    """pykrx: an index by its ticker (1001 is KOSPI), daily. It logs in while it is imported, from the environment."""
    os.environ.update(secrets)
    stock = import_module("pykrx.stock")
    first = _utc(question["start_ms"] // 1000) - dt.timedelta(days=1)
    last = _utc(question["end_ms"] // 1000) + dt.timedelta(days=1)
    frame = stock.get_index_ohlcv(f"{first:%Y%m%d}", f"{last:%Y%m%d}", question["symbol"], "d", name_display=False)
    if frame.empty:
        return []
    prices = frame[["시가", "고가", "저가", "종가", "거래량"]].to_numpy(float).tolist()
    return [[day.date().isoformat(), *row] for day, row in zip(frame.index, prices, strict=True)]


def ccxt(question: Question, secrets: Mapping[str, str]) -> Rows:  # noqa: ARG001 - public candles need no key
    """ccxt: `symbol` is `exchange:PAIR`, such as `bitfinex:BTC/USD`; page by page. No rows means: there are none."""
    library = import_module("ccxt")
    name, _, pair = question["symbol"].partition(":")
    if name not in library.exchanges:
        raise Stopped(Fault("no_data", f"ccxt knows no exchange {name!r}", hold_s=0.0))
    exchange = getattr(library, name)({"enableRateLimit": True, "requests_trust_env": True, "timeout": 10_000})
    if not exchange.load_markets():
        raise Stopped(Fault("schema", "the exchange's list of markets has none"))
    step = question["step_ms"]
    start, last = question["start_ms"] - step, question["end_ms"] - step
    found: Rows = []
    while start <= last:
        page = exchange.fetch_ohlcv(pair, question["timeframe"], since=start, limit=_CCXT_PAGE.get(name, PAGE_BARS))
        if not page and name not in OF_EXCHANGES:
            _believe(exchange, pair, question["timeframe"])
        page = [row for row in page if row[0] >= start]
        found += page
        if not page or page[-1][0] >= last:
            break
        start = page[-1][0] + step
    return found


def _believe(exchange: Any, pair: str, timeframe: str) -> None:
    """Stop unless the last answer, of which no candle was read, is like one with the newest candles, but for those."""
    empty = json.loads(exchange.last_http_response)
    exchange.fetch_ohlcv(pair, timeframe, limit=CONTROL_BARS)
    fault = doubt(empty, json.loads(exchange.last_http_response))
    if fault:
        raise Stopped(fault)


def alpaca(question: Question, secrets: Mapping[str, str]) -> Rows:
    """alpaca-py: stock bars of the free feed; the client pages by itself."""
    enums, frames = import_module("alpaca.data.enums"), import_module("alpaca.data.timeframe")
    stocks, requests = import_module("alpaca.data.historical.stock"), import_module("alpaca.data.requests")
    count, unit = int(question["timeframe"][:-1]), question["timeframe"][-1]
    units = {"m": frames.TimeFrameUnit.Minute, "h": frames.TimeFrameUnit.Hour, "d": frames.TimeFrameUnit.Day}
    daily = unit == "d"
    margin_s = 3 * 86_400 if daily else 0
    client = stocks.StockHistoricalDataClient(secrets["APCA_API_KEY_ID"], secrets["APCA_API_SECRET_KEY"], raw_data=True)
    answer = client.get_stock_bars(
        requests.StockBarsRequest(
            symbol_or_symbols=question["symbol"],
            timeframe=frames.TimeFrame(count, units[unit]),
            start=_utc(question["start_ms"] // 1000 - question["step_ms"] // 1000 - margin_s),
            end=_utc(question["end_ms"] // 1000),
            adjustment=enums.Adjustment.ALL if question["adjusted"] else enums.Adjustment.RAW,
            feed=enums.DataFeed.IEX,
        )
    )
    rows = []
    for bar in answer.get(question["symbol"], []):
        start = dt.datetime.fromisoformat(bar["t"].replace("Z", "+00:00"))
        label = start.date().isoformat() if daily else int(start.timestamp() * 1000)
        rows.append([label, bar["o"], bar["h"], bar["l"], bar["c"], bar["v"]])
    return rows


CALLS: dict[str, Callable[[Question, Mapping[str, str]], Rows]] = {
    "yfinance": yahoo,
    "pykrx": pykrx,
    "ccxt": ccxt,
    "alpaca": alpaca,
}


def answer_of(response: Any) -> Answer:
    """A response of requests or curl_cffi, which look alike, as an `Answer`."""
    headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
    return Answer(str(response.url).split("?")[0], int(response.status_code), headers, response.content or b"")


def _utc(epoch_s: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)
