"""A row that a provider leaves out for some days keeps no new day from coming; a late dividend is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.ingest import backfill
from pyjobs.market.ingest.left_out import with_left_out
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import MadeUpExchange, picked, scaled, walk
from utils.errors import BadDataError

DAY_MS = 86_400_000
DAILY = SeriesKey(exchange="YAHOO", symbol="SPY", timeframe="1d")


def of_closes(*closes: float, volume: float = 100.0) -> Bars:
    close = np.array(closes)
    return Bars(
        ts_ms=np.arange(1, len(closes) + 1, dtype=np.int64) * DAY_MS,
        open=close, high=close + 1, low=close - 1, close=close, volume=np.full(len(closes), volume),
    )  # fmt: skip


def test_a_row_that_is_left_out_is_moved_as_its_neighbours_have_moved() -> None:
    old = of_closes(10.0, 20.0, 40.0, 50.0)
    halved = of_closes(5.0, 10.0, 20.0, 25.0, 26.0, volume=200.0)
    found, told, few = with_left_out(old, picked(halved, np.array([0, 1, 3, 4])))
    assert few and told == (
        "the provider leaves out the stored bar of 1970-01-04 00:00 UTC: it stays, moved as its neighbours were",
    )
    assert found.ts_ms.tolist() == halved.ts_ms.tolist() and found.close.tolist() == [5.0, 10.0, 20.0, 25.0, 26.0]
    assert (found.high[2], found.low[2], found.volume[2]) == (20.5, 19.5, 200.0)  # (41, 39, 100) of a split of two


def test_a_row_about_which_nobody_can_tell_is_left_out_and_named() -> None:
    old = of_closes(10.0, 20.0, 40.0, 50.0)
    for there in ([1, 2, 3], [0, 1, 3]):  # the first, which has one neighbour only; then next to the split
        new = picked(of_closes(5.0, 10.0, 40.0, 50.0), np.array(there))
        found, told, few = with_left_out(old, new)
        assert same_bars(found, new) and few and "it is gone: how far it has moved" in told[0]


def test_newest_rows_and_more_than_a_few_are_no_rows_that_were_left_out() -> None:
    old = of_closes(10.0, 20.0, 40.0, 50.0)
    assert with_left_out(old, of_closes(5.0, 10.0, 20.0))[1:] == ((), False)  # an answer of before
    many = of_closes(*np.linspace(10, 20, 30).tolist())
    assert with_left_out(many, picked(many, np.arange(30) % 4 != 1))[1:] == ((), False)


def test_another_instrument_under_the_name_is_no_other_basis(tmp_path: Path) -> None:
    store = BarStore(tmp_path / "raw", locks=tmp_path / ".locks")
    ours, theirs = (walk(300, first_ms=DAY_MS * 300, timeframe="1d", seed=seed) for seed in (1, 2))
    exchange = MadeUpExchange(bars=ours, now_ms=DAY_MS * 590, adjusted="adjusted", market="24/7")
    resumed(store, exchange)
    kept = store.read(DAILY)
    exchange.bars, exchange.now_ms = spread(theirs), DAY_MS * 592
    with pytest.raises(BadDataError, match="another instrument under this name"):
        resumed(store, exchange)
    assert same_bars(store.read(DAILY), kept)
    exchange.bars = scaled(ours, 0.5)
    assert resumed(store, exchange).got.rebased
    raw = replace(DAILY, symbol="RAW")
    store.write(raw, picked(ours, np.arange(280)), provider="made_up", fetched_at_ms=0, adjusted="raw", last_final=True)
    exchange.bars, exchange.adjusted = spread(theirs), "raw"
    with pytest.raises(BadDataError, match="by no common factor: another instrument"):
        backfill.ingest_resume(
            store, raw, exchange.source, lookback_ms=DAY_MS, now_ms=DAY_MS * 592, progress=lambda *_: None
        )


def spread(bars: Bars) -> Bars:
    """A livelier walk on the same days."""
    factor = np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.04, len(bars)))) * 1.5
    return replace(bars, **{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})


def resumed(store: BarStore, exchange: MadeUpExchange) -> backfill.Report:
    return backfill.ingest_resume(
        store, DAILY, exchange.source, lookback_ms=400 * DAY_MS, now_ms=exchange.now_ms, progress=lambda *_: None
    )


def test_a_series_is_rebased_although_a_row_is_left_out_and_refused_when_many_are(tmp_path: Path) -> None:
    store, bars = BarStore(tmp_path), walk(300, first_ms=1_600_041_600_000, timeframe="1d")
    exchange = MadeUpExchange(bars, int(bars.ts_ms[297]), adjusted="adjusted")
    resumed(store, exchange)
    paid = scaled(bars, np.where(np.arange(300) < 298, 0.99, 1.0))  # type: ignore[arg-type]
    exchange.bars, exchange.now_ms = picked(paid, np.arange(300) != 50), int(bars.ts_ms[298])
    assert resumed(store, exchange).got.rebased
    stored = store.read(DAILY)
    assert len(stored) == 299 and stored.close[50] == pytest.approx(0.99 * bars.close[50], abs=1e-9)
    exchange.bars, exchange.now_ms = picked(scaled(paid, 0.5), np.arange(300) >= 50), int(bars.ts_ms[299])
    with pytest.raises(BadDataError, match=r"50 stored bars \(the first: 2020-09-14 00:00 UTC\) are not among"):
        resumed(store, exchange)


def test_a_dividend_that_is_told_two_months_late_is_worked_in(tmp_path: Path) -> None:
    store, bars = BarStore(tmp_path), walk(300, first_ms=1_600_041_600_000, timeframe="1d")
    exchange = MadeUpExchange(bars, int(bars.ts_ms[298]), adjusted="adjusted")
    resumed(store, exchange)
    paid = scaled(bars, np.where(np.arange(300) < 238, 0.99, 1.0))  # type: ignore[arg-type]
    exchange.bars, exchange.now_ms = paid, int(bars.ts_ms[299])
    assert resumed(store, exchange).got.rebased and same_bars(store.read(DAILY), paid)
