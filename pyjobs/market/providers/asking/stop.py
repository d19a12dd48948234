"""When to stop asking: for good, for this job, or because the time is over."""

from __future__ import annotations

from pyjobs.market.providers.asking.circuit_breaker import State
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from pyjobs.market.providers.base import NotAsked
from utils.errors import ExternalKind

SHORTEST_TRY_S = 2.0
WORTH_ANOTHER_TRY: frozenset[ExternalKind] = frozenset({"rate_limit", "outage", "timeout", "network"})


def hopeless(state: State, budget: RetryBudget) -> bool:
    """Whether a provider that failed when it was last asked is better left alone, although it may be asked again."""
    hung = state.kind == "timeout" and state.provider in budget.time_lost.given_up
    return budget.skip_unhealthy or hung or (budget.time_lost.lost_s > 0 and too_late(state, budget))


def worth_another(kind: ExternalKind, tried: int, state: State, budget: RetryBudget, took_s: float) -> bool:
    """Whether a try that failed is followed by another, which may take as long; what it cost is counted."""
    if kind == "no_data":
        return False
    budget.time_lost.lost_s += took_s
    needs_s = max(took_s, SHORTEST_TRY_S)
    if kind in WORTH_ANOTHER_TRY and tried < budget.tries and not too_late(state, budget, needs_s):
        return True
    if not budget.skip_unhealthy:
        budget.time_lost.given_up.add(state.provider)
    return False


def too_late(state: State, budget: RetryBudget, took_s: float = 0.0) -> bool:
    now_s = budget.now()
    ends_s = now_s + state.cooldown_left_s(now_s) + took_s
    return ends_s >= budget.deadline_s or ends_s >= budget.next_start()


def not_asked(provider: str, symbol: str) -> NotAsked:
    """The error for a question for which no time is left: nothing was sent."""
    detail = "not asked: the time for providers is over (RETRY_BUDGET_S, NEXT_START)"
    return NotAsked("timeout", provider=provider, symbol=symbol, detail=detail)
