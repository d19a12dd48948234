"""The real files outside the clone: every oddity counted a second time, by the csv and json modules alone."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import time
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.desk.desk_file import Desk, load_desk
from pyjobs.market.dumps.import_desk import Imported, import_desk
from pyjobs.market.store.bar_store import BarStore

ROOT = Path(__file__).resolve().parents[3]
NOW_MS = 1_795_176_000_000  # 2026-11-20T12:00Z


@pytest.fixture(scope="module")
def desk() -> Desk:
    return load_desk(ROOT / "config" / "desk.dumps.example.yaml")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BarStore:
    folder = tmp_path_factory.mktemp("real")
    return BarStore(folder / "raw", locks=folder / ".locks")


@pytest.fixture(scope="module")
def results(desk: Desk, store: BarStore, shared_data: Path) -> dict[str, Imported]:
    imported = import_desk(desk, shared_data, store, now_ms=NOW_MS)
    return {f"{r.instrument.symbol}:{r.instrument.timeframe}": r for r in imported}


def counts(result: Imported) -> dict[str, int]:
    assert result.dump is not None, result.error
    return {finding.what: finding.count for finding in (*result.dump.cleaned, *result.dump.oddities)}


def krx_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.reader(handle, delimiter="\t" if "kospi" in path.name else ","))
    return [[field.replace(",", "") for field in row] for row in rows if row[0]]


def past_the_limit(one: list[str], two: list[str]) -> bool:
    limit = 30.5 if two[0] >= "2015-06-15" else 15.5
    return abs(int(two[4]) - int(one[4])) * 100 > limit * int(one[4])


HALT = "halt (no volume, no price range): no bar"
EARLY = "before the calendar of XKRX: close assumed at 15:00 at UTC+9"
WEEKEND = "session on a weekend"
LIMIT = "beyond the daily price limit: corporate action, relisting or bad print"
# Rows, halts, bars before 2010, Saturdays among them, moves past the price limit. Counted apart from all this code:
# rows and halts with `wc -l` and `grep -cE ',"?0"?$'`, dates with awk (Zeller's formula for the Saturdays).
BY_HAND = {
    "005930": (8826, 1, 6817, 686, 0),
    "000660": (5299, 14, 3291, 95, 1),
    "005380": (8812, 3, 6815, 685, 1),
}


@pytest.mark.parametrize("symbol", BY_HAND)
def test_a_korean_stock_gives_every_day_it_was_traded(
    symbol: str, results: dict[str, Imported], shared_data: Path
) -> None:
    rows = krx_rows(shared_data / "krx_daily" / f"v1_{symbol}.csv")
    traded = [row for row in rows if row[5] != "0"]
    days = [dt.date.fromisoformat(row[0]) for row in traded]
    total, halts, early, saturdays, jumps = BY_HAND[symbol]
    assert (len(rows), len(rows) - len(traded)) == (total, halts)
    assert sum(day < dt.date(2010, 1, 1) for day in days) == early
    assert sum(day.isoweekday() == 6 for day in days) == saturdays
    assert sum(past_the_limit(one, two) for one, two in itertools.pairwise(traded)) == jumps
    result = results[f"{symbol}:1d"]
    expected = {HALT: halts, EARLY: early, WEEKEND: saturdays} | ({LIMIT: jumps} if jumps else {})
    assert counts(result) == expected
    assert result.dump is not None
    assert (result.dump.rows_read, len(result.dump.bars)) == (total, total - halts)
    assert (result.dump.first, result.dump.last) == (days[0].isoformat(), days[-1].isoformat())
    assert result.dump.bars.close.tolist() == [float(row[4]) for row in traded]


def test_naver_begins_with_its_relisting(results: dict[str, Imported], shared_data: Path) -> None:
    rows = krx_rows(shared_data / "krx_daily" / "v1_035420.csv")
    before = [row for row in rows if row[0] < "2013-08-29"]
    assert (len(rows), len(before)) == (3776, 2694)
    assert before[-1][4] == "291504" and rows[len(before)][4] == "480000"  # the +0.499 log return
    assert counts(results["035420:1d"]) == {"before 2013-08-29, the desk's start: left out": 2694}
    dump = results["035420:1d"].dump
    assert dump is not None and len(dump.bars) == 1082


def test_the_index_ends_in_rows_of_tabs(results: dict[str, Imported], shared_data: Path) -> None:
    text = (shared_data / "krx_daily" / "v1_kospi.csv").read_text()
    assert sum(not line.strip() for line in text.splitlines()) == 1704
    assert counts(results["KOSPI:1d"]) == {"empty row: left out": 1704}
    dump = results["KOSPI:1d"].dump
    assert dump is not None
    assert (len(dump.bars), dump.first, dump.last) == (600, "2015-11-04", "2018-04-13")
    assert dump.bars.close[-1] == 2455  # the last row: 2018-04-13 "2,449" "2,458" "2,442" "2,455"


@pytest.mark.parametrize(("timeframe", "total", "gaps"), [("1h", 6779, 0), ("30m", 13553, 3)])
def test_bitfinex_candles_lose_nothing_and_their_newest_one_is_unconfirmed(
    timeframe: str, total: int, gaps: int, results: dict[str, Imported], shared_data: Path
) -> None:
    rows = json.loads((shared_data / "bitfinex_bars" / f"BFX_BTCUSD_{timeframe}.json").read_text())
    dump = results[f"BTCUSD:{timeframe}"].dump
    assert dump is not None
    assert (len(rows), len(dump.bars)) == (total, total)
    expected = {f"bar missing ({gaps} gaps, longest 1)": gaps} if gaps else {}
    assert counts(results[f"BTCUSD:{timeframe}"]) == expected
    length = 3_600_000 if timeframe == "1h" else 1_800_000
    assert dump.bars.ts_ms.tolist() == [row[0] + length for row in rows]
    assert dump.bars.close.tolist() == [row[2] for row in rows]
    assert dump.bars.high.tolist() == [row[3] for row in rows]
    stored = results[f"BTCUSD:{timeframe}"].stored
    assert stored is not None and stored.unconfirmed == dump.bars.ts_ms[-1]


def test_two_half_hours_make_every_hour_of_the_store(results: dict[str, Imported], store: BarStore, desk: Desk) -> None:
    keys = {i.timeframe: i.key for i in desk.instruments if i.symbol == "BTCUSD"}
    assert len(results) == 7
    hour, half = store.read(keys["1h"]), store.read(keys["30m"])
    halves = {int(ts): i for i, ts in enumerate(half.ts_ms[:-1])}  # the newest of each was still running: unconfirmed
    compared = 0
    for i, end in enumerate(hour.ts_ms.tolist()[:-1]):
        if end in halves and end - 1_800_000 in halves:
            first, second = halves[end - 1_800_000], halves[end]
            assert hour.open[i] == half.open[first]
            assert hour.close[i] == half.close[second]
            assert hour.high[i] == max(half.high[first], half.high[second])
            assert hour.low[i] == min(half.low[first], half.low[second])
            compared += 1
    # All 6 778 closed hours but the three with a missing half, and the last: its second half hour was still running.
    assert compared == 6774


def test_what_is_in_the_store_is_what_the_dumps_gave(results: dict[str, Imported], store: BarStore) -> None:
    assert len(store.series()) == 7
    for result in results.values():
        assert result.dump is not None
        stored = store.read(result.instrument.key)
        assert np.array_equal(stored.ts_ms, result.dump.bars.ts_ms)
        assert np.array_equal(stored.volume, result.dump.bars.volume)


def test_a_second_import_changes_no_byte(
    results: dict[str, Imported], desk: Desk, store: BarStore, shared_data: Path
) -> None:
    assert all(result.stored and result.stored.partitions for result in results.values())
    files = {path: path.stat().st_mtime_ns for path in store.root.rglob("*.parquet")}
    started = time.process_time()
    again = import_desk(desk, shared_data, store, now_ms=NOW_MS + 86_400_000)
    assert time.process_time() - started < 10
    assert not [result for result in again if result.stored and result.stored.partitions]
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*.parquet")} == files
