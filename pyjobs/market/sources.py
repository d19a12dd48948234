"""An exchange's provider, ready to be asked: with the machine-wide state, the retries and ALLOW_NET_FETCH."""

from __future__ import annotations

from collections.abc import Callable

from pyjobs.market.exchanges import Exchange, Source
from pyjobs.market.providers import BarRequest, Fetched, provider
from pyjobs.market.providers.ask import Patience, ask, patience
from pyjobs.market.providers.state import StateBook


def source_of(exchange: Exchange, waiting: Callable[[], Patience] = patience) -> Source:
    """Whom to ask about the series of `exchange`, and how patiently. Raises ConfigError for an unknown provider."""
    made, book = provider(exchange.provider), StateBook()

    def put(request: BarRequest) -> Fetched:
        return ask(made, request, book=book, patience=waiting())

    return Source(market=exchange.market, page_bars=exchange.page_bars, page_days=exchange.page_days, ask=put)
