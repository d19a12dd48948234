"""Many symbols in few requests, whole processes with storing: processor seconds, requests, and what they may be.

fakemarket is a process of its own. It takes 0.2 s to make up ten years of a symbol, which no exchange has to: they are
asked for twice, first into a home that is thrown away.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.bench.ingest import NOON_S, Rehearsal, Took, rehearsal

JOB = """
import sys
from pyjobs.market.bars import SeriesKey
from pyjobs.market.providers import BarRequest, provider
from pyjobs.market.providers.asking.retry_budget import interactive
from pyjobs.market.providers.asking.ask_many import ask_many
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.store.bar_store import BarStore
from utils import clock, paths
name, symbols, first_ms = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
asked = [BarRequest(symbol=symbol, timeframe="1d", start_ms=first_ms, end_ms=clock.now_ms(), market="XNYS",
                    currency="USD") for symbol in symbols]
store, stored = BarStore(paths.data_dir() / "raw"), 0
for request, got in ask_many(provider(name), asked, states=ProviderStates(), budget=interactive(print)):
    assert not isinstance(got, Exception), got
    store.write(SeriesKey(exchange=name, symbol=request.symbol, timeframe="1d"), got.bars, provider=name,
                fetched_at_ms=got.fetched_at_ms, adjusted=got.adjusted, last_final=got.last_final)
    stored += 1
assert stored == len(symbols)
"""
QUOTES = """
import sys
from pyjobs.market.providers.asking.retry_budget import interactive
from pyjobs.market.providers.quotes import Quote, ask_quotes
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
symbols = sys.argv[2].split(",")
states, budget = ProviderStates(), interactive(print)
found = ask_quotes(sys.argv[1], symbols, states=states, budget=budget, market="XNYS", currency="USD")
assert all(isinstance(one, Quote) for one in found.values()) and len(found) == len(symbols)
"""
SHARES = [f"Z{a}{b}{c}" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJ" for c in "ABCDEFGHIJ"]
DAY_S = 86_400
YEARS = {"last session": 2 * DAY_S, "ten years": 3_653 * DAY_S}
CASES = (
    ("yf_etf", 200, "last session", "<= 12 processor s"),
    ("yf_etf", 200, "ten years", "<= 60 s"),
    ("alpaca", 1_000, "last session", "<= 5 requests"),
)


def requests(world: Rehearsal) -> int:
    """How many exchanges there have been with the providers."""
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=60)
    connection.request("GET", "/__control/requests")
    served = [one for one in json.loads(connection.getresponse().read()) if one["method"] != "CONNECT"]
    connection.close()
    return len(served)


def told(what: str, asked: str, took: Took, sent: int) -> None:
    print(f"{what:34}{asked:>20}{took.wall_s:9.1f}{took.cpu_s:11.2f}{took.peak_mb:9.0f}{sent:10}", flush=True)


def main() -> None:
    with rehearsal() as world:
        world.env |= {"APCA_API_KEY_ID": "fake-key", "APCA_API_SECRET_KEY": "fake-secret"}
        world.at(NOON_S)
        print("many symbols from fakemarket, whole processes with storing (processor: the client's process too)")
        print(f"{'':34}{'asked':>20}{'seconds':>9}{'processor':>11}{'peak MB':>9}{'requests':>10}")
        for name, count, span, asked in CASES:
            first_ms = (world.now_s - YEARS[span]) * 1000
            job = (sys.executable, "-c", JOB, name, ",".join(SHARES[:count]), str(first_ms))
            if span == "ten years":
                with tempfile.TemporaryDirectory() as folder:
                    replace(world, home=Path(folder)).run(*job)
            before = requests(world)
            took = world.run(*job)
            told(f"{name}: {count} symbols, {span}", asked, took, requests(world) - before)
        for name, count in (("yf_etf", 50), ("alpaca", 400)):
            before = requests(world)
            took = world.run(sys.executable, "-c", QUOTES, name, ",".join(SHARES[:count]))
            told(f"{name}: {count} quotes", "", took, requests(world) - before)


if __name__ == "__main__":
    main()
