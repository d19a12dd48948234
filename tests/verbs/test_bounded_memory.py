"""A file of bars may be larger than memory: what backtests and sweeps need does not grow with it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyjobs.market.dumps.reading.limits import LARGEST_BYTES
from tests.bench.processes import make_bars, measured

BARS, FEW, MANY = 5_000, 60, 600  # 0.3 and 3 million bars: 144 MB as columns, more than 225 while they are read
ONE_COIN = """\
name: coin
market: 24/7
session: last_bar
dumps: {folder}
accounts: {{usd: {{currency: USD, cash: 100000, max_positions: 1, max_weight: 1.0, fee_bps: 10}}}}
setups: {{ma_cross: {{fast: 5, slow: 20}}}}
instruments:
  - {{symbol: COIN, exchange: T, market: 24/7, timeframe: 1m, currency: USD, file: coin.csv,
     layout: ohlcv_start, zone: UTC}}
"""
GROWTH_MB = 60  # for results, the names of symbols, and what is held at a time


def command(bars: Path, verb: str, *flags: str) -> list[str]:
    windows = ["--param", "slow=900"] if verb == "run_bt" else ["--sweep", "fast=5,10", "--param", "slow=900"]
    return [sys.executable, "-m", f"pyjobs.{verb}", "--strategy", "ma_cross", "--bars", str(bars), *windows, *flags]


def test_ten_times_the_bars_need_about_the_same_memory(tmp_path: Path) -> None:
    few, many = (make_bars(tmp_path / f"{n}.parquet", n, BARS) for n in (FEW, MANY))
    measured(command(few, "run_bt", "--no-cache"), tmp_path, 1)  # compiles, perhaps
    trades, sweep = ("--trades", str(tmp_path / "trades.csv")), ("--workers", "1")
    for name, flags in (
        ("run_bt reading", (*trades, "--end", "2030-01-01")),
        ("run_bt reading again", (*trades, "--end", "2030-01-01")),
        ("run_sweep", sweep),
        ("run_bt without cache", ("--no-cache",)),
    ):
        verb = name.split()[0]
        small, large = (measured(command(bars, verb, *flags), tmp_path, 1)[2] for bars in (few, many))
        assert large - small < GROWTH_MB, name


@pytest.mark.torture
def test_one_symbol_of_eight_million_bars_stays_below_350_mb(tmp_path: Path) -> None:
    bars = make_bars(tmp_path / "one.parquet", 1, 8_000_000)
    for verb, flags in (("run_bt", ("--no-cache",)), ("run_bt", ()), ("run_bt", ()), ("run_sweep", ("--workers", "1"))):
        assert measured(command(bars, verb, *flags), tmp_path, 1)[2] < 350, (verb, flags)


def sorted_by_time(path: Path, symbols: int, bars: int) -> Path:
    """A hundred bars of every symbol a row group."""
    names, rng, writer = pa.array([f"S{i:05}" for i in range(symbols)]), np.random.default_rng(1), None
    for start in range(0, bars, 100):
        rows = 100 * symbols
        symbol = pa.DictionaryArray.from_arrays(pa.array(np.tile(np.arange(symbols, dtype=np.int32), 100)), names)
        ts_ms = 1_000_000_000_000 + 300_000 * (start + np.repeat(np.arange(100, dtype=np.int64), symbols))
        price = np.round(100 + rng.random(rows), 2)
        table = pa.table({"symbol": symbol, "ts_ms": ts_ms, "open": price, "high": price + 1, "low": price - 1})
        table = table.append_column("close", pa.array(price)).append_column("volume", pa.array(np.ones(rows)))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


@pytest.mark.torture
def test_a_file_sorted_by_time_stays_below_350_mb(tmp_path: Path) -> None:
    bars = sorted_by_time(tmp_path / "by_time.parquet", 10_000, 2_500)
    for flags in (("--no-cache",), (), ()):
        assert measured(command(bars, "run_bt", *flags), tmp_path, 1)[2] < 350, flags


@pytest.mark.torture
def test_a_hundred_times_the_bars_stay_below_350_mb(tmp_path: Path) -> None:
    bars = make_bars(tmp_path / "25_million.parquet", 10_000, 2_520)
    for verb, flags in (("run_bt", ("--no-cache",)), ("run_bt", ()), ("run_bt", ()), ("run_sweep", ())):
        assert measured(command(bars, verb, *flags), tmp_path, 1)[2] < 350, (verb, flags)


@pytest.mark.torture
@pytest.mark.parametrize("clock", ["seconds", "text of a zone"])
def test_the_longest_price_file_that_is_read_needs_less_than_500_mb(tmp_path: Path, clock: str) -> None:
    seconds = 1_483_228_800 + 60 * np.arange(LARGEST_BYTES // (49 if clock == "seconds" else 62))
    times = seconds.astype(str) if clock == "seconds" else seconds.astype("datetime64[s]").astype(str)
    rows = "".join(f"{at},20000.5,20010.5,19990.5,20005.{i % 10},1.5\n" for i, at in enumerate(times.tolist()))
    (tmp_path / "coin.csv").write_text("time,open,high,low,close,volume\n" + rows)
    assert 0.9 * LARGEST_BYTES < (tmp_path / "coin.csv").stat().st_size <= LARGEST_BYTES
    (tmp_path / "desk.yaml").write_text(ONE_COIN.format(folder=tmp_path))
    command_ = [sys.executable, "-m", "pyjobs.import_bars", "--desk", str(tmp_path / "desk.yaml")]
    assert measured(command_, tmp_path, 1)[2] < 500
