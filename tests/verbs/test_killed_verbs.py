"""The shipped verbs, SIGKILLed at any moment with all their processes while they talk HTTPS: nothing is lost.

After every kill each file can be read, no bar that was stored or promised is gone, none stands twice; the next start
sweeps what was half-written; and in the end the store is, to the byte, that of a run nobody disturbed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.ingest.backfill import read_task
from tests.fakemarket.server import FakeMarket
from tests.market.support.made_up_exchange import picked
from tests.verbs.support.killing import NOW_S, Home, lost, same_where_shared
from tests.verbs.support.moments import PHASES, Killer, built_library, numbered, steps_in

SEED = 20261120
BTC = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")
SPY = SeriesKey(exchange="YAHOO", symbol="SPY", timeframe="1d")
ONE = ["--symbol", "BTCUSD", "--timeframe", "1m"]
BACKFILL = ["ingest", *ONE, "--start", "2026-11-17T12:00"]
RESUME = ["ingest", *ONE, "--resume"]
REPAIR = ["gap_repair", *ONE, "--lookback-days", "30"]
MINUTE = ["ingest", "--all", "--resume"]
EURUSD = ["--exchange", "YAHOO_FX", "--symbol", "EURUSD=X", "--timeframe", "1m"]
FOREIGN = ["ingest", *EURUSD, "--start", "2026-11-17"]
SPY_ARGS = ["--exchange", "YAHOO", "--symbol", "SPY", "--timeframe", "1d"]
REBASE = ["ingest", *SPY_ARGS, "--resume"]


def nothing(_: Home) -> None:
    pass


def three_instances(home: Home) -> None:
    for symbol, timeframe in (("BTCUSD", "1m"), ("ETHUSD", "1m"), ("LTCUSD", "5m")):
        home.instance(symbol, timeframe, 0.4)


def with_holes(home: Home) -> None:
    """Three days of which one is gone and the others are thinned."""
    assert home.run(BACKFILL).code == 0
    whole = home.store.read(BTC)
    keep = np.random.default_rng(SEED).random(len(whole)) < 0.8
    keep[[0, -1]] = True
    keep[whole.ts_ms // 86_400_000 == whole.ts_ms[len(whole) // 2] // 86_400_000] = False
    shutil.rmtree(home.store.folder(BTC))
    home.store.write(BTC, picked(whole, keep), provider="bitfinex", fetched_at_ms=1, adjusted="raw", last_final=True)


def before_a_dividend(home: Home) -> None:
    """Adjusted prices of three years, and then a dividend that changes them all."""
    home.now_s = NOW_S - 2 * 86_400
    assert home.run(["ingest", *SPY_ARGS, "--start", "2024-01-02"]).code == 0
    home.now_s = NOW_S
    home.fake.market.dividend("SPY", dt.date(2026, 11, 19), 7.0)


@dataclass(frozen=True, slots=True)
class Story:
    """How a home begins; the verb that is killed at first, and the one that goes on; and at which clocks, in turn."""

    prepare: Callable[[Home], None]
    first: list[str]
    again: list[str]
    clocks: tuple[int, ...] = (NOW_S,)


MINUTES = tuple(NOW_S - 43_200 + seconds for seconds in (-90, 2, 61, 600, 4000))  # around midnight
STORIES = {
    "backfill": Story(nothing, BACKFILL, RESUME),
    "repair": Story(with_holes, REPAIR, REPAIR),
    "minute": Story(three_instances, MINUTE, MINUTE, MINUTES),
    "foreign client": Story(nothing, FOREIGN, ["ingest", *EURUSD, "--resume"]),
    "dividend": Story(before_a_dividend, REBASE, REBASE),
}


THOUSAND = {"backfill": (4, 95), "repair": (3, 107), "minute": (3, 87), "foreign client": (1, 20), "dividend": (1, 20)}
"""How many parts each story's kills come in, for several workers, and how many kills a part is."""


class Proof:
    """One undisturbed run, to compare with, and the kills counted so far."""

    def __init__(self, story: Story, fake: FakeMarket, folder: Path, rng: random.Random) -> None:
        self.story, self.fake, self.folder, self.rng = story, fake, folder, rng
        self.temporaries = 0
        library = built_library(folder)
        prepared = Home(fake, folder / "prepared")
        story.prepare(prepared)
        self.old = prepared.bars()
        calm = self.home("calm")
        log = numbered(calm, library)
        for clock in story.clocks:
            calm.now_s = clock
            log.unlink(missing_ok=True)
            before, after, done = calm.timed(story.first)
        self.calm, self.truth = calm.tree(), calm.bars()
        self.killer = Killer(
            fake=fake, library=library, rng=rng, takes=(before, after), steps=len(steps_in(log)),
            lines=done.said.count("\n"),
        )  # fmt: skip

    def home(self, name: str) -> Home:
        """A home as the story begins."""
        shutil.copytree(self.folder / "prepared", self.folder / name)
        return Home(self.fake, self.folder / name)

    def go(self, kills: int) -> None:
        """Tell the story again and again, killing it all the time, until so many kills have been survived."""
        while self.killer.seen.total() < kills:
            home = self.home("killed")
            for clock in self.story.clocks:
                home.now_s = clock
                self._killed(home, kills)
                done = home.run(self._next(home))
                assert done.code == 0, done
                assert not home.leftovers()
            assert home.tree() == self.calm
            shutil.rmtree(home.folder)

    def _killed(self, home: Home, kills: int) -> None:
        before, self.killer.left = home.bars(), self.killer.steps
        for _ in range(self.rng.randint(2, 6)):
            if self.killer.seen.total() == kills:
                return
            ended = self.killer.kill(home, self._next(home))
            assert ended.code in (0, -signal.SIGKILL), ended
            self.temporaries += len(home.leftovers())
            before = self._check(home, before, ended.said)

    def _next(self, home: Home) -> list[str]:
        """What a person would type: the first command again where it had not begun, else the one that goes on."""
        keys = home.store.series()
        begun = keys or any(read_task(path.parent) for path in home.store.root.rglob(".backfill.json"))
        return self.story.again if begun else self.story.first

    def _check(self, home: Home, before: dict[SeriesKey, Bars], said: str) -> dict[SeriesKey, Bars]:
        home.check_files()
        found = home.bars()
        for key, bars in found.items():
            truths = [self.truth[key], *([self.old[key]] if key == SPY else [])]
            assert any(same_where_shared(bars, truth) for truth in truths), f"{key}: bars that are not true"
            empty = home.store.confirmed_empty(key)
            assert not np.isin(empty, self.truth[key].ts_ms).any(), f"{key}: a bar is taken for confirmed empty"
            task = read_task(home.store.folder(key))
            promised = task.next_ms - 1 if task else home.now_s * 1000 if f"{key}: " in said else 0
            begins = task.start_ms if task else int(bars.ts_ms[0])
            truth = picked(self.truth[key], self.truth[key].ts_ms >= begins)
            assert not lost(truth, bars, promised).size, f"{key}: lost what was said to be stored"
        for key, bars in before.items():
            assert not np.setdiff1d(bars.ts_ms, found[key].ts_ms).size, f"{key}: lost stored bars"
        return found


@pytest.mark.parametrize("name", ["backfill", "repair"])
def test_verbs_killed_at_random_lose_nothing_and_end_the_same_to_the_byte(
    name: str, fakemarket: FakeMarket, tmp_path: Path
) -> None:
    proof = Proof(STORIES[name], fakemarket, tmp_path, random.Random(f"{SEED} {name}"))
    proof.go(3)
    assert proof.killer.seen.total() == 3


@pytest.mark.torture
@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name, (parts, _) in THOUSAND.items() for part in range(parts)]
)
def test_a_thousand_kills_of_the_verbs_lose_nothing(
    name: str, part: int, fakemarket: FakeMarket, tmp_path: Path
) -> None:
    kills = THOUSAND[name][1]
    proof = Proof(STORIES[name], fakemarket, tmp_path, random.Random(f"{SEED} long {name} {part}"))
    proof.go(kills)
    seen = proof.killer.seen
    where = ", ".join(f"{seen[phase]} in {phase}" for phase in PHASES)
    print(f"{name}: {seen.total()} kills: {where}; {proof.temporaries} half files")
    assert proof.killer.library is None or seen["write"] + seen["sync"] + seen["rename"]


def test_a_provider_process_ends_by_itself_when_only_its_verb_is_killed(fakemarket: FakeMarket, tmp_path: Path) -> None:
    home = Home(fakemarket, tmp_path)
    process = home.start(["ingest", *EURUSD, "--start", "2026-11-20"])
    while not fakemarket.requests() and process.poll() is None:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # its pipes close when the last process that holds them ends
    until = time.monotonic() + 60
    while alive(process.pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(process.pid)
    home.check_files()


def alive(group: int) -> bool:
    """Whether any process of the group still runs; one that has ended may wait long for an init to notice."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return False
