"""ingest, gap_repair and bootstrap_symbols against fakemarket: the real provider, the real store, a simulated clock."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pyjobs.gap_repair import main as gap_repair
from pyjobs.ingest import main as ingest
from pyjobs.market.ingest.gaps import missing_bars
from pyjobs.market.store.merge import same_bars
from pyjobs.provider_state import main as provider_state
from tests.verbs.support.ingest_verbs import (
    BTC,
    NOON_S,
    SERIES,
    World,
    world,  # noqa: F401  # the fixture
)
from utils.run import run


def test_a_day_comes_in_and_resume_adds_the_minutes_since(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-19", "--end", "2026-11-20"]) == 0
    assert "BITFINEX:BTCUSD:1m: " in capsys.readouterr().out
    day = world.store.read(BTC)
    quiet = world.store.confirmed_empty(BTC)
    assert len(day) + quiet.size == 1440 and quiet.size > 0
    assert run(ingest, [*SERIES, "--resume"]) == 0
    world.at(NOON_S + 180)
    assert run(ingest, [*SERIES, "--resume"]) == 0
    assert world.store.read(BTC).ts_ms[-1] >= (NOON_S + 60) * 1000
    assert world.asked() == 3


def test_a_series_may_come_from_the_environment_of_its_unit(world: World) -> None:
    world.patch.setenv("CT_SYMBOL", "BTCUSD")
    world.patch.setenv("CT_TIMEFRAME", "1m")
    world.patch.setenv("CT_LOOKBACK_DAYS", "0.5")
    assert run(ingest, ["--resume"]) == 0
    assert world.store.read(BTC).ts_ms[0] >= (NOON_S - 43_200) * 1000


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        ([*SERIES], 64, "give either --resume, or --start"),
        ([*SERIES, "--resume", "--end", "2026-11-19"], 64, "--end goes with --start"),
        ([*SERIES, "--start", "2026-11-19", "--end", "2026-11-18"], 64, "is after --end"),
        ([*SERIES, "--start", "2026-11-19", "--end", "2026-11-21"], 64, "--end 2026-11-21 00:00 UTC is in the future"),
        ([*SERIES, "--start", "2027-01-01"], 64, "--start 2027-01-01 00:00 UTC is in the future"),
        ([*SERIES, "--start", "yesterday"], 64, "'yesterday' is not a time like 2026-11-20"),
        (["--symbol", "BTCUSD", "--timeframe", "2m", "--resume"], 64, "unknown timeframe '2m'"),
        (["--symbol", "BTCUSD", "--resume"], 64, "--symbol needs --timeframe"),
        (["--resume"], 64, "name a series"),
        ([*SERIES, "--all", "--resume"], 64, "exclude each other"),
        ([*SERIES, "--exchange", "MTGOX", "--resume"], 64, "unknown exchange 'MTGOX'"),
        (["--instance", "BTCUSD", "--resume"], 64, "SYMBOL-TIMEFRAME"),
        (["--symbol", "NOPEUSD", "--timeframe", "1m", "--resume"], 69, "no_data"),
        (["--exchange", "ALPACA", "--symbol", "SPY", "--timeframe", "1m", "--resume"], 78, "APCA_API_KEY_ID"),
        (["--all", "--resume"], 78, "no instance is configured"),
    ],
)
def test_bad_input_is_named_and_nothing_is_stored(
    world: World, capsys: pytest.CaptureFixture[str], argv: list[str], code: int, says: str
) -> None:
    try:
        assert run(ingest, argv) == code
    except SystemExit as leaving:
        assert leaving.code == code
    assert says in capsys.readouterr().err
    assert not list(world.home.rglob("*.parquet"))


def test_a_range_of_many_pages_has_no_seams(world: World) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-10-20T07:13", "--end", "2026-11-20"]) == 0
    gone = missing_bars(world.store, BTC, "24/7", first_ms=0, last_ms=1_795_132_800_000)
    assert gone.size == 0
    assert world.asked() == 5  # 44 207 minutes, 10 000 a request


MONTH = [*SERIES, "--start", "2026-10-20T07:13", "--end", "2026-11-20"]  # five requests


def refused(world: World) -> int:
    return [one.status for one in world.fake.requests("bitfinex")].count(429)


def test_a_backfill_by_hand_goes_through_a_provider_that_says_too_many_requests_now_and_then(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.patch.delenv("RETRY_BUDGET_S")
    world.fake.fault("bitfinex", "429", every=3, retry_after="1")
    assert run(ingest, MONTH) == 0
    told = capsys.readouterr().err
    assert refused(world) == 2
    line = r"^bitfinex: rate_limit \(11010: ratelimit: error\): waiting 1 s, until 20..-..-.. ..:..:.. UTC$"
    assert len(re.findall(line, told, re.M)) == 2
    assert not missing_bars(world.store, BTC, "24/7", first_ms=0, last_ms=1_795_132_800_000).size


@pytest.mark.torture  # it waits out a rate limit that does not say for how long: one to two minutes
def test_a_backfill_by_hand_goes_through_a_rate_limit_without_retry_after(world: World) -> None:
    world.patch.delenv("RETRY_BUDGET_S")
    world.fake.fault("bitfinex", "429", every=4, times=1)
    assert run(ingest, MONTH) == 0
    assert refused(world) == 1
    assert not missing_bars(world.store, BTC, "24/7", first_ms=0, last_ms=1_795_132_800_000).size


def test_a_series_of_which_nothing_comes_does_not_end_well(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.fake.market.halt("BTCUSD", (NOON_S - 9 * 86_400) * 1000, NOON_S * 1000)
    assert run(ingest, [*SERIES, "--resume"]) == 69
    assert "no_data: no bar from 2026-11-17 12:00 UTC to 2026-11-20 12:00 UTC" in capsys.readouterr().err


@pytest.mark.parametrize(("start", "says"), [("2026-11-12", True), ("2026-11-05", False), ("2026-11-01", False)])
def test_a_range_that_takes_the_place_of_an_unfinished_one_says_what_is_not_fetched(
    world: World, capsys: pytest.CaptureFixture[str], start: str, says: bool
) -> None:
    broken = world.fake.fault("bitfinex", "503", after=1)  # a page of minutes comes, the next does not
    assert run(ingest, [*SERIES, "--start", "2026-11-01", "--end", "2026-11-15"]) == 69
    assert broken.served
    world.fake.script.clear()
    assert run(provider_state, ["--reset", "bitfinex"]) == 0
    capsys.readouterr()
    assert run(ingest, [*SERIES, "--start", start, "--end", "2026-11-20"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "was not finished" in line]
    assert len(told) == says
    for line in told:
        assert re.search(r"not fetched of it: 2026-11-0. ..:.. UTC to 2026-11-15 00:00 UTC$", line)


def test_an_outage_is_external_and_the_next_run_goes_on(world: World) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-19", "--end", "2026-11-20"]) == 0
    world.fake.fault("bitfinex", "503")
    before = world.store.read(BTC)
    assert run(ingest, [*SERIES, "--resume"]) == 69
    assert same_bars(world.store.read(BTC), before)


def test_a_minute_that_is_revised_after_its_close_is_corrected(world: World) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-20T10:00", "--end", "2026-11-20T12:00"]) == 0
    old = world.store.read(BTC)
    last = int(old.ts_ms[-1])
    world.fake.market.revise("BTCUSD", last - 60_000, 1.01)
    world.at(NOON_S + 120)
    assert run(ingest, [*SERIES, "--resume"]) == 0
    new = world.store.read(BTC)
    assert new.close[new.ts_ms == last][0] == pytest.approx(old.close[-1] * 1.01, rel=1e-4)


def test_a_removed_day_and_removed_minutes_come_back_and_the_second_pass_asks_nobody(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-16", "--end", "2026-11-20"]) == 0
    whole, quiet = world.store.read(BTC), world.store.confirmed_empty(BTC)
    day, thinned = world.store.partitions(BTC)[1], world.store.partitions(BTC)[2]
    day.unlink()
    kept = world.store.read(BTC, start_ms=1_795_046_400_001, end_ms=1_795_132_800_000)  # 2026-11-19
    thinned.unlink()
    some = kept.slice(0, 300)
    world.store.write(BTC, some, provider="bitfinex", fetched_at_ms=1, adjusted="raw", last_final=True)
    asked = world.asked()
    assert run(gap_repair, [*SERIES, "--lookback-days", "30"]) == 0
    assert same_bars(world.store.read(BTC), whole)
    assert np.array_equal(world.store.confirmed_empty(BTC), quiet)
    assert world.asked() - asked == 1
    assert " 0 left, by 1 requests" in capsys.readouterr().out
    assert run(gap_repair, [*SERIES, "--lookback-days", "30"]) == 0
    assert world.asked() - asked == 1
    assert "nothing missing, no provider asked" in capsys.readouterr().out
