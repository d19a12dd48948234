"""Alpaca, through alpaca-py (the free IEX feed): many symbols in one request, for bars and for quotes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pyjobs.market.bars import TIMEFRAME_MS
from pyjobs.market.providers.base import LONGEST_FETCH_S, BarRequest, Fetched, Quote, Refused
from pyjobs.market.providers.workers.remote import Remote, each_or_error
from utils.errors import ConfigError, ExternalDataUnavailable, NightdeskError
from utils.settings import credentials

LONGEST_SYMBOLS = 3_500  # bytes, commas escaped: an address of more than 4 KB is refused, and the rest takes some
PAGE_ROWS = 10_000  # the provider's own limit, all symbols counted together
GROUP_ROWS, CHUNK_ROWS = 5 * PAGE_ROWS, 15 * PAGE_ROWS  # a page takes about a second, a chunk's time limit is 45
OPEN_SHARE = {"1d": 0.7}
"""Which share of the time has bars, of days; of shorter ones it is `OPEN_HOURS`."""
OPEN_HOURS = 0.2
"""BRK-B, where Alpaca has BRK.B."""
YES_OR_NO = ("true", "false", "1", "0", "yes", "no")
_COMMA = len(quote(","))


class Alpaca(Remote):
    """US stocks. A symbol that is not in an answer has no bar in its range; one it refuses by name is unknown."""

    name = "alpaca"
    client = "alpaca"
    class_mark = "."
    package = "alpaca-py"
    keeps = True
    needs = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
    quotes_at_once = 400

    def question(self, asks: list[dict[str, Any]], limit_s: float, *, gap_s: float = 0.0) -> dict[str, Any]:
        """As every Remote. ALPACA_PAPER must be a yes or a no where it is set: prices are the same for both keys."""
        paper = credentials.find("ALPACA_PAPER")
        if paper is not None and paper.lower() not in YES_OR_NO:
            raise ConfigError(f"ALPACA_PAPER={paper!r} is neither true nor false (environment, secret/.env or .env)")
        return super().question(asks, limit_s, gap_s=gap_s)

    def asked(self, request: BarRequest, now_ms: int) -> dict[str, Any]:
        """As every Remote, in the form for several symbols."""
        return {**super().asked(request, now_ms), "symbols": [request.symbol]}

    def fetched(self, rows: Any, request: BarRequest, now_ms: int, record: Mapping[str, Any]) -> Fetched:
        """As every Remote, of the rows by symbol that came; Refused for one that it does not know."""
        if request.symbol in record["invalid"]:
            raise self.refused("no_data", request.symbol, record["invalid"][request.symbol], 0.0)
        return super().fetched(rows.get(request.symbol, []), request, now_ms, record)

    def chunks(self, requests: Sequence[BarRequest]) -> list[list[BarRequest]]:
        """Those that go into one request together, and several such requests while they are short."""
        made: list[list[BarRequest]] = []
        rows = 0.0
        for group in groups(requests):
            more = rows_of(group)
            if made and rows + more <= CHUNK_ROWS:
                made[-1] += group
                rows += more
            else:
                made.append(list(group))
                rows = more
        return made

    def fetch_many(
        self, requests: Sequence[BarRequest], now_ms: int, *, limit_s: float = LONGEST_FETCH_S, gap_s: float = 0.0
    ) -> Iterator[tuple[BarRequest, Fetched | NightdeskError]]:
        """One request for each group, and its further pages."""
        together = groups(requests)
        asks = [
            {**self.asked(group[0], now_ms), "symbols": list(dict.fromkeys(one.symbol for one in group))}
            for group in together
        ]
        for group, entry in self.verdicts_by_group(
            self.question(asks, limit_s, gap_s=gap_s), together, lambda one: one.symbol
        ):
            for request in group:
                if isinstance(entry, Refused):
                    yield request, entry.about(request.symbol)
                else:
                    yield from each_or_error([request], lambda one, entry=entry: self.read(entry, one, now_ms))  # type: ignore[misc]

    def fetch_quotes(
        self, symbols: Sequence[str], *, limit_s: float = LONGEST_FETCH_S
    ) -> Iterator[tuple[str, Quote | ExternalDataUnavailable]]:
        """Snapshots: one request for all of them."""
        question = self.question([{"call": "alpaca_quotes", "symbols": list(symbols)}], limit_s)
        for group, entry in self.verdicts_by_group(question, [symbols], lambda symbol: symbol):
            for symbol in group:
                if isinstance(entry, Refused):
                    yield symbol, entry.about(symbol)
                elif symbol in entry["rows"]:
                    yield symbol, Quote(symbol=symbol, **entry["rows"][symbol])
                else:
                    detail = entry["invalid"].get(symbol, "it has no trade of it today or yesterday")
                    yield symbol, self.refused("no_data", symbol, detail, 0.0)


def groups(requests: Sequence[BarRequest]) -> list[list[BarRequest]]:
    """Requests for one address: one timeframe, from the earliest start of them to now.

    A later start joins while all still fit a page: what is fetched besides costs nothing. Who alone is more than
    GROUP_ROWS stays alone.
    """
    made: list[list[BarRequest]] = []
    for request in sorted(requests, key=lambda one: (one.timeframe, one.start_ms, one.symbol)):
        if made and _fits(made[-1], request):
            made[-1].append(request)
        else:
            made.append([request])
    return made


def rows_of(group: Sequence[BarRequest]) -> float:
    """About how many rows a group's answer has."""
    first, last_ms = group[0], max(one.end_ms for one in group)
    share = OPEN_SHARE.get(first.timeframe, OPEN_HOURS)
    return len(group) * (1 + share * (last_ms - first.start_ms) / TIMEFRAME_MS[first.timeframe])


def _fits(group: Sequence[BarRequest], request: BarRequest) -> bool:
    together = [*group, request]
    length = sum(len(quote(one.symbol)) + _COMMA for one in together)
    most = GROUP_ROWS if request.start_ms == group[0].start_ms else PAGE_ROWS
    return request.timeframe == group[0].timeframe and length <= LONGEST_SYMBOLS and rows_of(together) <= most
