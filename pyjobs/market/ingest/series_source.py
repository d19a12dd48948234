"""Whom to ask for one series, and the calendar by which bars are expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyjobs.market.bars import TIMEFRAME_MS
from pyjobs.market.providers import BarRequest, Fetched

HOUR_MS = 3_600_000
Ask = Callable[[BarRequest], Fetched]
"""Puts one request to a provider; raises as `Provider.fetch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSource:
    """Whom to ask for one series: its exchange's provider behind `ask`, and the calendar by which bars are expected.

    `silent_ms`: so long without a trade it is silent. `letters_count`: kPEPE and KPEPE are two symbols there.
    """

    market: str
    page_bars: int
    ask: Ask
    page_days: Mapping[str, int] = field(default_factory=dict)
    silent_ms: int = HOUR_MS
    letters_count: bool = False

    def page_ms(self, timeframe: str) -> int:
        """The longest stretch that may be asked for at once."""
        return self.page_days.get(timeframe, 100_000) * TIMEFRAME_MS["1d"]
