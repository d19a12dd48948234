"""Ingest of one series from a made-up exchange: ranges, resuming, revisions, gaps, damaged files, re-adjustments."""

from __future__ import annotations

import cProfile
import pstats
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.ingest import backfill
from pyjobs.market.providers import Refused
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import MINUTE_MS, MadeUpExchange, picked, scaled, walk
from utils.errors import BadDataError, ExternalDataUnavailable

KEY = SeriesKey(exchange="TEST", symbol="BTCUSD", timeframe="1m")
HOURLY = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1h")
DAILY = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1d")
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
LONG_AFTER_MS = MIDNIGHT_MS + 400 * DAY_MS


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")


def minutes(count: int) -> Bars:
    return walk(count, first_ms=MIDNIGHT_MS + MINUTE_MS)


def silent(done: int, total: int, what: str) -> None:
    pass


def ranged(store: BarStore, exchange: MadeUpExchange, first: int, last: int, key: SeriesKey = KEY) -> backfill.Report:
    return backfill.ingest_range(
        store, key, exchange.source, start_ms=first, end_ms=last, now_ms=exchange.now_ms, progress=silent
    )


def resumed(store: BarStore, exchange: MadeUpExchange, key: SeriesKey = KEY, days: int = 1) -> backfill.Report:
    return backfill.ingest_resume(
        store, key, exchange.source, lookback_ms=days * DAY_MS, now_ms=exchange.now_ms, progress=silent
    )


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


def test_a_readjusted_history_is_noticed_and_rebased_as_a_whole(store: BarStore) -> None:
    bars = walk(600, first_ms=MIDNIGHT_MS, timeframe="1d")
    exchange = MadeUpExchange(bars, int(bars.ts_ms[499]), adjusted="adjusted", page_bars=150)
    ranged(store, exchange, MIDNIGHT_MS - 1, exchange.now_ms, DAILY)
    exchange.bars, exchange.now_ms = scaled(bars, 0.98), int(bars.ts_ms[-1]) + DAY_MS  # a dividend of 2 %
    done = resumed(store, exchange, DAILY)
    assert done.got.rebased
    assert same_bars(store.read(DAILY), scaled(bars, 0.98))


def test_a_gap_far_from_the_new_bars_is_not_filled_on_another_basis(store: BarStore) -> None:
    bars = walk(600, first_ms=MIDNIGHT_MS, timeframe="1d")
    exchange = MadeUpExchange(bars, int(bars.ts_ms[-1]) + DAY_MS, adjusted="adjusted")
    ranged(store, exchange, int(bars.ts_ms[300]), int(bars.ts_ms[-1]), DAILY)
    exchange.bars = scaled(bars, 0.5)
    done = ranged(
        store, exchange, int(bars.ts_ms[0]), int(bars.ts_ms[20]), DAILY
    )  # older bars, not touching the stored
    assert done.got.rebased
    stored = store.read(DAILY)
    assert same_bars(stored, picked(scaled(bars, 0.5), np.isin(bars.ts_ms, stored.ts_ms)))


def test_raw_prices_that_come_rescaled_are_refused(store: BarStore) -> None:
    bars = walk(60, first_ms=MIDNIGHT_MS, timeframe="1d")
    exchange = MadeUpExchange(bars, int(bars.ts_ms[-1]) + DAY_MS)
    ranged(store, exchange, MIDNIGHT_MS - 1, int(bars.ts_ms[40]), DAILY)
    exchange.bars = scaled(bars, 0.5)
    with pytest.raises(BadDataError, match=r"6 stored raw closes now come 0\.5 times as high"):
        resumed(store, exchange, DAILY)
    assert same_bars(store.read(DAILY), bars.slice(0, 41))


class OfTheMonth(MadeUpExchange):
    """Has a week for one question, and of the last month only: as Yahoo of minutes."""

    def ask(self, request):
        week = request.end_ms - request.start_ms <= 7 * DAY_MS
        if not week or request.start_ms < self.now_ms - 30 * DAY_MS:
            raise Refused("no_data", provider="made_up", symbol=request.symbol, detail="a week of the last month")
        return super().ask(request)


def of_the_month(hours: int) -> OfTheMonth:
    bars = walk(hours, first_ms=MIDNIGHT_MS + HOUR_MS, timeframe="1h")
    return OfTheMonth(bars, int(bars.ts_ms[-1]), adjusted="adjusted", page_days={"1h": 7})


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_adjusted_bars_far_from_the_stored_ones_come_in_requests_the_provider_takes(
    store: BarStore, factor: float
) -> None:
    exchange = of_the_month(28 * 24)
    bars = exchange.bars
    ranged(store, exchange, int(bars.ts_ms[0]), int(bars.ts_ms[30]), HOURLY)
    exchange.bars = scaled(bars, factor)  # 0.5: a split since
    assert ranged(store, exchange, int(bars.ts_ms[600]), exchange.now_ms, HOURLY).got.rebased == (factor != 1)
    ranged(store, exchange, int(bars.ts_ms[300]), int(bars.ts_ms[350]), HOURLY)
    stored = store.read(HOURLY)
    assert {int(ts) for ts in bars.ts_ms[[0, 30, 300, 350, 600, -1]]} <= set(stored.ts_ms.tolist())
    assert same_bars(stored, picked(scaled(bars, factor), np.isin(bars.ts_ms, stored.ts_ms)))


def test_what_is_too_old_for_the_provider_does_not_keep_the_rest_from_coming_now_or_later(store: BarStore) -> None:
    exchange = of_the_month(60 * 24)
    bars, exchange.adjusted = exchange.bars, "raw"
    ranged(store, exchange, int(bars.ts_ms[-30]), int(bars.ts_ms[-20]), HOURLY)
    with pytest.raises(ExternalDataUnavailable, match="a week of the last month"):
        ranged(store, exchange, int(bars.ts_ms[0]), exchange.now_ms, HOURLY)
    assert len(store.read(HOURLY)) > 21 * 24 and backfill.read_task(store.folder(HOURLY)) is None
    assert resumed(store, exchange, HOURLY).got.requests == 1  # and not again for what there is not


def test_a_first_ingest_that_looks_back_too_far_stores_what_there_is_and_says_the_rest(store: BarStore) -> None:
    exchange = of_the_month(60 * 24)
    bars, exchange.adjusted = exchange.bars, "raw"
    exchange.now_ms = int(bars.ts_ms[50 * 24])
    done = resumed(store, exchange, HOURLY, days=45)
    assert done.first and done.too_old == "a week of the last month" and len(store.read(HOURLY)) > 21 * 24
    assert done.not_had == "; what is older cannot be had (a week of the last month)"
    later = of_the_month(105 * 24)  # 55 days without a job: a part of them can no longer be had
    later.adjusted = "raw"
    done = resumed(store, later, HOURLY)
    stored = store.read(HOURLY, start_ms=exchange.now_ms + 1)
    assert done.too_old == "a week of the last month" and done.lost == 55 * 24 - 1 - len(stored)
    assert done.not_had == f"; {done.lost} bars since the last run can no longer be had (a week of the last month)"
    assert 21 * 24 < len(stored) < 32 * 24 and store.newest(HOURLY) == (int(later.bars.ts_ms[-1]), False)
    assert not resumed(store, later, HOURLY).too_old  # once


def test_a_series_the_provider_no_longer_overlaps_is_refused_and_not_mixed(store: BarStore) -> None:
    exchange = of_the_month(60 * 24)
    bars, exchange.now_ms = exchange.bars, int(exchange.bars.ts_ms[20 * 24])
    ranged(store, exchange, int(bars.ts_ms[0]), exchange.now_ms, HOURLY)
    exchange.bars, exchange.now_ms = scaled(bars, 0.5), int(bars.ts_ms[-1])
    with pytest.raises(BadDataError, match=r"split or dividend lies between is not known. .* move .*1h away"):
        resumed(store, exchange, HOURLY)
    exchange.now_ms = int(bars.ts_ms[45 * 24])  # the newest stored bars are still there, the oldest no longer
    with pytest.raises(BadDataError, match=r"cannot be re-based: .* \(a week of the last month\). .* move .*1h away"):
        resumed(store, exchange, HOURLY)
    assert same_bars(store.read(HOURLY), picked(bars, np.arange(20 * 24 + 1)))


def test_a_split_worked_in_days_late_is_noticed_by_the_bars_before_it(store: BarStore) -> None:
    bars = walk(600, first_ms=MIDNIGHT_MS, timeframe="1d")
    exchange = MadeUpExchange(bars, int(bars.ts_ms[499]), adjusted="adjusted")
    ranged(store, exchange, MIDNIGHT_MS - 1, exchange.now_ms, DAILY)
    before = np.where(np.arange(600) < 489, 0.5, 1.0)  # the split was eleven bars ago
    exchange.bars, exchange.now_ms = scaled(bars, before), int(bars.ts_ms[500])
    assert resumed(store, exchange, DAILY).got.rebased
    assert same_bars(store.read(DAILY), scaled(bars, before).slice(0, 501))
