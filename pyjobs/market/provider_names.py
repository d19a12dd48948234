"""The data providers by name, and the server of each."""

from __future__ import annotations

from typing import Literal

MADE_BY = {
    "local_cache": ("local", "LocalCache"),
    "parquet": ("local", "StoredBars"),
    "pykrx_index": ("workers.remote", "PykrxIndex"),
    "krx_stock": ("krx_stock", "KrxStock"),
    "yf_index": ("yahoo", "YahooIndex"),
    "yf_etf": ("yahoo", "YahooEtf"),
    "bitfinex": ("bitfinex", "Bitfinex"),
    "ccxt": ("workers.remote", "Ccxt"),
    "alpaca": ("alpaca", "Alpaca"),
}
"""Module and class below `pyjobs.market.providers`."""
WITHIN_THE_DAY: dict[str, Literal["split"]] = {"yf_etf": "split"}
"""What is worked into bars shorter than a day, of providers whose days are on another basis."""
NAMES: tuple[str, ...] = tuple(MADE_BY)
RATE_LIMIT_GROUPS = {
    "yf_index": "yahoo",
    "yf_etf": "yahoo",
    "pykrx_index": "krx",
    "krx_stock": "krx",
    "bitfinex": "bitfinex",
    "alpaca": "alpaca",
}
"""Whose servers a provider asks, and so whose state it shares; of ccxt each exchange has its own name."""
