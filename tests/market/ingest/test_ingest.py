"""Ingest of one series from a made-up exchange: ranges, resuming, revisions, gaps, damaged files, re-adjustments."""

from __future__ import annotations

import cProfile
import pstats
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.ingest import backfill
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.ingest.support.ingest import (
    DAY_MS,
    KEY,
    MIDNIGHT_MS,
    minutes,
    ranged,
    resumed,
    store,  # noqa: F401  # the fixture
)
from tests.market.support.made_up_exchange import MINUTE_MS, MadeUpExchange, picked, scaled
from utils.errors import BadDataError, ExternalDataUnavailable

LONG_AFTER_MS = MIDNIGHT_MS + 400 * DAY_MS


def test_a_range_comes_in_pages_and_is_stored_to_the_bit(store: BarStore) -> None:
    exchange = MadeUpExchange(minutes(3000), LONG_AFTER_MS, page_bars=1000)
    done = ranged(store, exchange, MIDNIGHT_MS + 1, int(exchange.bars.ts_ms[-1]))
    assert same_bars(store.read(KEY), exchange.bars)
    assert (done.got.bars, done.got.requests) == (3000, len(exchange.requests))
    assert len(exchange.requests) <= 4  # three pages; their bounds are whole multiples of the page
    assert not (store.folder(KEY) / backfill.TASK).exists()


def test_resuming_goes_on_from_the_newest_bar_and_reads_a_few_again(store: BarStore) -> None:
    bars = minutes(600)
    exchange = MadeUpExchange(bars, int(bars.ts_ms[300]) + 2 * MINUTE_MS)
    ranged(store, exchange, MIDNIGHT_MS + 1, int(bars.ts_ms[300]))
    exchange.requests.clear()
    exchange.now_ms = LONG_AFTER_MS
    resumed(store, exchange)
    assert exchange.requests[0].start_ms == int(bars.ts_ms[300]) - 5 * MINUTE_MS
    assert same_bars(store.read(KEY), bars)


def test_a_minute_s_ingest_takes_its_newest_partition_apart_once(store: BarStore) -> None:
    bars = minutes(600)
    exchange = MadeUpExchange(bars, int(bars.ts_ms[300]) + 2 * MINUTE_MS)
    ranged(store, exchange, MIDNIGHT_MS + 1, int(bars.ts_ms[300]))
    exchange.now_ms += 3 * MINUTE_MS
    seen = cProfile.Profile()
    seen.runcall(resumed, BarStore(store.root, locks=store.locks), exchange)
    calls = {name: stat[0] for (_, _, name), stat in pstats.Stats(seen).stats.items()}  # type: ignore[attr-defined]
    assert (calls["parsed"], calls["encoded"]) == (1, 1)
    assert calls.get("read_outline", 0) == calls.get("read_times", 0) == 0
    assert same_bars(store.read(KEY), bars.slice(0, 306))


def test_resuming_an_unknown_series_looks_back_as_far_as_it_is_told(store: BarStore) -> None:
    bars = minutes(3 * 1440)
    exchange = MadeUpExchange(bars, int(bars.ts_ms[-1]))
    resumed(store, exchange, days=2)
    assert store.read(KEY).ts_ms[0] == bars.ts_ms[-1] - 2 * DAY_MS


def test_a_bar_that_has_not_closed_is_not_stored_and_the_newest_is_provisional(store: BarStore) -> None:
    bars = minutes(10)
    exchange = MadeUpExchange(bars, int(bars.ts_ms[5]) + 30_000)
    resumed(store, exchange)
    assert store.newest(KEY) == (int(bars.ts_ms[5]), False)
    exchange.bars = scaled(bars, 1.001)
    exchange.now_ms += MINUTE_MS
    resumed(store, exchange)
    assert store.read(KEY).close[5] == exchange.bars.close[5]  # the revision arrived
    assert store.newest(KEY) == (int(bars.ts_ms[6]), False)


def test_quiet_minutes_are_remembered_once_they_are_old_enough_to_be_true(store: BarStore) -> None:
    bars = minutes(120)
    quiet = np.r_[50:60, 110:118]
    exchange = MadeUpExchange(picked(bars, np.setdiff1d(np.arange(120), quiet)), int(bars.ts_ms[-1]))
    resumed(store, exchange)
    ten_minutes_ago = exchange.now_ms - 600_000
    assert store.confirmed_empty(KEY).tolist() == [int(t) for t in bars.ts_ms[quiet] if t <= ten_minutes_ago]


def test_a_stored_bar_that_the_exchange_no_longer_has_is_not_counted_as_confirmed_empty(store: BarStore) -> None:
    bars = minutes(60)
    exchange = MadeUpExchange(bars=bars, now_ms=bars.last_ms + 3_600_000)
    ranged(store, exchange, int(bars.ts_ms[0]), bars.last_ms)
    exchange.bars = picked(bars, np.delete(np.arange(60), [20, 59]))  # one of them after the last that still comes
    assert ranged(store, exchange, int(bars.ts_ms[0]), bars.last_ms).got.empty == 0
    assert len(store.read(KEY)) == 60


def test_what_an_exchange_did_not_have_before_a_series_begins_leaves_no_file(store: BarStore) -> None:
    bars = minutes(100)
    exchange = MadeUpExchange(bars, LONG_AFTER_MS, page_bars=1000)
    ranged(store, exchange, MIDNIGHT_MS - 30 * DAY_MS, int(bars.ts_ms[-1]))
    assert [path.name for path in store.partitions(KEY)] == ["2026-01-01.parquet"]
    assert store.confirmed_empty(KEY).size == 0
    ranged(store, exchange, MIDNIGHT_MS - 30 * DAY_MS, int(bars.ts_ms[-1]))
    assert [path.name for path in store.partitions(KEY)] == ["2026-01-01.parquet"]


class Broken(MadeUpExchange):
    """Fails from the third request on."""

    def ask(self, request):
        if len(self.requests) >= 2:
            raise ExternalDataUnavailable("outage", provider="made_up", symbol=request.symbol)
        return super().ask(request)


def tree(store: BarStore) -> dict[str, bytes]:
    return {str(p.relative_to(store.root)): p.read_bytes() for p in sorted(store.root.rglob("*")) if p.is_file()}


def test_a_backfill_that_broke_off_is_finished_by_resume_byte_for_byte(tmp_path: Path) -> None:
    bars = picked(minutes(5000), np.setdiff1d(np.arange(5000), np.r_[700:730, 2000:2100]))
    trees = []
    for name, kind in (("whole", MadeUpExchange), ("broken", Broken)):
        store = BarStore(tmp_path / name / "raw", locks=tmp_path / ".locks")
        exchange = kind(bars, LONG_AFTER_MS, page_bars=700)
        if kind is Broken:
            with pytest.raises(ExternalDataUnavailable, match="outage"):
                ranged(store, exchange, MIDNIGHT_MS + 1, int(bars.ts_ms[-1]))
            assert 0 < len(store.read(KEY)) < 2000
            exchange = MadeUpExchange(bars, LONG_AFTER_MS, page_bars=700)
            resumed(store, exchange)
            assert len(exchange.requests) <= 7  # the two pages that had come were not asked for again
        else:
            ranged(store, exchange, MIDNIGHT_MS + 1, int(bars.ts_ms[-1]))
        trees.append(tree(store))
    assert trees[0] == trees[1]


class Partial(MadeUpExchange):
    """Answers about the first 100 minutes of a request, as a client whose later page failed."""

    def ask(self, request):
        return super().ask(replace(request, end_ms=min(request.end_ms, request.start_ms + 100 * MINUTE_MS)))


def test_an_answer_about_a_part_of_the_range_is_stored_and_the_rest_is_not_taken_for_empty(store: BarStore) -> None:
    bars = minutes(500)
    with pytest.raises(ExternalDataUnavailable, match="outage: it answered up to 2026-01-01 01:41 UTC only"):
        ranged(store, Partial(bars, LONG_AFTER_MS), MIDNIGHT_MS + 1, int(bars.ts_ms[-1]))
    assert len(store.read(KEY)) == 101
    assert store.confirmed_empty(KEY).size == 0
    resumed(store, MadeUpExchange(bars, LONG_AFTER_MS))
    assert same_bars(store.read(KEY), bars)


def test_an_unreadable_partition_in_the_range_is_set_aside_and_fetched_whole(store: BarStore) -> None:
    bars = minutes(3 * 1440)
    exchange = MadeUpExchange(bars, LONG_AFTER_MS)
    ranged(store, exchange, MIDNIGHT_MS + 1, int(bars.ts_ms[-1]))
    store.partitions(KEY)[1].write_bytes(b"torn")
    middle = int(bars.ts_ms[2000])
    done = ranged(store, exchange, middle, middle + 10 * MINUTE_MS)
    assert done.set_aside == ("2026-01-02.parquet",)
    assert same_bars(store.read(KEY), bars)


def test_an_unreadable_newest_partition_does_not_stop_a_resume(store: BarStore) -> None:
    bars = minutes(3 * 1440)
    exchange = MadeUpExchange(bars, int(bars.ts_ms[-1]) + 2 * MINUTE_MS)
    ranged(store, exchange, MIDNIGHT_MS + 1, int(bars.ts_ms[-1]))
    store.partitions(KEY)[-1].write_bytes(b"")
    assert resumed(store, exchange).set_aside == ("2026-01-03.parquet",)
    assert same_bars(store.read(KEY), bars)


def test_a_clock_that_jumped_back_is_named_and_nobody_is_asked(store: BarStore) -> None:
    bars = minutes(100)
    exchange = MadeUpExchange(bars, LONG_AFTER_MS)
    ranged(store, exchange, MIDNIGHT_MS + 1, int(bars.ts_ms[-1]))
    exchange.now_ms = MIDNIGHT_MS
    exchange.requests.clear()
    with pytest.raises(
        BadDataError, match=r"newest stored bar closes 2026-01-01 01:40 UTC, .* shows 2026-01-01 00:00 UTC"
    ):
        resumed(store, exchange)
    assert exchange.requests == []
