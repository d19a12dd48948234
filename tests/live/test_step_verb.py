"""The verb against fakemarket: the real provider, the real store, a simulated clock."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pyjobs.kill import main as kill
from pyjobs.live import config, feed
from pyjobs.live.journal.place import Place
from pyjobs.live_step import main as live_step
from pyjobs.market.ingest import looks
from pyjobs.market.store.open_store import open_store
from tests.fakemarket.server import FakeMarket
from tests.live.support.worlds import cells
from utils.run import run

NOON_S = 1_795_176_000  # 2026-11-20T12:00Z
PAIRS = (("closed", "BTC"), ("good", "ETH"))
PLACE = Place(tag="try", symbol="BTC/USD", timeframe="5m")


class World:
    """fakemarket and a home, both at one simulated time."""

    def __init__(self, fake: FakeMarket, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.fake, self.home, self.patch = fake, home, patch
        own = {
            "DATA_TAG": "try",
            "STRATEGY_PARAMS": "fast=2,slow=4",
            "RETRY_BUDGET_S": "0",
            "XDG_CONFIG_HOME": str(home),
        }
        for name, value in {**fake.env(), **own}.items():
            patch.setenv(name, value)
        self.at(NOON_S)

    def at(self, now_s: float) -> None:
        self.now_s = now_s
        self.patch.setenv("NIGHTDESK_NOW", str(now_s))
        self.fake.market.clock.set(round(now_s * 1000))

    def step(self, after_s: float = 0.0, **env: str) -> int:
        self.at(self.now_s + after_s)
        with self.patch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            return run(live_step, [])

    @property
    def rows(self) -> list[dict[str, str]]:
        return cells(PLACE.decisions)


@pytest.fixture
def world(fakemarket: FakeMarket, home: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(fakemarket, home, monkeypatch)


def test_steps_decide_each_closed_bar_once_drop_the_newest_and_mark_what_came_late(world: World) -> None:
    assert world.step() == 0
    assert [row["late"] for row in world.rows] == ["0"]
    newest = int(world.rows[0]["ts_ms"])
    assert newest <= (NOON_S - 300) * 1000 and world.rows[0]["exchange"] == "BITFINEX"
    assert world.step() == 0 and len(world.rows) == 1
    assert world.step(300) == 0 and [row["late"] for row in world.rows] == ["0", "0"]
    assert world.step(1500) == 0
    assert [row["late"] for row in world.rows[2:]] == ["1"] * 4 + ["0"]
    assert world.rows[2]["blocked_by"] == "late"


def test_a_rehearsed_outage_writes_no_row_says_since_when_and_then_names_the_missed_bars(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.step() == 0
    for _ in range(3):
        assert world.step(300, FORCE_FETCH_FAIL="1") == 69
    assert "FORCE_FETCH_FAIL=1" in capsys.readouterr().err and len(world.rows) == 1
    assert world.step(300) == 0
    assert [row["blocked_by"] for row in world.rows] == ["", "fetch_failed", "fetch_failed", "fetch_failed", ""]
    assert [row["kind"] for row in cells(PLACE.events)] == ["begun", "fetch_failed", "fetch_ok"]
    assert cells(PLACE.events)[1]["at"] == "2026-11-20T12:05:00.000Z"


def test_a_rehearsed_full_disk_keeps_the_bar_from_the_store_and_not_from_its_decision(world: World) -> None:
    assert world.step() == 0
    assert world.step(300, FORCE_PERSIST_FAIL="1") == 0
    assert [row["blocked_by"] for row in world.rows] == ["", "persist_failed"]
    assert world.step(300) == 0 and [row["blocked_by"] for row in world.rows][2:] == [""]


def test_prices_in_another_unit_that_cannot_be_stored_are_not_decided_on_either(world: World) -> None:
    words = {"CCXT_EXCHANGE": "YAHOO", "SYMBOL": "SPY", "TIMEFRAME": "1d"}
    for name, value in words.items():
        world.patch.setenv(name, value)
    spec = config.from_environment(os.environ, config.load())
    friday_ms = (NOON_S + 11 * 3_600) * 1000
    world.at(friday_ms / 1000)
    before = feed.look(spec, since_ms=0, bars=9, now_ms=friday_ms, fetched=True).bars
    world.fake.fault("yahoo", "other_unit")
    world.patch.setenv("FORCE_PERSIST_FAIL", "1")
    world.at(friday_ms / 1000 + 3 * 86_400)
    answer = feed.look(spec, since_ms=0, bars=9, now_ms=friday_ms + 3 * 86_400_000, fetched=True)
    assert not answer.persisted and answer.bars.last_ms == before.last_ms
    assert answer.bars.close.min() > before.close.max() / 2


def test_news_is_noted_until_a_step_has_printed_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.step() == 0
    store, spec = open_store(), config.from_environment(os.environ, config.load())
    looks.change(store, spec.key, lines=("1 row of the provider cannot be true",))
    world.at(world.now_s + 300)
    answer = feed.look(spec, since_ms=0, bars=9, now_ms=round(world.now_s * 1000), fetched=True)  # killed here
    assert answer.noted and "1 row of the provider cannot be true" in answer.report
    for count in (1, 0):
        capsys.readouterr()
        assert world.step(300) == 0
        assert capsys.readouterr().out.count("; 1 row of the provider cannot be true") == count
    known = looks.load(store, spec.key)
    assert known is not None and known.lines == ()


def test_a_dead_pair_is_asked_for_ever_less_often_and_each_step_ends_well(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.step() == 0
    world.fake.market.halt("BTCUSD", NOON_S * 1000, (NOON_S + 86_400) * 1000)
    assert world.step(14_400) == 0
    asked = len(world.fake.requests("bitfinex"))
    assert "silent since 2026-11-20 12:05 UTC: asked for less and less often" in capsys.readouterr().out
    for _ in range(6):  # four hours of silence rest a quarter of an hour
        assert world.step(120) == 0
    assert len(world.fake.requests("bitfinex")) == asked and "silent" not in capsys.readouterr().out
    world.fake.market.reset()
    assert world.step(300) == 0
    assert len(world.fake.requests("bitfinex")) > asked and int(world.rows[-1]["ts_ms"]) > (NOON_S + 14_400) * 1000


def test_without_the_network_the_store_is_enough(world: World) -> None:
    assert world.step() == 0
    asked = len(world.fake.requests("bitfinex"))
    assert world.step(300, ALLOW_NET_FETCH="0") == 0
    assert len(world.fake.requests("bitfinex")) == asked and len(world.rows) == 1


@pytest.mark.parametrize(
    ("env", "code", "says"),
    [
        ({"DRY_RUN": "0"}, 78, "DRY_RUN=0: only paper money exists here"),
        ({"DATA_TAG": ""}, 64, "which loop? --instance NAME"),
        ({"DATA_TAG": "../x"}, 64, "'../x' is not a tag"),
        ({"SYMBOL": "BTC,USD"}, 64, "cannot be in a file of comma-separated values"),
        ({"STRATEGY": "no_such"}, 78, "unknown setup 'no_such'"),
        ({"STRATEGY": "krx_ma200", "STRATEGY_PARAMS": ""}, 78, "decides by KOSPI and its own bars"),
        ({"STRATEGY_PARAMS": "fast"}, 64, "'fast' is not NAME=VALUE"),
        ({"TIMEFRAME": "2m"}, 64, "unknown timeframe '2m'"),
        ({"CCXT_EXCHANGE": "mtgox"}, 64, "unknown exchange 'mtgox'"),
        ({"MAX_GAP_BARS": "inf"}, 64, "MAX_GAP_BARS='inf' is not a whole number"),
        ({"MAX_GAP_BARS": "2.7"}, 64, "MAX_GAP_BARS='2.7' is not a whole number"),
        ({"PAPER_CASH": "-5"}, 78, "cash -5.0 is not an amount above zero"),
        ({"ALLOW_NET_FETCH": "0"}, 66, "there is no bar of BITFINEX:BTCUSD:5m"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_written(
    world: World, capsys: pytest.CaptureFixture[str], env: dict[str, str], code: int, says: str
) -> None:
    assert world.step(**env) == code
    assert says in capsys.readouterr().err
    assert not list((world.home / "data").rglob("*.csv"))


def test_loops_of_the_file_go_by_their_names_and_one_that_fails_does_not_stop_the_others(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.home / "secret").mkdir()
    (world.home / "secret/live.yaml").write_text(
        "loops:\n"
        "  gone: {symbol: NOPEUSD, timeframe: 5m, strategy: ma_cross}\n"
        "  good: {symbol: ETH/USD, timeframe: 5m, strategy: ma_cross, params: {fast: 2, slow: 4}}\n"
        "limits: {notional: 20000}\n"
    )
    assert run(live_step, ["--all"]) == 69
    assert "gone: failed: " in capsys.readouterr().out
    assert len(cells(Place(tag="good", symbol="ETH/USD", timeframe="5m").decisions)) == 1
    assert run(live_step, ["--instance", "good"]) == 0
    assert run(live_step, ["--instance", "bad"]) == 64
    assert "has no such loop (it has: gone, good)" in capsys.readouterr().err


def test_a_loop_that_cannot_be_and_one_whose_files_cannot_keep_no_other_from_its_step(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.home / "secret").mkdir()
    (world.home / "secret/live.yaml").write_text(
        "loops:\n"
        "  typo: {symbol: BTC/USD, timeframe: 2m, strategy: no_such}\n"
        "  closed: {symbol: BTC/USD, timeframe: 5m, strategy: ma_cross, params: {fast: 2, slow: 4}}\n"
        "  good: {symbol: ETH/USD, timeframe: 5m, strategy: ma_cross, params: {fast: 2, slow: 4}}\n"
    )
    assert run(live_step, ["--instance", "good"]) == 0
    closed, good = (Place(tag=tag, symbol=f"{coin}/USD", timeframe="5m") for tag, coin in PAIRS)
    closed.folder.parent.mkdir(parents=True)
    closed.folder.write_text("a file where a folder is to be\n")
    world.at(world.now_s + 300)
    assert run(live_step, ["--all"]) not in (0, 69)
    out = capsys.readouterr().out
    assert "typo: failed: " in out and "closed: failed: " in out and "good BITFINEX:ETHUSD:5m: 1 decided" in out
    assert len(cells(good.decisions)) == 2
    assert run(live_step, ["--instance", "typo"]) == 78
    assert run(live_step, ["--list"]) == 0 and capsys.readouterr().out.startswith("typo\t2m\n")


def test_a_person_kills_and_releases(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(kill, []) == 0
    assert run(kill, ["--reason", "drill, of a Friday", "--flatten"]) == 0
    assert run(kill, ["--reason", "another"]) == 0  # a flatten that was asked for stays asked for
    assert run(kill, []) == 3
    assert "another (no entry, and what is open leaves at the next open)" in capsys.readouterr().out
    assert json.loads((home / "data/live/KILL").read_text())["flatten"] is True
    assert run(kill, ["--release"]) == 0 and run(kill, []) == 0
    (home / "data/live/KILL").touch()  # by hand
    assert run(kill, []) == 3


def test_a_journal_that_was_cut_is_refused_and_a_torn_last_line_is_not(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for after_s in (0, 300, 300, 300, 300, 300):
        assert world.step(after_s) == 0
    whole, path = PLACE.decisions.read_bytes(), PLACE.decisions
    path.write_bytes(whole[:-40])
    assert world.step() == 0 and len(world.rows) == 6 and world.rows[-1]["late"] == "0"
    path.write_bytes(whole[: whole.index(b"\n", 400) + 1])
    left = path.read_bytes()
    assert world.step() == 65 and path.read_bytes() == left
    assert "shorter than the last step left it: it was cut, or an older copy was put back" in capsys.readouterr().err
    path.write_bytes(whole.replace(b",state,", b",stato,", 1))
    assert world.step() == 65
    assert "(its column 9 is 'stato', ours 'state')" in capsys.readouterr().err
    path.unlink()
    path.mkdir()
    assert world.step() == 65 and "is no file; nothing was written" in capsys.readouterr().err
    path.rmdir()
    os.mkfifo(path)  # which would be waited for
    path.with_name("sizes.json").unlink()
    assert world.step() == 65 and "is no file; nothing was written" in capsys.readouterr().err
