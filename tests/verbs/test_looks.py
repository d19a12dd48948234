"""What is stored is looked at again, and one doubtful thing stops nothing: the verbs against fakemarket."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs.gap_repair import main as gap_repair
from pyjobs.ingest import main as ingest
from pyjobs.market.bars import SeriesKey
from pyjobs.market.ingest import instances
from pyjobs.market.ingest.sources import Sources
from pyjobs.market.universe.absent import Absent
from pyjobs.market.universe.symbol_states import load
from pyjobs.runs.verdict.series import check_all
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.ingest_verbs import BTC, NOON_S, SERIES, World
from utils.errors import MisfitError
from utils.run import run

FRIDAY_S = 1_795_215_600  # 2026-11-20T23:00Z, two hours after New York's close
DAY_S, HOUR_S = 86_400, 3_600
SPY = SeriesKey(exchange="YAHOO", symbol="SPY", timeframe="1d")
DAYS = ["--exchange", "YAHOO", "--symbol", "SPY", "--timeframe", "1d"]
FEBRUARY_23_MS = 1_771_880_400_000  # its close, 2026-02-23T21:00Z


@pytest.fixture
def world(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(fakemarket, tmp_path, monkeypatch)


def close_at(world: World, key: SeriesKey, ts_ms: int) -> float:
    return float(world.store.read(key, start_ms=ts_ms, end_ms=ts_ms).close[0])


def test_a_bar_that_is_revised_within_the_hour_is_corrected_and_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-20", "--end", "2026-11-20T12:00"]) == 0
    assert run(ingest, [*SERIES, "--resume"]) == 0  # from here on it is looked at again
    bars = world.store.read(BTC, start_ms=(NOON_S - 1800) * 1000, end_ms=(NOON_S - 900) * 1000)
    revised, before = int(bars.ts_ms[0]), float(bars.close[0])
    world.fake.market.revise("BTCUSD", revised - 60_000, 1.01)
    world.at(NOON_S + 1800)
    assert run(ingest, [*SERIES, "--resume"]) == 0
    assert close_at(world, BTC, revised) == before
    capsys.readouterr()
    world.at(NOON_S + HOUR_S + 60)
    asked = world.asked()
    assert run(ingest, [*SERIES, "--resume"]) == 0
    assert world.asked() == asked + 1  # in the request for the new bars
    assert close_at(world, BTC, revised) == pytest.approx(before * 1.01, rel=1e-3)
    assert "1 stored bar revised by the provider: that of 2026-11-20 11:3" in capsys.readouterr().out


def test_what_was_confirmed_empty_is_asked_for_again_at_growing_intervals_and_not_right_away(world: World) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-19", "--end", "2026-11-20"]) == 0
    quiet = int(world.store.confirmed_empty(BTC)[3])
    brief = [*SERIES, "--lookback-days", "0.01"]  # however far back
    assert run(gap_repair, brief) == 0
    counts = []
    for later in (0, HOUR_S + 60, HOUR_S + 120, DAY_S + 60, 8 * DAY_S, 31 * DAY_S, 90 * DAY_S):
        world.at(NOON_S + later)
        asked = world.asked()
        assert run(gap_repair, brief) == 0
        counts.append(world.asked() - asked)
    assert counts == [0, 1, 0, 1, 1, 1, 0]
    assert quiet in world.store.confirmed_empty(BTC)


def test_a_hole_that_the_exchange_fills_later_is_filled(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    market, start = world.fake.market, (NOON_S - 6 * HOUR_S) * 1000
    market.halt("BTCUSD", start, start + 600_000)
    assert run(ingest, [*SERIES, "--start", "2026-11-20", "--end", "2026-11-20T11:00"]) == 0
    hole = world.store.confirmed_empty(BTC, start_ms=start + 60_000, end_ms=start + 600_000)
    assert hole.size == 10
    world.fake.market.reset()
    world.at(NOON_S + DAY_S)
    assert run(gap_repair, SERIES) == 0
    filled = world.store.read(BTC, start_ms=start + 60_000, end_ms=start + 600_000)
    assert len(filled) > 5 and "confirmed empty a while ago" in capsys.readouterr().out


def test_a_hole_is_asked_for_again_at_the_provider_and_not_in_the_answer_that_is_kept(world: World) -> None:
    world.at(FRIDAY_S)
    hole_ms = (FRIDAY_S - 38 * DAY_S) * 1000 - 3 * HOUR_S * 1000  # 2026-10-13T20:00Z, a close
    world.fake.yahoo.null_rows.add(hole_ms - 6 * HOUR_S * 1000 - HOUR_S * 500)
    assert run(ingest, [*DAYS, "--start", "2026-06-01"]) == 0
    assert hole_ms in world.store.confirmed_empty(SPY)
    world.fake.yahoo.null_rows.clear()
    world.at(FRIDAY_S + HOUR_S + 60)  # no session has closed since
    assert run(gap_repair, DAYS) == 0
    assert hole_ms in world.store.read(SPY).ts_ms


def test_a_dividend_that_is_told_nine_months_late_is_worked_in(world: World) -> None:
    world.at(FRIDAY_S)
    assert run(ingest, [*DAYS, "--start", "2026-01-01"]) == 0
    before = close_at(world, SPY, FEBRUARY_23_MS)
    world.fake.market.dividend("SPY", dt.date(2026, 2, 24), 5.0)
    world.at(FRIDAY_S + 3 * DAY_S)
    assert run(ingest, [*DAYS, "--resume"]) == 0
    assert close_at(world, SPY, FEBRUARY_23_MS) == pytest.approx(
        before - 5.0, abs=0.1
    )  # of a price adjusted for others since


def test_a_day_that_came_without_prices_is_asked_for_again_by_the_next_run(world: World) -> None:
    """https://github.com/ranaroussi/yfinance/issues/2925"""
    wednesday_s = FRIDAY_S - 2 * DAY_S
    world.at(FRIDAY_S)
    world.fake.yahoo.null_rows.add((wednesday_s - 8 * HOUR_S - HOUR_S // 2) * 1000)  # half past nine in New York
    assert run(ingest, [*DAYS, "--start", "2026-11-01"]) == 0
    assert [str(day)[8:10] for day in world.store.read(SPY).ts_ms[-3:].astype("datetime64[ms]")] == ["17", "19", "20"]
    world.fake.yahoo.null_rows.clear()
    assert run(ingest, [*DAYS, "--resume"]) == 0
    assert [str(day)[8:10] for day in world.store.read(SPY).ts_ms[-3:].astype("datetime64[ms]")] == ["18", "19", "20"]


def test_a_split_that_is_told_and_not_worked_in_yet_is_no_fall_of_the_prices(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.at(FRIDAY_S)
    world.fake.market.split("SPY", dt.date(2026, 11, 23), 4.0)
    assert run(ingest, [*DAYS, "--start", "2026-10-01"]) == 0
    friday_ms = FRIDAY_S * 1000 - 2 * HOUR_S * 1000
    before = close_at(world, SPY, friday_ms)
    world.fake.fault("yahoo", "unsplit")
    world.at(FRIDAY_S + 3 * DAY_S)
    assert run(ingest, [*DAYS, "--resume"]) == 69
    assert "a split of 4 for 1 on 2026-11-23 that is not in its prices before" in capsys.readouterr().err
    assert world.store.newest(SPY) == (friday_ms, True)
    world.fake.script.clear()
    assert run(ingest, [*DAYS, "--resume"]) == 0
    assert close_at(world, SPY, friday_ms) == pytest.approx(before / 4, rel=1e-4)


def test_prices_in_another_unit_wait_and_health_names_the_command_that_decides(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.at(FRIDAY_S)
    assert run(ingest, [*DAYS, "--start", "2026-09-01"]) == 0
    before = world.store.read(SPY)
    world.fake.fault("yahoo", "other_unit")
    world.at(FRIDAY_S + 3 * DAY_S)
    assert run(ingest, [*DAYS, "--resume"]) == 65
    said = "from the bar of 2026-11-23 21:00 UTC on its prices are 100 times lower than those that are stored"
    assert said in capsys.readouterr().err
    assert np.array_equal(world.store.read(SPY).close[-len(before) :], before.close)
    Absent(store=world.store, now_ms=int((FRIDAY_S + 3 * DAY_S) * 1000), many=True).set_aside(
        SPY, Sources().of(SPY), MisfitError(said)
    )
    (check,) = check_all([(SPY, "XNYS", "minutes")], world.store, FRIDAY_S + 3 * DAY_S)
    assert check.state == "WARN" and said in str(check)
    assert run(ingest, [*DAYS, "--resume", "--step", "unit"]) == 0
    assert close_at(world, SPY, FRIDAY_S * 1000 - 2 * HOUR_S * 1000) == pytest.approx(before.close[-1] / 100)
    assert load("YAHOO") == {}


def test_rows_of_another_unit_in_the_middle_are_set_aside_and_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """https://github.com/ranaroussi/yfinance/issues/552"""
    world.at(FRIDAY_S)
    world.fake.fault("yahoo", "some_units")
    assert run(ingest, [*DAYS, "--start", "2026-09-01"]) == 0
    assert "3 rows of the provider cannot be true, left out, the first that of 2026-0" in capsys.readouterr().out
    stored = world.store.read(SPY)
    assert stored.low.min() > stored.high.max() / 2
    world.fake.script.clear()
    world.at(FRIDAY_S + 3 * DAY_S)
    assert run(ingest, [*DAYS, "--resume"]) == 0
    friday_ms = 1_788_552_000_000  # 2026-09-04T20:00Z
    assert friday_ms not in stored.ts_ms and friday_ms in world.store.read(SPY).ts_ms


def test_dividends_that_are_told_and_in_no_adjusted_close_are_worked_in_all_the_same(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last is told two weeks after it fell due, and Yahoo works it in later still."""
    world.at(FRIDAY_S)
    world.fake.market.dividend("SPY", dt.date(2026, 9, 21), 2.0)
    assert run(ingest, [*DAYS, "--start", "2026-09-01"]) == 0
    before = world.store.read(SPY)
    world.fake.market.dividend("SPY", dt.date(2026, 11, 9), 6.0)
    world.fake.fault("yahoo", "undivided")  # and the adjusted closes lack the others again, too
    world.at(FRIDAY_S + 3 * DAY_S)
    capsys.readouterr()
    assert run(ingest, [*DAYS, "--resume"]) == 0
    said = "not in the provider's prices yet, so worked in here: the dividend of 2026-09-18, 2026-09-21, 2026-11-09"
    assert said in capsys.readouterr().out
    here = world.store.read(SPY)
    fell_due = int(np.searchsorted(before.ts_ms, 1_794_236_400_000))  # 2026-11-09T15:00Z
    assert np.allclose(here.close[fell_due : len(before)], before.close[fell_due:])
    factor = 1 - 6.0 / before.close[fell_due - 1]
    assert np.allclose(here.close[:fell_due], before.close[:fell_due] * factor, rtol=1e-6)
    for later in (3.01, 3.02):
        world.at(FRIDAY_S + int(later * DAY_S))
        assert run(ingest, [*DAYS, "--resume"]) == 0
        assert "worked in here" not in capsys.readouterr().out  # it is said once
    world.fake.script.clear()
    world.at(FRIDAY_S + 4 * DAY_S)
    assert run(ingest, [*DAYS, "--resume"]) == 0
    assert "re-based" not in capsys.readouterr().out  # Yahoo's own reckoning is the same
    later = world.store.read(SPY, start_ms=int(here.ts_ms[0]), end_ms=here.last_ms)
    assert np.allclose(later.close, here.close, rtol=1e-5)


def test_a_dead_pair_is_asked_for_ever_less_often_and_said_to_be_silent(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ingest, [*SERIES, "--start", "2026-11-20T10:00", "--end", "2026-11-20T12:00"]) == 0
    world.fake.market.halt("BTCUSD", NOON_S * 1000, (NOON_S + 400 * DAY_S) * 1000)
    asked, counts = world.asked(), []
    for begins in (NOON_S + 2 * HOUR_S, NOON_S + 20 * DAY_S):
        for minutes in range(10):
            world.at(begins + minutes * 60)
            assert run(ingest, [*SERIES, "--resume"]) == 0
        counts.append(world.asked() - asked)
        asked = world.asked()
    assert counts == [2, 8]  # an hour's silence rests 4 minutes, then 8; of 20 days 3 pages, and 5 to look at again
    assert "silent since 2026-11-20 12:01 UTC" in capsys.readouterr().out


def test_a_delisted_symbol_and_one_never_known_are_set_aside_and_the_others_go_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for symbol in ("BTCUSD", "NOPEUSD"):
        instances.save(
            instances.Instance(exchange="BITFINEX", symbol=symbol, timeframe="1m", lookback_days=0.1, gap_repair=True)
        )
    assert run(ingest, ["--all", "--resume"]) == 0
    assert "NOPEUSD:1m: set aside" in capsys.readouterr().out
    asked = len(world.fake.requests("bitfinex", "NOPEUSD"))
    world.at(NOON_S + 60)
    assert run(ingest, ["--all", "--resume"]) == 0
    assert run(gap_repair, ["--all"]) == 0
    assert len(world.fake.requests("bitfinex", "NOPEUSD")) == asked
    (world.home / "config/instances/BTCUSD-1m.env").unlink()
    world.at(NOON_S + 2 * DAY_S)
    assert run(ingest, ["--all", "--resume"]) == 69  # nobody has answered: it may be the provider


def test_a_symbol_in_other_letters_is_no_series_of_its_own(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.at(FRIDAY_S)
    assert run(ingest, [*DAYS, "--start", "2026-11-01"]) == 0
    asked = len(world.fake.requests("yahoo"))
    lower = ["spy" if word == "SPY" else word for word in DAYS]
    assert run(ingest, [*lower, "--start", "2026-11-01"]) == 65
    assert "YAHOO:spy:1d: SPY is stored, and the provider takes both for the same: write SPY" in capsys.readouterr().err
    assert len(world.fake.requests("yahoo")) == asked and world.store.series() == [SPY]
