"""A provider's limit of requests a minute is learned from its refusal, and kept for all jobs of the machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pyjobs.market.providers import provider
from pyjobs.market.providers.asking import pace
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from pyjobs.market.providers.base import NotAsked, Refused
from tests.fakemarket.server import FakeMarket
from tests.market.providers.asking.support.made_up import QUESTIONS
from utils.errors import ExternalDataUnavailable

LIMIT = Refused("rate_limit", provider="bitfinex")
MIDNIGHT_S = 1_795_132_800.0


class Job:
    """A job whose time passes only while it waits."""

    def __init__(self, folder: Path, now_s: float = MIDNIGHT_S) -> None:
        self.states, self.now_s = ProviderStates(folder / "state", locks=folder / "locks"), now_s
        self.states.folder.mkdir(parents=True, exist_ok=True)
        self.slept: list[float] = []
        self.told: list[Callable[[float], object]] = []

    def budget(self, budget_s: float = 1e6) -> RetryBudget:
        return RetryBudget(
            deadline_s=self.now_s + budget_s, now=lambda: self.now_s, sleep=self.sleep, jitter=lambda: 0.5
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        for tell in self.told:
            tell(self.now_s)

    def request(self, budget_s: float = 1e6, failure: Refused | None = None) -> None:
        pace.wait("bitfinex", "bitfinex", "BTCUSD", self.states, self.budget(budget_s))
        pace.count("bitfinex", 1, self.states, self.budget(), failure)


def refused_at(job: Job, number: int) -> None:
    for _ in range(number - 1):
        job.request()
    job.request(failure=LIMIT)


def test_nobody_waits_before_a_provider_has_refused(tmp_path: Path) -> None:
    job = Job(tmp_path)
    for _ in range(500):
        job.request()
    assert not job.slept


def test_after_a_refusal_nine_tenths_of_what_it_took_are_asked_in_any_minute(tmp_path: Path) -> None:
    job = Job(tmp_path)
    refused_at(job, 91)  # it took ninety: from now on 81
    job.sleep(120.0)
    made: list[float] = []
    for _ in range(400):
        job.request()
        made.append(job.now_s)
    busiest = max(sum(1 for other in made if at <= other < at + 60.0) for at in made)
    assert busiest == 81
    assert made[80] == made[0] and made[81] > made[0]  # as many at once as a minute may have
    assert made[-1] - made[0] == 240.0  # five minutes' worth of 81, the first at once


def test_the_limit_outlives_the_job_and_grows_a_tenth_a_day(tmp_path: Path) -> None:
    refused_at(Job(tmp_path), 91)
    later = Job(tmp_path, MIDNIGHT_S + 3 * 86_400)
    # 81 a minute, times 1.1 three times: 107.8
    for _ in range(107):
        later.request()
    assert not later.slept
    later.request()
    assert later.slept


def test_a_job_in_a_hurry_is_told_how_long_it_would_have_to_wait(tmp_path: Path) -> None:
    job = Job(tmp_path)
    refused_at(job, 91)
    with pytest.raises(NotAsked, match=r"rate_limit: not asked for \d+ s: it takes 81 requests a minute"):
        job.request(budget_s=1.0)


def test_a_ban_after_few_requests_teaches_no_limit(tmp_path: Path) -> None:
    job = Job(tmp_path)
    refused_at(job, 5)
    for _ in range(300):
        job.request()
    assert not job.slept


def test_the_real_limit_is_met_once_and_then_no_more(
    fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty requests a minute, a minute's ban for the next: fifty symbols each minute are refused one time in all."""
    for name, value in fakemarket.env().items():
        monkeypatch.setenv(name, value)
    job = Job(tmp_path)
    fakemarket.ban("bitfinex", 40, ban_s=60.0)
    job.told.append(lambda now_s: fakemarket.clock.set(round(now_s * 1000)))
    job.sleep(0.0)
    bitfinex, question = provider("bitfinex"), QUESTIONS["bitfinex"]
    answered = 0
    for number in range(200):
        request = replace(question, start_ms=question.start_ms + number * 3_600_000)
        try:
            ask(bitfinex, request, states=job.states, budget=replace(job.budget(), tries=1))
            answered += 1
        except ExternalDataUnavailable as error:
            assert error.kind == "rate_limit"
            job.sleep(100.0)
    statuses = [one.status for one in fakemarket.requests("bitfinex")]
    assert statuses.count(429) == 1 and answered == 199
