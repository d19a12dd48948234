"""A provider for tests: it has the bars it was given and none besides, counts what it is asked, and can be revised."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pyjobs.market.bars import COLUMNS, TIMEFRAME_MS, Bars
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.providers import BarRequest, ConfirmedEmpty, Fetched
from pyjobs.market.store.partitions import Adjusted
from tests.support import walks

MINUTE_MS = 60_000


def walk(count: int, *, first_ms: int, timeframe: str = "1m", seed: int = 7) -> Bars:
    """`count` bars without a gap, the first of which closes at `first_ms`: a seeded random walk."""
    ts_ms = first_ms + np.arange(count, dtype=np.int64) * TIMEFRAME_MS[timeframe]
    return walks.walk(ts_ms, seed, moves=0.0005, decimals=4, reach=0.01, gaps=True)


def picked(bars: Bars, where: np.ndarray) -> Bars:
    """The bars at the indices, or under the mask, `where`."""
    return Bars(**{name: getattr(bars, name)[where] for name in COLUMNS})


def scaled(bars: Bars, factor: float) -> Bars:
    """Every price times `factor`."""
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    return Bars(ts_ms=bars.ts_ms, volume=bars.volume, **prices)


@dataclass
class MadeUpExchange:
    """`bars` is all there is. `now_ms`: later bars are not closed yet. `requests`: what was asked, in order."""

    bars: Bars
    now_ms: int
    market: str = "24/7"
    page_bars: int = 10_000
    adjusted: Adjusted = "raw"
    revised_for_ms: int = 60_000
    page_days: dict[str, int] = field(default_factory=dict)
    requests: list[BarRequest] = field(default_factory=list)

    def ask(self, request: BarRequest) -> Fetched:
        """As a real provider: closed bars within the request, and the stretches between them as confirmed empty."""
        self.requests.append(request)
        last = min(request.end_ms, self.now_ms)
        inside = (self.bars.ts_ms >= request.start_ms) & (self.bars.ts_ms <= last)
        bars = picked(self.bars, inside)
        whole = ((request.start_ms, last),) if self.market == "24/7" else ()  # as the real ones: closed proves nothing
        if not len(bars):
            raise ConfirmedEmpty(provider="made_up", symbol=request.symbol, ranges=whole)
        return Fetched(
            bars=bars,
            provider="made_up",
            symbol=request.symbol,
            adjusted=self.adjusted,
            fetched_at_ms=self.now_ms,
            last_final=bool(bars.ts_ms[-1] + self.revised_for_ms <= self.now_ms),
            confirmed_empty=whole,
        )

    @property
    def source(self) -> SeriesSource:
        """To hand to the code under test."""
        return SeriesSource(market=self.market, page_bars=self.page_bars, page_days=self.page_days, ask=self.ask)
