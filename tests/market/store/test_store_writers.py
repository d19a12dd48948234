"""The store under several writers, kills, a full disk: every partition is old or new."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.market.bars import COLUMNS
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import merged, same_bars
from tests.market.store.support.store import DAILY, DAY_MS, FIVE, NEW_YEAR_2026_MS, bars_at, put, store  # noqa: F401  # the fixture

ROOT = Path(__file__).resolve().parents[3]
TIMES = st.lists(st.integers(1, 40), min_size=1, max_size=12, unique=True).map(sorted)


@settings(deadline=None, max_examples=40)
@given(writes=st.lists(TIMES, min_size=1, max_size=4), order=st.randoms())
def test_writes_that_agree_may_come_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, writes: list[list[int]], order: random.Random
) -> None:
    root = tmp_path_factory.mktemp("order")
    shuffled = order.sample(writes, len(writes))
    for name, sequence in (("a", writes), ("b", shuffled)):
        for times in sequence:
            # half a year apart, so that several partitions take part; the price depends on the time alone
            put(
                BarStore(root / name, locks=root / ".locks"),
                DAILY,
                bars_at([t * 180 * DAY_MS for t in times], [float(t) + 9 for t in times]),
            )
    one, other = BarStore(root / "a").read(DAILY), BarStore(root / "b").read(DAILY)
    assert same_bars(one, other)
    assert one.ts_ms.tolist() == [t * 180 * DAY_MS for t in sorted(set().union(*writes))]


@given(old=TIMES, new=TIMES)
def test_a_merge_holds_every_time_once_and_prefers_the_new_bar(old: list[int], new: list[int]) -> None:
    both = merged(bars_at(old, 10.0), bars_at(new, 20.0))
    assert both.ts_ms.tolist() == sorted({*old, *new})
    assert both.close.tolist() == [20.0 if t in new else 10.0 for t in both.ts_ms.tolist()]


WRITER = """
import sys
from pathlib import Path
import numpy as np
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from tests.market.store.support.store import store  # noqa: F401  # the fixture
store = BarStore(Path(sys.argv[1]), locks=Path(sys.argv[1]).parent / ".locks")
key = SeriesKey(exchange="TEST", symbol="005930", timeframe="1d")
ts = np.arange(1, 401, dtype=np.int64) * 86_400_000 * 30
for generation in range(2, 1_000_000):
    c = np.full(400, float(generation))
    store.write(key, Bars(ts_ms=ts, open=c, high=c, low=c, close=c, volume=c),
                provider="w", fetched_at_ms=generation, adjusted="raw", last_final=True)
    print(generation, flush=True)
"""


def test_after_kill_9_every_partition_is_old_or_new_and_nothing_committed_is_lost(
    store: BarStore,
) -> None:
    rng = random.Random(20261120)
    for _ in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.root)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.08))
            writer.send_signal(signal.SIGKILL)
            committed = [2, *(int(line) for line in writer.stdout.read().split())][-1]
        bars = store.read(DAILY)
        assert len(bars) == 400
        assert set(bars.close.tolist()) <= {float(committed - 1), float(committed), float(committed + 1)}
    put(store, DAILY, bars)
    assert list(store.folder(DAILY).glob(".*")) == []


APPENDER = """
import sys
from pathlib import Path
import numpy as np
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
store = BarStore(Path(sys.argv[1]), locks=Path(sys.argv[1]).parent / ".locks")
key = SeriesKey(exchange="TEST", symbol="005930", timeframe="1d")
for day in range(int(sys.argv[2]), 60, 3):
    one = np.full(1, 10.0)
    store.write(key, Bars(ts_ms=np.array([day * 86_400_000]), open=one, high=one, low=one, close=one, volume=one),
                provider="w", fetched_at_ms=day, adjusted="raw", last_final=True)
"""


def test_three_writers_of_one_partition_lose_no_bar(store: BarStore) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDER, str(store.root), str(first)], cwd=ROOT) for first in (1, 2, 3)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert store.read(DAILY).ts_ms.tolist() == [day * DAY_MS for day in range(1, 60)]


def test_a_disk_that_fills_up_leaves_the_old_partition_whole(store: BarStore, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    old = bars_at(list(range(1, 300)), rng.uniform(50, 150, 299).tolist())
    (path,) = put(store, DAILY, old)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a module would be cut off as well, and believed
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match=r"File too large: .*1970\.parquet"):
            put(store, DAILY, bars_at(list(range(1, 300)), rng.uniform(50, 150, 299).tolist()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert same_bars(store.read(DAILY), old)
    assert list(store.folder(DAILY).glob(".*")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders")
def test_a_read_only_store_is_an_oserror_for_the_one_place_that_knows_exit_codes(store: BarStore) -> None:
    put(store, DAILY, bars_at([1]))
    store.folder(DAILY).chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            put(store, DAILY, bars_at([2]))
    finally:
        store.folder(DAILY).chmod(0o700)
    assert store.read(DAILY).ts_ms.tolist() == [1]


def test_ninety_days_of_five_minutes_are_read_in_a_blink(store: BarStore) -> None:
    times = (NEW_YEAR_2026_MS + np.arange(1, 90 * 288 + 1) * 300_000).tolist()
    put(store, FIVE, bars_at(times))
    assert len(store.partitions(FIVE)) == 90
    store.read(FIVE)  # pyarrow is imported once per process
    best = min(_seconds(store) for _ in range(5))
    assert best < 0.15
    assert {c: getattr(store.read(FIVE), c).size for c in COLUMNS} == dict.fromkeys(COLUMNS, 25_920)


def _seconds(store: BarStore) -> float:
    start = time.process_time()
    store.read(FIVE)
    return time.process_time() - start
