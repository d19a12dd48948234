"""Exchanges: who delivers their bars, and by which calendar. One YAML file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pyjobs.market.bars import TIMEFRAME_MS, SeriesKey
from pyjobs.market.providers import NAMES, BarRequest, Fetched
from utils.config import load_yaml, wrong
from utils.errors import UsageError
from utils.trading_day import known_markets

Ask = Callable[[BarRequest], Fetched]
"""Puts one request to a provider; raises as `Provider.fetch`."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exchange. `page_bars`: the most bars that are asked for at once."""

    provider: str
    market: str
    page_bars: int


class Exchanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    exchanges: dict[str, Exchange]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whom to ask for one series: its exchange's provider behind `ask`, and the calendar that says what to expect."""

    market: str
    page_bars: int
    ask: Ask


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
    return found


def series_key(exchanges: dict[str, Exchange], *, exchange: str, symbol: str, timeframe: str) -> SeriesKey:
    """The series a user named; the exchange in any case. Raises UsageError for what there is not."""
    name = next((known for known in exchanges if known.casefold() == exchange.casefold()), None)
    if name is None:
        raise UsageError(f"unknown exchange {exchange!r} (config/exchanges.yaml has {', '.join(exchanges)})")
    if timeframe not in TIMEFRAME_MS:
        raise UsageError(f"unknown timeframe {timeframe!r} (known: {', '.join(TIMEFRAME_MS)})")
    if not symbol:
        raise UsageError("the symbol is empty")
    return SeriesKey(exchange=name, symbol=symbol, timeframe=timeframe)
