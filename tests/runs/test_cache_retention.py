"""data/cache within a size: the oldest first, machine code last, and nobody who reads one notices."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pyjobs import prune_runs
from pyjobs.market.bars import Bars
from pyjobs.market.cache import column_cache
from pyjobs.runs import cache_retention

NOW_S = 1_800_000_000.0
MB = 1_000_000


def put(folder: Path, name: str, megabytes: float, days_old: float) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    os.truncate(path, int(megabytes * MB))
    os.utime(path, (NOW_S, NOW_S - days_old * 86_400))
    return path


def names(folder: Path, keep_mb: int) -> list[str]:
    return [each.path.name for each in cache_retention.surplus(cache_retention.look(folder), keep_mb=keep_mb)]


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    for i in range(5):
        put(tmp_path, f"columns/files/{i}.cols", 10, days_old=i)
        put(tmp_path, f"columns/store/{i}.cols", 10, days_old=i + 0.5)
    assert names(tmp_path, 100) == []
    assert names(tmp_path, 70) == ["4.cols", "4.cols", "3.cols"]
    assert len(names(tmp_path, 1)) == 10


def test_machine_code_in_use_stays_and_what_an_update_replaced_does_not(tmp_path: Path) -> None:
    put(tmp_path, "native/strategy-new.o", 1, days_old=200)
    put(tmp_path, "native/strategy-old.o", 1, days_old=400)
    put(tmp_path, "native/account-new.o", 1, days_old=300)
    put(tmp_path, "columns/files/a.cols", 9, days_old=0)
    assert names(tmp_path, 10) == ["strategy-old.o"]


def test_leftovers_go_when_their_writer_has_ended_and_foreign_files_and_links_never(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    put(tmp_path, f"columns/files/.a.cols.tmp-{ended.pid}-ab", 5, days_old=-400)
    put(tmp_path, f"columns/files/.b.cols.tmp-{os.getpid()}-cd", 5, days_old=400)  # the clock has jumped: still at work
    put(tmp_path, "columns/files/notes.txt", 500, days_old=900)
    put(tmp_path, "native/.compiling", 0, days_old=900)
    precious = put(tmp_path.parent, "precious.cols", 500, days_old=900)
    (tmp_path / "columns/store").mkdir()
    (tmp_path / "columns/store/link.cols").symlink_to(precious)
    assert names(tmp_path, 1) == [f".a.cols.tmp-{ended.pid}-ab"]


def test_pruning_under_a_reader_costs_it_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    source = tmp_path / "prices"
    source.write_text("5")
    n = 100_000
    column = np.arange(1.0, n + 1)
    bars = Bars(ts_ms=np.arange(n), open=column, high=column, low=column, close=column, volume=column)
    reads = []

    def ask() -> Bars:
        folder = tmp_path / "data/cache/columns/files"
        return column_cache.cached(folder, "prices", [str(source)], lambda: reads.append(1) or {"A": bars})["A"]

    ask()
    mapped = ask()
    assert len(reads) == 1
    assert prune_runs.main(["--keep-cache-mb", "1", "--dry-run"]) == 0
    assert "1 of 1 cache files to remove: 4.8 MB of what is past 1 MB\n" in capsys.readouterr().out
    assert prune_runs.main(["--keep-cache-mb", "1"]) == 0
    assert "1 of 1 cache files removed: 4.8 MB" in capsys.readouterr().out
    np.testing.assert_array_equal(mapped.close, column)
    np.testing.assert_array_equal(ask().close, column)
    assert len(reads) == 2


def test_bars_that_older_code_checked_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, reads = tmp_path / "prices", []
    source.write_text("5")
    one = np.ones(3)
    bars = Bars(ts_ms=np.arange(3), open=one, high=one, low=one, close=one, volume=one)

    def ask() -> None:
        column_cache.cached(tmp_path / "cache", "prices", [str(source)], lambda: reads.append(1) or {"A": bars})

    ask()
    ask()
    monkeypatch.setattr(column_cache, "READERS", ("bars",))
    column_cache._code.cache_clear()
    try:
        ask()
    finally:
        column_cache._code.cache_clear()
    assert len(reads) == 2
