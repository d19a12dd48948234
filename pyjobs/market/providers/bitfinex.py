"""Bitfinex v2 candles, by our own thin client: every answer is judged before anything is read from it.

`[MTS, OPEN, CLOSE, HIGH, LOW, VOLUME]`, start and end in milliseconds of the bar's start, both included; minutes
without a trade are left out. Source: https://docs.bitfinex.com/reference/rest-public-candles
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, FloatArray
from pyjobs.market.providers.base import LONGEST_FETCH_S, BarRequest, Fetched, Quote, Refused
from pyjobs.market.providers.bitfinex_quotes import quotes
from pyjobs.market.providers.rows import to_fetched, true_now_ms
from pyjobs.market.providers.wire import http
from pyjobs.market.providers.wire import judged as answers
from pyjobs.market.providers.wire.http_answer import Answer, json_of, sent_s
from utils.errors import ExternalDataUnavailable, UsageError

URL = "https://api-pub.bitfinex.com/v2/candles/trade:{timeframe}:{symbol}/hist"
PAGE_BARS, PAGE_S, PAUSE_S = 10_000, 30.0, 10.0
REVISED_FOR_MS = 60_000
_NAMES = {"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "1d": "1D"}
_CANDLES = msgspec.json.Decoder(list[tuple[float, float, float, float, float, float]])  # numbers only, and six


class Bitfinex:
    """Public candles, no key needed. One request for each `PAGE_BARS` bars of the range."""

    name = "bitfinex"
    network = True
    quotes_at_once = 20

    def rate_limit_group(self, request: BarRequest) -> str:  # noqa: ARG002 - all symbols come from one place
        """Itself."""
        return self.name

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:  # noqa: ARG002 - candles are kept in the store
        """Nothing: the store is the cache."""
        return None

    def prepare(self) -> None:
        """Nothing to get ready."""

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> Fetched:
        """The bars of the range; Refused with its kind, ConfirmedEmpty for a range without trades.

        When a later page fails, or comes too late, the pages before it are the answer: it then ends earlier than asked.
        """
        if request.timeframe not in _NAMES:
            raise UsageError(f"bitfinex has no timeframe {request.timeframe!r} (it has {', '.join(_NAMES)})")
        found: list[FloatArray] = []
        sent: list[float] = []
        answered, until_s = request, time.monotonic() + limit_s
        for first, last in _pages(request, now_ms):
            try:
                found.append(self._page(request, first, last, until_s - time.monotonic(), sent))
            except Refused:
                if not sum(map(len, found)):
                    raise
                break
            answered = replace(request, end_ms=min(last + TIMEFRAME_MS[request.timeframe], request.end_ms))
        rows = np.concatenate([np.empty((0, 6)), *found])
        _refuse_other_days(rows, request, TIMEFRAME_MS[request.timeframe])
        now_ms = true_now_ms(now_ms, max(sent, default=None))
        return to_fetched(
            rows, answered, provider=self.name, adjusted="raw", now_ms=now_ms, revised_for_ms=REVISED_FOR_MS
        )

    def fetch_quotes(
        self, symbols: Sequence[str], *, limit_s: float = LONGEST_FETCH_S
    ) -> Iterator[tuple[str, Quote | ExternalDataUnavailable]]:
        """The running day of each; see `bitfinex_quotes`."""
        addresses = [(symbol, URL.format(timeframe="1D", symbol=trading_symbol(symbol))) for symbol in symbols]
        return quotes(addresses, limit_s=limit_s, pause_s=PAUSE_S)

    def _page(self, request: BarRequest, start_ms: int, end_ms: int, left_s: float, sent: list[float]) -> FloatArray:
        if left_s <= 0:
            raise Refused("timeout", provider=self.name, symbol=request.symbol, detail="no time is left for this page")
        url = URL.format(timeframe=_NAMES[request.timeframe], symbol=trading_symbol(request.symbol))
        params = {"start": start_ms, "end": end_ms, "sort": 1, "limit": PAGE_BARS}
        answer = http.get(url, params, limit_s=min(PAGE_S, left_s), pause_s=min(PAUSE_S, left_s))
        at_s = sent_s(answer)
        sent += [] if at_s is None else [at_s]
        rows = plain_candles(answer)
        if rows is not None:
            return rows
        fault = answers.bitfinex(answer, time.time())
        if fault:
            raise Refused(
                fault.kind,
                provider=self.name,
                symbol=request.symbol,
                detail=fault.detail,
                retry_after_s=fault.retry_after_s,
            )
        candles, _ = json_of(answer)
        return _rows([candle[:6] for candle in candles])


def plain_candles(answer: Answer) -> FloatArray | None:
    """The rows (start, open, high, low, close, volume) of an answer that is just as it should be, read in one go.

    None for any other, which `answers.bitfinex` is to judge.
    """
    if answer.failed or answer.status != 200:
        return None
    try:
        return _rows(_CANDLES.decode(answer.body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _rows(candles: Sequence[Sequence[float]]) -> FloatArray:
    return np.array(candles, np.float64).reshape(len(candles), 6)[:, [0, 1, 3, 4, 2, 5]]


def trading_symbol(symbol: str) -> str:
    """`BTCUSD`, `BTC/USD`, `DOGE:USD` or `tBTCUSD` as Bitfinex writes it: with a t, and a colon for long names."""
    if symbol.startswith("t") and symbol[1:2].isupper():
        return symbol
    base, slash, quote = symbol.partition("/")
    if not slash:
        return f"t{symbol}"
    return f"t{base}{':' if len(base) > 3 or len(quote) > 3 else ''}{quote}"


def _refuse_other_days(rows: FloatArray, request: BarRequest, step_ms: int) -> None:
    """Raises Refused(schema) for candles none of which was asked for: they prove nothing of the range."""
    starts = rows[:, 0]
    if len(rows) and not ((starts >= request.start_ms - step_ms) & (starts <= request.end_ms)).any():
        detail = f"{len(rows)} candles, the first of {starts[0]:.0f} ms, and none of the range that was asked for"
        raise Refused("schema", provider="bitfinex", symbol=request.symbol, detail=detail)


def _pages(request: BarRequest, now_ms: int) -> Iterator[tuple[int, int]]:
    """(first, last) bar start of each request, oldest first."""
    step = TIMEFRAME_MS[request.timeframe]
    first, last = request.start_ms - step, min(request.end_ms, now_ms) - step
    while first <= last:
        yield first, min(first + (PAGE_BARS - 1) * step, last)
        first += PAGE_BARS * step
