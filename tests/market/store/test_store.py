"""The bar store: merge, partitions, provenance, and what a kill or a full disk leaves behind."""

from __future__ import annotations

import os

import numpy as np
import pytest
from filelock import FileLock

import pyjobs.market.store.bar_store as store_module
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.store.support.store import (
    DAILY,
    DAY_MS,
    FIVE,
    NEW_YEAR_2026_MS,
    bars_at,
    put,
    store,  # noqa: F401  # the fixture
)
from utils.errors import BadDataError, LockBusyError


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
