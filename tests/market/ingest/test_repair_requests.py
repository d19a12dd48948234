"""Gap repair asks for no more than it must: compared with the fewest requests there can be, counted here by another
method.

The fewest: pages of `page_bars` bars, counted in the market's own hours, and of `page_days` at most, that cover what is
missing. It is found here by trying every way to cut, with the hours read from the calendar's file by hand.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import COLUMNS, TIMEFRAME_MS, Bars, SeriesKey
from pyjobs.market.ingest.repair import Repaired, repair
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import MadeUpExchange, picked, walk
from tests.market.support.real_prices import real_days

ROOT = Path(__file__).resolve().parents[3]
DAY_MS = 86_400_000
SEED = 20261120


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")


def closes_by_hand(market: str, timeframe: str, first: str, last: str) -> np.ndarray:
    """Every close of the sessions `first`..`last`, from the calendar's table."""
    step = TIMEFRAME_MS[timeframe]
    lines = (ROOT / f"config/calendars/{market}.tsv").read_text().splitlines()
    found: list[int] = []
    for line in lines:
        if line[:1] != "#" and first <= line[:10] <= last:
            opens, closes = (int(cell) * 1000 for cell in line.split("\t")[1:3])
            found += [closes] if timeframe == "1d" else range(opens // step * step + step, closes + step, step)
    return np.array(sorted(set(found)), np.int64)


def fewest(missing: np.ndarray, closes: np.ndarray, page_bars: int, page_days: int) -> int:
    """The least number of pages that hold all of `missing`: the best of every way to cut."""
    place = np.searchsorted(closes, missing)
    best = np.zeros(missing.size + 1, np.int64)
    for i in range(missing.size - 1, -1, -1):
        near = slice(i, i + page_bars)
        fits = (place[near] - place[i] < page_bars) & (missing[near] - missing[i] <= page_days * DAY_MS)
        best[i] = 1 + best[i + 1 : i + 1 + int(fits.sum())].min()
    return int(best[0])


def bars_at(closes: np.ndarray, timeframe: str) -> Bars:
    prices = walk(closes.size, first_ms=0, timeframe=timeframe)
    return Bars(**{name: getattr(prices, name) for name in COLUMNS[1:]}, ts_ms=closes)


def put(store: BarStore, key: SeriesKey, bars: Bars) -> None:
    store.write(key, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)


def repaired(store: BarStore, key: SeriesKey, exchange: MadeUpExchange) -> Repaired:
    return repair(
        store, key, exchange.source, lookback_ms=20_000 * DAY_MS, now_ms=exchange.now_ms, progress=lambda *_: None
    )


def within_a_page(exchange: MadeUpExchange, closes: np.ndarray, page_days: int) -> bool:
    """No request asks for more than a page and the bar on either side of it."""
    asked = [(one.start_ms, one.end_ms) for one in exchange.requests]
    bars = [int(((closes >= first) & (closes <= last)).sum()) for first, last in asked]
    return max(bars) <= exchange.page_bars + 2 and max(last - first for first, last in asked) <= page_days * DAY_MS


CASES = [
    ("XKRX", "1m", "2026-10-05", "2026-11-13", 5000, 7),
    ("XNYS", "1m", "2026-10-12", "2026-11-13", 5000, 7),
    ("FX", "1m", "2026-10-19", "2026-11-12", 5000, 7),
    ("FX", "1m", "2026-10-19", "2026-11-12", 10_000, 4_000),
    ("XNYS", "1m", "2026-10-12", "2026-11-13", 10_000, 4_000),
    ("XKRX", "5m", "2026-07-01", "2026-11-13", 500, 55),
    ("XNYS", "1h", "2026-01-02", "2026-11-13", 100, 60),
    ("FX", "1h", "2026-06-01", "2026-11-12", 300, 55),
    ("XTKS", "1d", "2018-01-04", "2026-11-13", 500, 4_000),
]


@pytest.mark.parametrize(("market", "timeframe", "first", "last", "page_bars", "page_days"), CASES)
def test_a_thousand_bars_and_a_day_come_back_with_the_fewest_requests_in_any_market(
    store: BarStore, market: str, timeframe: str, first: str, last: str, page_bars: int, page_days: int
) -> None:
    closes = closes_by_hand(market, timeframe, first, last)
    rng = np.random.default_rng(SEED)
    never = np.zeros(closes.size, bool)
    never[rng.choice(np.arange(1, closes.size - 1), 40, replace=False)] = True  # nobody traded
    whole = bars_at(closes[~never], timeframe)
    removed = np.zeros(len(whole), bool)
    removed[rng.choice(np.arange(1, len(whole) - 1), 1000, replace=False)] = True
    days = whole.ts_ms // DAY_MS
    removed[days == days[len(whole) // 2]] = True
    removed[-1] = False
    key = SeriesKey(exchange="TEST", symbol="X", timeframe=timeframe)
    put(store, key, picked(whole, ~removed))
    exchange = MadeUpExchange(
        whole, int(closes[-1]) + DAY_MS, market=market, page_bars=page_bars, page_days={timeframe: page_days}
    )
    done = repaired(store, key, exchange)
    assert same_bars(store.read(key), whole)
    assert np.array_equal(store.confirmed_empty(key), closes[never])
    assert (done.filled, done.confirmed_empty, done.left) == (int(removed.sum()), 40, 0)
    missing = np.union1d(whole.ts_ms[removed], closes[never])
    assert len(exchange.requests) == done.got.requests <= 1.1 * fewest(missing, closes, page_bars, page_days)
    assert within_a_page(exchange, closes, page_days)
    exchange.requests.clear()
    assert repaired(store, key, exchange).missing == 0 and exchange.requests == []


def test_what_lacks_where_one_full_page_meets_the_next_is_confirmed_in_the_same_pass(store: BarStore) -> None:
    closes = closes_by_hand("XKRX", "1m", "2026-11-02", "2026-11-06")
    never = np.zeros(closes.size, bool)
    never[[100, 598, 599, 600, 601, 1099, 1100]] = True  # the gap begins at 100, and a page holds 500
    whole = bars_at(closes[~never], "1m")
    key = SeriesKey(exchange="TEST", symbol="X", timeframe="1m")
    put(store, key, picked(whole, (whole.ts_ms < closes[100]) | (whole.ts_ms > closes[1599])))
    exchange = MadeUpExchange(whole, int(closes[-1]) + DAY_MS, market="XKRX", page_bars=500)
    done = repaired(store, key, exchange)
    assert (len(exchange.requests), done.left, done.confirmed_empty) == (3, 0, 7)
    assert same_bars(store.read(key), whole)


def test_a_lone_missing_bar_is_asked_for_with_its_two_neighbours_and_not_with_a_month(store: BarStore) -> None:
    closes = closes_by_hand("XNYS", "1m", "2026-11-02", "2026-11-13")
    whole = bars_at(closes, "1m")
    key = SeriesKey(exchange="TEST", symbol="X", timeframe="1m")
    at = 389  # the last minute of a session: the bar after it comes the next morning
    put(store, key, picked(whole, np.arange(len(whole)) != at))
    exchange = MadeUpExchange(whole, int(closes[-1]) + DAY_MS, market="XNYS")
    assert repaired(store, key, exchange).filled == 1
    assert [(one.start_ms, one.end_ms) for one in exchange.requests] == [(closes[at - 1], closes[at + 1])]


@pytest.mark.parametrize("symbol", ["005930", "000660", "005380"])
def test_real_korean_days_with_a_thousand_removed_come_back_with_the_fewest_requests(
    store: BarStore, shared_data: Path, symbol: str
) -> None:
    days = {d: r for d, r in real_days(shared_data / f"krx_daily/v1_{symbol}.csv").items() if d >= "2010-01-04"}
    closes = closes_by_hand("XKRX", "1d", "2010-01-04", max(days))
    dates = [(dt.datetime.fromtimestamp(ms / 1000, dt.UTC)).date().isoformat() for ms in closes.tolist()]
    traded = np.array([date in days for date in dates])
    columns = np.array([days[date] for date in dates if date in days]).T
    high, low = np.maximum.reduce(columns[:4]), np.minimum.reduce(columns[:4])
    whole = Bars(ts_ms=closes[traded], open=columns[0], high=high, low=low, close=columns[3], volume=columns[4])
    removed = np.zeros(len(whole), bool)
    removed[np.random.default_rng(SEED).choice(np.arange(1, len(whole) - 1), 1000, replace=False)] = True
    key = SeriesKey(exchange="KRX", symbol=symbol, timeframe="1d")
    put(store, key, picked(whole, ~removed))
    exchange = MadeUpExchange(whole, int(closes[-1]) + 30 * DAY_MS, market="XKRX", page_bars=500)
    done = repaired(store, key, exchange)
    assert same_bars(store.read(key), whole)
    assert (done.filled, done.confirmed_empty, done.left) == (1000, int((~traded).sum()), 0)  # halts stay halts
    missing = np.union1d(whole.ts_ms[removed], closes[~traded])
    assert len(exchange.requests) <= 1.1 * fewest(missing, closes, 500, 40_000)
    exchange.requests.clear()
    assert repaired(store, key, exchange).missing == 0 and exchange.requests == []
