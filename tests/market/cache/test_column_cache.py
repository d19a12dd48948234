"""A cache that can only be fast or absent, never wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.cache import column_cache


def bars(n: int, price: float) -> Bars:
    column = np.full(n, price)
    ts_ms = np.arange(1, n + 1, dtype=np.int64) * 86_400_000
    return Bars(ts_ms=ts_ms, open=column, high=column, low=column, close=column, volume=column)


class Reader:
    """Makes bars of a file that holds one price, and counts how often it had to."""

    def __init__(self, source: Path) -> None:
        self.source, self.reads = source, 0

    def __call__(self) -> dict[str, Bars]:
        self.reads += 1
        return {"A": bars(3, float(self.source.read_text())), "B": bars(2, 7.0)}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "prices.txt"
    path.write_text("5")
    return path


def ask(tmp_path: Path, reader: Reader) -> float:
    found = column_cache.cached(tmp_path / "cache", "prices", [str(reader.source)], reader)
    assert [(name, len(each)) for name, each in found.items()] == [("A", 3), ("B", 2)]
    return float(found["A"].close[-1])


def old(path: Path, seconds: float = 100) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - int(seconds * 1e9)))


def test_a_second_reading_comes_from_the_cache_bit_by_bit(tmp_path: Path, source: Path) -> None:
    reader = Reader(source)
    first = column_cache.cached(tmp_path / "cache", "prices", [str(source)], reader)
    second = column_cache.cached(tmp_path / "cache", "prices", [str(source)], reader)
    assert reader.reads == 1
    for symbol in first:
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(first[symbol], name), getattr(second[symbol], name))
            assert getattr(second[symbol], name).dtype == getattr(first[symbol], name).dtype
    assert not second["A"].close.flags.writeable


def test_other_content_of_the_same_size_and_time_is_seen(tmp_path: Path, source: Path) -> None:
    reader, status = Reader(source), source.stat()
    assert ask(tmp_path, reader) == 5
    source.write_text("6")
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert ask(tmp_path, reader) == 6
    assert reader.reads == 2


def test_a_file_only_touched_is_not_read_again(tmp_path: Path, source: Path) -> None:
    reader = Reader(source)
    ask(tmp_path, reader)
    old(source)
    assert ask(tmp_path, reader) == 5
    assert reader.reads == 1


def flip(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 1]) + content[101:]


@pytest.mark.parametrize(
    "harm", [lambda _: b"", lambda c: c[:-9], lambda c: c[:70], lambda c: b"x" * len(c), lambda c: c + b"more"]
)
def test_a_damaged_cache_is_built_again(tmp_path: Path, source: Path, harm: Callable[[bytes], bytes]) -> None:
    reader = Reader(source)
    ask(tmp_path, reader)
    (path,) = (tmp_path / "cache").glob("*.cols")
    path.write_bytes(harm(path.read_bytes()))
    assert ask(tmp_path, reader) == 5
    assert ask(tmp_path, reader) == 5
    assert reader.reads == 2


def test_after_a_reboot_the_checksum_decides(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(source)
    ask(tmp_path, reader)
    monkeypatch.setattr(column_cache, "_boot", lambda: "another")
    assert ask(tmp_path, reader) == 5
    assert reader.reads == 1
    (path,) = (tmp_path / "cache").glob("*.cols")
    path.write_bytes(flip(path.read_bytes()))
    assert ask(tmp_path, reader) == 5
    assert reader.reads == 2


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path, source: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    reader = Reader(source)
    assert ask(tmp_path, reader) == ask(tmp_path, reader) == 5
    assert reader.reads == 2


def test_a_source_that_changes_while_it_is_read_is_not_kept(tmp_path: Path, source: Path) -> None:
    reader = Reader(source)

    def unlucky() -> dict[str, Bars]:
        found = reader()
        source.write_text("66")
        return found

    column_cache.cached(tmp_path / "cache", "prices", [str(source)], unlucky)
    assert ask(tmp_path, reader) == 66


def test_two_names_never_share_a_file(tmp_path: Path, source: Path) -> None:
    reader = Reader(source)
    for name in ("one", "other"):
        column_cache.cached(tmp_path / "cache", name, [str(source)], reader)
    assert reader.reads == 2
    assert len(list((tmp_path / "cache").glob("*.cols"))) == 2
