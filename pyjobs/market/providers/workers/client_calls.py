"""The calls to other people's clients. Only the worker imports this: some log in at import, some never time out.

Each takes an ask and the credentials it needs, and returns rows `(start or date, o, h, l, c, v)`; or an object with
`rows` and what came with them: `about` and `events` (see `base`), and `invalid`, unknown symbols and why.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from pyjobs.market.providers.wire import krx_calls
from pyjobs.market.providers.wire.contracts import in_coins
from pyjobs.market.providers.wire.empty_answer import doubt
from pyjobs.market.providers.wire.http_answer import Answer, Fault, Stopped
from pyjobs.market.providers.wire.judged import OF_EXCHANGES
from pyjobs.market.providers.wire.worked_in import lacking
from utils.files import private

Question = Mapping[str, Any]
Rows = list[list[Any]]
Told = dict[str, Any]

PAGE_BARS, CONTROL_BARS = 1_000, 10
_CCXT_PAGE = {"bitfinex": 10_000}


def yahoo(question: Question, secrets: Mapping[str, str]) -> Told:  # noqa: ARG001 - one signature for all
    """yfinance: `adjusted` means prices with dividends worked in. `zone` saves it a request for the time zone."""
    yf = import_module("yfinance")
    private.make_folder(question["cache_folder"], private.FOLDER_MODES[private.YAHOO])
    yf.set_tz_cache_location(question["cache_folder"])
    yf.config.debug.hide_exceptions = False
    daily = question["timeframe"] == "1d"
    margin_s = 3 * 86_400 if daily else 0  # a session's bar begins before the UTC day in which it closes
    ticker = yf.Ticker(question["symbol"])
    ticker._tz = question["zone"]  # only how it reads naive times, and ours have a zone
    frame = ticker.history(
        start=_utc(question["start_ms"] // 1000 - margin_s - question["step_ms"] // 1000),
        end=_utc(question["end_ms"] // 1000 + margin_s + 1),
        interval=question["timeframe"],
        auto_adjust=False,
        actions=True,
    )
    days = [day.date().isoformat() for day in frame.index]
    events, late = _yahoo_events(frame, days), list[tuple[int, float]]()
    if question["adjusted"]:
        late = _adjust(frame, _dividends(ticker, frame) if daily else {})
    labels: list[Any] = days if daily else [int(start.timestamp() * 1000) for start in frame.index]
    prices = frame[["Open", "High", "Low", "Close", "Volume"]].to_numpy(float)
    there = (~(prices != prices) & (prices != 0)).any(axis=1).tolist()  # the row of a dividend alone has no price
    rows = [[label, *row] for label, row, has in zip(labels, prices.tolist(), there, strict=True) if has]
    about = _yahoo_about(ticker.get_history_metadata())
    return {"rows": rows, "about": about, "events": events, "worked_in": [[days[at], factor] for at, factor in late]}


def _adjust(frame: Any, dividends: Mapping[int, float]) -> list[tuple[int, float]]:
    """Put adjusted prices in the place of those in `frame`; dividends that were lacking are worked in, and returned."""
    late = lacking(frame["Close"].tolist(), frame["Adj Close"].tolist(), dividends)
    factors = (frame["Adj Close"] / frame["Close"]).to_numpy(float).copy()
    adjusted = frame["Adj Close"].to_numpy(float).copy()
    for at, factor in late:
        factors[:at] *= factor
        adjusted[:at] *= factor
    for name in ("Open", "High", "Low"):
        frame[name] = frame[name] * factors
    frame["Close"] = adjusted
    return late


def _dividends(ticker: Any, frame: Any) -> dict[int, float]:
    """The announced amounts in the currency of the prices, by row; in another one: none (yfinance keeps it apart)."""
    found, own = ticker._lazy_load_price_history()._dividends, ticker.get_history_metadata().get("currency")
    foreign = set()
    if getattr(found, "columns", None) is not None and "currency" in found.columns:
        foreign = {day.date() for day, currency in found["currency"].items() if currency not in (own, "", None)}
    values = frame["Dividends"].to_numpy(float)
    return {at: float(values[at]) for at in values.nonzero()[0].tolist() if frame.index[at].date() not in foreign}


def _yahoo_about(meta: Mapping[str, Any]) -> dict[str, str]:
    names = {
        "symbol": "symbol", "currency": "currency", "zone": "exchangeTimezoneName", "kind": "instrumentType",
        "granularity": "dataGranularity",
    }  # fmt: skip
    return {ours: str(meta.get(theirs) or "") for ours, theirs in names.items()}


def _yahoo_events(frame: Any, days: list[str]) -> list[dict[str, Any]]:
    found = []
    for kind, column in (("split", "Stock Splits"), ("dividend", "Dividends")):
        values = frame[column].to_numpy(float)
        found += [
            {"session": days[at], "kind": kind, "value": float(values[at])} for at in values.nonzero()[0].tolist()
        ]
    return sorted(found, key=lambda event: str(event["session"]))


def yahoo_quotes(question: Question, secrets: Mapping[str, str]) -> Told:  # noqa: ARG001 - as above
    """yfinance's own session, cookie and crumb, at the address its `info` asks: many symbols at once."""
    yf, data = import_module("yfinance"), import_module("yfinance.data")
    yf.set_tz_cache_location(question["cache_folder"])
    yf.config.debug.hide_exceptions = False
    asked = {"symbols": ",".join(question["symbols"]), "formatted": "false"}
    answer = data.YfData().get_raw_json("https://query1.finance.yahoo.com/v7/finance/quote", params=asked)
    rows = [_yahoo_quote(row) for row in answer["quoteResponse"]["result"]]
    return {"rows": rows, "asked": [symbol.casefold() for symbol in question["symbols"]]}


def _yahoo_quote(row: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {
        "open": "regularMarketOpen", "high": "regularMarketDayHigh", "low": "regularMarketDayLow",
        "last": "regularMarketPrice", "volume": "regularMarketVolume", "previous_close": "regularMarketPreviousClose",
    }  # fmt: skip
    about = {"symbol": "symbol", "currency": "currency", "zone": "exchangeTimezoneName", "kind": "quoteType"}
    return {
        "symbol": row["symbol"],
        "ts_ms": int(row["regularMarketTime"]) * 1000,
        **{ours: row.get(theirs) for ours, theirs in numbers.items()},
        "state": str(row.get("marketState") or ""),
        "delay_s": 60.0 * float(row.get("exchangeDataDelayedBy") or 0),
        "about": {ours: str(row.get(theirs) or "") for ours, theirs in about.items()},
    }


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


def ccxt(question: Question, secrets: Mapping[str, str]) -> Rows | Told:  # noqa: ARG001 - public candles need no key
    """ccxt: `symbol` is `exchange:PAIR`, such as `bitfinex:BTC/USD`; page by page. No rows means: there are none."""
    library = import_module("ccxt")
    name, _, pair = question["symbol"].partition(":")
    if name not in library.exchanges:
        raise Stopped(Fault("no_data", f"ccxt has no exchange {name!r}", retry_after_s=0.0))
    exchange = getattr(library, name)({"enableRateLimit": True, "requests_trust_env": True, "timeout": 10_000})
    if not (markets := exchange.load_markets()):
        raise Stopped(Fault("schema", "the exchange's list of markets has none"))
    step = question["step_ms"]
    start, last = question["start_ms"] - step, question["end_ms"] - step
    found, believed = Rows(), name in OF_EXCHANGES
    while start <= last:
        page = exchange.fetch_ohlcv(pair, question["timeframe"], since=start, limit=_CCXT_PAGE.get(name, PAGE_BARS))
        if not page and not believed:
            _believe(exchange, pair, question["timeframe"])
            believed = True
        if not page:  # nothing on this page: what comes after so long a silence is another page's
            start += _page_bars(exchange, name) * step
            continue
        page = [row for row in page if row[0] >= start]
        found += page
        if not page or page[-1][0] >= last:
            break
        start = page[-1][0] + step
    return in_coins(name, markets, pair, found)


def _page_bars(exchange: Any, name: str) -> int:
    """About how many bars of time one page of an exchange has, by ccxt's tables."""
    about = ((exchange.features or {}).get("spot") or {}).get("fetchOHLCV") or {}
    return min(about.get("limit") or PAGE_BARS, _CCXT_PAGE.get(name, PAGE_BARS))


def _believe(exchange: Any, pair: str, timeframe: str) -> None:
    """Fetch a page that must hold candles; trust the empty answer only if it has the same structure as that page."""
    empty = json.loads(exchange.last_http_response)
    exchange.fetch_ohlcv(pair, timeframe, limit=CONTROL_BARS)
    fault = doubt(empty, json.loads(exchange.last_http_response))
    if fault:
        raise Stopped(fault)


def alpaca(question: Question, secrets: Mapping[str, str]) -> Told:
    """alpaca-py: stock bars of the free feed, rows by symbol; the client pages by itself."""
    enums, frames = import_module("alpaca.data.enums"), import_module("alpaca.data.timeframe")
    requests = import_module("alpaca.data.requests")
    count, unit = int(question["timeframe"][:-1]), question["timeframe"][-1]
    units = {"m": frames.TimeFrameUnit.Minute, "h": frames.TimeFrameUnit.Hour, "d": frames.TimeFrameUnit.Day}
    daily = unit == "d"
    margin_s = 3 * 86_400 if daily else 0
    client = _alpaca_client(secrets)

    def ask(symbols: list[str]) -> dict[str, Any]:
        wanted = requests.StockBarsRequest(
            symbol_or_symbols=symbols,
            timeframe=frames.TimeFrame(count, units[unit]),
            start=_utc(question["start_ms"] // 1000 - question["step_ms"] // 1000 - margin_s),
            end=_utc(question["end_ms"] // 1000),
            adjustment=enums.Adjustment.ALL if question["adjusted"] else enums.Adjustment.RAW,
            feed=enums.DataFeed.IEX,
        )
        return dict(client.get_stock_bars(wanted))

    found, invalid = _of_known(ask, question["symbols"])
    return {
        "rows": {symbol: [_alpaca_row(bar, daily=daily) for bar in bars] for symbol, bars in found.items()},
        "invalid": invalid,
    }


def _alpaca_row(bar: Mapping[str, Any], *, daily: bool) -> list[Any]:
    start = dt.datetime.fromisoformat(bar["t"].replace("Z", "+00:00"))
    label = start.date().isoformat() if daily else int(start.timestamp() * 1000)
    return [label, bar["o"], bar["h"], bar["l"], bar["c"], bar["v"]]


def alpaca_quotes(question: Question, secrets: Mapping[str, str]) -> Told:
    """alpaca-py: snapshots of the free feed. `open` to `volume` are those of the last trade's day."""
    enums, requests = import_module("alpaca.data.enums"), import_module("alpaca.data.requests")
    client = _alpaca_client(secrets)

    def ask(symbols: list[str]) -> dict[str, Any]:
        wanted = requests.StockSnapshotRequest(symbol_or_symbols=symbols, feed=enums.DataFeed.IEX)
        return dict(client.get_stock_snapshot(wanted))

    found, invalid = _of_known(ask, question["symbols"])
    rows = {symbol: _alpaca_quote(one) for symbol, one in found.items() if one and one.get("latestTrade")}
    return {"rows": rows, "invalid": invalid}


def _alpaca_quote(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    trade, day, before = snapshot["latestTrade"], snapshot.get("dailyBar") or {}, snapshot.get("prevDailyBar") or {}
    at = dt.datetime.fromisoformat(_to_microseconds(trade["t"]))
    return {
        "ts_ms": int(at.timestamp() * 1000),
        "last": trade["p"],
        **{name: day.get(letter) for name, letter in zip(("open", "high", "low", "volume"), "ohlv", strict=True)},
        "previous_close": before.get("c"),
    }


def _to_microseconds(stamp: str) -> str:
    """A time in nanoseconds (2026-11-20T15:30:00.123456789Z), as Python can read it."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:6].ljust(6, '0')}+00:00"


def _alpaca_client(secrets: Mapping[str, str]) -> Any:
    stocks = import_module("alpaca.data.historical.stock")
    return stocks.StockHistoricalDataClient(secrets["APCA_API_KEY_ID"], secrets["APCA_API_SECRET_KEY"], raw_data=True)


def _of_known(
    ask: Callable[[list[str]], dict[str, Any]], symbols: Sequence[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The symbols that `ask` finds, one at a time, and the reason for each that it refuses."""
    left, invalid = list(symbols), dict[str, str]()
    while left:
        try:
            found = ask(left)
        except Exception as error:
            result = next(
                (name for name in left if str(error).rstrip('"} \n').endswith(f"invalid symbol: {name}")), None
            )
            if result is None:
                raise
            invalid[result] = f"invalid symbol: {result}"
            left.remove(result)
            continue
        if others := sorted(set(found) - set(left)):
            raise Stopped(
                Fault("schema", f"it answers about {', '.join(others[:3])}, which was not asked", retry_after_s=0.0)
            )
        return found, invalid
    return {}, invalid


CALLS: dict[str, Callable[[Question, Mapping[str, str]], Rows | Told]] = {
    "yfinance": yahoo,
    "yfinance_quotes": yahoo_quotes,
    "pykrx": pykrx,
    "krx_board": krx_calls.board,
    "pykrx_shares": krx_calls.share,
    "ccxt": ccxt,
    "alpaca": alpaca,
    "alpaca_quotes": alpaca_quotes,
}


def answer_of(response: Any) -> Answer:
    """A response of requests or curl_cffi, which look alike, as an `Answer`."""
    headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
    return Answer(str(response.url).split("?")[0], int(response.status_code), headers, response.content or b"")


def _utc(epoch_s: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(epoch_s, dt.UTC)
