"""Kinds of fault in price files: single rows, what is stored already, splits."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.checks.splits import breaks
from pyjobs.market.dumps.compare import Stored, bring_in
from pyjobs.market.store.bar_store import BarStore
from tests.market.dumps.support.kinds_of_fault import (
    HEADER,
    NOW,
    TRIALS,
    days,
    found,
    instrument,
    read,
    rows,
    text,  # noqa: F401  # the fixture
    utc,
)
from utils.errors import BadDataError


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")


class TestOneRow:
    def test_todays_row_before_the_open_goes_before_it_is_judged(self) -> None:
        now = dt.datetime(2026, 11, 19, 23, 30, tzinfo=dt.UTC)  # 08:30 in Seoul on the 20th
        dump = read(TRIALS / "17_row_of_the_day_before_the_open.csv", market="XKRX", now=now)
        assert dump.bars.close.tolist() == [70500, 71000]
        assert found(dump)["not closed yet when the dump was written: left out"] == 1

    def test_a_row_that_only_lacks_its_volume_is_kept(self) -> None:
        dump = read(TRIALS / "19_one_row_without_its_volume.csv", prices="adjusted")
        assert dump.bars.close.tolist() == [33.477, 34.023, 33.858, 32.921, 32.866]
        assert found(dump) == {"volume missing: taken as 0": 1}

    def test_a_series_in_which_no_volume_is_counted_says_so(self, text: Any) -> None:
        dump = text(rows(days("2024-01-02", 3), volume="0"), market="24/7")
        assert found(dump)["volume 0, as in every row: none is counted"] == 3

    def test_impossible_rows_are_left_out_up_to_a_limit_when_the_desk_says_so(self, text: Any) -> None:
        days_of_may = [f"2024-05-{d:02}" for d in (1, 2, 3, 6, 7, 8, 9, 10, 13, 14)]
        content = rows(days_of_may) + "2024-05-15,10,1,9,12,5\n"
        with pytest.raises(BadDataError, match="line 12: high is below low"):
            text(content)
        with pytest.raises(BadDataError, match=r"1 of 11 rows cannot be true, more than the 1 %"):
            text(content, bad_rows="drop")
        dump = text(content, bad_rows=10)
        assert len(dump.bars) == 10
        assert found(dump)["bad row left out: high is below low; are columns swapped (see `layout:`)?"] == 1


class TestBesideTheStore:
    def put(self, store: BarStore, path: Path, **told: Any) -> Stored:
        return bring_in(read(path, **told), instrument(**told), store, now_ms=int(NOW.timestamp() * 1000))

    def text(self, store: BarStore, tmp_path: Path, content: str, *, now: dt.datetime = NOW, **told: Any) -> Stored:
        path = tmp_path / "x.csv"
        path.write_text(content)
        os.utime(path, (0, now.timestamp()))
        dump = read(path, now=now, **told)
        return bring_in(dump, instrument(**told), store, now_ms=int(now.timestamp() * 1000))

    def test_a_file_on_another_basis_never_meets_the_old_one(self, store: BarStore) -> None:
        told = {"market": "XKRX", "prices": "adjusted"}
        april, may = TRIALS / "15_basis_of_april.csv", TRIALS / "15_basis_of_may.csv"
        self.put(store, april, **told)
        before = store.read(instrument(**told).key).close.tolist()
        with pytest.raises(BadDataError, match=r"the closes in 'x' are 0\.02 times those that are stored"):
            self.put(store, may, **told)
        assert store.read(instrument(**told).key).close.tolist() == before
        done = self.put(store, may, **told, complete=True)
        assert (done.rebased, done.gone) == (True, 10)
        assert store.read(instrument(**told).key).close.max() < 60_000

    def test_a_whole_history_on_another_basis_takes_the_old_ones_place(self, store: BarStore, tmp_path: Path) -> None:
        week = days("2024-01-08", 5)
        self.text(store, tmp_path, rows(week, price=100), prices="adjusted")
        done = self.text(store, tmp_path, rows([*week, "2024-01-16"], price=50), prices="adjusted")
        assert (done.new, done.changed, done.same, done.left, done.rebased) == (1, 5, 0, 0, True)
        assert set(store.read(instrument(prices="adjusted").key).close.tolist()) == {52.0}

    def test_what_the_file_lacks_is_listed_and_goes_when_the_file_is_complete(
        self, store: BarStore, tmp_path: Path
    ) -> None:
        week = days("2024-01-08", 5)
        self.text(store, tmp_path, rows(week))
        without = rows([*week[:2], *week[3:]])
        done = self.text(store, tmp_path, without)
        assert (done.new, done.changed, done.same, done.left, done.gone) == (0, 0, 4, 1, 0)
        assert [f.what for f in done.findings] == ["stored bar that the file lacks: left (`complete: true` lets it go)"]
        assert len(store.read(instrument().key)) == 5
        done = self.text(store, tmp_path, without, complete=True)
        assert done.gone == 1
        assert len(store.read(instrument().key)) == 4

    def test_a_complete_file_of_another_year_leaves_nothing_of_the_old_one(
        self, store: BarStore, tmp_path: Path
    ) -> None:
        self.text(store, tmp_path, rows(["2022-01-04", "2022-01-05", "2023-01-04"]))
        self.text(store, tmp_path, rows(["2023-01-04", "2023-01-05"]), complete=True)
        assert store.read(instrument().key).ts_ms.tolist() == [utc("2023-01-04T21:00"), utc("2023-01-05T21:00")]

    def test_a_file_read_by_another_clock_is_refused(self, store: BarStore, tmp_path: Path) -> None:
        told = {"market": "24/7", "timeframe": "1h", "layout": "ohlcv_start"}
        content = HEADER + "".join(f"2024-01-02T{h:02}:00,{h + 10},{h + 13},{h + 9},{h + 12},5\n" for h in range(9))
        self.text(store, tmp_path, content, zone="+00:00", **told)
        for zone in ("-01:00", "+02:00", "Asia/Seoul"):
            with pytest.raises(BadDataError, match="was `zone`, `layout` or `timeframe` changed"):
                self.text(store, tmp_path, content, zone=zone, **told)
                self.text(store, tmp_path, content, zone=zone, **told)
        assert store.read(instrument(**told).key).ts_ms.tolist() == [utc(f"2024-01-02T{h + 1:02}:00") for h in range(9)]
        self.text(store, tmp_path, content, zone="-01:00", complete=True, **told)
        assert store.read(instrument(**told).key).ts_ms.tolist() == [utc(f"2024-01-02T{h + 2:02}:00") for h in range(9)]

    def test_the_newest_bar_is_unconfirmed_until_a_later_row_or_a_later_file_has_it(
        self, store: BarStore, tmp_path: Path
    ) -> None:
        week = days("2024-01-08", 3)
        assert self.text(store, tmp_path, rows(week)).unconfirmed == utc("2024-01-10T21:00")
        assert self.text(store, tmp_path, rows(week)).unconfirmed == utc("2024-01-10T21:00")  # the file is as old
        later = NOW + dt.timedelta(days=1)
        assert self.text(store, tmp_path, rows(week), now=later).unconfirmed is None
        done = self.text(store, tmp_path, rows([*week, "2024-01-11"]), now=later)
        assert done.unconfirmed == utc("2024-01-11T21:00")
        assert store.newest(instrument().key) == (utc("2024-01-11T21:00"), False)


class TestSplits:
    def test_seven_for_one_is_found_and_the_crash_of_a_coin_is_none(self) -> None:
        apple = read(TRIALS / "22_split_7_to_1.csv").bars
        ((at, factor),) = breaks(apple, "XNYS")
        assert apple.ts_ms[at] == utc("2014-06-09T20:00") and factor == pytest.approx(1 / 7, rel=0.05)
        coin = read(TRIALS / "24_crash_of_2020_03_12.csv", market="24/7").bars
        assert breaks(coin, "24/7") == breaks(coin, None) == []

    @pytest.mark.parametrize("size", [1.5, 6, 7, 9, 12, 13, 35, 120, 500])
    @pytest.mark.parametrize("reverse", [False, True])
    def test_every_ratio_that_is_done_is_found_by_price_and_volume(self, size: float, reverse: bool) -> None:
        bars = read(TRIALS / "26_benchmark.csv").bars.slice(0, 40)
        factor = size if reverse else 1 / size
        for name in ("open", "high", "low", "close"):
            getattr(bars, name)[20:] *= factor
        bars.volume[20:] /= factor
        ((at, found_factor),) = breaks(bars, "XNYS")
        assert at == 20 and found_factor == pytest.approx(factor, rel=0.1)

    def test_a_fall_by_half_on_many_times_the_volume_is_none(self) -> None:
        bars = read(TRIALS / "26_benchmark.csv").bars.slice(0, 40)
        for name in ("open", "high", "low", "close"):
            getattr(bars, name)[20:] *= 0.5
        bars.volume[20:] *= 9
        assert breaks(bars, "XNYS") == []
