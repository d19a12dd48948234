"""Ingest where the provider's prices are on another basis, or do not reach back far enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.ingest import backfill
from pyjobs.market.providers import Refused
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.basis import volumes_moved
from pyjobs.market.store.merge import same_bars
from tests.market.ingest.support.ingest import (
    DAY_MS,
    MIDNIGHT_MS,
    ranged,
    resumed,
    store,  # noqa: F401  # the fixture
)
from tests.market.support.made_up_exchange import MadeUpExchange, picked, scaled, walk
from utils.errors import BadDataError, ExternalDataUnavailable

HOURLY = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1h")
DAILY = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1d")
HOUR_MS = 3_600_000


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
    with pytest.raises(ExternalDataUnavailable, match=r"a week of the last month; what it has .* is stored"):
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


def test_volumes_that_an_older_version_stored_in_contracts_are_named_with_the_command_that_mends_them(
    store: BarStore,
) -> None:
    bars = walk(60, first_ms=MIDNIGHT_MS, timeframe="1d")
    contracts = replace(bars, volume=bars.volume * 100)  # of a hundredth of a coin each
    exchange = MadeUpExchange(contracts, int(bars.ts_ms[50]) + DAY_MS)
    ranged(store, exchange, MIDNIGHT_MS - 1, int(bars.ts_ms[50]), DAILY)
    exchange.bars, exchange.now_ms = bars, int(bars.ts_ms[-1]) + DAY_MS
    told = resumed(store, exchange, DAILY).got.lines
    assert "come 0.01 times as high" in told[1] and "--symbol SPY --timeframe 1d --start TIME" in told[1]
    assert not resumed(store, exchange, DAILY).got.revised
    ranged(store, exchange, MIDNIGHT_MS - 1, exchange.now_ms, DAILY)
    assert same_bars(store.read(DAILY), bars)


def test_volumes_that_are_revised_each_by_itself_are_of_no_other_unit() -> None:
    bars = walk(9, first_ms=MIDNIGHT_MS, timeframe="1d")
    for volume, want in (
        (bars.volume * np.where(np.arange(9) < 4, 0.5, 1.0), (0.5, int(bars.ts_ms[3]))),
        (bars.volume * np.where(np.arange(9) < 2, 0.5, 1.0), None),  # too few
        (bars.volume * np.where(np.arange(9) > 4, 0.5, 1.0), None),  # the newest: they were provisional
        (bars.volume * np.linspace(0.5, 0.6, 9), None),
    ):
        assert volumes_moved(bars, replace(bars, volume=volume)) == want
    assert volumes_moved(bars, replace(bars, volume=bars.volume / 2, close=bars.close * 2)) is None  # a split
