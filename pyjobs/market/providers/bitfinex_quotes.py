"""Bitfinex's quotes: the running day's candle of each symbol, one small request each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from pyjobs.market.providers.base import Quote, Refused, Unasked
from pyjobs.market.providers.wire import http
from pyjobs.market.providers.wire import judged as answers
from pyjobs.market.providers.wire.http_answer import Fault, json_of, sent_s
from utils.errors import ExternalDataUnavailable

NAME = "bitfinex"
ENDS_IT = ("rate_limit", "blocked", "auth")
MOST_IN_A_ROW = 3
DAYS = 2  # today's, and yesterday's for its close


def quotes(
    addresses: Sequence[tuple[str, str]], *, limit_s: float, pause_s: float
) -> Iterator[tuple[str, Quote | ExternalDataUnavailable]]:
    """(symbol, its quote or its failure) for each (symbol, address of its daily candles), in order.

    A candle has no time of its last trade: `ts_ms` is the time of the answer. `open` to `volume` are those of the day
    that began at midnight UTC. After a failure that is about the exchange the others are `Unasked`.
    """
    until_s, failed, last = time.monotonic() + limit_s, 0, None
    for symbol, address in addresses:
        if last is not None and (last.kind in ENDS_IT or failed == MOST_IN_A_ROW):
            detail = f"not asked, after {last.symbol}: {last.detail}"
            yield symbol, Unasked(last.kind, provider=NAME, symbol=symbol, detail=detail)
            continue
        try:
            yield symbol, _quote(symbol, address, until_s - time.monotonic(), pause_s)
            failed = 0
        except Refused as error:
            failed, last = (failed + 1, error) if error.kind != "no_data" else (0, last)
            yield symbol, error


def _quote(symbol: str, address: str, left_s: float, pause_s: float) -> Quote:
    if left_s <= 0:
        raise Refused("timeout", provider=NAME, symbol=symbol, detail="no time is left for it")
    params: dict[str, str | int] = {"sort": -1, "limit": DAYS}
    answer = http.get(address, params, limit_s=min(left_s, 3 * pause_s), pause_s=min(pause_s, left_s))
    fault = answers.bitfinex(answer, time.time())
    rows = [] if fault else json_of(answer)[0]
    if fault is None and not rows:
        fault = Fault("no_data", "it has no candle of it", retry_after_s=0.0)
    if fault:
        raise Refused(fault.kind, provider=NAME, symbol=symbol, detail=fault.detail, retry_after_s=fault.retry_after_s)
    _, open_, last, high, low, volume = (float(value) for value in rows[0][:6])
    sent = sent_s(answer)
    return Quote(
        symbol=symbol,
        ts_ms=int(((sent - 1.0) if sent is not None else time.time()) * 1000),
        open=open_,
        high=high,
        low=low,
        last=last,
        volume=volume,
        previous_close=float(rows[1][2]) if len(rows) > 1 else float("nan"),
        state="REGULAR",
    )
