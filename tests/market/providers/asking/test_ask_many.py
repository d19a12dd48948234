"""Many symbols in few requests: no symbol hides another, what has come counts, nothing is sent into a ban."""

from __future__ import annotations

import datetime as dt

import pytest

from pyjobs.market.providers import BarRequest, ConfirmedEmpty, Fetched, provider
from pyjobs.market.providers.alpaca import groups
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.base import Event, NotAsked, Unasked
from tests.fakemarket import oracle
from tests.market.providers.asking.support.ask_many import (
    THURSDAY,
    World,
    days,
    quotes,
    world,  # noqa: F401  # a fixture
)
from tests.market.providers.asking.support.made_up import ms
from utils.errors import BadDataError, ExternalDataUnavailable, NetworkForbidden, NightdeskError

SHARES = [f"ZAA{letter}" for letter in "ABCDEF"]


def closes(answer: Fetched | NightdeskError) -> list[float]:
    assert isinstance(answer, Fetched), answer
    return answer.bars.close.tolist()


@pytest.mark.parametrize("name", ["yf_etf", "alpaca"])
def test_each_symbol_has_its_own_bars_and_no_symbol_hides_another(world: World, name: str) -> None:
    unknown = "NOPE"
    told = world.many(name, [days(symbol) for symbol in [*SHARES[:2], unknown, *SHARES[2:]]])
    wednesday = dt.date(2026, 11, 18)
    for symbol in SHARES:
        assert closes(told[symbol]) == [oracle.session_bar(symbol, day)[3] for day in (wednesday, THURSDAY)]
    nothing = told[unknown]
    assert isinstance(nothing, ExternalDataUnavailable) and nothing.kind == "no_data"
    assert len(world.fake.requests()) == (7 if name == "yf_etf" else 1)
    assert world.states.read("yahoo" if name == "yf_etf" else "alpaca").failures == 0


def test_one_and_many_are_answered_alike_and_say_what_the_provider_says_of_a_symbol(world: World) -> None:
    request = days("AAPL", "2026-11-02")
    one = ask(provider("yf_index"), request, states=world.states, budget=world.budget())
    many = world.many("yf_etf", [request])["AAPL"]
    assert isinstance(many, Fetched) and one.bars.ts_ms.tolist() == many.bars.ts_ms.tolist()
    assert one.bars.close[-1] == many.bars.close[-1] == oracle.session_bar("AAPL", THURSDAY)[3]
    assert many.about is not None and one.about == many.about
    assert (many.about.symbol, many.about.currency, many.about.kind) == ("AAPL", "USD", "EQUITY")
    assert many.about.zone == "America/New_York" and many.about.granularity == "1d"
    # yf_etf has the dividend worked in, and both tell of it: 0.26 a share on Monday the 9th
    assert one.events == many.events == (Event(session="2026-11-09", kind="dividend", value=0.26),)


def test_a_ban_in_the_middle_ends_the_sending_and_what_came_before_it_counts(world: World) -> None:
    world.fake.fault("yahoo", "429", match="/chart/", after=2)
    told = world.many("yf_etf", [days(symbol) for symbol in SHARES])
    assert [isinstance(told[symbol], Fetched) for symbol in SHARES] == [True, True, False, False, False, False]
    assert world.charts() == SHARES[:3]
    kinds = {told[symbol].kind for symbol in SHARES[2:]}  # type: ignore[union-attr]  # they are errors
    assert kinds == {"rate_limit"}
    assert isinstance(told["ZAAD"], Unasked) and "after ZAAC" in str(told["ZAAD"])
    assert world.states.read("yahoo").kind == "rate_limit"
    again = world.many("yf_etf", [days("ZAAF")])["ZAAF"]
    assert isinstance(again, NotAsked) and world.charts() == SHARES[:3]
    kept = world.many("yf_etf", [days("ZAAA")])["ZAAA"]  # today's download needs nobody
    assert len(closes(kept)) == 2


def test_what_failed_for_a_while_is_asked_again_when_all_have_been_asked(world: World) -> None:
    world.fake.fault("yahoo", "503", match="ZAAB", times=1)
    told = world.many("yf_etf", [days(symbol) for symbol in SHARES[:3]], budget_s=30.0)
    assert all(isinstance(answer, Fetched) for answer in told.values())
    assert world.charts() == ["ZAAA", "ZAAB", "ZAAC", "ZAAB"]


def test_one_symbol_whose_answer_is_broken_closes_no_door_to_the_others(world: World) -> None:
    world.fake.fault("yahoo", "renamed", match="ZAAB")
    told = world.many("yf_etf", [days(symbol) for symbol in SHARES[:3]])
    broken = told["ZAAB"]
    assert isinstance(broken, ExternalDataUnavailable) and broken.kind == "schema"
    assert len(closes(told["ZAAC"])) == 2 and world.states.read("yahoo").failures == 0


def test_three_failures_in_a_row_are_the_providers_and_nothing_more_is_sent(world: World) -> None:
    world.fake.fault("yahoo", "503", match="/chart/")
    told = world.many("yf_etf", [days(symbol) for symbol in SHARES])
    assert len(world.charts()) == 3 and world.states.read("yahoo").kind == "outage"
    assert {one.kind for one in told.values()} == {"outage"}  # type: ignore[union-attr]  # they are errors


def test_nobody_is_asked_where_the_network_is_forbidden(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    told = world.many("alpaca", [days(symbol) for symbol in SHARES])
    assert all(isinstance(answer, NetworkForbidden) for answer in told.values())
    assert all(isinstance(one, NetworkForbidden) for one in quotes(world, "alpaca", ["SPY"]).values())
    assert not world.fake.requests()


def test_a_thousand_alpaca_symbols_of_one_session_take_few_requests_of_short_addresses(world: World) -> None:
    names = [f"Z{a}{b}{c}" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJ" for c in "ABCDEFGHIJ"]
    told = world.many("alpaca", [days(name, "2026-11-19") for name in names])
    assert all(len(closes(answer)) == 1 for answer in told.values()) and len(told) == 1000
    asked = world.fake.requests("alpaca")
    assert len(asked) <= 5
    # a comma takes three bytes in an address; the rest of it is a few hundred
    assert max(len(one.params["symbols"].replace(",", "%2C")) for one in asked) < 3_600
    assert told["ZJJJ"].bars.close[0] == oracle.session_bar("ZJJJ", THURSDAY)[3]  # type: ignore[union-attr]


def test_a_page_that_ends_in_the_middle_of_a_symbol_loses_nothing(world: World) -> None:
    """Ten years of five symbols are 12 565 days: two pages, and the seam lies within the fourth symbol."""
    told = world.many("alpaca", [days(symbol, "2016-11-20") for symbol in SHARES[:5]])
    assert len({len(closes(answer)) for answer in told.values()}) == 1
    assert len(world.fake.requests("alpaca")) == 2
    assert closes(told["ZAAD"])[-1] == oracle.session_bar("ZAAD", THURSDAY)[3]


def test_a_name_that_alpaca_refuses_does_not_take_the_others_with_it(world: World) -> None:
    told = world.many("alpaca", [days("SPY"), days("005930.KS"), days("NOPE")])
    assert len(closes(told["SPY"])) == 2
    refused = told["005930.KS"]
    assert isinstance(refused, ExternalDataUnavailable) and "invalid symbol: 005930.KS" in str(refused)
    assert isinstance(told["NOPE"], ConfirmedEmpty)


def test_symbols_with_other_starts_share_a_page_only_while_it_costs_none() -> None:
    near, far = days("ZAAA", "2026-11-10"), days("ZAAB", "2026-11-18")
    assert groups([far, near]) == [[near, far]]
    years = [days(f"S{n}", "2016-01-01") for n in range(2)]  # some 2 780 days each
    assert [len(group) for group in groups([*years, far])] == [3]
    many = [days(f"S{n}", "2016-01-01") for n in range(12)]
    assert [len(group) for group in groups([*many, far])] == [12, 1]


MIXED_UP = {
    "other_symbol": ("it answers about OTHER", ExternalDataUnavailable),
    "other_currency": ("in GBp (pence, a hundredth of GBP), not in USD", BadDataError),
    "other_zone": ("traded in Europe/London, and XNYS is in America/New_York", BadDataError),
    "other_day": ("it answers about 2026-10-", ExternalDataUnavailable),
    "other_length": ("bars of 1wk, asked for 1d", ExternalDataUnavailable),
}


@pytest.mark.parametrize("kind", MIXED_UP)
def test_an_answer_about_something_else_is_refused_through_every_door(world: World, kind: str) -> None:
    says, error = MIXED_UP[kind]
    world.fake.fault("yahoo", kind, match="SPY")
    told = world.many("yf_etf", [days("SPY"), days("QQQ")])
    assert isinstance(told["SPY"], error) and says in str(told["SPY"])
    assert len(closes(told["QQQ"])) == 2
    with pytest.raises(error) as refused:
        ask(provider("yf_index"), days("SPY"), states=world.states, budget=world.budget())
    assert says in str(refused.value)
    world.fake.reset()  # it was not kept as today's answer
    assert len(closes(world.many("yf_etf", [days("SPY")])["SPY"])) == 2


@pytest.mark.parametrize("kind", ["other_symbol", "other_day"])
def test_alpaca_is_held_to_the_question_too(world: World, kind: str) -> None:
    world.fake.fault("alpaca", kind)
    told = world.many("alpaca", [days("SPY")])["SPY"]
    assert isinstance(told, ExternalDataUnavailable) and told.kind == "schema" and "answers about" in str(told)


@pytest.mark.parametrize(
    ("request_", "fits"),
    [
        (days("005930.KS"), "exchange YAHOO_KR fits"),
        (days("BTC-USD"), "exchange YAHOO_COIN fits"),
        (days("SPY", market="XKRX", currency="KRW"), "exchange YAHOO fits"),
    ],
)
def test_who_names_the_wrong_exchange_is_told_the_right_one(world: World, request_: BarRequest, fits: str) -> None:
    with pytest.raises(BadDataError, match=fits):
        ask(provider("yf_etf"), request_, states=world.states, budget=world.budget())


def test_a_coins_day_at_yahoo_is_utcs(world: World) -> None:
    found = ask(
        provider("yf_index"), days("BTC-USD", "2026-11-18", market="24/7"), states=world.states, budget=world.budget()
    )
    # the bar that closes at midnight on the 18th is the 17th's; today's is still running
    assert [int(at) for at in found.bars.ts_ms] == [ms(day) for day in ("2026-11-18", "2026-11-19", "2026-11-20")]
    assert found.bars.close[-1] == oracle.bar("BTCUSD", ms("2026-11-19"), 1440)[3]  # type: ignore[index]
