"""Yahoo, through yfinance: charts, one request each, and quotes, many symbols in one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from pyjobs.market.providers import webcache
from pyjobs.market.providers.base import LONGEST_FETCH_S, About, BarRequest, Fetched, Quote, Refused
from pyjobs.market.providers.identity import as_taken, zone_of
from pyjobs.market.providers.workers.remote import Remote, each_or_error
from pyjobs.market.store.partitions import Adjusted
from utils.errors import ExternalDataUnavailable, NightdeskError, UsageError

AT_ONCE = 50  # charts in one turn: some twenty seconds where a chart takes 0.3, and the time limit ends at 45
NEVER_SPLIT = ("", "INDEX", "CURRENCY", "CRYPTOCURRENCY", "FUTURE")
"""Kinds, in Yahoo's words, whose prices are what was traded; and an answer that names none."""
"""BRK.B, as Alpaca and the exchange itself have it."""
SOON_MENDED_MS = 10 * 86_400_000  # rows without prices are filled within days; an older one may stay as it is for ever
GAP_S = 0.1  # between two charts: no limit is published, and a burst is what is banned first


class Yahoo(Remote):
    """Yahoo's chart, through yfinance. Daily answers are kept in data/webcache/yf until another session has closed."""

    client = "yfinance"
    class_mark = "-"
    package = "yfinance"
    keeps = True
    timeframes = ("1m", "5m", "15m", "30m", "1h", "1d")
    quotes_at_once = 50

    def asked(self, request: BarRequest, now_ms: int) -> dict[str, Any]:
        """As every Remote; refuses days of currencies, which at Yahoo end at midnight in London."""
        if request.market == "FX" and request.timeframe == "1d":
            raise UsageError(
                f"{self.name} has no daily bars of currencies: its days end at midnight in London, the market's at "
                "17:00 in New York; take 1h"
            )
        return {**super().asked(request, now_ms), "zone": zone_of(request.market)}

    def label(self, request: BarRequest, record: Mapping[str, Any]) -> Adjusted:
        """The basis that the answer shows: splits are in all prices of what can split, dividends in adjusted closes."""
        if self.adjusted == "adjusted":
            return "adjusted" if request.timeframe == "1d" else "split"
        about = record.get("about") or {}
        return "raw" if about.get("kind", "") in NEVER_SPLIT else "split"

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:
        """Today's earlier answer to the same question, final or not as it was when it came."""
        if request.anew:
            return None
        kept = webcache.load(self.name, request, now_ms, revised_for_ms=self.revised_for_ms)
        if kept is None:
            return None
        return self.fetched(kept.rows, request, kept.fetched_at_ms, msgspec.structs.asdict(kept))

    def read(self, record: Mapping[str, Any], request: BarRequest, now_ms: int) -> Fetched:
        """As every Remote; a good answer is kept, and one about something else, or with a bad new row, is not."""
        found = super().read(record, request, now_ms)
        last_ms = int(found.bars.ts_ms[-1])
        taken = as_taken(found, replace(request, stored=False))
        if taken is not None and not any(ts_ms > last_ms - SOON_MENDED_MS for ts_ms in taken.untrue):
            webcache.save(self.name, request, record, found.fetched_at_ms, last_ts_ms=last_ms)
        return found

    def chunks(self, requests: Sequence[BarRequest]) -> list[list[BarRequest]]:
        """As they come, so many at a time."""
        return [list(requests[at : at + AT_ONCE]) for at in range(0, len(requests), AT_ONCE)]

    def fetch_many(
        self, requests: Sequence[BarRequest], now_ms: int, *, limit_s: float = LONGEST_FETCH_S, gap_s: float = 0.0
    ) -> Iterator[tuple[BarRequest, Fetched | NightdeskError]]:
        """One chart after the other in one client process; each is kept as it comes."""
        asks, groups = [], []
        for one in requests:
            try:
                asks.append(self.asked(one, now_ms))
                groups.append([one])
            except UsageError as error:  # it hides no other
                yield one, error
        question = self.question(asks, limit_s, gap_s=max(gap_s, GAP_S))
        for group, entry in self.verdicts_by_group(question, groups, lambda one: one.symbol) if groups else ():
            if isinstance(entry, Refused):
                yield group[0], entry
            else:
                yield from each_or_error(group, lambda one, entry=entry: self.read(entry, one, now_ms))  # type: ignore[misc]

    def fetch_quotes(
        self, symbols: Sequence[str], *, limit_s: float = LONGEST_FETCH_S
    ) -> Iterator[tuple[str, Quote | ExternalDataUnavailable]]:
        """One request for all of them, after those for a cookie and a crumb where the client has none yet."""
        question = self.question([{"call": "yfinance_quotes", "symbols": list(symbols)}], limit_s)
        for group, entry in self.verdicts_by_group(question, [symbols], lambda symbol: symbol):
            for symbol in group:
                yield symbol, self._quote(symbol, entry)

    def _quote(self, symbol: str, record: dict[str, Any] | Refused) -> Quote | Refused:
        if isinstance(record, Refused):
            return record.about(symbol)
        named = {str(row["symbol"]).casefold(): row for row in record["rows"]}
        row = named.get(symbol.casefold())
        if row is None:
            others = ", ".join(itertools.islice((name for name in named if name not in record["asked"]), 3))
            detail = f"it answers about {others}" if others else "it has no quote of it"
            return self.refused("schema" if others else "no_data", symbol, detail, 0.0)
        return Quote(**{**row, "symbol": symbol, "about": About(**row["about"])})


class YahooIndex(Yahoo):
    """An index as Yahoo has it: nothing to adjust."""

    name = "yf_index"


class YahooEtf(Yahoo):
    """A fund that follows the index: dividends are worked into its prices, so the whole history moves with each."""

    name = "yf_etf"
    adjusted: Adjusted = "adjusted"
