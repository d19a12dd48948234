"""How long a provider is asked: the next scheduled start, budgets by hand, bans."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.benchmarks.bars import network_asks
from pyjobs.market.providers import BarRequest, ConfirmedEmpty, provider
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import interactive, retry_budget
from tests.fakemarket.server import FakeMarket
from tests.market.providers.asking.support.ask import (
    REQUEST,
    T0,
    Clock,
    Scripted,
    jobs,
    refused,
    states,  # noqa: F401  # the fixture
)
from tests.market.providers.asking.support.made_up import ms
from utils.errors import ConfigError, ExternalDataUnavailable


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
