"""A whole series from mapped columns and the newest files is what the files hold, whatever was done to them."""

from __future__ import annotations

import os
import pickle
import random
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.market import seen
from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.cache import column_cache
from pyjobs.market.chained import Chained, chained
from pyjobs.market.store import rebase
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import picked, scaled, walk
from utils.errors import BadDataError

KEY = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1d")
MINUTES = SeriesKey(exchange="TEST", symbol="BTCUSD", timeframe="1h")
MIDNIGHT_MS = 1_577_836_800_000  # 2020-01-01
DAYS = walk(2200, first_ms=MIDNIGHT_MS, timeframe="1d")  # seven years
HOURS = walk(24 * 60, first_ms=MIDNIGHT_MS + 3_600_000, timeframe="1h")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / "locks")


def put(store: BarStore, bars: Bars, key: SeriesKey = KEY) -> None:
    store.write(key, bars, provider="t", fetched_at_ms=1, adjusted="adjusted", last_final=True)


def by_pyarrow(store: BarStore, key: SeriesKey) -> dict[str, list[float]]:
    """The files, read by somebody else."""
    tables = [pq.ParquetFile(path).read() for path in store.partitions(key)]
    return {name: [x for table in tables for x in table.column(name).to_pylist()] for name in COLUMNS}


def columns(bars: Bars) -> dict[str, list[float]]:
    return {name: getattr(bars, name).tolist() for name in COLUMNS}


def made(store: BarStore) -> list[float]:
    """When each mapped file was made."""
    return [path.stat().st_mtime_ns for path in sorted(store.columns.iterdir())]


STEPS = ("append", "change", "empty", "rebase", "quarantine", "touch", "same bytes, new file")


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=8))
def test_after_any_writes_the_series_is_what_its_files_hold(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[str]
) -> None:
    folder, rng = tmp_path_factory.mktemp("any"), random.Random(seed)
    store, have, factor = BarStore(folder / "raw", locks=folder / "locks"), 1500, 1.0
    put(store, DAYS.slice(0, have))
    for step in steps:
        path = rng.choice(store.partitions(KEY))
        if step == "append":
            have = min(have + rng.choice((1, 1, 1, 300)), len(DAYS))
            put(store, scaled(DAYS.slice(have - 1, have), factor))
        elif step == "change":
            at = rng.randrange(have)
            put(store, scaled(DAYS.slice(at, at + 1), 1.5))
        elif step == "empty":
            none = DAYS.slice(0, 0)
            times = np.array([DAYS.ts_ms[-1] + 900 * 86_400_000])
            store.write(KEY, none, provider="t", fetched_at_ms=1, adjusted="adjusted", last_final=True, empty=times)
        elif step == "rebase":
            factor *= 0.5
            have = len(DAYS)
            store.rebase(KEY, scaled(DAYS, factor), provider="t", fetched_at_ms=2, last_final=True)
        elif step == "quarantine":
            path.write_bytes(b"torn")
            with pytest.raises(BadDataError, match="not a readable partition"):
                store.read(KEY)
            store.set_aside_unreadable(KEY, 0, int(DAYS.ts_ms[-1]) + 10**11)
            if not store.partitions(KEY):
                put(store, DAYS.slice(0, have))
        elif step == "touch":
            os.utime(path)
        else:
            shutil.copy2(path, path.with_name(".copy"))
            path.with_name(".copy").replace(path)
        fresh = BarStore(store.root, locks=store.locks)
        assert columns(fresh.read(KEY)) == by_pyarrow(store, KEY)


def test_a_bar_that_is_appended_makes_no_column_again(store: BarStore) -> None:
    put(store, DAYS.slice(0, 2000))
    assert same_bars(store.read(KEY), DAYS.slice(0, 2000))
    before = made(store)
    put(store, DAYS.slice(2000, 2001))
    assert same_bars(store.read(KEY), DAYS.slice(0, 2001))
    assert made(store) == before and len(before) == 1


def test_days_that_come_are_read_from_their_files_until_they_are_many(store: BarStore) -> None:
    put(store, HOURS.slice(0, 24 * 40), MINUTES)
    store.read(MINUTES)
    first, again = made(store), 0
    for day in range(40, 60):
        put(store, HOURS.slice(24 * day, 24 * day + 24), MINUTES)
        assert same_bars(store.read(MINUTES), HOURS.slice(0, 24 * day + 24))
        again += made(store) != first
        first = made(store)
    assert 0 < again <= 7


def test_an_older_bar_that_is_corrected_in_place_is_seen_although_size_and_time_stay(store: BarStore) -> None:
    put(store, DAYS.slice(0, 1500))
    store.read(KEY)
    path = store.partitions(KEY)[1]
    other = BarStore(store.root.parent / "other/raw", locks=store.locks)
    put(other, scaled(DAYS.slice(0, 1500), 2.0))
    content, status = other.partitions(KEY)[1].read_bytes(), path.stat()
    assert len(content) == status.st_size
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert columns(store.read(KEY)) == by_pyarrow(store, KEY)


def test_a_series_rebased_between_its_columns_and_its_newest_file_is_not_mixed(
    store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, DAYS)
    store.read(KEY)
    new, real = scaled(DAYS, 0.5), column_cache._stands

    def stands(*about: object) -> bool:
        true = real(*about)  # type: ignore[arg-type]
        BarStore(store.root, locks=store.locks).rebase(KEY, new, provider="t", fetched_at_ms=2, last_final=True)
        return true

    monkeypatch.setattr(column_cache, "_stands", stands)
    assert same_bars(store.read(KEY), new)


def test_a_series_that_is_being_put_in_another_s_place_is_read_where_it_is(store: BarStore, tmp_path: Path) -> None:
    put(store, DAYS)
    store.read(KEY)
    aside = BarStore(tmp_path / "aside/raw", locks=tmp_path / "aside-locks")
    put(aside, DAYS)
    aside.rebase(KEY, scaled(DAYS, 0.5), provider="t", fetched_at_ms=2, last_final=True)
    staged = store.folder(KEY) / rebase.STAGED
    shutil.copytree(aside.folder(KEY), staged)
    assert same_bars(store.read(KEY), DAYS)  # not declared complete: rubbish
    (staged / rebase.COMPLETE).touch()
    assert same_bars(store.read(KEY), scaled(DAYS, 0.5))


def test_where_no_column_can_be_kept_the_files_are_read(store: BarStore) -> None:
    put(store, DAYS)
    store.columns.parent.mkdir(parents=True)
    store.columns.write_text("in the way")
    assert same_bars(store.read(KEY), DAYS)


PARTS = st.lists(st.integers(0, 5), min_size=2, max_size=4)


@given(sizes=PARTS, data=st.data())
def test_bars_in_several_places_are_bars_in_one(sizes: list[int], data: st.DataObject) -> None:
    whole = DAYS.slice(0, sum(sizes))
    edges = np.cumsum([0, *sizes]).tolist()
    apart = chained([whole.slice(a, b) for a, b in pairwise(edges)])
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    assert len(apart) == len(whole) and same_bars(apart, whole)
    assert same_bars(apart.slice(start, stop), whole.slice(start, stop))
    if len(whole):
        ts_ms = int(whole.ts_ms[min(start, len(whole) - 1)]) + data.draw(st.integers(-1, 1))
        assert same_bars(apart.until(ts_ms), whole.until(ts_ms))
        assert apart.last_ms == whole.last_ms
    assert len(apart.until(0)) == 0


def test_bars_in_several_places_reach_a_worker_of_a_cluster(store: BarStore) -> None:
    put(store, DAYS)
    bars = store.read(KEY)
    sent = pickle.loads(pickle.dumps(bars))
    assert isinstance(bars, Chained) and same_bars(sent, bars)
    assert seen.is_seen(sent) == seen.is_seen(bars)


def test_a_column_put_together_is_let_go_with_its_last_holder(store: BarStore) -> None:
    put(store, DAYS)
    bars = store.read(KEY)
    assert isinstance(bars, Chained)
    held = bars.close
    assert bars.close is held and not held.flags.writeable
    del held
    assert bars._columns["close"]() is None
    assert picked(bars, np.s_[3:9]).close.tolist() == DAYS.close[3:9].tolist()


def test_leaps_kept_with_the_mapped_columns_are_those_of_the_files(store: BarStore) -> None:
    """In an old year, from one year to the next, within the newest, and from the mapped years to the newest."""
    year_ends = [n for n in range(1, len(DAYS)) if str(DAYS.ts_ms[n : n + 1].view("M8[ms]")[0])[5:10] == "01-02"]
    factors = np.ones(len(DAYS))
    for at, factor in ((100, 0.5), (year_ends[1], 3.0), (year_ends[-1], 0.2), (len(DAYS) - 5, 1.5)):
        factors[at:] *= factor
    prices = {name: getattr(DAYS, name) * factors for name in ("open", "high", "low", "close")}
    bars = Bars(ts_ms=DAYS.ts_ms, volume=DAYS.volume, **prices)
    put(store, bars)
    for _ in range(2):  # made, then mapped
        whole = store.read(KEY)
        assert seen.is_seen(whole)
        assert seen.first_ms_of(whole) == DAYS.ts_ms[0]
        found = seen.leaps_of(whole)
        want = [
            (int(bars.ts_ms[n]), float(bars.open[n] / bars.close[n - 1]))
            for n in range(1, len(bars))
            if not 1 / 1.3 <= bars.open[n] / bars.close[n - 1] <= 1.3
        ]
        assert found == want
        assert len(found) >= 4
    assert seen.leaps_of(whole.slice(90, 110)) == want[:1]  # a part of them is looked at
