"""What a JSON document holds besides its rows: their symbol, the length of a bar, the zone."""

from __future__ import annotations

import re
from typing import Any

from pyjobs.market.dumps.reading.fields import column

DESCRIBING = ("ticker", "symbol", "instrument", "isin", "adjusted", "currency", "timezone", "exchangeTimezoneName")
LENGTHS = ("interval", "granularity", "timeframe", "resolution", "period")
_NAMES_OF_SYMBOLS = frozenset((  # Alpha Vantage's, KIS's, Kiwoom's, Bitstamp's, Deribit's, Coinbase's, OKX's
    *("2symbol", "2digitalcurrencycode", "stckshrniscd", "stkcd", "pair", "instrumentname", "productid", "instid"),
    *("currencypair", "contract", "coin", "asset", "symbolname", "tradingsymbol", "symbolcode", "ric", "code", "s"),
    *("tickers", "symbols", "id", "ticker", "symbol", "secid", "stockcode", "tickersymbol", "mnemonic"),
))  # fmt: skip
_CHANNELS = frozenset({"ch", "channel", "topic", "stream", "key", "rep", "table", "market"})
"""Names under which a pair may stand among other words: `market.ethusdt.kline.1day`."""
_PAIRS = (
    ("2. From Symbol", "3. To Symbol"),
    ("base_currency", "quote_currency"),
    ("baseAsset", "quoteAsset"),
    ("base", "quote"),
    ("fsym", "tsym"),
)
_STATES = frozenset({"ok", "no_data", "error", "true", "false"})
_PAIR = re.compile(r"t?[A-Z0-9]{2,10}[-_/]?(?:USDT|USDC|BUSD|FDUSD|USD|KRW|EUR|JPY|GBP|TRY|BTC|ETH)|KRW-[A-Z0-9]+")


def about_of(data: dict[str, Any]) -> dict[str, Any]:
    """What of a document's level is worth noting, by the name under which a table's columns have it."""
    about = {name: data[name] for name in DESCRIBING if isinstance(data.get(name), str | bool)}
    about |= {name: data[name] for name in LENGTHS if isinstance(data.get(name), str)}
    about |= _symbol_of(data)
    zone = next((value for name, value in data.items() if re.fullmatch(r"\d+\. Time Zone", str(name))), None)
    return about | ({"zone": zone} if isinstance(zone, str) else {})


def _symbol_of(data: dict[str, Any]) -> dict[str, str]:
    """What a document calls its instrument, in whatever word, or in `meta` (Yahoo's chart)."""
    found: dict[str, str] = {}
    for name, value in data.items():
        text = value[0] if isinstance(value, list) and len(value) == 1 else value
        if not isinstance(text, str) or not text or text.lower() in _STATES:
            continue
        plain = column(str(name))
        if plain in _CHANNELS:
            words = [word for word in re.split(r"[.:@|]", text) if _PAIR.fullmatch(word.upper())]
            found |= {"symbol": words[0].upper()} if words else {}
        elif plain in _NAMES_OF_SYMBOLS and name not in DESCRIBING and (plain != "id" or text.isalpha()):
            found["instrument" if plain == "instrumentname" else "symbol"] = text
    for base, money in _PAIRS:
        if isinstance(data.get(base), str) and isinstance(data.get(money), str):
            found["symbol"] = f"{data[base]}/{data[money]}"
    meta = data.get("meta")
    if isinstance(meta, dict) and isinstance(meta.get("symbol"), str):
        found["symbol"] = meta["symbol"]
    return found
