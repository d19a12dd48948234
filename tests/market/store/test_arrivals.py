"""Bars of another machine are added to those here; what is stored is never changed, what is doubtful is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.arrivals import take
from pyjobs.market.store.bar_store import BarStore
from tests.market.support.made_up_exchange import picked

DAY_MS = 86_400_000
KEY = SeriesKey(exchange="YAHOO", symbol="AAPL", timeframe="1d")


def days(first: int, stop: int, *, factor: float = 1.0, wave: float = 9.0) -> Bars:
    """Bars of day `first` to `stop` of 2024 on a slow wave; the same day has the same prices in each call."""
    number = np.arange(first, stop, dtype=np.int64)
    close = factor * (100 + wave * np.sin(number / 7))
    return Bars(
        ts_ms=1_704_067_200_000 + number * DAY_MS + 21 * 3_600_000,
        open=close, high=close * 1.01, low=close * 0.99, close=close, volume=1000.0 + number,
    )  # fmt: skip


def stores(tmp_path: Path) -> tuple[BarStore, BarStore]:
    return BarStore(tmp_path / "here/raw", locks=tmp_path), BarStore(tmp_path / "there/raw", locks=tmp_path)


def put(store: BarStore, bars: Bars, *, adjusted: str = "raw", last_final: bool = True) -> None:
    store.write(KEY, bars, provider="p", fetched_at_ms=1, adjusted=adjusted, last_final=last_final)  # type: ignore[arg-type]


@pytest.mark.parametrize("adjusted", ["raw", "adjusted"])
def test_what_only_the_other_has_is_added_on_both_sides_and_in_the_holes(tmp_path: Path, adjusted: str) -> None:
    here, there = stores(tmp_path)
    whole = days(0, 400)  # into the next year's partition
    put(here, picked(whole, np.r_[50:80, 90:300]), adjusted=adjusted)
    put(there, whole, adjusted=adjusted)
    found = take(here, there, KEY)
    assert (found.added, found.same, found.kept, found.refused) == (160, 240, 0, "")
    assert np.array_equal(here.read(KEY).close, whole.close) and np.array_equal(here.read(KEY).ts_ms, whole.ts_ms)
    again = take(here, there, KEY)
    assert (again.added, again.same) == (0, 400)


def test_a_revised_bar_stays_as_it_is_here_and_is_counted(tmp_path: Path) -> None:
    here, there = stores(tmp_path)
    put(here, days(0, 100))
    revised = days(0, 120)
    put(there, replace(revised, volume=np.where(np.arange(120) == 98, 7.0, revised.volume)))
    found = take(here, there, KEY)
    assert (found.added, found.same, found.kept) == (20, 99, 1)
    assert here.read(KEY).volume[98] == 1098.0


def test_a_bar_that_may_still_change_is_not_taken_and_one_here_is_passed_over(tmp_path: Path) -> None:
    here, there = stores(tmp_path)
    put(here, days(0, 11), last_final=False)
    put(there, days(0, 15), last_final=False)
    assert take(here, there, KEY).added == 4, "day 10 is final now, and three more"
    assert len(here.read(KEY)) == 14 and here.newest(KEY) == (int(days(13, 14).ts_ms[0]), True)


@pytest.mark.parametrize(
    ("mine", "adjusted_here", "theirs", "adjusted_there", "why"),
    [
        (days(0, 50), "raw", days(0, 90), "adjusted", "raw prices, those that arrived are adjusted"),
        (days(0, 50), "raw", days(0, 90, factor=0.5), "raw", "0.5 times as high: a split or a dividend apart"),
        (days(0, 50), "adjusted", days(50, 90), "adjusted", "no bar is in both"),
        (days(0, 50), "raw", days(0, 90, wave=-9.0), "raw", "closes differ"),
    ],
)  # fmt: skip
def test_what_cannot_be_the_same_series_is_refused_whole(
    tmp_path: Path, mine: Bars, adjusted_here: str, theirs: Bars, adjusted_there: str, why: str
) -> None:
    here, there = stores(tmp_path)
    put(here, mine, adjusted=adjusted_here)
    put(there, theirs, adjusted=adjusted_there)
    found = take(here, there, KEY)
    assert why in found.refused and found.added == 0
    assert np.array_equal(here.read(KEY).close, mine.close)


def test_raw_bars_without_a_shared_one_are_taken(tmp_path: Path) -> None:
    here, there = stores(tmp_path)
    put(here, days(0, 50))
    put(there, days(60, 90))
    assert take(here, there, KEY).added == 30


def test_a_damaged_partition_of_the_other_refuses_its_series_alone(tmp_path: Path) -> None:
    here, there = stores(tmp_path)
    put(there, days(0, 50))
    there.partitions(KEY)[0].write_bytes(b"PAR1 no")
    assert "not a readable partition" in take(here, there, KEY).refused
    assert here.series() == []
