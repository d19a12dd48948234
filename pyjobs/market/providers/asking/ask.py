"""The one way to ask a provider: who shares its limit waits, one job at a time, again after a pause when that can help.

Three rules decide together: `stop` (when to stop), `cooldown` (how long a provider is left alone after a failure) and
`circuit_breaker` (whether it is left alone now).
"""

from __future__ import annotations

import os
from collections.abc import Callable

from pyjobs.market.providers.asking import pace
from pyjobs.market.providers.asking.circuit_breaker import Busy, ProviderStates, State, refusal, waiting_line
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from pyjobs.market.providers.asking.stop import (
    SHORTEST_TRY_S,
    WORTH_ANOTHER_TRY,
    hopeless,
    not_asked,
    too_late,
    worth_another,
)
from pyjobs.market.providers.base import LONGEST_FETCH_S, BarRequest, Fetched, Provider
from pyjobs.market.providers.identity import checked
from utils import clock
from utils.errors import ExternalDataUnavailable, NetworkForbidden


def ask(provider: Provider, request: BarRequest, *, states: ProviderStates, budget: RetryBudget) -> Fetched:
    """The bars, from a local source, today's download or the provider itself; always at least one.

    Raises ExternalDataUnavailable with its kind, ConfirmedEmpty and NetworkForbidden among them, NotSetUp, ConfigError;
    BadDataError and Refused where the answer is about something else (`identity.checked`).
    """
    if not provider.network:
        return provider.fetch(request, clock.now_ms())
    kept = provider.cached(request, clock.now_ms())
    if kept is not None:
        return checked(kept, request)
    if not network_allowed():
        raise NetworkForbidden(provider=provider.name, symbol=request.symbol)
    try:
        return checked(_of_network(provider, request, states, budget), request)
    except Busy as error:
        budget.time_lost.lost_s += error.waited_s
        raise


def _of_network(provider: Provider, request: BarRequest, states: ProviderStates, budget: RetryBudget) -> Fetched:
    tried, rate_limit_group = 0, provider.rate_limit_group(request)
    failure: ExternalDataUnavailable | None = None
    while True:
        wait_until_open(rate_limit_group, request.symbol, provider.prepare, states, budget)
        pace.wait(provider.name, rate_limit_group, request.symbol, states, budget)
        with states.turn(rate_limit_group, budget.deadline_s - budget.now()):
            began_s, state = budget.now(), states.read(rate_limit_group)
            if state.cooldown_left_s(began_s):
                continue  # another job has just been refused
            if state.failures and hopeless(state, budget):
                raise refusal(state, request.symbol, began_s)
            left_s = (min(budget.end_s, budget.next_start()) if tried else budget.end_s) - began_s
            if left_s < SHORTEST_TRY_S:
                raise failure or not_asked(provider.name, request.symbol)
            tried += 1
            try:
                fetched = provider.fetch(request, clock.now_ms(), limit_s=min(left_s, LONGEST_FETCH_S))
            except ExternalDataUnavailable as error:
                pace.count(rate_limit_group, 1, states, budget, error)
                state = note(rate_limit_group, error, states, budget)
                if not worth_another(error.kind, tried, state, budget, budget.now() - began_s):
                    raise
                failure = error
            else:
                pace.count(rate_limit_group, 1, states, budget, None)
                states.succeeded(rate_limit_group, budget.now())
                budget.time_lost.given_up.discard(rate_limit_group)
                return fetched


def wait_until_open(
    rate_limit_group: str, symbol: str, prepare: Callable[[], None], states: ProviderStates, budget: RetryBudget
) -> None:
    """Sleep while the provider is to be left alone; raises at once when that lasts past the deadline, or for good."""
    while True:
        now_s = budget.now()
        state = states.current(rate_limit_group, now_s, budget.deadline_s - now_s)
        left_s = state.cooldown_left_s(now_s)
        if not left_s:
            return
        given_up = budget.skip_unhealthy or state.provider in budget.time_lost.given_up
        if state.kind not in WORTH_ANOTHER_TRY or given_up or too_late(state, budget):
            raise refusal(state, symbol, budget.now())
        prepare()
        budget.say(waiting_line(state, budget.now()))
        budget.sleep(left_s)
        budget.time_lost.lost_s += left_s


def note(rate_limit_group: str, error: ExternalDataUnavailable, states: ProviderStates, budget: RetryBudget) -> State:
    """Write down a failure; that there is no such data is an answer, not a failure of the provider."""
    if error.kind == "no_data":
        states.succeeded(rate_limit_group, budget.now())
        return states.read(rate_limit_group)
    return states.failed(rate_limit_group, error, budget.now(), budget.jitter)


def network_allowed() -> bool:
    """Whether ALLOW_NET_FETCH lets jobs ask the network (default: yes)."""
    return os.environ.get("ALLOW_NET_FETCH", "1").strip().lower() not in ("0", "no", "false", "off")
