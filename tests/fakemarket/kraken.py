"""Kraken's public OHLC as ccxt reads it: an exchange whose shapes nightdesk does not know.

Whatever `since` says, no more than the newest 720 candles are sent. Errors are strings in `error`, often with a 200.
"""

from __future__ import annotations

import numpy as np

from tests.fakemarket.bars import DAY_MS, MINUTE_MS, Bars
from tests.fakemarket.bitfinex import buckets
from tests.fakemarket.market import Market
from tests.fakemarket.universe import BY_ID, Instrument
from tests.fakemarket.wire import Reply, Request, html_reply, json_reply, replaced

MOST = 720
MINUTES = (1, 5, 15, 30, 60, 240)
PAIRS = {"XXBTZUSD": ("XBTUSD", "XXBT", "BTCUSD"), "XETHZUSD": ("ETHUSD", "XETH", "ETHUSD")}
"""Kraken's name: its short name, the coin, and the instrument."""


class Kraken:
    name = "kraken"
    hosts = ("api.kraken.com",)
    paths = ("/0/public/",)
    null_bars = b'{"error":[],"result":null}'

    def reset(self) -> None:
        """Nothing is remembered."""

    def answer(self, request: Request, market: Market) -> Reply:
        call = request.path.removeprefix("/0/public/")
        if call == "Assets":
            return result({name: asset(name) for name in ("ZUSD", *(coin for _, coin, _ in PAIRS.values()))})
        if call == "AssetPairs":
            return result({name: pair(short, coin) for name, (short, coin, _) in PAIRS.items()})
        if call != "OHLC":
            return refused("EGeneral:Unknown method")
        asked = request.params.get("pair", "")
        name = next((name for name, (short, _, _) in PAIRS.items() if asked in (name, short)), "")
        if not name:
            return refused("EQuery:Unknown asset pair")
        found = candles(BY_ID[PAIRS[name][2]], request, market)
        return result({name: rows(found), "last": int(found.start_ms[-1]) // 1000 if len(found) else 0})

    def rename(self, body: bytes) -> bytes:
        return replaced(body, (b'"result"', b'"results"'))

    def failure(self, status: int, variant: str) -> Reply:
        """`variant` object: the same as a string in `error`, with status 200."""
        if variant == "object":
            return refused("EAPI:Rate limit exceeded" if status == 429 else "EService:Unavailable")
        if status in (404, 429):
            return json_reply(
                {"error": ["EGeneral:Unknown method" if status == 404 else "EGeneral:Too many requests"]}, status
            )
        return html_reply(f"{status} api.kraken.com", status)


def candles(one: Instrument, request: Request, market: Market) -> Bars:
    """The newest `MOST` that begin after `since`; the running one is among them."""
    minutes = int(request.params.get("interval", "1"))
    step_ms = minutes * MINUTE_MS
    first_ms = max(int(request.params.get("since", "0")) * 1000 + 1, request.now_ms - (MOST + 60) * step_ms)
    if step_ms == DAY_MS:
        found = buckets(one, "1D", first_ms, request.now_ms + 1, market)
    elif minutes in MINUTES:
        found = market.intraday(one, step_ms, first_ms, request.now_ms + 1)
    else:
        raise ValueError(f"interval {minutes}")
    return found.take(np.arange(len(found)) >= len(found) - MOST)


def rows(bars: Bars) -> list[list[object]]:
    """`[second, open, high, low, close, vwap, volume, count]`: prices are strings."""
    return [
        [start // 1000, *map(str, prices), str(prices[3]), str(volume), 1]
        for start, prices, volume in zip(bars.start_ms.tolist(), bars.ohlc.tolist(), bars.volume.tolist(), strict=True)
    ]


def asset(name: str) -> dict[str, object]:
    return {"aclass": "currency", "altname": name[1:], "decimals": 10, "display_decimals": 5, "status": "enabled"}


def pair(short: str, coin: str) -> dict[str, object]:
    return {
        "altname": short, "wsname": f"{coin[1:]}/USD", "base": coin, "quote": "ZUSD", "pair_decimals": 1,
        "lot_decimals": 8, "fees": [[0, 0.4]], "fees_maker": [[0, 0.25]], "leverage_buy": [], "leverage_sell": [],
        "ordermin": "0.0001", "costmin": "0.5", "status": "online",
    }  # fmt: skip


def result(value: object) -> Reply:
    return json_reply({"error": [], "result": value})


def refused(why: str) -> Reply:
    return json_reply({"error": [why]})
