"""One row of Yahoo's v7 quotes: fields and units as its web pages get them (times in seconds, delay in minutes)."""

from __future__ import annotations

from tests.fakemarket.bars import MINUTE_MS
from tests.fakemarket.market import Market
from tests.fakemarket.running_session import traded
from tests.fakemarket.universe import Instrument
from tests.fakemarket.yahoo_chart import zone_of
from utils import trading_day

DELAY_MINUTES = {"XKRX": 20}


def quote_row(one: Instrument, market: Market, now_ms: int) -> dict[str, object]:
    delay = DELAY_MINUTES.get(one.market, 0)
    told: dict[str, object] = {
        "language": "en-US", "region": "US", "quoteType": one.kind, "symbol": one.yahoo, "currency": one.currency,
        "shortName": one.name, "fullExchangeName": one.market, "exchange": one.market, "sourceInterval": 15,
        "exchangeTimezoneName": zone_of(one), "exchangeDataDelayedBy": delay, "priceHint": 2, "tradeable": False,
        "marketState": "REGULAR" if trading_day.load(one.market).is_open(now_ms / 1000) else "CLOSED",
    }  # fmt: skip
    found = traded(one, market, now_ms - delay * MINUTE_MS)
    if found is None:
        return told | {"regularMarketTime": 0, "regularMarketPrice": 0.0}
    return told | {
        "regularMarketTime": found.at_ms // 1000, "regularMarketPrice": found.last, "regularMarketOpen": found.open,
        "regularMarketDayHigh": found.high, "regularMarketDayLow": found.low, "regularMarketVolume": int(found.volume),
        "regularMarketPreviousClose": found.previous_close,
        "regularMarketChange": round(found.last - found.previous_close, 6),
    }  # fmt: skip
