"""Arrow arrays by their buffers: the same numbers as pyarrow's own way gives, and no pandas on the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pyjobs.market.arrow import column_of, values_of
from tests.market.support.made_up_exchange import walk

ROOT = Path(__file__).resolve().parents[2]


def test_values_that_lie_apart_are_read_as_they_are() -> None:
    every_other = walk(10, first_ms=1).close[::2]
    assert values_of(pa.array(every_other), np.float64).tolist() == every_other.tolist()


def test_columns_of_slices_of_chunks_and_of_nothing_are_read_as_pyarrow_reads_them() -> None:
    chunks = pa.chunked_array([pa.array([1.5, 2.5, 3.5]).slice(1), pa.array([], pa.float64()), pa.array([4.5])])
    table = pa.table({"close": chunks, "ts_ms": pa.array([1, 2, 3], pa.int64())})
    assert column_of(table, "close").tolist() == chunks.to_pylist() == [2.5, 3.5, 4.5]
    assert column_of(table.slice(1, 1), "ts_ms").tolist() == [2]
    assert column_of(table.slice(0, 0), "close").size == 0


@pytest.mark.parametrize(
    ("column", "says"),
    [(pa.array([1.0, None]), "1 empty cells"), (pa.array([1, 2]), "is int64"), (pa.array(["1", "2"]), "is string")],
)
def test_a_column_that_is_not_whole_floats_is_refused(column: pa.Array, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        column_of(pa.table({"close": column}), "close")


def test_reading_and_writing_bars_imports_no_pandas(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pyjobs.market.bars import SeriesKey\n"
        "from pyjobs.market.store.bar_store import BarStore; from tests.market.support.made_up_exchange import walk\n"
        f"store = BarStore(Path({str(tmp_path)!r}), locks=Path({str(tmp_path)!r}))\n"
        "key = SeriesKey(exchange='T', symbol='X', timeframe='1m')\n"
        "store.write(key, walk(9, first_ms=60_000), provider='t', fetched_at_ms=1, adjusted='raw', last_final=True)\n"
        "print(len(store.read(key)), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("9 False\n", "")
