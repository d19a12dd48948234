"""Asking: one job at a time, again only when that can help, never into a ban, never without the network's leave."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.benchmarks.bars import network_asks
from pyjobs.market.providers import BarRequest, ConfirmedEmpty, Fetched, Refused, provider
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import RetryBudget, TimeLost, interactive, retry_budget
from pyjobs.market.providers.base import NotAsked
from tests.fakemarket.server import FakeMarket
from tests.market.providers.asking.support.made_up import QUESTIONS, ms
from utils.errors import ConfigError, ExternalDataUnavailable

ROOT = Path(__file__).resolve().parents[4]
T0 = 1_790_000_000.0
REQUEST = QUESTIONS["bitfinex"]
ONE_BAR = {name: np.array([1.0]) for name in ("open", "high", "low", "close", "volume")}


class Clock:
    """Simulated UTC seconds; sleeping moves it."""

    def __init__(self) -> None:
        self.now_s = T0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def budget(self, budget_s: float, **more: Any) -> RetryBudget:
        return RetryBudget(
            deadline_s=T0 + budget_s, now=lambda: self.now_s, sleep=self.sleep, jitter=lambda: 1.0, **more
        )


class Scripted:
    """A provider that fails with the given errors, one a request, then answers."""

    network = True

    def __init__(self, *errors: Exception, took: Callable[[], None] = lambda: None) -> None:
        self.errors, self.asked, self.took = list(errors), 0, took
        self.limits_s: list[float] = []
        self.name = "scripted"

    def rate_limit_group(self, request: BarRequest) -> str:  # noqa: ARG002 - the interface
        return self.name

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:  # noqa: ARG002 - the interface
        return None

    def prepare(self) -> None: ...

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = 0.0) -> Fetched:
        self.asked += 1
        self.limits_s.append(limit_s)
        self.took()
        if self.errors:
            raise self.errors.pop(0)
        bars = Bars(ts_ms=np.array([request.end_ms]), **ONE_BAR)
        return Fetched(bars=bars, provider=self.name, symbol="X", adjusted="raw", fetched_at_ms=now_ms, last_final=True)


def refused(kind: Any, retry_after_s: float | None = None) -> Refused:
    return Refused(kind, provider="scripted", detail="told so", retry_after_s=retry_after_s)


@pytest.fixture
def states(tmp_path: Path) -> ProviderStates:
    return ProviderStates(tmp_path / "state", locks=tmp_path / "locks")


def test_an_outage_is_tried_again_with_growing_pauses_and_the_state_is_clean_afterwards(states: ProviderStates) -> None:
    clock, source = Clock(), Scripted(refused("outage"), refused("timeout"), refused("network"))
    assert len(ask(source, REQUEST, states=states, budget=clock.budget(60)).bars) == 1
    assert (source.asked, clock.slept) == (4, [2.0, 4.0, 8.0])
    assert states.read("scripted").failures == 0


def test_four_tries_are_enough(states: ProviderStates) -> None:
    clock, source = Clock(), Scripted(*[refused("outage")] * 9)
    with pytest.raises(ExternalDataUnavailable, match="outage"):
        ask(source, REQUEST, states=states, budget=clock.budget(600))
    assert source.asked == 4


@pytest.mark.parametrize("kind", ["blocked", "auth", "schema", "no_data"])
def test_what_another_try_cannot_help_is_asked_once(states: ProviderStates, kind: str) -> None:
    clock, source = Clock(), Scripted(refused(kind))
    with pytest.raises(ExternalDataUnavailable) as refusal:
        ask(source, REQUEST, states=states, budget=clock.budget(600))
    assert (refusal.value.kind, source.asked, clock.slept) == (kind, 1, [])


def test_after_a_block_nobody_asks_and_the_message_says_until_when_and_how_to_end_it(states: ProviderStates) -> None:
    clock, source = Clock(), Scripted(refused("blocked"))
    for _ in range(3):
        with pytest.raises(ExternalDataUnavailable) as refusal:
            ask(source, REQUEST, states=states, budget=clock.budget(600))
    assert source.asked == 1
    assert "provider_state --reset scripted" in str(refusal.value) and "not asked before" in str(refusal.value)
    states.reset("scripted")
    assert len(ask(source, REQUEST, states=states, budget=clock.budget(600)).bars) == 1


def test_a_pause_past_the_deadline_is_not_waited_for(states: ProviderStates) -> None:
    clock, source = Clock(), Scripted(refused("rate_limit", retry_after_s=61.0))
    with pytest.raises(ExternalDataUnavailable, match="rate_limit"):
        ask(source, REQUEST, states=states, budget=clock.budget(60))
    assert clock.slept == []
    with pytest.raises(ExternalDataUnavailable, match="not asked before"):  # the next job knows
        ask(source, REQUEST, states=states, budget=clock.budget(60))
    assert source.asked == 1


def test_no_try_begins_that_would_not_end_in_time_if_it_took_as_long_as_the_last(states: ProviderStates) -> None:
    clock = Clock()
    source = Scripted(*[refused("timeout")] * 9, took=lambda: clock.sleep(13))
    with pytest.raises(ExternalDataUnavailable, match="timeout"):
        ask(source, REQUEST, states=states, budget=clock.budget(30))
    assert source.asked == 2  # 13 s, a pause of 2 s, 13 s: 28 of 30 s


def test_all_tries_together_end_at_a_time_that_was_set_and_nobody_is_asked_after_it(states: ProviderStates) -> None:
    clock = Clock()
    waiting = replace(clock.budget(30), end_s=T0 + 55)
    slow = Scripted(*[refused("timeout")] * 9, took=lambda: clock.sleep(20))
    with pytest.raises(ExternalDataUnavailable, match="timeout"):
        ask(slow, REQUEST, states=states, budget=waiting)
    other = Scripted(*[refused("outage")] * 9, took=lambda: clock.sleep(34))
    other.name = "other"
    with pytest.raises(ExternalDataUnavailable, match="outage"):
        ask(other, REQUEST, states=states, budget=waiting)
    assert (slow.limits_s, other.limits_s) == ([45.0], [35.0])  # 20 s of 55 were gone
    other.name = "third"
    with pytest.raises(ExternalDataUnavailable, match="third BTCUSD: timeout: not asked"):
        ask(other, REQUEST, states=states, budget=waiting)
    assert other.asked == 1


def test_what_one_question_lost_in_waiting_and_failing_is_not_there_for_the_job_s_next(
    states: ProviderStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXT_START", raising=False)
    clock, time_lost = Clock(), TimeLost()
    source = Scripted(refused("outage"), refused("outage"), took=lambda: clock.sleep(5))
    ask(source, REQUEST, states=states, budget=clock.budget(60, time_lost=time_lost))
    assert clock.slept == [5, 2.0, 5, 4.0, 5]
    assert time_lost.lost_s == 16  # two failures of 5 s, and the pauses; not the good answer
    left = retry_budget(budget_s=30, time_lost=time_lost)
    assert (left.time_lost, round(left.end_s - left.deadline_s)) == (time_lost, 20)
    assert left.deadline_s <= time.time() + 14
    time_lost.lost_s = 99
    assert retry_budget(budget_s=30, time_lost=time_lost).deadline_s <= time.time()


def test_of_a_provider_that_has_just_hung_no_other_series_is_asked_for_by_the_same_job(states: ProviderStates) -> None:
    clock, hung = Clock(), Scripted(*[refused("timeout", retry_after_s=0.0)] * 9, took=lambda: clock.sleep(10))
    waiting = clock.budget(300)
    with pytest.raises(Refused, match="told so"):
        ask(hung, REQUEST, states=states, budget=waiting)
    with pytest.raises(NotAsked, match=r"timeout: not asked again by this job \(told so\)"):
        ask(hung, REQUEST, states=states, budget=waiting)
    assert hung.asked == 4
    ask(Scripted(), REQUEST, states=states, budget=clock.budget(300))  # another job asks, and is answered
    hung.errors.clear()
    assert len(ask(hung, REQUEST, states=states, budget=waiting).bars) == 1


def test_who_gave_up_at_a_provider_waits_for_it_no_more_but_asks_once_if_it_may(states: ProviderStates) -> None:
    clock, source = Clock(), Scripted(*[refused("outage", retry_after_s=5.0)] * 9)
    waiting = clock.budget(300)
    for _ in range(3):
        with pytest.raises(ExternalDataUnavailable):
            ask(source, REQUEST, states=states, budget=waiting)
    assert (source.asked, clock.slept) == (4, [5.0, 5.0, 5.0])
    clock.sleep(5)
    source.errors.clear()
    assert len(ask(source, REQUEST, states=states, budget=waiting).bars) == 1


def test_once_its_time_is_lost_a_job_asks_only_those_of_whom_nothing_bad_is_known(states: ProviderStates) -> None:
    clock, slow, other = Clock(), Scripted(refused("outage"), took=lambda: clock.sleep(31)), Scripted()
    waiting, other.name = clock.budget(30, end_s=T0 + 50), "other"
    states.folder.mkdir()
    states.failed("third", refused("outage", retry_after_s=0.0), T0, lambda: 0.0)
    with pytest.raises(Refused, match="outage"):
        ask(slow, REQUEST, states=states, budget=waiting)
    third = Scripted()
    third.name = "third"
    with pytest.raises(NotAsked, match="not asked again by this job"):
        ask(third, REQUEST, states=states, budget=waiting)
    assert len(ask(other, REQUEST, states=states, budget=waiting).bars) == 1


def test_the_wary_ask_nobody_who_failed_and_wait_for_nobody(states: ProviderStates) -> None:
    clock, source = Clock(), Scripted(refused("outage", retry_after_s=3.0))
    skip_unhealthy = clock.budget(0, end_s=T0 + 50, skip_unhealthy=True, tries=1)
    with pytest.raises(Refused, match="told so"):
        ask(source, REQUEST, states=states, budget=skip_unhealthy)
    for later_s in (0.0, 60.0):
        clock.sleep(later_s)
        with pytest.raises(NotAsked):
            ask(source, REQUEST, states=states, budget=skip_unhealthy)
    assert source.asked == 1
    assert len(ask(source, REQUEST, states=states, budget=clock.budget(90)).bars) == 1  # nobody has given up


def test_time_spent_in_the_queue_is_the_job_s_too(states: ProviderStates) -> None:
    waiting = Clock().budget(0.0625)  # of which nothing goes by but in the queue
    with states.turn("scripted", 1.0), pytest.raises(NotAsked, match="other jobs asked it"):
        ask(Scripted(), REQUEST, states=ProviderStates(states.folder, locks=states.locks), budget=waiting)
    assert waiting.time_lost.lost_s == 0.0625


def test_patience_follows_a_rehearsed_clock_and_goes_on_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_NOW", "1790000000")
    waiting = retry_budget(budget_s=30)
    assert 1_790_000_030 <= waiting.deadline_s <= waiting.end_s - 10
    before = waiting.now()
    time.sleep(0.05)
    assert before < waiting.now() < 1_790_100_000


def test_the_next_scheduled_start_ends_the_retry_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXT_START", str(time.time() + 5))
    waiting = retry_budget(budget_s=600)
    assert max(waiting.deadline_s, waiting.end_s) <= time.time() + 5
    monkeypatch.setenv("NEXT_START", "noon")
    with pytest.raises(ConfigError, match="NEXT_START='noon'"):
        retry_budget()


@pytest.mark.parametrize(("retry_after_s", "tries"), [(29.5, 2), (30.0, 1), (30.5, 1)])
def test_a_try_that_would_last_to_the_next_scheduled_start_is_not_begun(
    states: ProviderStates, retry_after_s: float, tries: int
) -> None:
    clock = (
        Clock()
    )  # a try takes 5 s: the second would end 10 s + retry_after_s after T0, and the next start is 40 s after it
    source = Scripted(refused("outage", retry_after_s), took=lambda: clock.sleep(5.0))
    waiting = clock.budget(600, next_start=lambda: T0 + 40)
    with pytest.raises(ExternalDataUnavailable) if tries == 1 else contextlib.nullcontext():
        ask(source, REQUEST, states=states, budget=waiting)
    assert source.asked == tries


@pytest.mark.parametrize(("next_start_s", "overslept_s"), [(3.0, 0.0), (6.0, 5.0)])
def test_when_no_time_is_left_for_another_try_the_job_tells_what_the_last_one_met(
    states: ProviderStates, next_start_s: float, overslept_s: float
) -> None:
    clock, source = Clock(), Scripted(*[refused("outage", 2.0)] * 9)
    waiting = clock.budget(600, next_start=lambda: T0 + next_start_s)
    waiting = replace(waiting, sleep=lambda seconds: clock.sleep(seconds + overslept_s))
    with pytest.raises(ExternalDataUnavailable) as caught:
        ask(source, REQUEST, states=states, budget=waiting)
    assert (caught.value.kind, source.asked) == ("outage", 1)


def test_the_schedule_is_looked_up_only_once_a_try_has_failed(states: ProviderStates) -> None:
    looked: list[float] = []
    waiting = Clock().budget(600, next_start=lambda: looked.append(T0) or T0 + 60)
    ask(Scripted(), REQUEST, states=states, budget=waiting)
    assert not looked
    ask(Scripted(refused("outage")), REQUEST, states=states, budget=waiting)
    assert looked


def test_the_chain_s_job_name_gives_the_next_start_and_next_start_itself_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEXT_START", raising=False)
    monkeypatch.delenv("JOB", raising=False)
    assert retry_budget(began_s=T0).next_start() == float("inf")  # by hand: there is none
    monkeypatch.setenv("JOB", "ingest@BTCUSD-1m")
    assert T0 % 60 == 20 and retry_budget(began_s=T0).next_start() == T0 + 40  # every minute
    monkeypatch.setenv("JOB", "nightly")
    assert retry_budget(began_s=T0).next_start() == float("inf")  # once a day: out of reach of every budget
    monkeypatch.setenv("JOB", "ingest")
    monkeypatch.setenv("NEXT_START", str(T0 + 500))
    told = retry_budget(budget_s=1e12, began_s=T0)
    assert (told.deadline_s, told.next_start()) == (T0 + 500, float("inf"))


def test_a_long_fetch_by_hand_outlasts_a_rate_limit_that_says_nothing(
    states: ProviderStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RETRY_BUDGET_S", raising=False)
    monkeypatch.delenv("NEXT_START", raising=False)
    said: list[str] = []
    clock, own = Clock(), interactive(said.append)
    waiting = clock.budget(own.deadline_s - time.time(), tries=own.tries, say=own.say)
    source = Scripted(refused("rate_limit"), took=lambda: clock.sleep(1))
    assert len(ask(source, REQUEST, states=states, budget=waiting).bars) == 1
    assert clock.slept == [1, 120.0, 1]  # a minute, and with the worst of chances another
    assert said == ["scripted: rate_limit (told so): waiting 120 s, until 2026-09-21 14:15:21 UTC"]
    with pytest.raises(ExternalDataUnavailable):
        ask(Scripted(refused("rate_limit")), REQUEST, states=states, budget=clock.budget(30))  # as the minute job


def test_who_sets_a_budget_has_it_also_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRY_BUDGET_S", "7")
    assert interactive(print).deadline_s <= time.time() + 7
    monkeypatch.delenv("RETRY_BUDGET_S")
    monkeypatch.setenv("NEXT_START", str(T0))
    assert interactive(print).deadline_s == T0


def test_no_network_means_no_network(states: ProviderStates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    source = Scripted()
    with pytest.raises(ExternalDataUnavailable, match="ALLOW_NET_FETCH=0"):
        ask(source, REQUEST, states=states, budget=Clock().budget(60))
    assert source.asked == 0 and states.all() == []


def test_retry_after_is_met_within_a_second_and_never_early(
    fakemarket: FakeMarket, states: ProviderStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fakemarket.env().items():
        monkeypatch.setenv(name, value)
    fakemarket.fault("bitfinex", "429", retry_after="2", times=2)
    slept_s: list[float] = []  # what a busy machine adds to it is not ours

    def sleep(seconds: float) -> None:
        slept_s.append(seconds)
        time.sleep(seconds)

    waiting = replace(retry_budget(budget_s=600), sleep=sleep)
    assert len(ask(provider("bitfinex"), REQUEST, states=states, budget=waiting).bars)
    first, second, third = (served.at_s for served in fakemarket.requests("bitfinex"))
    assert second - first >= 2.0 and third - second >= 2.0
    assert sum(slept_s) <= 2 * 3.0


def test_a_range_without_trades_is_confirmed_empty_and_no_fault_of_the_provider(
    fakemarket: FakeMarket, states: ProviderStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fakemarket.env().items():
        monkeypatch.setenv(name, value)
    fakemarket.market.halt("BTCUSD", REQUEST.start_ms - 7_200_000, REQUEST.end_ms + 7_200_000)
    with pytest.raises(ConfirmedEmpty) as empty:
        ask(provider("bitfinex"), REQUEST, states=states, budget=retry_budget())
    assert empty.value.confirmed_empty == ((REQUEST.start_ms, REQUEST.end_ms),)
    assert states.read("bitfinex").failures == 0


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("418", {}, "blocked"),
        ("429", {"retry_after": "86400"}, "rate_limit"),
        ("429", {}, "rate_limit"),
    ],
)
def test_ten_jobs_that_meet_a_ban_send_at_most_one_more_request_in_a_day_also_after_a_restart(
    fakemarket: FakeMarket, client_env: dict[str, str], tmp_path: Path, kind: str, options: dict[str, Any], told: str
) -> None:
    fakemarket.fault("bitfinex", kind, **options)
    day = jobs(client_env, tmp_path, T0, hours=12) + jobs(client_env, tmp_path, T0 + 12 * 3600, hours=12, count=2)
    assert {one for said in day for one in said} == {told}
    assert sum(len(said) for said in day) == 12 * 144  # 12 h of every five minutes: ten jobs, then two new ones
    assert len(fakemarket.requests("bitfinex")) <= 2  # the one that met the ban, and at most one more


def jobs(env: dict[str, str], folder: Path, start_s: float, *, hours: int, count: int = 10) -> list[list[str]]:
    """What `count` jobs of their own processes, started at once, were told every five minutes of `hours`."""
    command = [
        sys.executable,
        "-m",
        "tests.market.providers.asking.support.made_up",
        str(folder),
        str(start_s),
        str(hours),
        "300",
    ]
    running = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE) for _ in range(count)
    ]
    return [json.loads(process.communicate(timeout=1200)[0]) for process in running]


def test_a_ban_in_the_middle_of_a_long_range_leaves_what_came_before_it(
    fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in fakemarket.env().items():
        monkeypatch.setenv(name, value)
    fakemarket.fault("bitfinex", "429", after=1)
    long = BarRequest(symbol="BTCUSD", timeframe="1m", start_ms=ms("2026-10-01"), end_ms=ms("2026-10-20"))
    fetched = provider("bitfinex").fetch(long, ms("2026-11-01"))
    page_ends_ms = long.start_ms + (10_000 - 1) * 60_000
    assert long.start_ms <= fetched.bars.ts_ms[0] and fetched.bars.ts_ms[-1] <= page_ends_ms
    assert all(last <= page_ends_ms for _, last in fetched.confirmed_empty)


def test_a_job_that_walks_the_order_itself_gets_daily_bars_by_a_provider_s_own_symbol(
    fakemarket: FakeMarket, states: ProviderStates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**fakemarket.env(), "NIGHTDESK_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KRX_ID", raising=False)
    asks = network_asks(states, retry_budget())
    bars = asks["yf_index"]("^KS11", dt.date(2026, 11, 2), dt.date(2026, 11, 13))
    assert len(bars) == 10  # two weeks of sessions
    with pytest.raises(ExternalDataUnavailable, match="KRX_ID is not set"):
        asks["pykrx_index"]("1001", dt.date(2026, 11, 2), dt.date(2026, 11, 13))
