"""The Parquet files we lay out ourselves: any reader reads them, and no changed bit goes unseen."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.store import plain
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import walk

MIDNIGHT_MS = 1_767_225_600_000
ABOUT = {"format": "x", "empty": "1x2," * 100, "provider": "Übersee"}


def bars_of(count: int) -> Bars:
    return walk(max(count, 1), first_ms=MIDNIGHT_MS).slice(0, count)


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 252, 1440, 9000])
def test_pyarrow_and_duckdb_read_the_same_numbers_and_what_is_told(tmp_path: Path, count: int) -> None:
    bars, path = bars_of(count), tmp_path / "x.parquet"
    path.write_bytes(plain.encoded(bars, ABOUT))
    table = pq.ParquetFile(path, page_checksum_verification=True).read()
    assert table.column_names == list(COLUMNS) and table.num_rows == count
    by_duckdb = duckdb.sql(f"select * from '{path}'").fetchnumpy()
    for name in COLUMNS:
        expected = getattr(bars, name)
        assert str(table.schema.field(name).type) == ("int64" if name == "ts_ms" else "double")
        assert table.column(name).to_pylist() == expected.tolist()
        assert by_duckdb[name].tolist() == expected.tolist()
    told = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert {key: told[key] for key in ABOUT} == ABOUT


def test_others_find_the_least_and_the_greatest_time_without_reading_the_rows(tmp_path: Path) -> None:
    bars, path = bars_of(100), tmp_path / "x.parquet"
    path.write_bytes(plain.encoded(bars, ABOUT))
    statistics = pq.ParquetFile(path).metadata.row_group(0).column(0).statistics
    assert (statistics.min, statistics.max) == (bars.ts_ms[0], bars.ts_ms[-1])
    assert duckdb.sql(f"select count(*) from '{path}' where ts_ms > {bars.ts_ms[89]}").fetchall() == [(10,)]


@given(
    count=st.integers(0, 40),
    about=st.dictionaries(st.text(min_size=1, max_size=140), st.text(max_size=300), max_size=5),
)
def test_what_is_written_is_read_back_to_the_bit(count: int, about: dict[str, str]) -> None:
    about.pop(plain.PLACES, None)
    bars = bars_of(count)
    file = plain.opened(plain.encoded(bars, about))
    assert file is not None and file.rows == count
    assert same_bars(file.bars(), bars)
    assert all(getattr(file.bars(), name).flags.aligned for name in COLUMNS)
    assert {key.decode(): value.decode() for key, value in file.about().items()} == about
    assert file.holds_first(dict(list(about.items())[:2]))


def test_extreme_numbers_survive() -> None:
    values = np.array([5e-324, 1.7976931348623157e308, 0.1])
    bars = Bars(ts_ms=np.array([-(2**62), 0, 2**62]), open=values, high=values, low=values, close=values, volume=values)
    file = plain.opened(plain.encoded(bars, {}))
    assert file is not None and same_bars(file.bars(), bars)


@pytest.mark.parametrize("bit", range(8))
def test_no_changed_bit_gives_other_numbers(bit: int) -> None:
    content = plain.encoded(bars_of(9), ABOUT)
    unseen = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << bit
        try:
            file = plain.opened(bytes(changed))
        except ValueError:
            continue
        if file is None:
            continue  # not ours any more: pyarrow judges it
        unseen += 1
        assert same_bars(file.bars(), bars_of(9)) and file.about() == {k.encode(): v.encode() for k, v in ABOUT.items()}
    assert unseen <= 24  # the case of a hexadecimal digit of a checksum, and the footer's own one


@pytest.mark.parametrize("cut", [0, 1, 4, 40, 200, 700])
def test_a_file_cut_short_is_not_ours(cut: int) -> None:
    content = plain.encoded(bars_of(9), ABOUT)
    assert plain.opened(content[: len(content) - cut - 1]) is None
    assert plain.opened(content[:cut]) is None


def test_the_end_of_a_file_alone_tells_of_its_bars_and_shows_changed_bits() -> None:
    content = plain.encoded(bars_of(900), ABOUT)
    about = {key.encode(): value.encode() for key, value in ABOUT.items()}
    rows, told = plain.ending(content[-2000:], len(content)) or (0, b"")
    assert (rows, plain.metadata_of(told)) == (900, about)
    assert plain.ending(content[-300:], len(content)) is None  # the footer is longer
    footer = content.rindex(b"ts_ms") - 500
    for position in range(max(footer, len(content) - 900), len(content) - 300, 7):
        changed = content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :]
        with pytest.raises(ValueError, match="footer"):
            plain.ending(changed[-2000:], len(content))
