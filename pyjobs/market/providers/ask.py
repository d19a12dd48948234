"""The one way to ask a provider: its gate first, one job at a time, again after a pause when that can help."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from pyjobs.market.providers.base import LONGEST_FETCH_S, BarRequest, Fetched, Provider, Refused
from pyjobs.market.providers.state import State, StateBook, refusal, waiting_line
from utils import clock, paths, schedule
from utils.errors import ConfigError, ExternalDataUnavailable, ExternalKind, NetworkForbidden

TRIES = 4
BUDGET_S, LAST_TRY_S = 30.0, 20.0  # a minute, less what a busy machine needs to start a job and to end it
SHORTEST_TRY_S = 2.0
UNHURRIED_TRIES, UNHURRIED_BUDGET_S = 8, 900.0  # longer than a rate limit that says nothing, and than most that do
WORTH_ANOTHER_TRY: frozenset[ExternalKind] = frozenset({"rate_limit", "outage", "timeout", "network"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a job waits for a provider. `deadline_s` is UTC seconds: no second try starts that may end after it.

    `end_s` is when a try that still runs is ended; what has not been asked by then is not asked.
    `next_start` gives the UTC second at which the job is next started: no further try goes past it.
    `say` is told of each wait. `now` gives UTC seconds, `sleep` waits, `jitter` gives 0 to 1: a rehearsal has its own.
    """

    deadline_s: float
    end_s: float = math.inf
    next_start: Callable[[], float] = lambda: math.inf
    tries: int = TRIES
    say: Callable[[str], object] = lambda text: None  # noqa: ARG005 - who waits in silence does not look at it
    now: Callable[[], float] = clock.running_s
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


def patience(*, budget_s: float | None = None, began_s: float | None = None) -> Patience:
    """The patience from now on of a job that began at `began_s` (now), in UTC seconds.

    RETRY_BUDGET_S seconds (default 30), LAST_TRY_S more for a try that runs, and no further try past the next start:
    NEXT_START, a UTC second, when it is set; else what config/jobs.yaml says of $JOB, which is looked up only when a
    try has failed. Raises ConfigError for what is no number.
    """
    now_s = clock.running_s()
    limit_s = budget_s if budget_s is not None else _number("RETRY_BUDGET_S", BUDGET_S)
    fixed_s = _number("NEXT_START", math.inf)
    if fixed_s < math.inf:
        return Patience(deadline_s=min(now_s + limit_s, fixed_s), end_s=min(now_s + limit_s + LAST_TRY_S, fixed_s))
    next_start = partial(_scheduled, now_s if began_s is None else began_s)
    return Patience(deadline_s=now_s + limit_s, end_s=now_s + limit_s + LAST_TRY_S, next_start=next_start)


def unhurried(say: Callable[[str], object], *, began_s: float | None = None) -> Patience:
    """That of a long fetch by hand: eight tries and, unless RETRY_BUDGET_S says else, 15 minutes for each request."""
    own = patience(budget_s=_number("RETRY_BUDGET_S", UNHURRIED_BUDGET_S), began_s=began_s)
    return replace(own, tries=UNHURRIED_TRIES, say=say)


def _scheduled(began_s: float) -> float:
    """The next start of the job that the chain says we are; a verb started by hand has none."""
    job = os.environ.get("JOB")
    return schedule.next_start_s(job, paths.config_dir() / "jobs.yaml", began_s) if job else math.inf


def network_allowed() -> bool:
    """Whether ALLOW_NET_FETCH lets jobs ask the network (default: yes)."""
    return os.environ.get("ALLOW_NET_FETCH", "1").strip().lower() not in ("0", "no", "false", "off")


def ask(provider: Provider, request: BarRequest, *, book: StateBook, patience: Patience) -> Fetched:
    """The bars, from a local source, today's download or the provider itself; always at least one.

    Raises ExternalDataUnavailable with its kind, ConfirmedEmpty and NetworkForbidden among them, NotSetUp, ConfigError.
    """
    if not provider.network:
        return provider.fetch(request, clock.now_ms())
    kept = provider.cached(request, clock.now_ms())
    if kept is not None:
        return kept
    if not network_allowed():
        raise NetworkForbidden(provider=provider.name, symbol=request.symbol)
    tried, gate = 0, provider.gate(request)
    while True:
        _wait_until_open(provider, request, book, patience)
        with book.turn(gate, patience.deadline_s - patience.now()):
            began_s = patience.now()
            if book.read(gate).closed_for_s(began_s):
                continue  # another job has just been refused
            left_s = (min(patience.end_s, patience.next_start()) if tried else patience.end_s) - began_s
            if left_s < SHORTEST_TRY_S:
                raise _not_asked(provider, request)
            tried += 1
            try:
                fetched = provider.fetch(request, clock.now_ms(), limit_s=min(left_s, LONGEST_FETCH_S))
            except ExternalDataUnavailable as error:
                state = _note(gate, error, book, patience)
                took_s = patience.now() - began_s  # the next try may take as long
                helps = error.kind in WORTH_ANOTHER_TRY and tried < patience.tries
                if not helps or _too_late(state, patience, took_s):
                    raise
            else:
                book.succeeded(gate, patience.now())
                return fetched


def _wait_until_open(provider: Provider, request: BarRequest, book: StateBook, patience: Patience) -> None:
    """Sleep while the provider is to be left alone; raises at once when that lasts past the deadline, or for good."""
    while True:
        now_s = patience.now()
        state = book.current(provider.gate(request), now_s, patience.deadline_s - now_s)
        left_s = state.closed_for_s(now_s)
        if not left_s:
            return
        if state.kind not in WORTH_ANOTHER_TRY or _too_late(state, patience):
            raise refusal(state, request.symbol, patience.now())
        provider.prepare()
        patience.say(waiting_line(state, patience.now()))
        patience.sleep(left_s)


def _note(gate: str, error: ExternalDataUnavailable, book: StateBook, patience: Patience) -> State:
    """Write down a failure; that there is no such data is an answer, not a failure of the provider."""
    if error.kind == "no_data":
        book.succeeded(gate, patience.now())
        return book.read(gate)
    return book.failed(gate, error, patience.now(), patience.jitter)


def _too_late(state: State, patience: Patience, took_s: float = 0.0) -> bool:
    now_s = patience.now()
    ends_s = now_s + state.closed_for_s(now_s) + took_s
    return ends_s >= patience.deadline_s or ends_s >= patience.next_start()


def _not_asked(provider: Provider, request: BarRequest) -> ExternalDataUnavailable:
    detail = "not asked: the time for providers is over (RETRY_BUDGET_S, NEXT_START)"
    return ExternalDataUnavailable("timeout", provider=provider.name, symbol=request.symbol, detail=detail)


def _number(name: str, default: float) -> float:
    given = os.environ.get(name, "").strip()
    try:
        return float(given) if given else default
    except ValueError:
        raise ConfigError(f"{name}={given!r} in the environment is not a number of seconds") from None


__all__ = ["Patience", "Refused", "ask", "network_allowed", "patience", "unhurried"]
