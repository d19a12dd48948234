"""Health shows for each loop whether its decisions are stale, and for how long after a gap it is to be watched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pyjobs.live import health, kill_switch
from pyjobs.live.config import Limits
from pyjobs.live.feed import Answer
from pyjobs.live.journal.place import Place
from pyjobs.live.spec import Spec
from pyjobs.live.step import Loop
from pyjobs.market.bars import Bars
from pyjobs.market.store.bar_store import BarStore
from tests.live.support.worlds import a_loop, a_spec, walk

BARS = walk(200)
FILE = "loops:\n  paper: {exchange: BITFINEX, symbol: BTCUSD, timeframe: 5m, strategy: ma_cross}\n"


@pytest.fixture
def spec(home: Path) -> Spec:
    (home / "secret").mkdir()
    (home / "secret/live.yaml").write_text(FILE)
    return a_spec(exchange="BITFINEX", symbol="BTCUSD", params={}, cash=10_000.0, fee_bps=0.0)


def stored(spec: Spec, bars: Bars) -> BarStore:
    store = BarStore(Path(spec.place.folder).parents[5] / "data/raw")
    store.write(spec.key, bars, provider="bitfinex", fetched_at_ms=0, adjusted="raw", last_final=True)
    return store


def looked(at: int) -> dict[str, tuple[str, str]]:
    """Health's check just after bar `at` has closed."""
    now_ms = int(BARS.ts_ms[at]) + 10_000
    return {each.name: (each.state, each.detail) for each in health.look(now_ms)}


def stepped(loop: Loop, first: int, last: int) -> None:
    for upto in range(first, last + 1):
        loop.take(Answer(bars=BARS.slice(max(0, upto - 100), upto), final=False))


def test_where_there_is_no_loop_there_is_nothing_to_say(home: Path) -> None:
    assert home.is_dir() and list(health.look(0)) == []


def test_a_loop_that_keeps_up_is_ok_and_one_that_stopped_is_not(spec: Spec) -> None:
    assert looked(60) == {"live paper": ("WARN", "has not decided anything yet")}
    stored(spec, BARS.slice(0, 100))
    stepped(a_loop(spec), 80, 100)
    assert looked(99)["live paper"][0] == "OK" and "clean_trailing_cadence_diffs 12" in looked(99)["live paper"][1]
    stored(spec, BARS.slice(0, 104))
    assert looked(103)["live paper"][0] == "WARN"
    stored(spec, BARS.slice(0, 110))
    state, told = looked(109)["live paper"]
    assert state == "FAIL" and told.startswith("decisions are stale: 11 stored bars are not decided")


def test_after_a_gap_it_is_watched_until_the_grace_is_over(spec: Spec) -> None:
    store = stored(spec, BARS.slice(0, 160))
    loop = a_loop(spec)
    stepped(loop, 80, 100)
    loop.take(Answer(bars=BARS.slice(20, 120), final=False))
    counts = []
    for upto in range(120, 134):
        stepped(loop, upto, upto)
        now_ms = int(BARS.ts_ms[upto - 1])
        counts.append(
            health.one("live paper", spec, store, now_ms).detail.partition("clean_trailing_cadence_diffs ")[2]
        )
    assert [int(count.split()[0]) for count in counts] == [*range(1, 13), 12, 12]


def test_silence_markers_a_kill_and_a_broken_file_are_told(spec: Spec) -> None:
    stored(spec, BARS.slice(0, 100))
    loop = a_loop(spec)
    stepped(loop, 80, 99)
    loop.take(Answer(bars=BARS.slice(0, 100), final=False, persisted=False))
    assert looked(99)["live paper"][1].startswith("1 of the last 21 bars could not be stored (persist_failed)")
    assert "bars stand still: 7 should have come" in looked(107)["live paper"][1]
    loop.journal.event("fetch_failed", 0, "outage", "2026-01-01T00:00:00.000Z")
    assert "nothing came since 2026-01-01" in looked(99)["live paper"][1]
    kill_switch.turn_on("a drill", flatten=False, at="2026-01-01")
    assert looked(99)["live kill switch"] == ("WARN", "on since 2026-01-01: a drill")
    path = Place(tag="paper", symbol="BTCUSD", timeframe="5m").decisions
    path.write_bytes(path.read_bytes().replace(b"no_signal", b"no_signel"))
    assert looked(99)["live paper"][0] == "FAIL"


def test_entries_that_another_loops_broken_journal_forbids_are_told_with_its_name(spec: Spec) -> None:
    stored(spec, BARS.slice(0, 110))
    other = Place(tag="old", symbol="ETHUSD", timeframe="1h")
    other.folder.mkdir(parents=True)
    for path in (other.bars, other.decisions):
        path.write_text("of another version\n")
    (spec.place.folder.parents[5] / "secret/live.yaml").write_text(f"{FILE}limits: {{open_positions: 1}}\n")
    loop = a_loop(a_spec(exchange="BITFINEX", symbol="BTCUSD"), limits=Limits(open_positions=1))
    stepped(loop, 90, 110)
    state, told = looked(109)["live paper"]
    assert state == "WARN" and "was forbidden by limits_unreadable, of old-ETHUSD-1h" in told
    state, told = looked(109)["live limits"]
    assert state == "FAIL" and f"move {other.folder} out of data/processed/decisions/" in told
    shutil.rmtree(other.folder)  # as the runbook has it
    stored(spec, BARS.slice(0, 130))
    stepped(loop, 111, 130)
    assert looked(129)["live paper"][0] == "OK" and "live limits" not in looked(129)
