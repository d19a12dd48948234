"""What the tests of asking share: the questions, and a job of its own process that asks with a simulated clock."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

from pyjobs.market.providers import BarRequest, provider
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from utils.errors import ExternalDataUnavailable


def ms(day: str) -> int:
    return int(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp()) * 1000


def question(symbol: str, timeframe: str, first: str, last: str, market: str = "24/7") -> BarRequest:
    return BarRequest(symbol=symbol, timeframe=timeframe, start_ms=ms(first), end_ms=ms(last), market=market)


# What each fault of fakemarket must end in, whoever asks.
KIND_OF = {
    "429": "rate_limit",
    "418": "blocked",
    "503": "outage",
    "html": "outage",
    "empty": "outage",
    "null": "schema",
    "cut_json": "network",
    "renamed": "schema",
    "reset": "network",
    "hang": "timeout",
    "login": "auth",
    "block200": "blocked",
    # beyond the twelve
    "500": "outage",
    "block403": "blocked",
    "short_body": "network",
    "drip": "timeout",
    "bad_cert": "network",
}
QUESTIONS = {
    "bitfinex": question("BTCUSD", "1h", "2026-11-01", "2026-11-10"),
    "ccxt": question("bitfinex:BTC/USD", "1h", "2026-11-01", "2026-11-10"),
    "yf_index": question("^KS11", "1d", "2026-10-01", "2026-11-10", "XKRX"),
    "pykrx_index": question("1001", "1d", "2026-10-01", "2026-11-10", "XKRX"),
    "krx_stock": question("005930", "1d", "2026-10-01", "2026-11-10", "XKRX"),
    "alpaca": question("SPY", "1d", "2026-10-01", "2026-11-10", "XNYS"),
}
"""A question for each network provider, about bars that have long been closed."""

SERVED_BY = {
    "bitfinex": "bitfinex",
    "ccxt": "bitfinex",
    "yf_index": "yahoo",
    "pykrx_index": "krx",
    "krx_stock": "krx",
    "alpaca": "alpaca",
}


def job(folder: Path, start_s: float, hours: int, every_s: int) -> list[str]:
    """Ask bitfinex every `every_s` simulated seconds for `hours`; the kind of each answer, `ok` for bars."""
    states = ProviderStates(folder / "state", locks=folder / "locks")
    said = []
    for at_s in range(0, hours * 3600, every_s):
        now_s = start_s + at_s
        waiting = RetryBudget(deadline_s=now_s + 30, now=lambda now=now_s: now, sleep=lambda _: None)  # type: ignore[misc]
        try:
            ask(provider("bitfinex"), QUESTIONS["bitfinex"], states=states, budget=waiting)
            said.append("ok")
        except ExternalDataUnavailable as error:
            said.append(error.kind)
    return said


if __name__ == "__main__":
    print(json.dumps(job(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
