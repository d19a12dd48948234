"""Rows sorted by time are put in order of their symbols: the same bars every way, in memory that does not grow."""

from __future__ import annotations

import resource
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyjobs.market.cache import bar_columns, column_file, regrouped
from pyjobs.market.cache.bar_columns import BarColumns
from pyjobs.market.cache.bar_file import read_bar_file
from utils.errors import BadDataError

DAY = 86_400_000
T0 = 1_600_000_000_000
Closes = dict[str, list[float]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path / "home"


def written(path: Path, symbols: list[str]) -> Closes:
    """Row n is the next day of `symbols[n]` and closes at 10 + n / 1000. Returned: the closes of each symbol."""
    days: dict[str, int] = {}
    closes: Closes = {}
    ts_ms = []
    for n, symbol in enumerate(symbols):
        days[symbol] = days.get(symbol, -1) + 1
        ts_ms.append(T0 + DAY * days[symbol])
        closes.setdefault(symbol, []).append(10 + n / 1000)
    price = 10 + np.arange(len(symbols)) / 1000
    table = {"symbol": symbols, "ts_ms": ts_ms, "open": price, "high": price + 1, "low": price - 1, "close": price}
    pq.write_table(pa.table({**table, "volume": np.ones(len(symbols))}), path, row_group_size=50)
    return closes


def by_time(symbols: int, days: int) -> list[str]:
    return [f"S{i:03}" for i in range(symbols)] * days


def mixed(seed: int) -> list[str]:
    """Symbols of very different lengths, their rows anywhere; one symbol is most of it."""
    names = np.random.default_rng(seed).choice(["A", "B", "C", "D", "E"], 200, p=[0.7, 0.1, 0.1, 0.09, 0.01])
    return [*names.tolist(), "last", "A"]


def closes_of(path: Path, *, cache: bool) -> Closes:
    return {symbol: bars.close.tolist() for symbol, bars in read_bar_file(path, cache=cache).items()}


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("block", [1, 7, 64, 100_000])
@pytest.mark.parametrize("symbols", [by_time(20, 9), by_time(70, 2), mixed(1), mixed(2)], ids=["9", "2", "a", "b"])
def test_blocks_of_any_size_give_every_symbol_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, symbols: list[str], block: int, on_disk: bool
) -> None:
    monkeypatch.setattr(regrouped, "BLOCK_ROWS", block)
    monkeypatch.setattr(bar_columns, "BATCH_ROWS", 30)
    if on_disk:
        monkeypatch.setattr(regrouped, "IN_MEMORY_ROWS", 100)
        monkeypatch.setattr(column_file, "IN_MEMORY_ROWS", 100)
    wanted = written(tmp_path / "b.parquet", symbols)
    first, again = (closes_of(tmp_path / "b.parquet", cache=True) for _ in range(2))
    assert first == again == closes_of(tmp_path / "b.parquet", cache=False) == wanted
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("cache", [True, False])
def test_bad_bars_are_named_by_their_place_in_their_symbol(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, cache: bool
) -> None:
    monkeypatch.setattr(regrouped, "IN_MEMORY_ROWS", 100)
    written(tmp_path / "good.parquet", by_time(40, 9))
    table = pq.read_table(tmp_path / "good.parquet")
    ts_ms = table["ts_ms"].to_numpy().copy()
    ts_ms[40 * 6 + 5] = ts_ms[40 * 5 + 5]
    pq.write_table(table.set_column(1, "ts_ms", pa.array(ts_ms)), tmp_path / "b.parquet")
    with pytest.raises(
        BadDataError, match=r"'S005': bar 6 \(ts_ms \d+\) has the time of the bar before it: a duplicate"
    ):
        read_bar_file(tmp_path / "b.parquet", cache=cache)
    assert [path for path in (*home.rglob("*"), *(tmp_path / "tmp").iterdir()) if path.is_file()] == []


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Python ignores SIGXFSZ, so writing more fails with EFBIG, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("most", [100, 4_000, 8_000])
def test_without_room_on_disk_it_costs_memory_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: bool, most: int
) -> None:
    monkeypatch.setattr(regrouped, "IN_MEMORY_ROWS", 100)
    monkeypatch.setattr(column_file, "IN_MEMORY_ROWS", 100)
    wanted = written(tmp_path / "b.parquet", by_time(40, 9))
    with files_of_at_most(most):
        found = read_bar_file(tmp_path / "b.parquet", cache=cache)
    assert {symbol: bars.close.tolist() for symbol, bars in found.items()} == wanted


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regrouped, "IN_MEMORY_ROWS", 100)
    monkeypatch.setattr(column_file, "IN_MEMORY_ROWS", 100)
    home.write_text("a file where a folder should be")
    wanted = written(tmp_path / "b.parquet", by_time(40, 9))
    assert closes_of(tmp_path / "b.parquet", cache=True) == wanted


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regrouped, "BLOCK_ROWS", 1_024)
    monkeypatch.setattr(regrouped, "IN_MEMORY_ROWS", 0)
    monkeypatch.setattr(bar_columns, "BATCH_ROWS", 1_024)
    peaks = []
    for days in (100, 1_000):
        written(tmp_path / "b.parquet", by_time(50, days))
        columns = BarColumns(tmp_path / "b.parquet")
        rows, _ = columns.counted()
        tracemalloc.start()
        total = sum(len(part) for part in regrouped.regrouped(columns, list(rows.values()), None))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total == 6 * 50 * days
    assert peaks[1] < peaks[0] + 60_000 < 12 * 50 * 1_000  # a file in memory would be that at least
