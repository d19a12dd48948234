"""Volumes of swaps and futures, which some exchanges count in contracts: in coins, where it is known how many.

Prices are those of one coin everywhere. ccxt 4.5.90 treats a candle's volume differently by exchange (`parse_ohlcv` of
each): most volumes come in coins, some as the exchange counts them; ccxt has the coins of a contract (`contractSize`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IN_CONTRACTS = ("gate", "gateio", "kucoinfutures", "mexc")
IN_COINS = (
    "binance", "binancecoinm", "binanceusdm", "bitfinex", "bitget", "bitmex", "bybit", "dydx", "htx", "huobi",
    "hyperliquid", "okx", "phemex",
)  # fmt: skip


def in_coins(exchange: str, markets: Any, pair: str, rows: list[list[Any]]) -> list[list[Any]] | dict[str, Any]:
    """`rows` (start, o, h, l, c, v), the volume in coins; where its unit is not known, with a `remark` about that.

    `markets`: by pair, as ccxt has them. A contract that is a sum of money (inverse) is so many coins at its close.
    """
    about = (markets.get(pair) if isinstance(markets, Mapping) else None) or {}
    size = about.get("contractSize") if about.get("contract") else None
    if not size or exchange in IN_COINS or (size == 1 and not about.get("inverse")):
        return rows
    if exchange not in IN_CONTRACTS:
        told = f"its volumes are in coins, or in contracts of {size:g}: ccxt does not specify which"
        return {"rows": rows, "remark": told}
    return [_one_in_coins(row, size, money=bool(about.get("inverse"))) for row in rows]


def _one_in_coins(row: list[Any], size: float, *, money: bool) -> list[Any]:
    """A row that lacks its volume, or the close that this takes, as it is: it cannot be true, and hides no other."""
    price = row[4] if money else 1
    return [*row[:5], row[5] * size / price, *row[6:]] if row[5] and price else row
