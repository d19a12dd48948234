"""Kill -9 at any moment of backfill, minute ingest and gap repair; full and failing disks at every write and sync."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.ingest import backfill
from pyjobs.market.ingest.repair import repair
from pyjobs.market.store.bar_store import BarStore
from tests.market.support.made_up_exchange import MINUTE_MS, MadeUpExchange, picked, walk

ROOT = Path(__file__).resolve().parents[3]
KEY = SeriesKey(exchange="TEST", symbol="BTCUSD", timeframe="1m")
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
SEED = 20261120
FULL = walk(5 * 1440, first_ms=MIDNIGHT_MS + MINUTE_MS)
TRUTH = picked(FULL, np.setdiff1d(np.arange(len(FULL)), np.r_[700:730, 3000:3005, 5760:7200]))  # quiet, one day whole
ALL_OVER_MS = int(FULL.ts_ms[-1]) + DAY_MS

Say = Callable[[int], None]
Step = Callable[[BarStore, Say], None]
"""Works on the store, and prints up to which ts_ms everything is committed."""


def exchange(now_ms: int = ALL_OVER_MS) -> MadeUpExchange:
    return MadeUpExchange(TRUTH, now_ms, page_bars=700)


def begin(store: BarStore, say: Say) -> None:
    first, last = MIDNIGHT_MS + 1, int(FULL.ts_ms[-1])
    whole = (last - first) // MINUTE_MS + 1
    backfill.ingest_range(
        store, KEY, exchange().source, start_ms=first, end_ms=last, now_ms=ALL_OVER_MS,
        progress=lambda done, total, _: say(last - (whole - done) * MINUTE_MS if total == whole else 0),
    )  # fmt: skip


def go_on(store: BarStore, say: Say) -> None:
    if backfill.read_task(store.folder(KEY)):
        backfill.ingest_resume(
            store, KEY, exchange().source, lookback_ms=DAY_MS, now_ms=ALL_OVER_MS, progress=lambda *_: None
        )
    elif not store.partitions(KEY):
        begin(store, say)


def mend(store: BarStore, say: Say) -> None:
    repair(store, KEY, exchange().source, lookback_ms=400 * DAY_MS, now_ms=ALL_OVER_MS, progress=lambda *_: None)
    say(int(FULL.ts_ms[-1]))


def minute_job(store: BarStore, say: Say) -> None:
    """Goes on, minute by minute, from where the clock of the last run stood."""
    clock = store.root.parent / "clock"
    at = int(clock.read_text()) if clock.exists() else 60
    while at < 100:
        now_ms = int(FULL.ts_ms[at]) + 2_000
        backfill.ingest_resume(
            store, KEY, exchange(now_ms).source, lookback_ms=DAY_MS, now_ms=now_ms, progress=lambda *_: None
        )
        say(int(FULL.ts_ms[at]))
        at += 1
        new = clock.with_suffix(".new")
        new.write_text(str(at))
        new.replace(clock)


def with_holes(store: BarStore) -> None:
    holes = np.zeros(len(TRUTH), bool)
    holes[np.random.default_rng(SEED).choice(np.arange(1, len(TRUTH) - 1), 900, replace=False)] = True
    holes[2000:2100] = True
    store.write(KEY, picked(TRUTH, ~holes), provider="made_up", fetched_at_ms=1, adjusted="raw", last_final=True)


def nothing(store: BarStore) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Story:
    """How a store begins, and what is done to it, again and again, until it is done."""

    prepare: Callable[[BarStore], None]
    first: Step
    again: Step


STORIES = {
    "backfill": Story(nothing, begin, go_on),
    "repair": Story(with_holes, mend, mend),
    "minute": Story(nothing, minute_job, minute_job),
}


@dataclass(slots=True)
class Proof:
    kills: int = 0


def open_store(folder: Path) -> BarStore:
    folder.mkdir(parents=True)
    return BarStore(folder / "raw", locks=folder / ".locks")


def tree(store: BarStore) -> dict[str, bytes]:
    return {str(path.relative_to(store.root)): path.read_bytes() for path in store.root.rglob("*") if path.is_file()}


def in_a_child(step: Step, store: BarStore, kill_after_s: float | None) -> tuple[int, int, float]:
    """Run `step` in a fork, SIGKILL it after `kill_after_s`; its wait status, the last commit it spoke of, seconds."""
    reader, writer = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if not child:
        try:
            step(store, lambda ts_ms: os.write(writer, ts_ms.to_bytes(8, "big")) and None)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writer)
    if kill_after_s is not None:
        ends = os.pidfd_open(child)
        if not select.select([ends], [], [], kill_after_s)[0]:  # nobody sleeps on once it has ended
            os.kill(child, signal.SIGKILL)
        os.close(ends)
    status = os.waitpid(child, 0)[1]
    took = time.perf_counter() - began
    said = b""
    while piece := os.read(reader, 1 << 16):
        said += piece
    os.close(reader)
    whole = [int.from_bytes(said[at : at + 8], "big") for at in range(0, len(said) // 8 * 8, 8)]
    return status, max(whole, default=0), took


def check(store: BarStore, committed_ms: int, before: Bars) -> Bars:
    """Everything readable, only true bars, none twice, and none lost that was committed or there before."""
    bars = store.read(KEY)  # raises for an unreadable partition, and for a time that stands twice
    assert not (store.folder(KEY) / ".quarantine").exists()
    assert np.isin(bars.ts_ms, TRUTH.ts_ms).all()
    at = np.searchsorted(TRUTH.ts_ms, bars.ts_ms)
    assert all(np.array_equal(getattr(bars, c), getattr(TRUTH, c)[at]) for c in COLUMNS)
    promised = np.union1d(before.ts_ms, TRUTH.ts_ms[TRUTH.ts_ms <= committed_ms])
    assert np.isin(promised, bars.ts_ms).all()
    return bars


def torture(story: Story, folder: Path, kills: int, rng: random.Random) -> Proof:
    """Kill again and again; whenever the work is done in spite of it, compare every byte and begin anew."""
    warm = open_store(folder / "warm")
    with_holes(warm)  # imports what the children would import each by itself
    warm.read(KEY)
    calm = open_store(folder / "calm")
    story.prepare(calm)
    first, _, takes = in_a_child(story.first, calm, None)
    again, _, _ = in_a_child(story.again, calm, None)
    assert first == again == 0
    proof, round_ = Proof(), 0
    while proof.kills < kills:
        round_ += 1
        store = open_store(folder / str(round_))
        story.prepare(store)
        bars, step = store.read(KEY), story.first
        for _ in range(rng.randint(1, 6)):
            moment = rng.uniform(0, takes * 1.1)
            status, committed, took = in_a_child(step, store, moment)
            takes = takes if os.WIFSIGNALED(status) else min(takes, took)  # the first may have met a busy machine
            bars = check(store, 0 if story.prepare is with_holes and not committed else committed, bars)
            proof.kills += os.WIFSIGNALED(status)
            step = story.again
        for _ in range(2):
            status, committed, _ = in_a_child(story.again, store, None)
            assert status == 0
        assert tree(store) == tree(calm)
        shutil.rmtree(folder / str(round_))
    return proof


@pytest.mark.parametrize("name", STORIES)
def test_killed_at_random_nothing_is_lost_and_the_end_is_the_same_to_the_byte(name: str, tmp_path: Path) -> None:
    assert torture(STORIES[name], tmp_path, 12, random.Random(f"{SEED} {name}")).kills >= 12


@pytest.mark.torture
@pytest.mark.parametrize("name", STORIES)
def test_a_thousand_kills_lose_nothing(name: str, tmp_path: Path) -> None:
    assert torture(STORIES[name], tmp_path, 334, random.Random(f"{SEED} long {name}")).kills >= 334


FAILING_DISK = """
import sys
from pathlib import Path
import numpy as np
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.merge import same_bars
from pyjobs.market.store.bar_store import BarStore
from tests.market.support.made_up_exchange import scaled, walk
KEY = SeriesKey(exchange="TEST", symbol="BTCUSD", timeframe="1m")
folder = Path(sys.argv[1])
store = BarStore(folder / "raw", locks=folder / ".locks")
base = walk(400, first_ms=1_767_225_660_000)
stored, failed, done = store.read(KEY), 0, 0
for generation in range(1, 61):
    new = scaled(base, 1 + generation / 100)
    try:
        store.write(KEY, new, provider="t", fetched_at_ms=generation, adjusted="raw", last_final=True,
                    empty=np.array([1_767_249_720_000]))
        done += 1
        wanted = [new]
    except OSError as error:
        assert error.errno == int(sys.argv[2]), error
        failed += 1
        wanted = [stored, new]
    stored = store.read(KEY)
    if not any(same_bars(stored, one) for one in wanted):
        sys.exit(3)
    if list(store.folder(KEY).glob(".*tmp*")):
        sys.exit(4)
sys.exit(0 if failed > 5 and done > 5 else 5)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(("error", "errno"), [("ENOSPC", 28), ("EIO", 5)])
@pytest.mark.parametrize(
    ("calls", "every"), [("write,pwrite64,writev", 3), ("fsync,fdatasync", 5), ("rename,renameat,renameat2", 3)]
)
def test_a_write_sync_or_rename_that_fails_leaves_the_old_bars_or_the_new(
    tmp_path: Path, calls: str, every: int, error: str, errno: int
) -> None:
    trace = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}"]
    inject = ["-e", f"inject={calls}:error={error}:when=2+{every}"]
    try_it = subprocess.run([*trace, "true"], capture_output=True)
    if try_it.returncode:
        pytest.skip(f"strace may not trace here: {try_it.stderr.decode()[:80]}")
    ended = subprocess.run(
        [*trace, *inject, sys.executable, "-B", "-c", FAILING_DISK, str(tmp_path), str(errno)], cwd=ROOT,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-800:])
