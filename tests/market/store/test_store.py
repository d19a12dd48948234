"""The bar store: merge, partitions, provenance, and what a kill or a full disk leaves behind."""

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
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

import pyjobs.market.store.bar_store as store_module
from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import merged, same_bars
from pyjobs.market.store.partitions import Adjusted
from utils.errors import BadDataError, LockBusyError

ROOT = Path(__file__).resolve().parents[3]
DAILY = SeriesKey(exchange="TEST", symbol="005930", timeframe="1d")
FIVE = SeriesKey(exchange="TEST", symbol="BTC/USD", timeframe="5m")
DAY_MS = 86_400_000
NEW_YEAR_2026_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def bars_at(ts_ms: list[int], close: float | list[float] = 100.0) -> Bars:
    closes = np.broadcast_to(np.asarray(close, float), (len(ts_ms),)).copy()
    return Bars(
        ts_ms=np.array(ts_ms, np.int64),
        open=closes.copy(),
        high=closes + 1,
        low=closes - 1,
        close=closes,
        volume=np.full(len(ts_ms), 5.0),
    )


def put(
    store: BarStore, key: SeriesKey, bars: Bars, adjusted: Adjusted = "raw", fetched: int = 1, final: bool = True
) -> list[Path]:
    return store.write(key, bars, provider="test", fetched_at_ms=fetched, adjusted=adjusted, last_final=final)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")


def test_what_is_written_is_read_back_to_the_bit(store: BarStore) -> None:
    bars = bars_at([1, 2, DAY_MS, 40 * 365 * DAY_MS], [1.1 + 2.2, 1e-9 + 2, 3.0, 1e12])
    put(store, DAILY, bars)
    assert same_bars(store.read(DAILY), bars)
    assert store.read(DAILY).ts_ms.dtype == np.int64


def test_contracts_2_partitions_are_utc_dates_within_a_day_and_years_above(store: BarStore) -> None:
    put(store, DAILY, bars_at([NEW_YEAR_2026_MS - 1, NEW_YEAR_2026_MS, NEW_YEAR_2026_MS + 1]))
    put(store, FIVE, bars_at([NEW_YEAR_2026_MS, NEW_YEAR_2026_MS + 300_000]))
    names = {str(path.relative_to(store.root)) for path in store.root.rglob("*.parquet")}
    assert names == {  # a bar that closes at midnight began on the day before
        "TEST/005930/1d/2025.parquet",
        "TEST/005930/1d/2026.parquet",
        "TEST/BTC%2FUSD/5m/2025-12-31.parquet",
        "TEST/BTC%2FUSD/5m/2026-01-01.parquet",
    }
    assert store.series() == [DAILY, FIVE]


def test_an_unknown_series_has_no_bars(store: BarStore) -> None:
    assert len(store.read(DAILY)) == 0
    assert store.series() == []
    assert store.provenance(DAILY) is None


def test_a_range_is_inclusive_at_both_ends_and_opens_only_its_partitions(store: BarStore) -> None:
    times = [NEW_YEAR_2026_MS + k * DAY_MS // 2 + 1 for k in range(-4, 5)]
    put(store, FIVE, bars_at(times))
    assert store.read(FIVE, start_ms=times[3], end_ms=times[5]).ts_ms.tolist() == times[3:6]
    assert store.read(FIVE, start_ms=times[3] + 1).ts_ms.tolist() == times[4:]
    assert store.read(FIVE, end_ms=times[0] - 1).ts_ms.tolist() == []
    (store.folder(FIVE) / "2025-12-30.parquet").write_bytes(b"torn")
    assert store.read(FIVE, start_ms=times[4]).ts_ms.tolist() == times[4:]


def test_on_a_shared_time_the_last_write_wins(store: BarStore) -> None:
    put(store, DAILY, bars_at([1, 2, 3], [10.0, 20.0, 30.0]))
    put(store, DAILY, bars_at([2, 4], [21.0, 40.0]))
    assert store.read(DAILY).close.tolist() == [10.0, 21.0, 30.0, 40.0]


def test_a_partition_that_stays_the_same_keeps_its_bytes_and_its_time(store: BarStore) -> None:
    bars = bars_at([NEW_YEAR_2026_MS - 5, NEW_YEAR_2026_MS + 5])
    old_year, new_year = put(store, DAILY, bars)
    before = (old_year.read_bytes(), old_year.stat().st_mtime_ns, old_year.stat().st_ino)
    changed = put(store, DAILY, bars_at([NEW_YEAR_2026_MS - 5, NEW_YEAR_2026_MS + 5], [100.0, 101.0]), fetched=2)
    assert changed == [new_year]
    assert (old_year.read_bytes(), old_year.stat().st_mtime_ns, old_year.stat().st_ino) == before


def test_what_another_writer_put_is_seen_although_file_name_and_times_are_the_same(store: BarStore) -> None:
    (path,) = put(store, DAILY, bars_at([1, 2], 100.0))
    assert store.read(DAILY).close.tolist() == [100.0, 100.0]
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    put(BarStore(store.root, locks=store.locks), DAILY, bars_at([1, 2], 101.0))
    os.utime(path, ns=times)
    assert store.read(DAILY).close.tolist() == [101.0, 101.0]
    put(store, DAILY, bars_at([3], 102.0))
    assert BarStore(store.root).read(DAILY).close.tolist() == [101.0, 101.0, 102.0]


def test_raw_and_adjusted_never_meet_in_one_series(store: BarStore) -> None:
    put(store, DAILY, bars_at([1]))
    with pytest.raises(BadDataError, match="TEST:005930:1d: the store holds raw prices, these are adjusted"):
        put(store, DAILY, bars_at([2]), adjusted="adjusted")
    assert store.read(DAILY).ts_ms.tolist() == [1]


def test_a_partition_knows_where_it_came_from_and_whether_its_last_bar_is_final(store: BarStore) -> None:
    put(store, DAILY, bars_at([1, NEW_YEAR_2026_MS + 1]), fetched=77, final=False)
    newest = store.provenance(DAILY)
    assert newest is not None
    assert (newest.provider, newest.fetched_at_ms, newest.adjusted, newest.last_final) == ("test", 77, "raw", False)
    put(store, DAILY, bars_at([NEW_YEAR_2026_MS + 1]), fetched=78)
    newest = store.provenance(DAILY)
    assert newest is not None and newest.last_final and newest.fetched_at_ms == 78


@pytest.mark.parametrize("damage", [b"", b"torn", b"PAR1" + bytes(40) + b"PAR1"])
def test_a_torn_partition_is_named(store: BarStore, damage: bytes) -> None:
    (path,) = put(store, DAILY, bars_at([1]))
    path.write_bytes(damage)
    with pytest.raises(BadDataError, match=r"1970\.parquet: not a readable partition"):
        store.read(DAILY)


def test_a_flipped_bit_is_found_by_the_page_checksum_or_the_schema(store: BarStore) -> None:
    rng = np.random.default_rng(7)
    bars = bars_at(list(range(1, 400)), rng.uniform(50, 150, 399).tolist())
    (path,) = put(store, DAILY, bars)
    content = path.read_bytes()
    for position in range(60, len(content) // 2, 97):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :])
        try:
            assert same_bars(store.read(DAILY), bars)  # a bit nobody reads (a statistic in a page header)
        except BadDataError as error:
            assert "1970.parquet" in str(error)  # either outcome is right; silent damage is not


def test_a_partition_of_another_series_is_not_read_as_this_one(store: BarStore) -> None:
    (path,) = put(store, DAILY, bars_at([1]))
    other = SeriesKey(exchange="TEST", symbol="000660", timeframe="1d")
    store.folder(other).mkdir(parents=True)
    (store.folder(other) / path.name).write_bytes(path.read_bytes())
    with pytest.raises(BadDataError, match="holds the bars of TEST:005930:1d, not of TEST:000660:1d"):
        store.read(other)


def test_untrue_bars_are_refused_before_anything_is_written(store: BarStore) -> None:
    bars = bars_at([1, 2])
    bars.high[1] = 1.0
    with pytest.raises(BadDataError, match="high below its low"):
        put(store, DAILY, bars)
    with pytest.raises(BadDataError, match="has the time of the bar before it: a duplicate"):
        put(store, DAILY, bars_at([2, 2]))
    assert not store.root.exists()


@pytest.mark.parametrize("exchange", ["", "..", "a/b", "A B", "-x"])
def test_an_exchange_that_is_no_plain_name_is_refused(store: BarStore, exchange: str) -> None:
    with pytest.raises(BadDataError, match="not a plain name"):
        put(store, SeriesKey(exchange=exchange, symbol="X", timeframe="1d"), bars_at([1]))


def test_leftovers_of_a_killed_writer_are_swept_and_foreign_files_left_alone(store: BarStore) -> None:
    (path,) = put(store, DAILY, bars_at([1]))
    leftover = path.with_name(f".{path.name}.tmp-1-abc")
    leftover.write_bytes(b"half")
    foreign = path.with_name("@eaDir")
    foreign.mkdir()
    put(store, DAILY, bars_at([2]))
    assert not leftover.exists() and foreign.exists()
    assert store.read(DAILY).ts_ms.tolist() == [1, 2]


def test_a_second_writer_waits_for_the_lock_and_then_says_which(
    store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, DAILY, bars_at([1]))
    lock = store.locks / "store-TEST-005930-1d.lock"
    assert lock.exists()  # lock files are never deleted
    monkeypatch.setattr(store_module, "LOCK_TIMEOUT_S", 0.05)
    with FileLock(lock):
        assert store.read(DAILY).ts_ms.tolist() == [1]  # readers never wait
        with pytest.raises(LockBusyError, match=r"another writer has held .*store-TEST-005930-1d.lock"):
            put(store, DAILY, bars_at([2]))


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
