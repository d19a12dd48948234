"""Where bars come from, behind one small interface. `provider(NAME)` makes one; nothing heavy is imported before that.

Ask through `pyjobs.market.providers.ask.ask`: it holds the machine-wide state, the retries and ALLOW_NET_FETCH.
"""

from __future__ import annotations

import importlib

from pyjobs.market.providers.base import (
    BarRequest,
    ConfirmedEmpty,
    Fetched,
    NotSetUp,
    Provider,
    Refused,
)
from utils.errors import ConfigError

__all__ = [
    "GATES",
    "NAMES",
    "BarRequest",
    "ConfirmedEmpty",
    "Fetched",
    "NotSetUp",
    "Provider",
    "Refused",
    "provider",
]

_MADE_BY = {
    "local_cache": ("local", "LocalCache"),
    "parquet": ("local", "StoredBars"),
    "pykrx_index": ("remote", "PykrxIndex"),
    "yf_index": ("remote", "YahooIndex"),
    "yf_etf": ("remote", "YahooEtf"),
    "bitfinex": ("bitfinex", "Bitfinex"),
    "ccxt": ("remote", "Ccxt"),
    "alpaca": ("remote", "Alpaca"),
}
NAMES: tuple[str, ...] = tuple(_MADE_BY)
GATES = {"yf_index": "yahoo", "yf_etf": "yahoo", "pykrx_index": "krx", "bitfinex": "bitfinex", "alpaca": "alpaca"}
"""Whose servers a provider asks, and so whose state it shares; of ccxt each exchange has its own name."""


def provider(name: str) -> Provider:
    """The provider of that name. Raises ConfigError for a name that is not one of `NAMES`."""
    if name not in _MADE_BY:
        raise ConfigError(f"unknown provider {name!r} (known: {', '.join(NAMES)})")
    module, cls = _MADE_BY[name]
    made: Provider = getattr(importlib.import_module(f"{__name__}.{module}"), cls)()
    return made
