"""Files of bars go through memory in pieces: the same bars every way, nothing left behind, no memory kept."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.cache import bar_columns, column_file, release
from pyjobs.market.cache.bar_file import read_bar_file
from pyjobs.market.cache.column_file import Series
from tests.bench.processes import ROOT, make_bars
from utils.errors import BadDataError
from utils.files.atomic import TMP_MARK

DAY = 86_400_000
T0 = 1_600_000_000_000
MB = 1 << 20


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path / "home"


def written(path: Path, *runs: tuple[str, int], close: float = 10.0) -> Path:
    """Runs of (symbol, rows); a symbol goes on where it ended; row n of the file closes at 10 + n / 1000."""
    symbols = np.concatenate([[symbol] * n for symbol, n in runs])
    days = np.array([int((symbols[:i] == symbol).sum()) for i, symbol in enumerate(symbols)])
    price = close + np.arange(len(symbols)) / 1000
    table = {"symbol": symbols, "ts_ms": T0 + DAY * days, "open": price, "high": price + 1, "low": price - 1}
    pq.write_table(pa.table({**table, "close": price, "volume": np.ones(len(symbols))}), path, row_group_size=50)
    return path


def bits(series: Series) -> dict[str, list[bytes]]:
    return {symbol: [getattr(bars, name).tobytes() for name in COLUMNS] for symbol, bars in series.items()}


def expected(*places: tuple[str, list[int]]) -> dict[str, list[float]]:
    return {symbol: (10 + np.array(rows) / 1000).tolist() for symbol, rows in places}


@pytest.mark.parametrize("batch", [1, 7, 131_072])
def test_pieces_of_any_size_give_the_same_series_in_order_of_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(bar_columns, "BATCH_ROWS", batch)
    found = read_bar_file(written(tmp_path / "b.parquet", ("B", 60), ("C", 3), ("A", 45)))
    assert list(found) == ["A", "B", "C"]
    wanted = expected(("A", list(range(63, 108))), ("B", list(range(60))), ("C", [60, 61, 62]))
    assert {symbol: bars.close.tolist() for symbol, bars in found.items()} == wanted


@pytest.mark.parametrize("batch", [4, 131_072])
def test_a_symbol_that_comes_again_has_its_rows_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(bar_columns, "BATCH_ROWS", batch)
    path = written(tmp_path / "b.parquet", ("B", 5), ("A", 4), ("B", 2), ("A", 1))
    for _ in range(2):
        found = {symbol: bars.close.tolist() for symbol, bars in read_bar_file(path).items()}
        assert found == expected(("A", [5, 6, 7, 8, 11]), ("B", [0, 1, 2, 3, 4, 9, 10]))


def test_first_again_without_cache_and_from_a_nameless_file_are_the_same_bits(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "b.parquet", ("B", 60), ("A", 45))
    in_memory = read_bar_file(path, cache=False)
    assert in_memory["A"].close.flags.owndata or not isinstance(owner(in_memory["A"]), column_file.Mapped)
    first, again = read_bar_file(path), read_bar_file(path)
    monkeypatch.setattr(column_file, "IN_MEMORY_ROWS", 50)
    nameless = read_bar_file(path, cache=False)
    assert isinstance(owner(nameless["A"]), column_file.Mapped)
    assert bits(in_memory) == bits(first) == bits(again) == bits(nameless)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.parquet", "home"]
    assert len(files(home)) == 1


def owner(bars: Bars) -> object:
    memory: object = bars.ts_ms
    while isinstance(memory, np.ndarray | memoryview):
        memory = memory.base if isinstance(memory, np.ndarray) else memory.obj
    return memory


def files(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("cache", [True, False])
def test_bad_bars_are_refused_and_leave_no_file(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, cache: bool
) -> None:
    monkeypatch.setattr(column_file, "IN_MEMORY_ROWS", 50)
    path = written(tmp_path / "b.parquet", ("B", 60), ("A", 45), close=-0.02)
    with pytest.raises(BadDataError, match=rf"b.parquet: 'A': bar 0 \(ts_ms {T0}\) has a price of zero or less; 45"):
        read_bar_file(path, cache=cache)
    assert files(home) == []
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == ["b.parquet"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Python ignores SIGXFSZ, so writing more fails with EFBIG, in the middle of a file as on a full disk.

    It would cut off the modules it compiles meanwhile too, and believe them ever after: it may keep none.
    """
    before, keeps_none = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = keeps_none


@pytest.mark.parametrize("cache", [True, False])
def test_a_disk_that_fills_up_costs_memory_only(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, cache: bool
) -> None:
    path = written(tmp_path / "b.parquet", ("B", 600), ("A", 450))
    wanted = bits(read_bar_file(path, cache=False))
    monkeypatch.setattr(column_file, "IN_MEMORY_ROWS", 50)
    with files_of_at_most(20_000):
        found = read_bar_file(path, cache=cache)
    assert bits(found) == wanted
    assert not isinstance(owner(found["A"]), column_file.Mapped)
    assert files(home) == []


def test_a_reader_killed_while_it_writes_leaves_nothing_that_is_believed(tmp_path: Path, home: Path) -> None:
    path = make_bars(tmp_path / "b.parquet", 400, 2_520)
    reading = "from pyjobs.market.cache import bar_file; bar_file.read_bar_file(pathlib.Path(sys.argv[1]))"
    asked = f"import sys, pathlib; {reading}"
    process = subprocess.Popen([sys.executable, "-c", asked, str(path)], cwd=ROOT)
    while process.poll() is None and not files(home):
        time.sleep(0.002)
    time.sleep(0.02)
    process.kill()
    process.wait()
    (left,) = files(home)
    assert TMP_MARK in left.name or left.suffix == ".cols"
    assert bits(read_bar_file(path)) == bits(read_bar_file(path)) == bits(read_bar_file(path, cache=False))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/smaps")
def test_memory_of_a_file_that_was_used_is_given_back_and_comes_again(tmp_path: Path) -> None:
    n, each = 250, 20_000
    parts = [np.arange(i * each, (i + 1) * each) for i in range(6 * n)]
    stream = column_file.Stream(
        counts=[(f"S{i:03}", each) for i in range(n)],
        parts=lambda: (part.astype(np.int64 if i < n else np.float64) for i, part in enumerate(parts)),
        check=lambda _: None,
    )
    with (tmp_path / "columns").open("w+b") as file:
        series = stream.laid(file, {})
    most = 0
    for turn in range(2):
        for i, bars in enumerate(release.one_at_a_time(series.values())):
            for at, name in enumerate(COLUMNS):
                assert getattr(bars, name).sum() == parts[at * n + i].sum(), turn
            most = max(most, resident(tmp_path / "columns")) if i % 10 == 0 else most
    assert most < (release.USED_ROWS * column_file.ROW) / MB + 20 < 240 * 0.25


def resident(path: Path) -> float:
    """Megabytes of the file that count as this process's."""
    entries = re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text())
    mine = [entry for entry in entries if str(path) in entry.partition("\n")[0]]
    return sum(int(re.findall(r"^Rss: +(\d+) kB", entry, re.MULTILINE)[0]) for entry in mine) / 1024
