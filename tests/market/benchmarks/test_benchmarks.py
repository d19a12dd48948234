"""Where a benchmark's closes come from, in which order, and what happens when they do not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.benchmarks import closes as bm
from pyjobs.market.benchmarks.bars import request_for
from pyjobs.market.benchmarks.closes import Closes, Fetch, Places
from pyjobs.market.benchmarks.policy import Policy, load_policy
from pyjobs.market.store.bar_store import BarStore
from tests.market.benchmarks.test_policy import SEED_EXAMPLE
from utils import paths
from utils.errors import BadDataError, ExternalDataUnavailable, UsageError

START, END = dt.date(2026, 1, 5), dt.date(2026, 1, 9)


def closes(first: str, *values: float) -> Closes:
    days = np.datetime64(first, "D") + np.arange(len(values))
    return Closes(days=days, close=np.array(values))


def places(tmp_path: Path, **fetch: Fetch) -> Places:
    store = BarStore(tmp_path / "raw", locks=tmp_path / "locks")
    return Places(store=store, cache_dir=tmp_path / "cache", fetch=fetch)


def answering(answer: Closes | ExternalDataUnavailable) -> Fetch:
    """A provider that always gives the same answer."""

    def fetch(*_: object) -> Closes:
        if isinstance(answer, ExternalDataUnavailable):
            raise answer
        return answer

    return fetch


def stored(tmp_path: Path, exchange: str, symbol: str, first: str, *values: float) -> None:
    """Daily bars that close at 06:30 UTC, as the Korea Exchange's do."""
    days = (np.datetime64(first, "D") + np.arange(len(values))).astype("datetime64[ms]").astype(np.int64)
    price = np.array(values)
    bars = Bars(ts_ms=days + 23_400_000, open=price, high=price, low=price, close=price, volume=np.ones(price.size))
    key = SeriesKey(exchange=exchange, symbol=symbol, timeframe="1d")
    where = places(tmp_path).store
    where.write(key, bars, provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    path = tmp_path / "data_sources.yaml"
    path.write_text(SEED_EXAMPLE)
    return load_policy(path)


def cached(home: Path, name: str, *lines: str) -> None:
    (home / "cache").mkdir(exist_ok=True)
    (home / "cache" / f"{name}.csv").write_text("\n".join(["date,close", *lines, ""]))


def test_our_policy_is_the_runbooks_example(policy: Policy) -> None:
    assert load_policy(paths.config_dir() / "data_sources.yaml") == policy
    assert policy.required == ("KOSPI",)
    assert policy.benchmarks["S&P500"].symbols.local_keys == ["SPY", "^GSPC"]


def test_providers_are_asked_in_order_and_the_first_with_the_window_wins(tmp_path: Path, policy: Policy) -> None:
    asked = []

    def yf(symbol: str, start: dt.date, end: dt.date) -> Closes:
        asked.append((symbol, start, end))
        return closes("2026-01-05", 1.0, 2.0, 3.0, 4.0, 5.0)

    found = bm.find("KOSPI", policy, places(tmp_path, yf_index=yf), start=START, end=END)
    assert (found.provider, found.symbol, asked) == ("yf_index", "^KS11", [("^KS11", START, END)])
    stored(tmp_path, "KRX", "KOSPI", "2026-01-01", *range(100, 109))
    found = bm.find("KOSPI", policy, places(tmp_path, yf_index=yf), start=START, end=END)
    assert (found.provider, found.symbol, len(asked)) == ("parquet", "KOSPI", 1)
    assert found.closes.close.tolist() == [104.0, 105.0, 106.0, 107.0, 108.0]
    cached(tmp_path, "069500", "2026-01-05,7.0", "2026-01-06,8.0", "2026-01-07,9.0")
    found = bm.find("KOSPI", policy, places(tmp_path, yf_index=yf), start=START, end=END)
    assert (found.provider, found.symbol) == ("local_cache", "069500")


def test_the_index_that_a_desk_brings_from_yahoo_is_found_by_a_backtest_and_a_share_1001_is_not(
    tmp_path: Path, policy: Policy
) -> None:
    stored(tmp_path, "MINE", "1001", "2026-01-01", *range(1, 10))
    with pytest.raises(ExternalDataUnavailable):
        bm.find("KOSPI", policy, places(tmp_path), start=START, end=END)
    stored(tmp_path, "YAHOO_KR", "^KS11", "2026-01-01", *range(100, 109))
    found = bm.find("KOSPI", policy, places(tmp_path), start=START, end=END)
    assert (found.provider, found.symbol, found.closes.close[0]) == ("parquet", "^KS11", 104.0)
    by_precache = request_for("KOSPI", policy.benchmarks["KOSPI"], "parquet", "XKRX", start_ms=0, end_ms=1)
    assert found.symbol in by_precache.local_keys and "1001" not in by_precache.local_keys


def test_an_old_local_file_does_not_hide_a_fresh_provider_but_is_better_than_none(
    tmp_path: Path, policy: Policy
) -> None:
    cached(tmp_path, "SPY", "2026-01-05,1.0", "2026-01-06,2.0")
    late = dt.date(2026, 3, 31)

    fresh = answering(closes("2026-03-29", 5.0, 6.0, 7.0))
    down = answering(ExternalDataUnavailable("timeout", provider="yf_index"))
    assert bm.find("S&P500", policy, places(tmp_path, yf_index=fresh), start=START, end=late).provider == "yf_index"
    assert bm.find("S&P500", policy, places(tmp_path, yf_index=down), start=START, end=late).provider == "local_cache"


def test_nothing_anywhere_says_what_each_provider_said_with_the_kind_of_the_last(
    tmp_path: Path, policy: Policy
) -> None:
    stored(tmp_path, "KRX", "KOSPI", "2020-01-01", 1.0, 2.0)  # no overlap with the window
    limited = answering(ExternalDataUnavailable("rate_limit", provider="yf_etf"))
    with pytest.raises(ExternalDataUnavailable) as told:
        bm.find("KOSPI", policy, places(tmp_path, yf_etf=limited), start=START, end=END)
    assert told.value.kind == "rate_limit"
    assert told.value.symbol == "KOSPI"
    assert "parquet: no_data" in told.value.detail
    with pytest.raises(ExternalDataUnavailable) as told:
        bm.find("KOSPI", policy, places(tmp_path), start=START, end=END)
    assert told.value.kind == "no_data"


def test_a_required_one_missing_raises_another_is_told_and_a_slip_of_the_pen_is_usage(
    tmp_path: Path, policy: Policy
) -> None:
    nowhere = places(tmp_path)
    with pytest.raises(ExternalDataUnavailable):
        bm.gather(["S&P500", "KOSPI"], policy, nowhere, start=START, end=END)
    found, missing = bm.gather(["S&P500"], policy, nowhere, start=START, end=END)
    assert (found, list(missing)) == ([], ["S&P500"])
    with pytest.raises(UsageError, match=r"unknown benchmark 'SP500': .* has KOSPI, S&P500"):
        bm.gather(["SP500"], policy, nowhere, start=START, end=END)


def test_names_are_split_at_commas_and_an_ampersand_is_part_of_one() -> None:
    assert bm.parse_names("KOSPI, S&P500,KOSPI") == ["KOSPI", "S&P500"]
    with pytest.raises(UsageError, match="separated by single commas"):
        bm.parse_names("KOSPI,,S&P500")


def test_closes_at_sessions_are_the_newest_not_after_them() -> None:
    series = Closes(days=np.array(["2026-01-05", "2026-01-07"], dtype="datetime64[D]"), close=np.array([10.0, 12.0]))
    at = series.at([dt.date(2026, 1, day) for day in (4, 5, 6, 7, 9)])
    assert np.array_equal(at, [np.nan, 10.0, 10.0, 12.0, 12.0], equal_nan=True)


def test_a_bar_is_dated_by_the_day_it_ends_in() -> None:
    midnight = int(np.datetime64("2026-01-06", "ms").astype(np.int64))
    one = np.ones(2)
    bars = Bars(ts_ms=np.array([midnight, midnight + 1]), open=one, high=one, low=one, close=one, volume=one)
    assert bm.from_bars(bars).days.astype(str).tolist() == ["2026-01-05", "2026-01-06"]


@pytest.mark.parametrize("line", ["2026-01-06,-1", "2026-01-05,3", "06/01/2026,3", "2026-01-06,"])
def test_a_local_file_that_cannot_be_true_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"date,close\n2026-01-05,10\n{line}\n")
    with pytest.raises(BadDataError, match="line 3"):
        bm.read_csv(path)


def test_a_price_file_with_any_columns_is_a_benchmark_for_every_job(tmp_path: Path) -> None:
    path = tmp_path / "SPY.csv"
    path.write_text("Date,Open,High,Low,Close,Volume\n2020-01-02,1,3,1,2,9\n2020-01-03,2,4,2,3,9\n")
    found = bm.read_csv(path, "XNYS")
    assert (found.days.astype(str).tolist(), found.close.tolist()) == (["2020-01-02", "2020-01-03"], [2, 3])
    path.write_text("DATE,SP500\n2020-01-01,.\n2020-01-02,3257.85\n2020-01-03,3234.85\n")
    assert bm.read_csv(path, "XNYS").close.tolist() == [3257.85, 3234.85]
