"""The one way to ask what is traded now: many symbols in few requests, a quote or an error for each."""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.market.providers import provider
from pyjobs.market.providers.asking.ask import network_allowed
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.in_turns import Asking, in_turns
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from pyjobs.market.providers.base import BarRequest, Quote, Quotes
from pyjobs.market.providers.identity import checked_quote
from utils.errors import ConfigError, NetworkForbidden, NightdeskError

__all__ = ["Quote", "ask_quotes", "has_quotes"]


def has_quotes(provider_name: str) -> bool:
    """Whether that provider can be asked what is traded now. Raises ConfigError for an unknown one."""
    return isinstance(provider(provider_name), Quotes)


def ask_quotes(
    provider_name: str,
    symbols: Sequence[str],
    *,
    states: ProviderStates,
    budget: RetryBudget,
    market: str = "24/7",
    currency: str = "",
) -> dict[str, Quote | NightdeskError]:
    """A quote for each symbol as the provider calls it, or the error that `ask` would raise for it.

    `market` and `currency` ("": any) are what the symbols should belong to: another one's quote is an error. A symbol
    of which the provider has no quote is `no_data`. Raises ConfigError for a provider that has no quotes at all.
    """
    asked = provider(provider_name)
    if not isinstance(asked, Quotes):
        raise ConfigError(f"{provider_name} cannot be asked for quotes: it has bars only")
    if not network_allowed():
        return {symbol: NetworkForbidden(provider=provider_name, symbol=symbol) for symbol in symbols}
    any_request = BarRequest(symbol=symbols[0] if symbols else "", timeframe="1d", start_ms=0, end_ms=0, market=market)
    at_once = asked.quotes_at_once
    asking: Asking[str, Quote] = Asking(
        provider=provider_name,
        rate_limit_group=asked.rate_limit_group(any_request),
        symbol=lambda symbol: symbol,
        chunks=lambda some: [list(some[at : at + at_once]) for at in range(0, len(some), at_once)],
        attempt=lambda chunk, limit_s: asked.fetch_quotes(chunk, limit_s=limit_s),
        prepare=asked.prepare,
    )
    found: dict[str, Quote | NightdeskError] = {}
    for symbol, answer in in_turns(list(dict.fromkeys(symbols)), asking, states=states, budget=budget):
        try:
            found[symbol] = (
                answer if isinstance(answer, NightdeskError) else checked_quote(answer, provider_name, market, currency)
            )
        except NightdeskError as error:
            found[symbol] = error
    return found
