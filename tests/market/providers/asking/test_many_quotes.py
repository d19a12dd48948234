"""Quotes of many symbols: few requests, their time and delay, the right market."""

from __future__ import annotations

from dataclasses import replace

from pyjobs.market.providers import provider
from pyjobs.market.providers.asking.ask_many import ask_many
from tests.fakemarket import oracle
from tests.market.providers.asking.support.ask_many import (
    NOW_MS,
    THURSDAY,
    World,
    days,
    quotes,
    world,  # noqa: F401  # a fixture
)
from tests.market.providers.asking.support.made_up import ms
from utils.errors import BadDataError


def test_a_quote_says_when_it_was_traded_and_how_the_session_has_gone(world: World) -> None:
    at_ms = ms("2026-11-20T16:00")
    world.fake.clock.set(at_ms)
    opened_ms = ms("2026-11-20T14:30")
    hour = oracle.bar("SPY", opened_ms, 90)
    assert hour is not None
    for name in ("yf_etf", "alpaca"):
        told = quotes(world, name, ["SPY", "NOPE"])
        spy = told["SPY"]
        assert (spy.ts_ms, spy.open, spy.high, spy.low, spy.last) == (at_ms, *hour[:4])  # type: ignore[attr-defined]
        assert spy.previous_close == oracle.session_bar("SPY", THURSDAY)[3]  # type: ignore[attr-defined]
        assert told["NOPE"].kind == "no_data"  # type: ignore[attr-defined]
    assert len(world.fake.requests("yahoo", "/finance/quote")) == 1 == len(world.fake.requests("alpaca"))


def test_fifty_quotes_are_one_request_and_a_delay_is_said(world: World) -> None:
    world.fake.clock.set(ms("2026-11-20T02:00"))  # eleven in Seoul
    names = ["005930.KS", "000660.KS", "069500.KS"]
    told = quotes(world, "yf_etf", names, market="XKRX", currency="KRW")
    assert {one.ts_ms for one in told.values()} == {ms("2026-11-20T01:40")}  # type: ignore[attr-defined]
    assert {one.delay_s for one in told.values()} == {1200.0}  # type: ignore[attr-defined]
    assert len(world.fake.requests("yahoo", "/finance/quote")) == 1


def test_after_charts_the_same_process_gets_its_cookie_and_crumb_for_quotes(world: World) -> None:
    asked = provider("yf_etf")
    list(ask_many(asked, [days("SPY")], states=world.states, budget=world.budget()))
    (symbol, quote), *_ = asked.fetch_quotes(["SPY"])  # type: ignore[attr-defined]
    assert symbol == "SPY" and quote.last > 0
    world.fake.yahoo.rotate_crumb()
    (_, quote), *_ = asked.fetch_quotes(["SPY"])  # type: ignore[attr-defined]
    assert quote.last > 0


def test_the_wrong_markets_quote_is_refused(world: World) -> None:
    told = quotes(world, "yf_etf", ["SPY", "005930.KS"])
    assert isinstance(told["005930.KS"], BadDataError) and "YAHOO_KR fits" in str(told["005930.KS"])
    world.fake.fault("yahoo", "other_symbol", match="/finance/quote")
    assert "answers about other" in str(quotes(world, "yf_etf", ["SPY"])["SPY"])


def test_bitfinex_quotes_are_the_running_days(world: World) -> None:
    told = quotes(world, "bitfinex", ["BTCUSD", "NOPEUSD"], market="24/7")
    running = oracle.bar("BTCUSD", ms("2026-11-20"), 720)
    btc = told["BTCUSD"]
    assert running is not None and (btc.open, btc.last) == (running[0], running[3])  # type: ignore[attr-defined]
    assert btc.ts_ms == NOW_MS and told["NOPEUSD"].kind == "no_data"  # type: ignore[attr-defined]


def test_an_answer_that_was_not_final_when_it_came_is_not_final_later(world: World) -> None:
    closes_ms = ms("2026-11-19T21:00")
    asked = provider("yf_etf")
    request = days("SPY")
    for minutes, final in ((10, False), (50, False), (90, True)):
        at_ms = closes_ms + minutes * 60_000
        world.fake.clock.set(at_ms)
        kept = asked.cached(replace(request, end_ms=at_ms), at_ms)
        assert (kept is None) == (minutes != 50)
        found = kept or asked.fetch(replace(request, end_ms=at_ms), at_ms)
        assert found.last_final is final
