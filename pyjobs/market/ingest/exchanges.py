"""Exchanges: who delivers their bars, and by which calendar. One YAML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    """One exchange. `page_bars`: the most bars asked for at once; `page_days`: the longest stretch, by timeframe."""

    provider: str
    market: str
    page_bars: int
    page_days: dict[str, int] = {}


class Exchanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    exchanges: dict[str, Exchange]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whom to ask for one series: its exchange's provider behind `ask`, and the calendar that says what to expect."""

    market: str
    page_bars: int
    ask: Ask
    page_days: Mapping[str, int] = field(default_factory=dict)

    def page_ms(self, timeframe: str) -> int:
        """The longest stretch that may be asked for at once."""
        return self.page_days.get(timeframe, 100_000) * TIMEFRAME_MS["1d"]


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
        for timeframe, days in exchange.page_days.items():
            if timeframe not in TIMEFRAME_MS or days < 1:
                what = f"{timeframe}: {days} is no timeframe ({', '.join(TIMEFRAME_MS)}) with a number of days above 0"
                raise wrong(path, ["exchanges", name, "page_days"], what)
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
