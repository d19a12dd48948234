"""The verbs on a disk that is full, read-only or failing: exit 73, the file and the cure are named, nothing is half.

A real small tmpfs where we are root; a limit on file sizes; and every single write, sync and rename made to fail, one
after the other, by a preloaded library.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyjobs.market.backfill import read_task
from pyjobs.market.bars import SeriesKey
from tests.fakemarket.server import FakeMarket
from tests.market.made_up_exchange import picked
from tests.verbs.killing import Ended, Home

SEED = 20261120
BTC = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")
ONE = ["--symbol", "BTCUSD", "--timeframe", "1m"]
RANGE = ["ingest", *ONE, "--start", "2026-11-18T12:00"]
RESUME = ["ingest", *ONE, "--resume"]
REPAIR = ["gap_repair", *ONE, "--lookback-days", "9"]
WIDE = 'exchanges:\n  BITFINEX: {provider: bitfinex, market: "24/7", page_bars: 10000}\n'
"""All in one request: then every partition is written once, and is old or new and nothing else."""
SAID = re.compile(r"(ingest|gap_repair): cannot (read or )?write '(?P<file>[^']+)': (?P<why>[^;]+); (?P<cure>.+)\n")


def wide_home(fake: FakeMarket, folder: Path) -> Home:
    home = Home(fake, folder)
    (folder / "secret/exchanges.yaml").write_text(WIDE)
    return home


def half_a_day(home: Home) -> None:
    assert home.run(["ingest", *ONE, "--start", "2026-11-18T12:00", "--end", "2026-11-19T12:00"]).code == 0


def with_holes(home: Home) -> None:
    assert home.run(RANGE).code == 0
    whole = home.store.read(BTC)
    for path in home.store.partitions(BTC):
        path.unlink()
    few = [at for at in range(len(whole)) if at % 7 or at in (0, len(whole) - 1)]
    home.store.write(BTC, picked(whole, few), provider="bitfinex", fetched_at_ms=1, adjusted="raw", last_final=True)


def told(ended: Ended, cause: int) -> str:
    """The file that the one line of the message names, with the right cause, a cure, and no temporary name."""
    assert ended.code == 73, ended
    said = SAID.fullmatch(ended.errors)
    assert said, ended.errors
    assert said["why"] == os.strerror(cause) and ".tmp-" not in said["file"] and "start it again" in said["cure"]
    return said["file"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a tmpfs with the options given, or changes those of the one that is there; the folder it is in."""
    folder, mounted = tmp_path / "desk/data", []

    def mount(options: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        again = "remount," if mounted else ""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"{again}{options}", "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()[:80]}")
        mounted.append(options)
        return folder.parent

    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    yield mount
    if mounted:
        subprocess.run(["umount", folder], check=True)


def calm_tree(fake: FakeMarket, folder: Path, argv: list[str]) -> dict[str, bytes]:
    calm = wide_home(fake, folder)
    assert calm.run(argv).code == 0
    return calm.tree()


@pytest.mark.parametrize("limit", ["size=72k", pytest.param("size=1m,nr_inodes=9", marks=pytest.mark.torture)])
def test_a_full_disk_is_said_and_the_run_after_it_is_emptied_finishes(
    fakemarket: FakeMarket, tmp_path: Path, small_disk: Callable[[str], Path], limit: str
) -> None:
    start = ["ingest", *ONE, "--start", "2026-11-15"]
    calm = calm_tree(fakemarket, tmp_path / "calm", start)
    home = wide_home(fakemarket, small_disk(limit))
    told(home.run(start), errno.ENOSPC)
    stored = home.tree()
    assert stored and all(content == calm[name] for name, content in stored.items() if name.endswith(".parquet"))
    told(home.run(RESUME if len(stored) > 1 else start), errno.ENOSPC)
    small_disk("size=4m,nr_inodes=1000")
    assert home.run(RESUME if read_task(home.store.folder(BTC)) else start).code == 0
    assert home.tree() == calm and not home.leftovers()


def test_a_read_only_disk_is_said_and_nothing_on_it_changes(
    fakemarket: FakeMarket, tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    calm = calm_tree(fakemarket, tmp_path / "calm", RANGE)
    home = wide_home(fakemarket, small_disk("size=4m"))
    half_a_day(home)
    before = home.tree()
    small_disk("ro")
    for argv in (RANGE, RESUME, ["ingest", "--symbol", "ETHUSD", "--timeframe", "1m", "--resume"]):
        assert "/data/" in told(home.run(argv), errno.EROFS)
    assert home.tree() == before
    small_disk("rw,size=4m")
    assert home.run(RANGE).code == 0
    assert home.tree() == calm


def test_a_limit_on_file_sizes_is_said_and_lifted_it_is_forgotten(fakemarket: FakeMarket, tmp_path: Path) -> None:
    calm = calm_tree(fakemarket, tmp_path / "calm", RANGE)
    home = wide_home(fakemarket, tmp_path / "desk")
    half_a_day(home)
    before = home.tree()
    home.file_limit = 12_000
    assert told(home.run(RANGE), errno.EFBIG).endswith(".parquet")
    now = home.tree()
    assert all(now[name] in (old, calm[name]) for name, old in before.items())
    assert not home.leftovers()
    home.file_limit = None
    assert home.run(RESUME).code == 0
    assert home.tree() == calm


class Shim:
    """The library that makes calls fail, and one story: a prepared home, a verb, and what comes of it undisturbed."""

    def __init__(self, fake: FakeMarket, folder: Path, prepare: Callable[[Home], None], argv: list[str]) -> None:
        if shutil.which("gcc") is None:
            pytest.skip("there is no gcc to build the library that makes calls fail")
        self.fake, self.folder, self.argv = fake, folder, argv
        self.library = folder / "failing_calls.so"
        source = Path(__file__).with_suffix("").with_name("failing_calls.c")
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)
        prepared = wide_home(fake, folder / "prepared")
        prepare(prepared)
        shutil.rmtree(prepared.folder / "data/providers")  # its state is written at most once a minute: now always
        self.old = prepared.tree()
        calm, log = self.home("calm"), folder / "calls"
        assert calm.run(argv).code == 0
        self.new = calm.tree()
        counted = self.home("counted")
        counted.extra |= {"FAIL_LOG": str(log)}
        assert counted.run(argv).code == 0
        self.calls = [line.split(" ")[1] for line in log.read_text().splitlines()]

    def home(self, name: str) -> Home:
        shutil.copytree(self.folder / "prepared", self.folder / name)
        home = Home(self.fake, self.folder / name)
        (home.folder / "secret/exchanges.yaml").write_text(WIDE)
        home.extra = {"LD_PRELOAD": str(self.library), "FAIL_UNDER": str(home.folder / "data")}
        return home

    def fail(self, at: int, cause: int, *, ever_after: bool) -> None:
        """Let the `at`-th call fail; every file is then old or new, and the next run makes all new."""
        home = self.home("failing")
        home.extra |= {"FAIL_AT": str(at), "FAIL_ERRNO": str(cause)} | ({"FAIL_ON": "1"} if ever_after else {})
        told(home.run(self.argv), cause)
        for name, content in home.tree().items():
            if name.endswith(".parquet"):
                assert content in (self.old.get(name), self.new.get(name)), (at, name)
        home.check_files()
        home.extra = {}
        begun = read_task(home.store.folder(BTC))
        done = home.run(RESUME if begun else self.argv)
        assert done.code == 0, done
        assert home.tree() == self.new, at
        assert not home.leftovers()
        shutil.rmtree(home.folder)


STORIES = {"ingest": (half_a_day, RANGE), "gap_repair": (with_holes, REPAIR)}
CAUSES = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}


@pytest.mark.parametrize(
    ("story", "cause"), [("ingest", "EIO"), pytest.param("gap_repair", "ENOSPC", marks=pytest.mark.torture)]
)
def test_a_write_sync_or_rename_that_fails_is_said_and_healed(
    fakemarket: FakeMarket, tmp_path: Path, story: str, cause: str
) -> None:
    shim = Shim(fakemarket, tmp_path, *STORIES[story])
    assert {"write", "fsync", "rename"} <= set(shim.calls)
    call = random.Random(f"{SEED} {story}").choice(["write", "fsync", "rename"])
    shim.fail(shim.calls.index(call) + 1, CAUSES[cause], ever_after=cause == "ENOSPC")


@pytest.mark.torture
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("ever_after", [False, True])
def test_every_write_sync_and_rename_may_fail(
    fakemarket: FakeMarket,
    tmp_path: Path,
    story: str,
    cause: str,
    ever_after: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shim = Shim(fakemarket, tmp_path, *STORIES[story])
    for at in range(1, len(shim.calls) + 1):
        shim.fail(at, CAUSES[cause], ever_after=ever_after)
    with capsys.disabled():
        print(f"\n{story} {cause}: each of {len(shim.calls)} calls failed once: {' '.join(sorted(set(shim.calls)))}")
