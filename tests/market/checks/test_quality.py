"""check_data's judgements: each on bars in which the one thing was planted, and on real prices in which it was not."""

from __future__ import annotations

import numpy as np
import pytest

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.checks import quality
from pyjobs.market.checks.splits import breaks
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.partitions import Partition, Provenance, encoded
from tests.market.checks.support.quality import (
    DAY_MS,
    KEY,
    MIDNIGHT_MS,
    day,
    found,
    put,
    store,  # noqa: F401  # the fixture
)
from tests.market.support.made_up_exchange import MINUTE_MS, picked, scaled


def test_a_clean_series_has_no_findings(store: BarStore) -> None:
    put(store, day())
    assert found(store) == {}


def test_gaps_and_quiet_minutes_are_told_apart(store: BarStore) -> None:
    bars = day()
    put(store, picked(bars, np.r_[0:100, 110:200, 205:1440]), bars.ts_ms[200:205])
    assert found(store) == {"WARN 2026-01-01 gap": 10, "note 2026-01-01 confirmed empty by the provider": 5}


def test_a_stale_end_is_told(store: BarStore) -> None:
    put(store, day(100))
    last = int(day(100).ts_ms[-1])
    assert found(store, now_ms=last + 15 * MINUTE_MS) == {}
    assert found(store, now_ms=last + 15 * MINUTE_MS + 1) == {"WARN - stale": 1}


def test_what_no_store_writes_is_found_in_a_file_from_elsewhere(store: BarStore) -> None:
    bars = picked(day(10), np.r_[0:5, 4:10])
    bars.low[2], bars.high[3], bars.volume[7], bars.close[9] = -1.0, 1.0, -5.0, np.nan
    folder = store.folder(KEY)
    folder.mkdir(parents=True)
    provenance = Provenance(provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
    (folder / "2026-01-02.parquet").write_bytes(encoded(KEY, Partition(bars=bars, provenance=provenance)))
    counts = found(store)
    assert counts["FAIL 2026-01-02 time that is there twice"] == 1
    assert counts["FAIL 2026-01-02 price of zero or less"] == 1
    assert counts["FAIL 2026-01-02 open, high, low and close out of order"] == 1
    assert counts["FAIL 2026-01-02 negative volume"] == 1
    assert counts["FAIL 2026-01-02 missing or infinite value"] == 1
    assert counts["FAIL 2026-01-02 time of another partition"] == 11


def test_an_unreadable_partition_and_one_set_aside_are_told(store: BarStore) -> None:
    put(store, day(2000))
    for path in store.partitions(KEY):
        path.write_bytes(b"torn")
    store.set_aside_unreadable(KEY, MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS)
    counts = found(store)
    assert counts == {"FAIL 2026-01-02 cannot be read": 1, "WARN 2026-01-01 was set aside as unreadable": 1}


def test_halts_are_noted_in_a_series_that_reports_volume_only() -> None:
    bars = day(100)
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[50:53] = bars.close[49]
    bars.volume[50:53] = 0
    assert quality.halts(bars).sum() == 3
    bars.volume[:] = 0
    assert quality.halts(bars).sum() == 0


@pytest.mark.parametrize("factor", [100.0, 0.01, 10.0, 1000.0, 0.001])
@pytest.mark.parametrize("fields", [("open", "high", "low", "close"), ("wick",), ("close",), ("open",)])
@pytest.mark.parametrize("together", [1, 77, 78, 200])
def test_a_misplaced_decimal_point_is_a_bad_print(
    monkeypatch: pytest.MonkeyPatch, factor: float, fields: tuple[str, ...], together: int
) -> None:
    monkeypatch.setattr(quality, "LOOKED_AT", together)
    bars = day(200)
    if fields == ("wick",):
        fields = ("high",) if factor > 1 else ("low",)
    for name in fields:
        getattr(bars, name)[77] *= factor
    if fields != ("open", "high", "low", "close"):  # a true bar's high and low take in its open and close
        bars.high[77] = max(bars.open[77], bars.high[77], bars.low[77], bars.close[77])
        bars.low[77] = min(bars.open[77], bars.high[77], bars.low[77], bars.close[77])
    assert np.flatnonzero(quality.bad_prints(bars)).tolist() == [77]


@pytest.mark.parametrize("slip", [100, 1000])
@pytest.mark.parametrize("digits", [2, 8])
def test_an_exact_hundredth_or_thousandth_is_a_bad_print_on_whatever_volume(slip: int, digits: int) -> None:
    for at in range(20, 1400, 40):
        bars = scaled(day(), 0.4127)
        bars.low[at] = round(bars.low[at] / slip, digits if slip == 100 else digits + 1)
        bars.volume[at] = 20 * bars.volume.max()
        assert np.flatnonzero(quality.bad_prints(bars)).tolist() == [at]


@pytest.mark.parametrize("factor", [100.0, 0.01, 1000.0])
@pytest.mark.parametrize("length", [2, 3])
@pytest.mark.parametrize("fields", [("open", "high", "low", "close"), ("wick",)])
def test_a_misplaced_decimal_point_a_few_bars_long_is_one_too(
    factor: float, length: int, fields: tuple[str, ...]
) -> None:
    bars = day(200)
    for name in fields if fields != ("wick",) else ("high",) if factor > 1 else ("low",):
        getattr(bars, name)[77 : 77 + length] *= factor
    assert np.flatnonzero(quality.bad_prints(bars)).tolist() == list(range(77, 77 + length))


def test_neither_end_is_judged_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = day(200)
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[100:] *= 5  # a jump that lasts
    bars.high[0] *= 5  # a wick as high as the last price, but no power of ten from any price next to it
    for together in (30, 200):
        monkeypatch.setattr(quality, "LOOKED_AT", together)
        assert not quality.bad_prints(bars).any()


def crashed(depth: float) -> Bars:
    """Down to `depth` of the price within four bars and back within six, each trading on from the one before."""
    bars = day(200)
    share = np.interp(np.arange(10), [0, 3, 9], [1 - (1 - depth) / 3, depth, 0.99])
    for i, part in enumerate(share):
        bars.close[100 + i] *= part
        bars.open[100 + i] = bars.close[99 + i]
        bars.high[100 + i] = max(bars.open[100 + i], bars.close[100 + i])
        bars.low[100 + i] = min(bars.open[100 + i], bars.close[100 + i])
        bars.volume[100 + i] *= 20
    bars.open[110] = bars.close[109]
    bars.low[110] = min(bars.low[110], bars.open[110])
    return bars


@pytest.mark.parametrize("depth", [0.8, 0.5, 0.2, 0.05])
def test_a_flash_crash_is_none(depth: float) -> None:
    assert not quality.bad_prints(crashed(depth)).any()


def test_a_wick_that_was_traded_is_none() -> None:
    bars = day(200)  # as on GDAX, 2017-06-21: from 319 to 0.10 dollars and back within a minute, on huge volume
    bars.low[100] *= 0.0003
    bars.volume[100] = 500
    assert not quality.bad_prints(bars).any()


# US shares on 2010-05-06 that traded at a cent, by their price before; ETH at GDAX on 2017-06-21, BTC at Binance.US on
# 2021-10-21 (SEC and CFTC report of 2010-09-30; the exchanges' own accounts)
@pytest.mark.parametrize(("price", "low", "busy"), [
    (41.09, 0.01, 5.1), (41.09, 0.01, 1.5), (10.02, 0.01, 1.5), (99.9, 0.01, 1.5), (317.81, 0.1, 80.0),
    (65_815.0, 8_200.0, 30.0),
])  # fmt: skip
def test_a_low_that_was_really_traded_at_is_none(price: float, low: float, busy: float) -> None:
    bars = scaled(day(200), price / 100)
    bars.low[100] = low
    bars.volume[100] = busy * bars.volume[90:110].max()
    assert not quality.bad_prints(bars).any()


def test_a_split_is_a_break_and_no_bad_print() -> None:
    for factor in (0.02, 0.1, 0.05, 0.5, 10.0):
        bars = day(200)
        after = scaled(picked(bars, np.r_[100:200]), factor)
        whole = Bars(**{c: np.append(getattr(bars, c)[:100], getattr(after, c)) for c in COLUMNS})
        assert not quality.bad_prints(whole).any()
        ((at, size),) = breaks(whole)
        assert at == 100 and size == pytest.approx(factor, rel=0.05)
    assert breaks(day(1440)) == []
