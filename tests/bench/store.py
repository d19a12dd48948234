"""The bar store on one symbol-year of minutes, against DuckDB, SQLite and one big Parquet file."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.ingest.gaps import missing_bars
from pyjobs.market.store.bar_store import BarStore
from tests.market.support.made_up_exchange import MINUTE_MS, picked, walk

YEAR_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
DAY_MS = 86_400_000
ROWS = 525_600
KEY = SeriesKey(exchange="BENCH", symbol="BTCUSD", timeframe="1m")
ASKED_MS = {"write a year": 1000.0, "last day": 2.0, "append a minute": 5.0, "gap scan": 30.0, "read all": 200.0}
MEASURES = tuple(ASKED_MS)


class Nightdesk:
    """Ours: one file per day, synced, locked."""

    def __init__(self, folder: Path) -> None:
        self.store = BarStore(folder / "raw", locks=folder / ".locks")

    def write(self, bars: Bars) -> None:
        self.store.write(KEY, bars, provider="b", fetched_at_ms=1, adjusted="raw", last_final=True)

    append = write

    def last_day(self, since_ms: int) -> int:
        return len(self.store.read(KEY, start_ms=since_ms))

    def gaps(self, first_ms: int, last_ms: int) -> int:
        return int(missing_bars(self.store, KEY, "24/7", first_ms=first_ms, last_ms=last_ms).size)

    def read(self) -> int:
        return len(self.store.read(KEY))


class BigParquet:
    """One file for the series; any change writes it anew."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "all.parquet"

    def write(self, bars: Bars) -> None:
        pq.write_table(pa.table({name: getattr(bars, name) for name in COLUMNS}), self.path, compression="zstd")

    def append(self, bars: Bars) -> None:
        one = pa.table({name: getattr(bars, name) for name in COLUMNS})
        pq.write_table(pa.concat_tables([pq.read_table(self.path), one]), self.path, compression="zstd")

    def last_day(self, since_ms: int) -> int:
        return int(pq.read_table(self.path, filters=[("ts_ms", ">=", since_ms)]).num_rows)

    def gaps(self, first_ms: int, last_ms: int) -> int:
        times = pq.read_table(self.path, columns=["ts_ms"]).column("ts_ms").to_numpy()
        return (last_ms - first_ms) // MINUTE_MS + 1 - len(times)

    def read(self) -> int:
        table = pq.read_table(self.path)
        return max(len(table.column(name).to_numpy()) for name in COLUMNS)


class Sqlite:
    """One table with the series' key and time as its primary key, WAL, a commit per write."""

    def __init__(self, folder: Path) -> None:
        self.db = sqlite3.connect(folder / "bars.sqlite")
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute(
            "CREATE TABLE bars (symbol TEXT, ts_ms INTEGER, open REAL, high REAL, low REAL, close REAL, volume REAL, "
            "PRIMARY KEY (symbol, ts_ms)) WITHOUT ROWID"
        )

    def write(self, bars: Bars) -> None:
        columns = (getattr(bars, name).tolist() for name in COLUMNS)
        rows = (("BTCUSD", *row) for row in zip(*columns, strict=True))
        with self.db:
            self.db.executemany("INSERT OR REPLACE INTO bars VALUES (?,?,?,?,?,?,?)", rows)

    append = write

    def last_day(self, since_ms: int) -> int:
        return len(self.db.execute("SELECT * FROM bars WHERE symbol='BTCUSD' AND ts_ms >= ?", [since_ms]).fetchall())

    def gaps(self, first_ms: int, last_ms: int) -> int:
        (count,) = self.db.execute("SELECT count(*) FROM bars WHERE symbol='BTCUSD'").fetchone()
        return (last_ms - first_ms) // MINUTE_MS + 1 - int(count)

    def read(self) -> int:
        return len(np.array(self.db.execute("SELECT ts_ms, open, high, low, close, volume FROM bars").fetchall()))


class DuckDb:
    """One table, a commit per write."""

    def __init__(self, folder: Path) -> None:
        self.db = duckdb.connect(str(folder / "bars.duckdb"))
        self.db.execute(
            "CREATE TABLE bars (ts_ms BIGINT PRIMARY KEY, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, "
            "volume DOUBLE)"
        )

    def write(self, bars: Bars) -> None:
        table = pa.table({name: getattr(bars, name) for name in COLUMNS})
        self.db.register("fresh", table)
        self.db.execute("INSERT OR REPLACE INTO bars SELECT * FROM fresh")

    append = write

    def last_day(self, since_ms: int) -> int:
        return len(self.db.execute("SELECT * FROM bars WHERE ts_ms >= ?", [since_ms]).fetchnumpy()["ts_ms"])

    def gaps(self, first_ms: int, last_ms: int) -> int:
        (count,) = self.db.execute("SELECT count(*) FROM bars").fetchone()
        return (last_ms - first_ms) // MINUTE_MS + 1 - int(count)

    def read(self) -> int:
        return len(self.db.execute("SELECT * FROM bars").fetchnumpy()["ts_ms"])


def fastest(run: Callable[[int], object], times: int) -> float:
    """Milliseconds of the fastest of `times` runs: the machine is shared, what is above it is other people's work."""
    best = float("inf")
    for number in range(times):
        begun = time.perf_counter()
        run(number)
        best = min(best, time.perf_counter() - begun)
    return best * 1000


def measure(kind: type, folder: Path, bars: Bars) -> dict[str, float]:
    """Every measure for one way to keep bars; the answers are checked on the way."""
    last = int(bars.ts_ms[-1])
    year, hole = np.ones(ROWS + 20, bool), slice(200_000, 200_007)
    year[hole] = False
    year[ROWS:] = False
    way = kind(folder)
    stored = picked(bars, year)
    took = {"write a year": fastest(lambda _: way.write(stored), 1)}
    since = int(bars.ts_ms[ROWS - 1]) - DAY_MS + 1
    assert way.last_day(since) == 1440
    took["last day"] = fastest(lambda _: way.last_day(since), 20)
    took["append a minute"] = fastest(lambda n: way.append(picked(bars, np.r_[ROWS + n : ROWS + n + 1])), 20)
    assert way.gaps(int(bars.ts_ms[0]), last) == 7
    took["gap scan"] = fastest(lambda _: way.gaps(int(bars.ts_ms[0]), last), 5)
    assert way.read() == ROWS + 20 - 7
    took["read all"] = fastest(lambda _: way.read(), 5)
    return took


def main() -> None:
    ways = {"nightdesk": Nightdesk, "DuckDB": DuckDb, "SQLite": Sqlite, "one Parquet file": BigParquet}
    bars = walk(ROWS + 20, first_ms=YEAR_MS + MINUTE_MS)
    results = {}
    for name, kind in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            results[name] = measure(kind, Path(folder), bars)
    print(f"one symbol-year of minutes, {ROWS} rows; milliseconds, the fastest run")
    print(f"{'':18}" + "".join(f"{name:>18}" for name in ("asked", *ways)))
    for measured in MEASURES:
        cells = [ASKED_MS[measured], *(results[name][measured] for name in ways)]
        print(f"{measured:18}" + "".join(f"{cell:18.2f}" for cell in cells))


if __name__ == "__main__":
    main()
