"""Asking: one job at a time, again only when that can help, never into a ban, never without the network's leave."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from pyjobs.market.providers import Refused
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import TimeLost, retry_budget
from pyjobs.market.providers.base import NotAsked
from tests.market.providers.asking.support.ask import (
    REQUEST,
    T0,
    Clock,
    Scripted,
    refused,
    states,  # noqa: F401  # the fixture
)
from utils.errors import ExternalDataUnavailable


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
