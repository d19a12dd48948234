"""What the store remembers, refuses and sets aside: empty times, provisional bars, damaged files, re-basing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyjobs.market.bars import SeriesKey
from pyjobs.market.checks.inspection import inspect
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import from_text, to_text, within, without
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import MINUTE_MS, picked, scaled, walk
from utils.errors import BadDataError

KEY = SeriesKey(exchange="TEST", symbol="BTCUSD", timeframe="1m")
DAILY = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1d")
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
NO_TIME = np.empty(0, np.int64)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BarStore:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")


def put(store: BarStore, key: SeriesKey, bars, *, final: bool = True, empty=NO_TIME, adjusted="raw", at: int = 1):
    return store.write(
        key,
        bars,
        provider="test",
        fetched_at_ms=at,
        adjusted=adjusted,
        last_final=final,
        empty=np.array(empty, np.int64),
    )


def minutes(count: int, skip: int = 0):
    return walk(count, first_ms=MIDNIGHT_MS + (skip + 1) * MINUTE_MS)


TIMES = st.lists(st.integers(1, 60), unique=True).map(sorted)


@given(times=TIMES)
def test_times_survive_their_short_text(times: list[int]) -> None:
    assert from_text(to_text(np.array(times, np.int64) * 5, 5), 5).tolist() == [t * 5 for t in times]


@given(times=TIMES, taken=TIMES)
def test_taking_times_away_is_a_set_difference(times: list[int], taken: list[int]) -> None:
    left = without(np.array(times, np.int64), np.array(taken, np.int64))
    assert left.tolist() == sorted(set(times) - set(taken))
    assert within(left, 10, 20).tolist() == [t for t in left.tolist() if 10 <= t <= 20]


def test_what_was_confirmed_empty_is_remembered_beside_the_bars_and_merged(store: BarStore) -> None:
    bars = minutes(10)
    hole = bars.ts_ms[3:6]
    put(store, KEY, picked(bars, np.r_[0:3, 6:10]), empty=hole[:2])
    put(store, KEY, picked(bars, np.r_[6:7]), empty=hole[1:])
    assert store.confirmed_empty(KEY).tolist() == hole.tolist()
    assert store.confirmed_empty(KEY, start_ms=int(hole[1]), end_ms=int(hole[1])).tolist() == [int(hole[1])]


def test_a_bar_that_comes_late_takes_its_time_out_of_the_confirmed_empty_ones(store: BarStore) -> None:
    bars = minutes(5)
    put(store, KEY, picked(bars, np.r_[0:2, 4:5]), empty=bars.ts_ms[2:4])
    put(store, KEY, picked(bars, np.r_[2:3]))
    assert store.confirmed_empty(KEY).tolist() == [int(bars.ts_ms[3])]
    assert store.read(KEY).ts_ms.tolist() == bars.ts_ms[[0, 1, 2, 4]].tolist()


def test_a_whole_day_confirmed_empty_is_a_partition_without_bars(store: BarStore) -> None:
    put(store, KEY, minutes(3))
    empty = MIDNIGHT_MS + DAY_MS + MINUTE_MS * np.arange(1, 1441)
    (path,) = put(store, KEY, minutes(0), empty=empty)
    assert path.name == "2026-01-02.parquet"
    assert store.confirmed_empty(KEY).size == 1440
    assert len(store.read(KEY)) == 3
    newest = store.newest(KEY)
    assert newest == (MIDNIGHT_MS + 3 * MINUTE_MS, True)


def test_the_same_empty_times_again_change_no_byte(store: BarStore) -> None:
    bars = minutes(5)
    put(store, KEY, bars, empty=bars.ts_ms[-1:] + MINUTE_MS)
    assert put(store, KEY, bars, empty=bars.ts_ms[-1:] + MINUTE_MS, at=99) == []


def test_a_final_bar_is_never_overwritten_by_one_that_may_still_change(store: BarStore) -> None:
    bars = minutes(5)
    put(store, KEY, bars)
    put(store, KEY, scaled(picked(bars, np.r_[4:5]), 1.5), final=False)
    put(store, KEY, scaled(picked(bars, np.r_[2:3]), 1.5), final=False)
    assert same_bars(store.read(KEY), bars)
    assert store.newest(KEY) == (int(bars.ts_ms[-1]), True)


def test_a_provisional_bar_is_replaced_by_the_final_one(store: BarStore) -> None:
    bars = minutes(5)
    put(store, KEY, scaled(bars, 1.0), final=False)
    assert store.newest(KEY) == (int(bars.ts_ms[-1]), False)
    revised = scaled(picked(bars, np.r_[4:5]), 1.01)
    put(store, KEY, revised)
    assert store.newest(KEY) == (int(bars.ts_ms[-1]), True)
    assert store.read(KEY).close[-1] == revised.close[0]


def test_a_provisional_bar_that_is_passed_over_goes_and_does_not_freeze(store: BarStore) -> None:
    bars = minutes(6)
    put(store, KEY, picked(bars, np.r_[0:3]), final=False)
    put(store, KEY, picked(bars, np.r_[4:6]))
    assert store.read(KEY).ts_ms.tolist() == bars.ts_ms[[0, 1, 4, 5]].tolist()


@pytest.mark.parametrize("damage", [b"", b"torn", b"PAR1" + bytes(40) + b"PAR1"])
def test_an_unreadable_partition_is_set_aside_under_its_name_by_the_next_writer(store: BarStore, damage: bytes) -> None:
    (path,) = put(store, KEY, minutes(3))
    path.write_bytes(damage)
    put(store, KEY, minutes(3))
    assert (path.parent / ".quarantine" / path.name).read_bytes() == damage
    assert same_bars(store.read(KEY), minutes(3))
    path.write_bytes(damage + b"again")
    assert store.set_aside_unreadable(KEY, MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS) == [path]
    assert (path.parent / ".quarantine" / f"{path.name}.1").read_bytes() == damage + b"again"
    assert store.set_aside_unreadable(KEY, MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS) == []


@pytest.mark.parametrize("kind", ["folder", "link to nothing", "link to itself", "link to a folder"])
def test_what_is_no_file_is_named_and_set_aside_like_a_torn_partition(store: BarStore, kind: str) -> None:
    (path,) = put(store, KEY, minutes(3))
    path.unlink()
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"link to nothing": "gone", "link to itself": path.name, "link to a folder": "."}[kind])
    with pytest.raises(BadDataError, match=r"2026-01-01\.parquet: not a readable partition: a folder or a link"):
        store.read(KEY)
    assert [flaw.what for flaw in inspect(store, KEY, "24/7", now_ms=MIDNIGHT_MS).flaws] == ["cannot be read"]
    assert store.set_aside_unreadable(KEY, MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS) == [path]
    put(store, KEY, minutes(3))
    assert same_bars(store.read(KEY), minutes(3))
    assert (path.parent / ".quarantine" / path.name).is_symlink() == (kind != "folder")


def days(count: int, factor: float = 1.0):
    return scaled(walk(count, first_ms=MIDNIGHT_MS, timeframe="1d"), factor)


def test_a_rebased_series_is_new_as_a_whole_and_refuses_to_lose_a_bar(store: BarStore) -> None:
    put(store, DAILY, days(900), adjusted="adjusted")
    with pytest.raises(BadDataError, match=r"1 stored bars .* are not among the 899 new ones; .* stays as it is"):
        store.rebase(
            DAILY, picked(days(900, 0.5), np.r_[0:400, 401:900]), provider="t", fetched_at_ms=2, last_final=True
        )
    assert same_bars(store.read(DAILY), days(900))
    changed = store.rebase(DAILY, days(901, 0.5), provider="t", fetched_at_ms=2, last_final=True)
    assert [path.name for path in changed] == ["2025.parquet", "2026.parquet", "2027.parquet", "2028.parquet"]
    assert same_bars(store.read(DAILY), days(901, 0.5))
    put(store, DAILY, picked(days(902, 0.5), np.r_[901:902]), adjusted="adjusted")
    assert len(store.read(DAILY)) == 902


def test_two_bases_in_one_series_are_refused_not_mixed(store: BarStore) -> None:
    put(store, DAILY, days(900), adjusted="adjusted")
    old = store.partitions(DAILY)[1].read_bytes()
    store.rebase(DAILY, days(900, 0.5), provider="t", fetched_at_ms=2, last_final=True)
    store.partitions(DAILY)[1].write_bytes(old)
    with pytest.raises(BadDataError, match="prices of two bases"):
        store.read(DAILY)


def rebase_killed_at(store: BarStore, sync: int) -> int:
    """Re-base in a child that is killed at its `sync`-th fsync; the child's wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    calls, real = 0, os.fsync

    def fsync(fd: int) -> None:
        nonlocal calls
        calls += 1
        if calls == sync:
            os.kill(os.getpid(), signal.SIGKILL)
        real(fd)

    os.fsync = fsync
    store.rebase(DAILY, days(900, 0.5), provider="t", fetched_at_ms=2, last_final=True)
    os._exit(0)


def test_a_rebase_killed_at_any_sync_leaves_the_old_series_or_the_new_one(store: BarStore) -> None:
    put(store, DAILY, days(900), adjusted="adjusted")
    assert same_bars(store.read(DAILY), days(900))
    seen = []
    for sync in range(1, 60):
        status = rebase_killed_at(store, sync)
        bars = store.read(DAILY)
        assert same_bars(bars, days(900)) or same_bars(bars, days(900, 0.5))
        assert same_bars(store.read(DAILY), bars)
        seen.append("new" if same_bars(bars, days(900, 0.5)) else "old")
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        # the next writer finishes what was begun, and can begin again
        store.rebase(DAILY, days(900), provider="t", fetched_at_ms=1, last_final=True)
    assert status == 0
    assert seen == sorted(seen, reverse=True) and set(seen[:-1]) == {"old", "new"}
