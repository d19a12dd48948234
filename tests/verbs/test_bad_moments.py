"""What goes wrong at night, by the verbs: wrong names, torn files, two writers, a clock that jumped back."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import SeriesKey
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.killing import NOW_S, Here, Home, ended

BTC = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")
ONE = ["--symbol", "BTCUSD", "--timeframe", "1m"]
RESUME = ["ingest", *ONE, "--resume"]
REPAIR = ["gap_repair", *ONE, "--lookback-days", "9"]


@pytest.fixture
def home(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    return Here(fakemarket, tmp_path, monkeypatch)


def filled(home: Home, since: str = "2026-11-18T06:00") -> dict[str, bytes]:
    assert home.run(["ingest", *ONE, "--start", since]).code == 0
    return stored(home)


def stored(home: Home) -> dict[str, bytes]:
    """Every file with bars; when they were last looked at again, and what was set aside, is no part of them."""
    return {name: held for name, held in home.tree().items() if ".quarantine" not in name and ".looks.json" not in name}


def test_a_repair_of_what_was_never_ingested_says_so_instead_of_nothing_missing(home: Home) -> None:
    done = home.run(["gap_repair", "--symbol", "NOPEUSD", "--timeframe", "1m"])
    assert done.code == 66
    assert done.errors == (
        "gap_repair: BITFINEX:NOPEUSD:1m: nothing is stored of it, so nothing can be missing: ingest it first\n"
    )
    home.instance("BTCUSD", "1m", 1)
    quiet = home.run(["gap_repair", "--all"])  # the job of all instances may well come before a first ingest
    assert quiet.code == 0 and "its first ingest is still to come" in quiet.said


def test_an_unknown_symbol_is_told_in_the_words_of_who_does_not_know_it(home: Home) -> None:
    done = home.run(["ingest", "--symbol", "NOPEUSD", "--timeframe", "1m", "--resume"])
    assert done.code == 69
    assert "bitfinex NOPEUSD: no_data: it has no such symbol (its answer: 10020: symbol: invalid)" in done.errors


def test_a_range_before_all_history_says_that_there_is_nothing(home: Home) -> None:
    done = home.run(["ingest", *ONE, "--start", "1950-01-01", "--end", "1950-01-02"])
    assert done.code == 69 and "no_data: no bar from 1950-01-01 00:00 UTC to 1950-01-02 00:00 UTC" in done.errors
    assert not home.store.series()


@pytest.mark.parametrize("which", ["first", "middle", "newest", "all"])
def test_torn_partitions_are_set_aside_by_name_and_fetched_again(home: Home, which: str) -> None:
    whole = filled(home)
    files = home.store.partitions(BTC)
    torn = {"first": files[:1], "middle": files[1:2], "newest": files[-1:], "all": files}[which]
    before = home.store.read(BTC)
    for path in torn:
        path.write_bytes(path.read_bytes()[:5000])
    looked = home.run(["check_data", "--json", "1"])
    assert looked.code == 65
    findings = json.loads(looked.said)["series"][0]["findings"]
    assert sum(one["what"] == "cannot be read" for one in findings) == len(torn)
    done = home.run(REPAIR)
    assert done.code == 0 and " 0 left" in done.said
    assert f"unreadable, set aside in .quarantine: {', '.join(path.name for path in torn)}" in done.said
    assert home.run(RESUME).code == 0  # the last minutes are not a repair's business
    after = home.store.read(BTC)
    assert np.isin(before.ts_ms, after.ts_ms).all()
    assert {path.name for path in home.store.folder(BTC).glob(".quarantine/*")} == {path.name for path in torn}
    if which == "middle":
        assert stored(home) == whole
    assert home.run(["check_data", "--json", "1"]).code == 0


@pytest.mark.parametrize("argv", [RESUME, ["ingest", *ONE, "--start", "2026-11-18T06:00"]])
def test_an_ingest_sets_a_torn_partition_aside_too_and_names_it(home: Home, argv: list[str]) -> None:
    whole = filled(home)
    newest = home.store.partitions(BTC)[-1]
    newest.write_bytes(b"torn")
    done = home.run(argv)
    assert done.code == 0
    assert f"unreadable, set aside in .quarantine and fetched again: {newest.name}" in done.said
    assert stored(home) == whole


def test_an_ingest_and_a_repair_of_one_series_at_once_both_end_well(home: Home) -> None:
    whole = filled(home)
    removed = home.store.partitions(BTC)[1]
    removed.unlink()
    both = [home.start(["ingest", *ONE, "--start", "2026-11-18T06:00"]), home.start(REPAIR)]
    for process in both:
        done = ended(process)
        assert done.code == 0, done
    assert stored(home) == whole and not home.leftovers()


def test_of_two_ingests_of_one_series_the_second_says_that_another_is_at_it(home: Home) -> None:
    first = home.start(["ingest", *ONE, "--start", "2026-11-10"])
    while first.poll() is None and not home.fake.requests():
        time.sleep(0.002)
    os.killpg(first.pid, signal.SIGSTOP)  # in the middle of its work, for as long as it takes
    second = home.run(["ingest", *ONE, "--start", "2026-11-10"])
    os.killpg(first.pid, signal.SIGCONT)
    assert second.code == 75 and "BITFINEX:BTCUSD:1m: another ingest works on it (" in second.errors
    assert ended(first).code == 0


@pytest.mark.parametrize("argv", [RESUME, REPAIR])
def test_a_clock_that_jumped_back_is_said_and_nobody_is_asked(home: Home, argv: list[str]) -> None:
    whole = filled(home)
    asked = len(home.fake.requests())
    home.now_s = NOW_S - 30 * 3600
    done = home.run(argv)
    assert done.code == 65
    assert "the newest stored bar closes 2026-11-20 1" in done.errors
    assert "the clock shows 2026-11-19 06:00 UTC: set the clock right; nothing was asked for" in done.errors
    assert (len(home.fake.requests()), stored(home)) == (asked, whole)
    home.now_s = NOW_S
    assert home.run(RESUME).code == 0


def test_a_minute_that_may_still_come_is_no_gap_yet(home: Home) -> None:
    home.fake.market.halt("BTCUSD", (NOW_S - 420) * 1000, (NOW_S - 240) * 1000)
    filled(home, "2026-11-20T11:00")
    soon = json.loads(home.run(["check_data", "--json", "1"]).said)["series"][0]["findings"]
    assert not [one for one in soon if one["what"].startswith("gap")]
    home.now_s = NOW_S + 900
    later = json.loads(home.run(["check_data", "--json", "1"]).said)["series"][0]["findings"]
    assert [one["count"] for one in later if one["what"].startswith("gap")] == [3]
    assert home.run(REPAIR).code == 0
    settled = json.loads(home.run(["check_data", "--json", "1"]).said)["series"][0]["findings"]
    assert not [one for one in settled if one["what"].startswith("gap")]
