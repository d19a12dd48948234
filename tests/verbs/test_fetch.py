"""A desk on fetched bars: what comes, what is missing and why, what is asked again, and how the job ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakemarket.server import FakeMarket
from tests.verbs.support.fetching import COINS, DAY_S, FRIDAY_S, HOUR_S, SHARES, Home, desk, made_home

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(
    fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Home:
    return made_home(fakemarket, tmp_path, monkeypatch, capsys, desk())


def test_twelve_symbols_are_brought_up_to_date_once_and_a_second_fetch_asks_nobody(home: Home) -> None:
    assert home.fetch() == 0
    assert home.days("YAHOO", "AAPL")[0] == "2026-09-01" and home.days("YAHOO", "AAPL")[-1] == "2026-11-20"
    assert home.days("BITFINEX", "BTCUSD")[-1] == "2026-11-20"
    assert (home.missing(), home.report["partial"]) == ({}, False)
    assert {each["symbol"]: each["last_session"] for each in home.report["instruments"]}["MSFT"] == "2026-11-20"
    asked = home.asked("")
    home.at(FRIDAY_S + 2 * HOUR_S // 4)
    assert home.fetch() == 0
    assert home.asked("") == asked


def test_a_weekend_has_nothing_due_and_monday_brings_one_bar(home: Home) -> None:
    home.write(desk(coins=()).replace("  - {exchange: BITFINEX, symbols: [], start: 2026-11-01}\n", ""))
    assert home.fetch() == 0
    home.at(FRIDAY_S + DAY_S)
    asked = home.asked("yahoo")
    assert home.fetch() == 0
    assert home.asked("yahoo") == asked
    home.at(FRIDAY_S + 3 * DAY_S)
    assert home.fetch() == 0
    assert home.report["exchanges"][0]["new_bars"] == len(SHARES)
    assert home.days("YAHOO", "DIA")[-2:] == ["2026-11-20", "2026-11-23"]


def test_a_symbol_nobody_knows_is_news_once_is_asked_ever_less_often_and_hides_no_other(home: Home) -> None:
    home.write(desk([*SHARES[:2], "NOSUCH"]))
    assert home.fetch() == 0
    assert home.missing() == {"NOSUCH": "unknown"} and "[news] YAHOO: 1 of 3 unknown: NOSUCH" in home.said
    assert not home.report["partial"]
    asked = {0: home.asked("yahoo", "NOSUCH")}
    for day in (1, 2, 3, 4, 6, 7):
        home.at(FRIDAY_S + day * DAY_S)
        assert home.fetch() == 0
        assert "[note] YAHOO: 1 of 3 unknown: NOSUCH" in home.said and "[news]" not in home.said
        asked[day] = home.asked("yahoo", "NOSUCH")
    tried = [day for day, before in zip(list(asked)[1:], asked.values(), strict=False) if asked[day] > before]
    assert tried == [1, 3, 7]  # after one day, then two, then four


def test_a_pair_that_is_dead_at_a_desk_is_asked_ever_less_often_and_said_since_when_it_is_silent(home: Home) -> None:
    quick = "timeframe: 5m, start: 2026-11-20"
    home.write(desk([], ["BTCUSD", "ETHUSD"]).replace("start: 2026-11-01", quick).replace(
        "  - {exchange: YAHOO, symbols: [], start: 2026-09-01}\n", ""))  # fmt: skip
    assert home.fetch() == 0
    home.fake.market.halt("BTCUSD", FRIDAY_S * 1000, (FRIDAY_S + 90 * DAY_S) * 1000)
    asked = {"BTCUSD": home.asked("bitfinex", "BTCUSD"), "ETHUSD": home.asked("bitfinex", "ETHUSD")}
    counts = []
    for begins in (FRIDAY_S + 2 * HOUR_S, FRIDAY_S + 12 * HOUR_S):
        for minute in range(0, 60, 10):
            home.at(begins + minute * 60)
            assert home.fetch() == 0
            if minute == 0:
                assert (
                    "BITFINEX:BTCUSD:5m: silent since 2026-11-20 23:05 UTC: asked for less and less often" in home.said
                )
        now = {symbol: home.asked("bitfinex", symbol) for symbol in asked}
        counts.append(tuple(now[symbol] - asked[symbol] for symbol in asked))
        asked = now
    assert counts == [(6, 6), (2, 6)]  # after 7 minutes; after 45


def test_a_delisted_share_keeps_its_history_and_a_relisted_one_goes_on(home: Home) -> None:
    assert home.fetch() == 0
    home.fake.fault("yahoo", "404", match="/GLD", variant="unknown")
    home.at(FRIDAY_S + 3 * DAY_S)
    assert home.fetch() == 0
    assert home.missing() == {"GLD": "gone"} and "[news] YAHOO: 1 of 8 gone: GLD" in home.said
    assert home.days("YAHOO", "GLD")[-1] == "2026-11-20" and home.days("YAHOO", "VTI")[-1] == "2026-11-23"
    home.fake.script.clear()
    home.at(FRIDAY_S + 4 * DAY_S)
    assert home.fetch() == 0
    assert home.missing() == {} and home.days("YAHOO", "GLD")[-2:] == ["2026-11-23", "2026-11-24"]
    home.fake.fault("yahoo", "other_symbol", match="/GLD")
    told = []
    for day in (5, 6):
        home.at(FRIDAY_S + day * DAY_S)
        assert home.fetch() == 0
        assert home.missing() == {"GLD": "renamed"} and not home.report["partial"]
        told.append(home.said)
    assert "[news] YAHOO: 1 of 8 renamed: GLD (since 2026-11-25); it answers about OTHER: was GLD renamed?" in told[0]
    assert "[news]" not in told[1] and "[note] YAHOO: 1 of 8 renamed: GLD" in told[1]
    assert home.days("YAHOO", "GLD")[-1] == "2026-11-24"


def test_half_of_a_desk_that_is_suddenly_not_known_is_the_providers_mistake(home: Home) -> None:
    assert home.fetch() == 0
    for symbol in SHARES[:4]:
        home.fake.fault("yahoo", "404", match=f"/{symbol}", variant="unknown")
    home.at(FRIDAY_S + 3 * DAY_S)
    assert home.fetch() == 69
    assert home.missing() == dict.fromkeys(SHARES[:4], "no_data") and home.report["partial"]
    home.fake.script.clear()
    assert home.fetch() == 0
    assert home.missing() == {}


def test_a_bar_that_the_others_have_is_expected_and_after_five_days_nobody_waits_for_it(home: Home) -> None:
    assert home.fetch() == 0
    midnight_s = FRIDAY_S + HOUR_S
    home.fake.market.halt("LTCUSD", midnight_s * 1000, (midnight_s + 30 * DAY_S) * 1000)
    kinds = []
    for day in range(1, 8):
        home.at(midnight_s + day * DAY_S + HOUR_S)
        assert home.fetch() == 0
        kinds.append((home.missing().get("LTCUSD"), home.report["partial"]))
    assert kinds == [("no_bar", True)] * 4 + [("silent", False)] * 3
    assert home.days("BITFINEX", "LTCUSD")[-1] == "2026-11-21" and home.days("BITFINEX", "SOLUSD")[-1] == "2026-11-28"


def test_an_outage_of_one_market_is_69_and_the_other_has_its_bars(home: Home) -> None:
    assert home.fetch() == 0
    home.fake.fault("yahoo", "503")
    home.at(FRIDAY_S + 3 * DAY_S)
    assert home.fetch() == 69
    assert home.missing() == dict.fromkeys(SHARES, "outage")
    assert "[WARN] YAHOO" in home.said and "outage" in home.problem
    assert home.days("BITFINEX", "ETHUSD")[-1] == "2026-11-23"


def test_a_ban_costs_one_request_and_names_every_symbol(home: Home) -> None:
    home.fake.fault("*", "429", retry_after="86400")
    assert home.fetch() == 69
    assert home.missing() == dict.fromkeys([*SHARES, *COINS], "rate_limit")
    assert home.asked("yahoo", "chart") <= 2 and home.asked("bitfinex") == 1  # yfinance asks twice by itself
    assert home.report["partial"]


def test_providers_that_answer_without_the_session_are_stale_and_with_a_failure_it_stays_2(home: Home) -> None:
    assert home.fetch() == 0
    monday_s = FRIDAY_S + 3 * DAY_S
    home.at(monday_s, providers_s=FRIDAY_S + 2 * DAY_S)
    assert home.fetch() == 2
    assert {symbol: home.missing()[symbol] for symbol in SHARES} == dict.fromkeys(SHARES, "late")
    assert "XNYS: 8 of 8" in home.problem
    home.fake.fault("bitfinex", "503")
    assert home.fetch() == 2
    home.fake.script.clear()
    home.at(monday_s + HOUR_S)
    assert home.fetch() == 0
    assert (home.missing(), home.report["partial"]) == ({}, False)


def test_without_the_network_the_age_of_the_bars_is_said_and_what_is_due_is_missing(home: Home) -> None:
    assert home.fetch() == 0
    home.patch.setenv("ALLOW_NET_FETCH", "0")
    asked = home.asked("")
    assert home.fetch() == 0  # all is there
    home.at(FRIDAY_S + 3 * DAY_S)
    assert home.fetch() == 69
    assert set(home.missing().values()) == {"network_forbidden"}
    assert "YAHOO: not asked, ALLOW_NET_FETCH=0; its newest bar closed 2026-11-20 21:00 UTC" in home.said
    assert home.asked("") == asked


def test_what_is_damaged_is_fetched_again_and_a_clock_behind_asks_for_nothing(home: Home) -> None:
    assert home.fetch() == 0
    before = home.days("YAHOO", "MSFT")
    (path,) = (home.root / "data/raw/YAHOO/MSFT/1d").glob("*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    (home.root / "data/universe").mkdir(exist_ok=True)
    (home.root / "data/universe/YAHOO.json").write_text('{"symbols": {"AAPL:1d"')
    assert home.fetch() == 0
    assert "set aside" in home.said and home.days("YAHOO", "MSFT") == before
    home.at(FRIDAY_S - 10 * DAY_S)
    asked = home.asked("")
    assert home.fetch() == 65
    assert home.asked("") == asked and "the clock shows" in home.problem


def test_killed_half_way_and_started_again_it_has_every_bar_once(home: Home) -> None:
    home.fake.fault("yahoo", "hang", after=6)
    command = [sys.executable, "-m", "pyjobs.fetch", "--desk", str(home.root / "desk.yaml")]
    env = {**os.environ, "RETRY_BUDGET_S": "30"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, process_group=0) as job:
        until = time.monotonic() + 60
        while len(list((home.root / "data/raw").glob("*/*/1d/2026.parquet"))) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(job.pid, signal.SIGKILL)
    home.fake.reset()
    home.at(FRIDAY_S)
    assert home.fetch() == 0
    assert home.missing() == {}
    for symbol in SHARES:
        days = home.days("YAHOO", symbol)
        assert len(days) == len(set(days)) == 58  # sessions from 2026-09-01 to 2026-11-20, Labor Day left out
