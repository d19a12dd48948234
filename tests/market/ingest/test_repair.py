"""Gap repair: what is missing by the market's calendar, asked for once, with the fewest requests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.checks.inspection import inspect
from pyjobs.market.ingest.backfill import ingest_range
from pyjobs.market.ingest.expected import expected_closes
from pyjobs.market.ingest.gaps import missing_bars
from pyjobs.market.ingest.repair import Repaired, repair
from pyjobs.market.providers import BarRequest, Fetched, Refused
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import MINUTE_MS, MadeUpExchange, picked, walk
from utils.errors import ConfigError

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
KEY = SeriesKey(exchange="TEST", symbol="BTCUSD", timeframe="1m")
NO_TIME = np.empty(0, np.int64)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")


def put(store: BarStore, key: SeriesKey, bars: Bars, empty: np.ndarray = NO_TIME) -> None:
    store.write(key, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True, empty=empty)


def repaired(store: BarStore, key: SeriesKey, exchange: MadeUpExchange, days: float = 10_000) -> Repaired:
    return repair(
        store,
        key,
        exchange.source,
        lookback_ms=int(days * DAY_MS),
        now_ms=exchange.now_ms,
        progress=lambda *_: None,
    )


def utc_ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


def test_a_korean_day_of_five_minute_bars_runs_from_nine_to_half_past_three() -> None:
    closes = expected_closes("XKRX", "5m", utc_ms("2026-11-18T00:00"), utc_ms("2026-11-18T23:59"))
    assert (closes[0], closes[-1], closes.size) == (utc_ms("2026-11-18T00:05"), utc_ms("2026-11-18T06:30"), 78)


def test_a_late_open_and_a_weekend_have_the_bars_they_have() -> None:
    exam_day = expected_closes("XKRX", "1m", utc_ms("2026-11-19T00:00"), utc_ms("2026-11-19T23:59"))
    assert (exam_day[0], exam_day[-1]) == (utc_ms("2026-11-19T01:01"), utc_ms("2026-11-19T07:30"))  # 10:00 to 16:30
    assert expected_closes("XKRX", "1m", utc_ms("2026-11-21T00:00"), utc_ms("2026-11-22T23:59")).size == 0


def test_an_hourly_bar_is_expected_where_it_overlaps_the_session() -> None:
    closes = expected_closes("XNYS", "1h", utc_ms("2026-11-18T00:00"), utc_ms("2026-11-18T23:59"))
    assert closes.tolist() == [utc_ms("2026-11-18T15:00") + k * HOUR_MS for k in range(7)]  # opens 14:30 UTC


def test_hours_counted_from_the_open_are_expected_over_a_change_of_clocks_and_on_a_half_day() -> None:
    def hours(day: str) -> list[str]:
        closes = expected_closes("XNYS", "1h", utc_ms(f"{day}T00:00"), utc_ms(f"{day}T23:59"), from_open=True)
        return [str(np.datetime64(ts, "ms"))[11:16] for ts in closes.tolist()]

    assert hours("2026-10-30") == ["14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:30"]  # as Yahoo's
    assert hours("2026-11-02") == ["15:30", "16:30", "17:30", "18:30", "19:30", "20:30", "21:30"]
    assert hours("2025-11-28") == ["15:30", "16:30", "17:30", "18:30"]  # until one o'clock


def test_at_tokyos_lunch_no_hour_of_the_days_before_is_missing(store: BarStore) -> None:
    """Its hours before lunch are whole ones, by whichever way they are counted."""
    key, lunch_ms = SeriesKey(exchange="TEST", symbol="7203", timeframe="1h"), utc_ms("2026-11-20T03:00")
    closes = expected_closes("XTKS", "1h", utc_ms("2026-11-17"), lunch_ms, from_open=True)
    put(store, key, replace(walk(closes.size, first_ms=0, timeframe="1h"), ts_ms=closes))
    assert missing_bars(store, key, "XTKS", first_ms=utc_ms("2026-11-17"), last_ms=lunch_ms).size == 0


@pytest.mark.parametrize("from_open", [True, False])
def test_hours_that_the_provider_counts_its_own_way_are_fetched_and_repaired_as_it_has_them(
    store: BarStore, from_open: bool
) -> None:
    key = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1h")
    closes = expected_closes("XNYS", "1h", utc_ms("2026-09-01"), utc_ms("2026-11-20"), from_open=from_open)
    bars = replace(walk(closes.size, first_ms=0, timeframe="1h"), ts_ms=closes)
    exchange = MadeUpExchange(bars, utc_ms("2026-11-20T12:00"), market="XNYS", page_bars=101)
    first, now_ms = int(closes[0]) - 1, exchange.now_ms
    ingest_range(store, key, exchange.source, start_ms=first, end_ms=now_ms, now_ms=now_ms, progress=lambda *_: None)
    assert same_bars(store.read(key), bars) and store.confirmed_empty(key).size == 0
    names = ["2026-09-15.parquet", "2026-11-02.parquet"]
    for name in names:
        (store.folder(key) / name).unlink()
    done = repaired(store, key, exchange)
    assert (done.missing, done.filled, done.confirmed_empty, done.left) == (14, 14, 0, 0)
    assert same_bars(store.read(key), bars)
    assert inspect(store, key, "XNYS", now_ms=exchange.now_ms).flaws == ()


def test_past_the_calendar_nothing_is_guessed() -> None:
    with pytest.raises(ConfigError, match="outside"):
        expected_closes("XKRX", "1d", utc_ms("2027-12-01"), utc_ms("2029-01-01"))


def from_bitfinex(path: Path, step_ms: int) -> Bars:
    rows = np.array(json.loads(path.read_text()), float)
    rows = rows[np.argsort(rows[:, 0])]
    start, open_, close, high, low, volume = rows.T
    return Bars(ts_ms=start.astype(np.int64) + step_ms, open=open_, high=high, low=low, close=close, volume=volume)


@pytest.mark.parametrize(("timeframe", "step_ms", "fewest"), [("1h", HOUR_MS, 1), ("30m", HOUR_MS // 2, 2)])
def test_real_candles_with_a_thousand_bars_and_a_day_removed_come_back_in_the_fewest_requests(
    store: BarStore, shared_data: Path, timeframe: str, step_ms: int, fewest: int
) -> None:
    real = from_bitfinex(shared_data / "bitfinex_bars" / f"BFX_BTCUSD_{timeframe}.json", step_ms)
    rng = np.random.default_rng(20261120)
    count = len(real)
    removed = np.zeros(count, bool)
    removed[rng.choice(np.arange(1, count - 1), 1000, replace=False)] = True
    removed[count // 2 : count // 2 + DAY_MS // step_ms] = True
    key = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe=timeframe)
    put(store, key, picked(real, ~removed))
    exchange = MadeUpExchange(real, int(real.ts_ms[-1]) + DAY_MS)
    grid = (int(real.ts_ms[-1]) - int(real.ts_ms[0])) // step_ms + 1
    never_there = grid - count

    first = repaired(store, key, exchange)
    assert same_bars(store.read(key), real)
    assert (first.filled, first.confirmed_empty, first.left) == (int(removed.sum()), never_there, 0)
    assert len(exchange.requests) == fewest  # each may ask for 10 000 bars
    exchange.requests.clear()
    second = repaired(store, key, exchange)
    assert exchange.requests == [] and second.missing == 0
    assert same_bars(store.read(key), real)


def test_a_quiet_minute_is_asked_for_once_and_never_again(store: BarStore) -> None:
    bars = walk(1000, first_ms=MIDNIGHT_MS + MINUTE_MS)
    have = picked(bars, np.r_[0:400, 405:1000])
    put(store, KEY, have)
    exchange = MadeUpExchange(have, int(bars.ts_ms[-1]) + DAY_MS)
    done = repaired(store, KEY, exchange)
    assert (done.missing, done.filled, done.confirmed_empty, done.left) == (5, 0, 5, 0)
    assert repaired(store, KEY, exchange).missing == 0
    assert len(exchange.requests) == 1


def test_nothing_is_invented_for_weekends_holidays_and_halts(store: BarStore) -> None:
    key = SeriesKey(exchange="TEST", symbol="005930", timeframe="1d")
    sessions = expected_closes("XKRX", "1d", utc_ms("2026-01-01"), utc_ms("2026-06-30"))
    bars = walk(sessions.size, first_ms=0, timeframe="1d")
    there = Bars(**{c: getattr(bars, c) for c in ("open", "high", "low", "close", "volume")}, ts_ms=sessions)
    halted = picked(there, np.r_[0:50, 58 : sessions.size])  # eight sessions without a price
    put(store, key, halted)
    exchange = MadeUpExchange(halted, utc_ms("2026-07-15"), market="XKRX")
    done = repaired(store, key, exchange)
    assert (done.missing, done.confirmed_empty) == (8, 8)
    assert same_bars(store.read(key), halted)
    exchange.requests.clear()
    assert repaired(store, key, exchange).missing == 0 and exchange.requests == []


def test_the_lookback_bounds_what_is_looked_at(store: BarStore) -> None:
    bars = walk(5 * 1440, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, KEY, picked(bars, np.r_[0:10, 11:7000, 7001:7200]))
    exchange = MadeUpExchange(bars, int(bars.ts_ms[-1]))
    assert repaired(store, KEY, exchange, days=1).filled == 1
    assert set(bars.ts_ms.tolist()) - set(store.read(KEY).ts_ms.tolist()) == {int(bars.ts_ms[10])}


class Forgetful(MadeUpExchange):
    """Knows nothing of bars that close before `since_ms`, as Yahoo of minutes after a month."""

    since_ms = 0

    def ask(self, request: BarRequest) -> Fetched:
        if request.start_ms < self.since_ms:
            raise Refused("no_data", provider="made_up", symbol=request.symbol, detail="too long ago")
        return super().ask(request)


def test_a_gap_too_old_for_the_provider_does_not_keep_newer_ones_from_being_filled(store: BarStore) -> None:
    bars = walk(4 * 1440, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, KEY, picked(bars, np.r_[0:100, 110:4000, 4100:5760]))
    exchange = Forgetful(bars, int(bars.ts_ms[-1]) + DAY_MS, page_bars=500)
    exchange.since_ms = int(bars.ts_ms[3000])
    done = repaired(store, KEY, exchange)
    assert done.refused is not None and done.refused.detail == "too long ago" and done.left == 10
    assert same_bars(store.read(KEY), picked(bars, np.r_[0:100, 110:5760]))


def test_a_partition_that_cannot_be_read_is_set_aside_and_its_bars_come_back(store: BarStore) -> None:
    bars = walk(3 * 1440, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, KEY, bars)
    exchange = MadeUpExchange(bars, int(bars.ts_ms[-1]) + DAY_MS)
    for at, filled in ((1, 1440), (-1, 1440)):
        path = store.partitions(KEY)[at]
        path.write_bytes(b"torn")
        done = repaired(store, KEY, exchange)
        assert done.set_aside == (path.name,) and done.filled == filled
        assert same_bars(store.read(KEY), bars)


def test_a_torn_partition_older_than_the_lookback_does_not_stop_a_repair(store: BarStore) -> None:
    bars = walk(4 * 1440, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, KEY, picked(bars, np.r_[0:5000, 5010:5760]))
    old = store.partitions(KEY)[0]
    old.write_bytes(b"torn")
    lacking = picked(bars, np.arange(5760) != 5005)  # a quiet minute: to remember it the beginning is looked up
    exchange = MadeUpExchange(lacking, int(bars.ts_ms[-1]) + 60 * MINUTE_MS)
    first = repaired(store, KEY, exchange, days=2)
    assert (first.filled, first.confirmed_empty, first.left) == (9, 1, 0)
    assert old.read_bytes() == b"torn"
    done = repaired(store, KEY, exchange)
    assert done.set_aside == (old.name,) and done.left == 0
    assert same_bars(store.read(KEY, end_ms=int(bars.ts_ms[5000])), picked(bars, np.r_[0:5001]))


def test_a_gap_scan_counts_each_kind_of_day_right(store: BarStore) -> None:
    bars = walk(4 * 1440, first_ms=MIDNIGHT_MS + MINUTE_MS)
    keep = np.ones(len(bars), bool)
    keep[2000:2010] = False  # second day: ten missing, of which three are known to be empty
    keep[1440 * 2 : 1440 * 3] = False  # third day: missing as a whole
    put(store, KEY, picked(bars, keep), bars.ts_ms[2000:2003])
    gaps = missing_bars(store, KEY, "24/7", first_ms=0, last_ms=int(bars.ts_ms[-1]))
    assert gaps.tolist() == bars.ts_ms[np.r_[2003:2010, 2880:4320]].tolist()


def two_weeks_of_currencies() -> Bars:
    """Hours from Sunday 17:00 to Friday 17:00 in New York, twice; its clocks go forward in between."""
    opens_ms = 1_772_402_400_000  # 2026-03-01T22:00Z, a Sunday
    week = np.arange(1, 121) * HOUR_MS
    closes = np.concatenate([opens_ms + week, opens_ms + 7 * DAY_MS - HOUR_MS + week])
    prices = walk(len(closes), first_ms=0, timeframe="1h")
    return Bars(**{name: getattr(prices, name) for name in COLUMNS[1:]}, ts_ms=closes)


def test_the_weekends_of_currencies_are_neither_missing_nor_asked_for(store: BarStore) -> None:
    key = SeriesKey(exchange="FX", symbol="EURUSD", timeframe="1h")
    whole = two_weeks_of_currencies()
    exchange = MadeUpExchange(whole, now_ms=int(whole.ts_ms[-1]) + DAY_MS, market="FX")
    put(store, key, whole)
    assert repaired(store, key, exchange).missing == 0 and exchange.requests == []


def test_a_missing_hour_beside_the_weekend_of_currencies_is_brought_back(store: BarStore) -> None:
    key = SeriesKey(exchange="FX", symbol="EURUSD", timeframe="1h")
    whole = two_weeks_of_currencies()
    exchange = MadeUpExchange(whole, now_ms=int(whole.ts_ms[-1]) + DAY_MS, market="FX")
    there = np.ones(len(whole), bool)
    there[[119, 120]] = False  # Friday's last hour and the first of the week after
    put(store, key, picked(whole, there))
    done = repaired(store, key, exchange)
    assert (done.missing, done.filled, done.left) == (2, 2, 0)
    assert same_bars(store.read(key), whole)
