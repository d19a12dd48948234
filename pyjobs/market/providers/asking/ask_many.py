"""The one way to ask a provider about many symbols: one answer or one error for each, and no symbol hides another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyjobs.market.providers.asking import pace
from pyjobs.market.providers.asking.ask import ask, network_allowed
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.in_turns import Asking, in_turns
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from pyjobs.market.providers.base import AsksMany, BarRequest, Fetched, Provider
from pyjobs.market.providers.identity import checked
from utils import clock
from utils.errors import NetworkForbidden, NightdeskError

Answered = tuple[BarRequest, Fetched | NightdeskError]


def ask_many(
    provider: Provider, requests: Sequence[BarRequest], *, states: ProviderStates, budget: RetryBudget
) -> Iterator[Answered]:
    """Each request with its bars, or with the error `ask` raises for it, in the order the answers come.

    A provider that can be asked about many symbols at once (`AsksMany`) is asked a chunk in a turn. Requests that
    today's downloads answer come first. The caller may use the same provider between two answers.
    """
    requests = list(dict.fromkeys(requests))
    if not isinstance(provider, AsksMany):
        yield from _one_by_one(provider, requests, states, budget)
        return
    open_: list[BarRequest] = []
    for request in requests:
        answer = _without_asking(provider, request)
        if answer is None:
            open_.append(request)
        else:
            yield request, answer
    by_group: dict[str, list[BarRequest]] = {}
    for request in open_:
        by_group.setdefault(provider.rate_limit_group(request), []).append(request)
    for rate_limit_group, some in by_group.items():
        asking: Asking[BarRequest, Fetched] = Asking(
            provider=provider.name,
            rate_limit_group=rate_limit_group,
            symbol=lambda request: request.symbol,
            chunks=provider.chunks,
            attempt=lambda chunk, limit_s, rate_limit_group=rate_limit_group: provider.fetch_many(  # type: ignore[misc]  # as above
                chunk, clock.now_ms(), limit_s=limit_s, gap_s=pace.gap_s(rate_limit_group, states, budget.now())
            ),
            prepare=provider.prepare,
        )
        for request, answer in in_turns(some, asking, states=states, budget=budget):
            yield request, _identified(request, answer)


def _one_by_one(
    provider: Provider, requests: Sequence[BarRequest], states: ProviderStates, budget: RetryBudget
) -> Iterator[Answered]:
    for request in requests:
        try:
            yield request, ask(provider, request, states=states, budget=budget)
        except NightdeskError as error:
            yield request, error


def _without_asking(provider: Provider, request: BarRequest) -> Fetched | NightdeskError | None:
    """Today's earlier answer; NetworkForbidden without one, where requests are forbidden."""
    try:
        kept = provider.cached(request, clock.now_ms())
        if kept is not None:
            return checked(kept, request)
    except NightdeskError as error:
        return error
    return None if network_allowed() else NetworkForbidden(provider=provider.name, symbol=request.symbol)


def _identified(request: BarRequest, answer: Fetched | NightdeskError) -> Fetched | NightdeskError:
    if isinstance(answer, NightdeskError):
        return answer
    try:
        return checked(answer, request)
    except NightdeskError as error:
        return error
