"""The one way to ask a provider: its gate first, one job at a time, again after a pause when that can help."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from pyjobs.market.providers.asking import pace
from pyjobs.market.providers.asking.circuit_breaker import Busy, ProviderStates, State, refusal, waiting_line
from pyjobs.market.providers.base import LONGEST_FETCH_S, BarRequest, Fetched, NotAsked, Provider, Refused
from pyjobs.market.providers.identity import checked
from utils import clock, schedule
from utils.errors import ConfigError, ExternalDataUnavailable, ExternalKind, NetworkForbidden
from utils.settings import config

TRIES = 4
BUDGET_S, LAST_TRY_S = 30.0, 20.0  # a minute, less what a busy machine needs to start a job and to end it
SHORTEST_TRY_S = 2.0
INTERACTIVE_TRIES, UNHURRIED_BUDGET_S = 8, 900.0  # longer than a rate limit without Retry-After, and than most with one
WORTH_ANOTHER_TRY: frozenset[ExternalKind] = frozenset({"rate_limit", "outage", "timeout", "network"})


@dataclass(slots=True, kw_only=True)
class TimeLost:
    """What providers have cost a job: the seconds it waited and failed in, and the gates at which it gave up."""

    lost_s: float = 0.0
    given_up: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """How long a job waits for a provider. `deadline_s` is UTC seconds: no second try starts that may end after it.

    `end_s` is when a try that still runs is ended; what has not been asked by then is not asked.
    `next_start` gives the UTC second at which the job is next started: no further try goes past it.
    `trouble` is one for all questions of a job. `skip_unhealthy`: do not ask a provider whose last request failed.
    `going`: the first try of a question must not go past the next start either. `say` gets a line about each wait.
    `now` gives UTC seconds, `sleep` waits, `jitter` gives 0 to 1: a rehearsal has its own.
    """

    deadline_s: float
    end_s: float = math.inf
    next_start: Callable[[], float] = lambda: math.inf
    tries: int = TRIES
    trouble: TimeLost = field(default_factory=TimeLost)
    skip_unhealthy: bool = False
    going: bool = False
    say: Callable[[str], object] = lambda text: None  # noqa: ARG005 - who waits in silence does not look at it
    now: Callable[[], float] = clock.running_s
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


def patience(
    *, budget_s: float | None = None, began_s: float | None = None, trouble: TimeLost | None = None
) -> RetryBudget:
    """The patience from now on of a job that began at `began_s` (now), in UTC seconds.

    RETRY_BUDGET_S seconds (default 30) less what `trouble` has cost already, LAST_TRY_S more for a try that runs, and
    no further try past the next start: NEXT_START, a UTC second, when it is set; else by config/jobs.yaml that of
    $JOB, which is looked up only when a try has failed. Raises ConfigError for what is no number.
    """
    now_s, trouble = clock.running_s(), trouble or TimeLost()
    limit_s = budget_s if budget_s is not None else _number("RETRY_BUDGET_S", BUDGET_S)
    deadline_s = now_s + max(limit_s - trouble.lost_s, 0.0)
    fixed_s = _number("NEXT_START", math.inf)
    if fixed_s < math.inf:
        return RetryBudget(
            deadline_s=min(deadline_s, fixed_s), end_s=min(deadline_s + LAST_TRY_S, fixed_s), trouble=trouble
        )
    next_start = partial(_scheduled, now_s if began_s is None else began_s)
    return RetryBudget(deadline_s=deadline_s, end_s=deadline_s + LAST_TRY_S, next_start=next_start, trouble=trouble)


def interactive(
    say: Callable[[str], object], *, began_s: float | None = None, trouble: TimeLost | None = None
) -> RetryBudget:
    """The retry budget of an interactive fetch: 8 attempts, and 15 minutes per request unless RETRY_BUDGET_S is set.

    Only `trouble.given_up` is carried over; time lost so far is not charged to this budget.
    """
    own = patience(budget_s=_number("RETRY_BUDGET_S", UNHURRIED_BUDGET_S), began_s=began_s)
    return replace(own, tries=INTERACTIVE_TRIES, say=say, trouble=trouble or TimeLost())


def _scheduled(began_s: float) -> float:
    """The next start of the job that the chain names; a verb started by hand has none."""
    job = os.environ.get("JOB")
    return schedule.next_start_s(job, config.own_or_default("jobs.yaml"), began_s) if job else math.inf


def network_allowed() -> bool:
    """Whether ALLOW_NET_FETCH lets jobs ask the network (default: yes)."""
    return os.environ.get("ALLOW_NET_FETCH", "1").strip().lower() not in ("0", "no", "false", "off")


def ask(provider: Provider, request: BarRequest, *, book: ProviderStates, patience: RetryBudget) -> Fetched:
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
        return checked(_of_network(provider, request, book, patience), request)
    except Busy as error:
        patience.trouble.lost_s += error.waited_s
        raise


def _of_network(provider: Provider, request: BarRequest, book: ProviderStates, patience: RetryBudget) -> Fetched:
    tried, gate = 0, provider.gate(request)
    failure: ExternalDataUnavailable | None = None
    while True:
        wait_until_open(gate, request.symbol, provider.prepare, book, patience)
        pace.wait(provider.name, gate, request.symbol, book, patience)
        with book.turn(gate, patience.deadline_s - patience.now()):
            began_s, state = patience.now(), book.read(gate)
            if state.cooldown_left_s(began_s):
                continue  # another job has just been refused
            if state.failures and hopeless(state, patience):
                raise refusal(state, request.symbol, began_s)
            left_s = (min(patience.end_s, patience.next_start()) if tried else patience.end_s) - began_s
            if left_s < SHORTEST_TRY_S:
                raise failure or not_asked(provider.name, request.symbol)
            tried += 1
            try:
                fetched = provider.fetch(request, clock.now_ms(), limit_s=min(left_s, LONGEST_FETCH_S))
            except ExternalDataUnavailable as error:
                pace.count(gate, 1, book, patience, error)
                state = note(gate, error, book, patience)
                if not worth_another(error.kind, tried, state, patience, patience.now() - began_s):
                    raise
                failure = error
            else:
                pace.count(gate, 1, book, patience, None)
                book.succeeded(gate, patience.now())
                patience.trouble.given_up.discard(gate)
                return fetched


def wait_until_open(
    gate: str, symbol: str, prepare: Callable[[], None], book: ProviderStates, patience: RetryBudget
) -> None:
    """Sleep while the provider is to be left alone; raises at once when that lasts past the deadline, or for good."""
    while True:
        now_s = patience.now()
        state = book.current(gate, now_s, patience.deadline_s - now_s)
        left_s = state.cooldown_left_s(now_s)
        if not left_s:
            return
        given_up = patience.skip_unhealthy or state.provider in patience.trouble.given_up
        if state.kind not in WORTH_ANOTHER_TRY or given_up or _too_late(state, patience):
            raise refusal(state, symbol, patience.now())
        prepare()
        patience.say(waiting_line(state, patience.now()))
        patience.sleep(left_s)
        patience.trouble.lost_s += left_s


def note(gate: str, error: ExternalDataUnavailable, book: ProviderStates, patience: RetryBudget) -> State:
    """Write down a failure; that there is no such data is an answer, not a failure of the provider."""
    if error.kind == "no_data":
        book.succeeded(gate, patience.now())
        return book.read(gate)
    return book.failed(gate, error, patience.now(), patience.jitter)


def hopeless(state: State, patience: RetryBudget) -> bool:
    """Whether a provider that failed when it was last asked is better left alone, although it may be asked again."""
    hung = state.kind == "timeout" and state.provider in patience.trouble.given_up
    return patience.skip_unhealthy or hung or (patience.trouble.lost_s > 0 and _too_late(state, patience))


def worth_another(kind: ExternalKind, tried: int, state: State, patience: RetryBudget, took_s: float) -> bool:
    """Whether a try that failed is followed by another, which may take as long; what it cost is counted."""
    if kind == "no_data":
        return False
    patience.trouble.lost_s += took_s
    needs_s = max(took_s, SHORTEST_TRY_S)
    if kind in WORTH_ANOTHER_TRY and tried < patience.tries and not _too_late(state, patience, needs_s):
        return True
    if not patience.skip_unhealthy:
        patience.trouble.given_up.add(state.provider)
    return False


def _too_late(state: State, patience: RetryBudget, took_s: float = 0.0) -> bool:
    now_s = patience.now()
    ends_s = now_s + state.cooldown_left_s(now_s) + took_s
    return ends_s >= patience.deadline_s or ends_s >= patience.next_start()


def not_asked(provider: str, symbol: str) -> NotAsked:
    """The error for a question for which no time is left: nothing was sent."""
    detail = "not asked: the time for providers is over (RETRY_BUDGET_S, NEXT_START)"
    return NotAsked("timeout", provider=provider, symbol=symbol, detail=detail)


def _number(name: str, default: float) -> float:
    given = os.environ.get(name, "").strip()
    try:
        return float(given) if given else default
    except ValueError:
        raise ConfigError(f"{name}={given!r} in the environment is not a number of seconds") from None


__all__ = ["Refused", "RetryBudget", "TimeLost", "ask", "interactive", "network_allowed", "patience"]
