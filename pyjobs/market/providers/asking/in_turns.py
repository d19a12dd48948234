"""Many questions to one provider, a turn for some of them at a time: no question hides another.

As `ask` does it for one: one job at a time, again after a pause when that can help. Nothing is handed on during a
turn, so that the caller may use the same provider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pyjobs.market.providers.asking import pace
from pyjobs.market.providers.asking.ask import note, wait_until_open
from pyjobs.market.providers.asking.circuit_breaker import Busy, ProviderStates, refusal
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from pyjobs.market.providers.asking.stop import SHORTEST_TRY_S, WORTH_ANOTHER_TRY, hopeless, not_asked, worth_another
from pyjobs.market.providers.base import LONGEST_FETCH_S, NotAsked, Unasked
from utils.errors import ExternalDataUnavailable, NightdeskError

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Generic[Q, A]):
    """Whom to ask and how. `chunks` puts questions together, `attempt` asks one chunk within some seconds.

    `attempt` gives each question of the chunk its answer or its failure; what it did not come to is `Unasked`.
    `symbol` names a question; `prepare` gets ready for an attempt that comes after a pause.
    """

    provider: str
    rate_limit_group: str
    symbol: Callable[[Q], str]
    chunks: Callable[[Sequence[Q]], list[list[Q]]]
    attempt: Callable[[Sequence[Q], float], Iterator[tuple[Q, A | NightdeskError]]]
    prepare: Callable[[], None] = lambda: None


def in_turns(
    questions: Sequence[Q], asking: Asking[Q, A], *, states: ProviderStates, budget: RetryBudget
) -> Iterator[tuple[Q, A | NightdeskError]]:
    """Each question with its answer, or with the error it ended in, in the order in which that was known.

    Those that failed for a while come again when all have been asked. The time in which answers come, and in which
    they are taken, is not the budget's: it is for waiting and for failing.
    """
    waiting, tried = list(questions), 0
    failures: dict[Q, NightdeskError] = {}
    while waiting:
        tried += 1
        again: list[Q] = []
        for chunk in asking.chunks(waiting):
            turn = _Turn(asking=asking, states=states, budget=budget, tried=tried, failures=failures)
            done, failed = turn.take(chunk)
            began_s = budget.now()
            yield from done
            again += failed
            spent_s = budget.now() - began_s + turn.fruitful_s
            budget = replace(budget, deadline_s=budget.deadline_s + spent_s, end_s=budget.end_s + spent_s, going=True)
        waiting = again


@dataclass(slots=True, kw_only=True)
class _Turn(Generic[Q, A]):
    """One chunk's attempt, the `tried`-th of its questions. `fruitful_s`: how long it took, if anybody was answered.

    `failures` are those that were met so far; to have no time left for another try is not worse than they are.
    """

    asking: Asking[Q, A]
    states: ProviderStates
    budget: RetryBudget
    tried: int
    failures: dict[Q, NightdeskError]
    fruitful_s: float = 0.0

    def take(self, chunk: Sequence[Q]) -> tuple[list[tuple[Q, A | NightdeskError]], list[Q]]:
        """The results, and the questions that are worth another try."""
        try:
            while True:
                self._wait(chunk)
                with self.states.turn(self.asking.rate_limit_group, self.budget.deadline_s - self.budget.now()):
                    limit_s = self._limit_s(chunk)
                    if limit_s:
                        return self._judged(chunk, self._attempt(chunk, limit_s))
        except NotAsked as error:
            if isinstance(error, Busy):
                self.budget.time_lost.lost_s += error.waited_s
            return [(one, self.failures.get(one) or _named(error, self.asking.symbol(one))) for one in chunk], []
        except NightdeskError as error:  # it cannot be asked here at all
            return [(one, error) for one in chunk], []

    def _wait(self, chunk: Sequence[Q]) -> None:
        symbol = self.asking.symbol(chunk[0])
        wait_until_open(self.asking.rate_limit_group, symbol, self.asking.prepare, self.states, self.budget)
        pace.wait(self.asking.provider, self.asking.rate_limit_group, symbol, self.states, self.budget)

    def _limit_s(self, chunk: Sequence[Q]) -> float:
        """How long the attempt may take; 0 when another job has just been refused. Raises NotAsked."""
        budget, now_s, state = self.budget, self.budget.now(), self.states.read(self.asking.rate_limit_group)
        if state.cooldown_left_s(now_s):
            return 0.0
        if state.failures and hopeless(state, budget):
            raise refusal(state, self.asking.symbol(chunk[0]), now_s)
        last_s = min(budget.end_s, budget.next_start()) if self.tried > 1 or budget.going else budget.end_s
        if last_s - now_s < SHORTEST_TRY_S:
            raise not_asked(self.asking.provider, self.asking.symbol(chunk[0]))
        return min(last_s - now_s, LONGEST_FETCH_S)

    def _attempt(self, chunk: Sequence[Q], limit_s: float) -> dict[Q, A | NightdeskError]:
        began_s = self.budget.now()
        answers: dict[Q, A | NightdeskError] = dict(self.asking.attempt(chunk, limit_s))
        took_s = self.budget.now() - began_s
        asked = [one for one in answers.values() if not isinstance(one, Unasked)]
        if any(map(_is_answer, asked)):
            self.fruitful_s = took_s
        failure = self._of_provider(list(answers.values()))
        pace.count(self.asking.rate_limit_group, len(asked), self.states, self.budget, failure)
        if failure is None:
            self.states.succeeded(self.asking.rate_limit_group, self.budget.now())
            self.budget.time_lost.given_up.discard(self.asking.rate_limit_group)
        else:
            self._note(failure, took_s)
        return answers

    def _note(self, failure: ExternalDataUnavailable, took_s: float) -> None:
        state = note(self.asking.rate_limit_group, failure, self.states, self.budget)
        if not worth_another(failure.kind, self.tried, state, self.budget, took_s - self.fruitful_s):
            self.tried = self.budget.tries  # no other try for any of these

    def _of_provider(self, answers: Sequence[A | NightdeskError]) -> ExternalDataUnavailable | None:
        """The failure that is about the provider, not about one symbol: it stopped there, or all have failed."""
        failed = [one for one in answers if isinstance(one, ExternalDataUnavailable) and not _is_answer(one)]
        if not failed or (any(map(_is_answer, answers)) and not any(isinstance(one, Unasked) for one in failed)):
            return None
        asked = [one for one in failed if not isinstance(one, Unasked)]
        return asked[-1] if asked else failed[-1]

    def _judged(
        self, chunk: Sequence[Q], answers: dict[Q, A | NightdeskError]
    ) -> tuple[list[tuple[Q, A | NightdeskError]], list[Q]]:
        done: list[tuple[Q, A | NightdeskError]] = []
        again: list[Q] = []
        for one in chunk:
            answer = answers[one]
            failed = isinstance(answer, ExternalDataUnavailable) and answer.kind in WORTH_ANOTHER_TRY
            if isinstance(answer, ExternalDataUnavailable) and not isinstance(answer, Unasked):
                self.failures[one] = answer
            if failed and self.tried < self.budget.tries:
                again.append(one)
            else:
                done.append((one, answer))
        return done, again


def _is_answer(answer: object) -> bool:
    """Whether there is an answer about this symbol, if only that there is nothing."""
    return not isinstance(answer, ExternalDataUnavailable) or answer.kind == "no_data"


def _named(error: NotAsked, symbol: str) -> NotAsked:
    """`error`, but about `symbol`."""
    return NotAsked(error.kind, provider=error.provider, symbol=symbol, detail=error.detail)
