"""How much time and how many attempts a job has for its providers."""

from __future__ import annotations

import contextlib
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from utils import clock, schedule
from utils.errors import ConfigError
from utils.settings import config

TRIES = 4
BUDGET_S, LAST_TRY_S = 30.0, 20.0  # a minute, less what a busy machine needs to start a job and to end it
INTERACTIVE_TRIES, UNHURRIED_BUDGET_S = 8, 900.0  # longer than a rate limit without Retry-After, and than most with one


@dataclass(slots=True, kw_only=True)
class TimeLost:
    """The time that providers have cost a job: the seconds of waiting and failing, and the groups it gave up."""

    lost_s: float = 0.0
    given_up: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """How long a job waits for a provider. `deadline_s` is UTC seconds: no second try starts that may end after it.

    `end_s` is when a try that still runs is ended; what has not been asked by then is not asked.
    `next_start` gives the UTC second at which the job is next started: no further try goes past it.
    `time_lost` is one for all questions of a job. `skip_unhealthy`: do not ask a provider whose last request failed.
    `going`: the first try of a question must not go past the next start either. `say` gets a line about each wait.
    `now` gives UTC seconds, `sleep` waits, `jitter` gives 0 to 1: a rehearsal has its own.
    """

    deadline_s: float
    end_s: float = math.inf
    next_start: Callable[[], float] = lambda: math.inf
    tries: int = TRIES
    time_lost: TimeLost = field(default_factory=TimeLost)
    skip_unhealthy: bool = False
    going: bool = False
    say: Callable[[str], object] = lambda text: None  # noqa: ARG005 - who waits in silence does not look at it
    now: Callable[[], float] = clock.running_s
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


def retry_budget(
    *, budget_s: float | None = None, began_s: float | None = None, time_lost: TimeLost | None = None
) -> RetryBudget:
    """The budget from now on of a job that began at `began_s` (now), in UTC seconds.

    RETRY_BUDGET_S seconds (default 30) less what `time_lost` has cost already, LAST_TRY_S more for a try that runs, and
    no further try past the next start: NEXT_START, a UTC second, when it is set; else by config/jobs.yaml that of
    $JOB, which is looked up only when a try has failed. Raises ConfigError for what is no number.
    """
    now_s, time_lost = clock.running_s(), time_lost or TimeLost()
    limit_s = budget_s if budget_s is not None else _number("RETRY_BUDGET_S", BUDGET_S)
    deadline_s = now_s + max(limit_s - time_lost.lost_s, 0.0)
    fixed_s = _number("NEXT_START", math.inf)
    if fixed_s < math.inf:
        return RetryBudget(
            deadline_s=min(deadline_s, fixed_s), end_s=min(deadline_s + LAST_TRY_S, fixed_s), time_lost=time_lost
        )
    next_start = partial(_scheduled, now_s if began_s is None else began_s)
    return RetryBudget(deadline_s=deadline_s, end_s=deadline_s + LAST_TRY_S, next_start=next_start, time_lost=time_lost)


def interactive(
    say: Callable[[str], object], *, began_s: float | None = None, time_lost: TimeLost | None = None
) -> RetryBudget:
    """The retry budget of an interactive fetch: 8 attempts, and 15 minutes per request unless RETRY_BUDGET_S is set.

    Only `time_lost.given_up` is carried over; time lost so far is not charged to this budget.
    """
    own = retry_budget(budget_s=_number("RETRY_BUDGET_S", UNHURRIED_BUDGET_S), began_s=began_s)
    return replace(own, tries=INTERACTIVE_TRIES, say=say, time_lost=time_lost or TimeLost())


def _scheduled(began_s: float) -> float:
    """The next start of the job that the chain names; a verb started by hand has none."""
    job = os.environ.get("JOB")
    return schedule.next_start_s(job, config.own_or_default("jobs.yaml"), began_s) if job else math.inf


def _number(name: str, default: float) -> float:
    given = os.environ.get(name, "").strip()
    with contextlib.suppress(ValueError):
        number = float(given) if given else default
        if given == "" or 0 <= number < math.inf:
            return number
    raise ConfigError(f"{name}={given!r} in the environment is not a number of seconds")
