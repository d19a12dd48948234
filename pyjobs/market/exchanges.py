"""Exchanges: who delivers their bars, and by which calendar. One YAML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from pyjobs.market.bars import DAY_MS, FETCHED, TIMEFRAME_MS, SeriesKey
from pyjobs.market.provider_names import NAMES, WITHIN_THE_DAY
from utils.errors import UsageError
from utils.settings.config import load_yaml, wrong
from utils.trading_day import known_markets

Prices = Literal["", "raw", "split", "adjusted"]
_UNITS_MS = {"m": 60_000, "h": 3_600_000, "d": DAY_MS}


class Exchange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exchange. `page_bars`: the most bars asked for at once; `page_days`: the longest stretch, by timeframe.

    `currency` is that of its instruments which name none; `prices` what the provider's days are, where that is known;
    `ready` the market's local time from which the day's bars are there ("": a quarter of an hour after the close);
    `quotes` the exchange that knows today's prices ("": this one, if its provider does); `silent_after` how long
    without a trade a series of it is silent, and is asked for less and less often (30m, 6h, 2d);
    `letters_count` whether symbols may differ in small and capital letters alone.
    """

    provider: str
    market: str
    page_bars: int
    page_days: dict[str, int] = {}
    currency: str = ""
    prices: Prices = ""
    ready: str = ""
    quotes: str = ""
    silent_after: str = "1h"
    letters_count: bool = False

    @property
    def silent_ms(self) -> int:
        """`silent_after` in milliseconds."""
        return int(self.silent_after[:-1]) * _UNITS_MS[self.silent_after[-1]]


class Exchanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    exchanges: dict[str, Exchange]


def load_exchanges(path: Path) -> dict[str, Exchange]:
    """The exchanges of the file at `path`. Raises ConfigError with file, line, key and value."""
    markets = known_markets()
    found = load_yaml(path, Exchanges).exchanges
    for name, exchange in found.items():
        if exchange.provider not in NAMES:
            what = f"unknown provider {exchange.provider!r} (known: {', '.join(NAMES)})"
            raise wrong(path, ["exchanges", name, "provider"], what)
        if exchange.market not in markets:
            what = f"unknown market {exchange.market!r} (known: {', '.join(markets)})"
            raise wrong(path, ["exchanges", name, "market"], what)
        if exchange.page_bars < 1:
            raise wrong(path, ["exchanges", name, "page_bars"], f"must be at least 1, is {exchange.page_bars}")
        if exchange.ready and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", exchange.ready):
            raise wrong(path, ["exchanges", name, "ready"], f"{exchange.ready!r} is not a time of day like 18:35")
        if not re.fullmatch(r"[1-9]\d{0,3}[mhd]", exchange.silent_after):
            what = f"{exchange.silent_after!r} is no length of time like 30m, 6h or 2d"
            raise wrong(path, ["exchanges", name, "silent_after"], what)
        if exchange.quotes and (exchange.quotes not in found or found[exchange.quotes].market != exchange.market):
            what = f"{exchange.quotes!r} is no exchange of this file on {exchange.market}"
            raise wrong(path, ["exchanges", name, "quotes"], what)
        for timeframe, days in exchange.page_days.items():
            if timeframe not in FETCHED or days < 1:
                what = f"{timeframe}: {days} is no timeframe ({', '.join(FETCHED)}) with a number of days above 0"
                raise wrong(path, ["exchanges", name, "page_days"], what)
    return found


def prices_at(exchange: Exchange, timeframe: str) -> Prices:
    """The basis of its bars of this length: raw, split or adjusted; empty where that is not known."""
    if exchange.prices and TIMEFRAME_MS.get(timeframe, DAY_MS) < DAY_MS:
        return WITHIN_THE_DAY.get(exchange.provider, exchange.prices)
    return exchange.prices


def symbol_at(exchange: Exchange, symbol: str) -> str:
    """The symbol under which a series is stored: on Bitfinex BTCUSD, BTC/USD and tBTCUSD are one pair; elsewhere it is
    the request's.
    """
    if exchange.provider != "bitfinex":
        return symbol
    base, slash, quote = symbol.partition("/")
    if slash:
        return f"{base}{':' if len(base) > 3 or len(quote) > 3 else ''}{quote}"
    return symbol[1:] if symbol.startswith("t") and symbol[1:2].isupper() else symbol


def series_key(exchanges: dict[str, Exchange], *, exchange: str, symbol: str, timeframe: str) -> SeriesKey:
    """The series a user named; the exchange in any case. Raises UsageError for what there is not."""
    name = next((known for known in exchanges if known.casefold() == exchange.casefold()), None)
    if name is None:
        raise UsageError(f"unknown exchange {exchange!r} (config/exchanges.yaml has {', '.join(exchanges)})")
    if timeframe not in FETCHED:
        raise UsageError(f"unknown timeframe {timeframe!r} (known: {', '.join(FETCHED)})")
    if not symbol:
        raise UsageError("the symbol is empty")
    return SeriesKey(exchange=name, symbol=symbol_at(exchanges[name], symbol), timeframe=timeframe)
