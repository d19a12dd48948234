"""Every single write, sync and rename of the verbs fails once, by a preloaded library: named, and healed later."""

from __future__ import annotations

import errno
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pyjobs.market.ingest.backfill import TASK, read_task
from pyjobs.market.ingest.looks import FILE as LOOKS
from tests.fakemarket.server import FakeMarket
from tests.market.support.made_up_exchange import picked
from tests.verbs.support.failing_disk import BTC, ONE, RANGE, RESUME, half_a_day, told, wide_home
from tests.verbs.support.killing import Ended, Home
from tests.verbs.support.moments import STEPS, built_library, numbered, steps_in

SEED = 20261120
REPAIR = ["gap_repair", *ONE, "--lookback-days", "9"]
EVER_AFTER = 10**9
DESK = """\
name: two
market: XKRX
dumps: dumps
accounts: {}
setups: {}
instruments:
  - {symbol: A, exchange: T, market: XKRX, timeframe: 1d, file: a.csv, currency: KRW}
  - {symbol: B, exchange: T, market: XKRX, timeframe: 1d, file: b.csv, currency: KRW}
"""
DUMP = "2017-12-27,9,11,8,10,500\n2018-01-24,10,13,9,12,1000\n2018-01-25,12,14,11,13,2000\n"


def with_holes(home: Home) -> None:
    assert home.run(RANGE).code == 0
    whole = home.store.read(BTC)
    for path in home.store.partitions(BTC):
        path.unlink()
    few = [at for at in range(len(whole)) if at % 7 or at in (0, len(whole) - 1)]
    home.store.write(BTC, picked(whole, few), provider="bitfinex", fetched_at_ms=1, adjusted="raw", last_final=True)


@dataclass(frozen=True, slots=True)
class Story:
    """How a home begins, the verb whose disk fails, and what is typed when the disk is whole again."""

    prepare: Callable[[Home], object]
    argv: list[str]
    resume: list[str] | None = None  # when a range was begun


def three_instances(home: Home) -> None:
    for symbol, timeframe in (("BTCUSD", "1m"), ("ETHUSD", "1m"), ("LTCUSD", "5m")):
        home.instance(symbol, timeframe, 0.6)


def two_dumps(home: Home) -> None:
    (home.folder / "dumps").mkdir()
    (home.folder / "data/run/reports").mkdir(parents=True)
    (home.folder / "desk.yaml").write_text(DESK)
    for name in "ab":
        (home.folder / f"dumps/{name}.csv").write_text(DUMP)


STORIES = {
    "ingest": Story(half_a_day, RANGE, RESUME),
    "gap_repair": Story(with_holes, REPAIR),
    "minute": Story(three_instances, ["ingest", "--all", "--resume"]),
    "bootstrap_symbols": Story(
        lambda _: None, ["bootstrap_symbols", "--symbols", "BTCUSD,ETHUSD", "--lookback-days", "0.6", "--ignore-errors"]
    ),
    "import_bars": Story(
        two_dumps, ["import_bars", "--desk", "HOME/desk.yaml", "--dumps", "HOME/dumps", "--out", "HOME/data/run"]
    ),
}
OF_ONE_RUN = ("new", "same")
CAUSES = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}


class Shim:
    """One story with a library that makes calls fail: what was there before it, and what comes of it undisturbed."""

    def __init__(self, fake: FakeMarket, folder: Path, story: Story) -> None:
        self.fake, self.folder, self.story = fake, folder, story
        self.library = built_library(folder)
        if self.library is None:
            pytest.skip("there is no gcc to build the library that makes calls fail")
        prepared = wide_home(fake, folder / "prepared")
        story.prepare(prepared)
        shutil.rmtree(prepared.folder / "data/providers", ignore_errors=True)  # written once a minute: now always
        self.old = state(prepared)
        calm = self.home("calm")
        assert self.run(calm).code == 0
        self.new, self.report = state(calm), told_by(calm)
        self.steps = steps_in(calm.folder / STEPS)

    def home(self, name: str) -> Home:
        shutil.copytree(self.folder / "prepared", self.folder / name)
        home = wide_home(self.fake, self.folder / name)
        numbered(home, self.library)
        return home

    def run(self, home: Home) -> Ended:
        """What a person would type: the verb; the one that goes on where a range was begun."""
        begun = self.story.resume and home.folder.name != "calm" and read_task(home.store.folder(BTC))
        argv = self.story.resume if begun and self.story.resume else self.story.argv
        return home.run([word.replace("HOME", str(home.folder)) for word in argv])

    def fail(self, at: int, cause: int, *, steps: int = 1, then: int = 0) -> None:
        """Let `steps` steps fail from the `at`-th on; and in the next run, from the `then`-th, if it comes so far.

        Every file is old or new at any time, and the run on a whole disk makes all new.
        """
        home = self.home("failing")
        for again, first in enumerate(filter(None, (at, then))):
            home.extra |= {"FAIL_AT": str(first), "FAIL_ERRNO": str(cause), "FAIL_FOR": str(steps)}
            done = self.run(home)
            if done.code or not again:
                told(done, cause)
            self.check(home, at)
        home.extra = {}
        done = self.run(home)
        assert done.code == 0, done
        assert state(home) == self.new, at
        assert told_by(home) == self.report, at
        assert not home.leftovers()
        shutil.rmtree(home.folder)

    def check(self, home: Home, at: int) -> None:
        told_by(home)  # whole, or not there
        for name, content in state(home).items():
            if not name.endswith((TASK, LOOKS)):  # written more than once in a run
                assert content in (self.old.get(name), self.new.get(name)), (at, name)
        home.check_files()


def told_by(home: Home) -> list[dict[str, object]]:
    """What data.json says of each instrument, without how much of it this very run brought; empty without the file."""
    path = home.folder / "data/run/reports/data.json"
    found = json.loads(path.read_text())["instruments"] if path.exists() else []
    return [{key: value for key, value in each.items() if key not in OF_ONE_RUN} for each in found]


def state(home: Home) -> dict[str, object]:
    """Every file a verb is there to write, to the byte; of imported bars, which note the real time, the columns."""
    paths = [path for name in ("data/raw", "config") for path in (home.folder / name).rglob("*")]
    return {
        str(path.relative_to(home.folder)): pq.read_table(path).to_pydict() if "/T/" in str(path) else path.read_bytes()
        for path in paths
        if path.is_file() and ".tmp-" not in path.name
    }


@pytest.mark.parametrize(
    ("story", "cause"), [("ingest", "EIO"), pytest.param("gap_repair", "ENOSPC", marks=pytest.mark.torture)]
)
def test_a_write_sync_or_rename_that_fails_is_said_and_healed(
    fakemarket: FakeMarket, tmp_path: Path, story: str, cause: str
) -> None:
    shim = Shim(fakemarket, tmp_path, STORIES[story])
    assert {"write", "sync", "rename"} == set(shim.steps)
    step = random.Random(f"{SEED} {story}").choice(["write", "sync", "rename"])
    shim.fail(shim.steps.index(step) + 1, CAUSES[cause], steps=EVER_AFTER if cause == "ENOSPC" else 1)


@pytest.mark.torture
@pytest.mark.parametrize(
    ("story", "causes"),
    [
        *((story, causes) for story in ("ingest", "gap_repair") for causes in (("ENOSPC",) * 2, ("EIO",) * 2)),
        *((story, ("ENOSPC", "EIO")) for story in ("minute", "bootstrap_symbols", "import_bars")),
    ],
)
def test_every_write_sync_and_rename_may_fail_alone_or_with_all_after_it(
    fakemarket: FakeMarket, tmp_path: Path, story: str, causes: tuple[str, str]
) -> None:
    shim = Shim(fakemarket, tmp_path, STORIES[story])
    alone, ever_after = (CAUSES[cause] for cause in causes)
    for at in range(1, len(shim.steps) + 1):
        shim.fail(at, alone)
        shim.fail(at, ever_after, steps=EVER_AFTER)
    print(f"\n{story}: each of {len(shim.steps)} steps alone ({causes[0]}), and with all after it ({causes[1]})")


@pytest.mark.torture
@pytest.mark.parametrize("story", ["ingest", "gap_repair", "minute"])
def test_a_disk_may_heal_in_the_midst_of_a_run_and_fail_the_next(
    fakemarket: FakeMarket, tmp_path: Path, story: str
) -> None:
    shim, rng = Shim(fakemarket, tmp_path, STORIES[story]), random.Random(f"{SEED} heals {story}")
    for at in range(1, len(shim.steps) + 1):
        cause, then = rng.choice(list(CAUSES.values())), rng.randint(1, len(shim.steps))
        shim.fail(at, cause, steps=rng.randint(2, 4), then=then)
