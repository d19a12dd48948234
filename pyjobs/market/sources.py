"""An exchange's provider, ready to be asked."""

from __future__ import annotations

from pyjobs.market.exchanges import Exchange, Source
from pyjobs.market.providers import BarRequest, Fetched, provider


def source_of(exchange: Exchange, now_ms: int) -> Source:
    """Whom to ask about the series of `exchange`. Raises ConfigError for an unknown provider."""
    made = provider(exchange.provider)

    def ask(request: BarRequest) -> Fetched:
        return made.fetch(request, now_ms)

    return Source(market=exchange.market, page_bars=exchange.page_bars, ask=ask)
