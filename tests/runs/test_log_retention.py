"""Logs go by the date in their name, the history is set aside without losing a line."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
from pathlib import Path

import pytest

from pyjobs.runs import log_retention
from utils import history

TODAY = dt.date(2026, 11, 20)


def test_of_each_dated_name_all_but_the_newest_dates_go() -> None:
    names = [
        "scanner_2026-08-22.log",  # the second date: stays
        "scanner_2026-08-21.log",  # the third: goes
        "make_manifest@us_2026-01-01.log",  # the only one of its name
        "history-2026-01-01.jsonl",
        "history-2026-01-02.jsonl",
        "history-2026-01-03.jsonl",
        "history.jsonl",
        "compare_krx_ma200_2026-13-01.log",  # no date
        "scanner_2038-01-19.log",  # a clock that had jumped
        "notes.txt",
        ".gitkeep",
        "scanner_2026-01-01.log.bak",
    ]
    assert log_retention.old_logs(names, keep_days=2) == ["history-2026-01-01.jsonl", "scanner_2026-08-21.log"]


def test_a_long_history_is_set_aside_once_and_still_read(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history.append(str(path), {"job": "first", "detail": "x" * log_retention.HISTORY_SET_ASIDE_BYTES})
    with path.open("a") as already_open:
        aside = log_retention.set_history_aside(path, today=TODAY)
        assert aside == tmp_path / "history-2026-11-20.jsonl"
        already_open.write(json.dumps({"job": "second"}) + "\n")
    history.append(str(path), {"job": "third"})
    assert log_retention.set_history_aside(path, today=TODAY) is None
    assert [record["job"] for record in history.read(tmp_path)] == ["first", "second", "third"]


def test_of_two_prunes_the_later_one_leaves_the_long_history_that_the_other_has_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, aside, flock = tmp_path / "history.jsonl", tmp_path / "history-2026-11-20.jsonl", fcntl.flock
    history.append(str(path), {"job": "first", "detail": "x" * log_retention.HISTORY_SET_ASIDE_BYTES})
    monkeypatch.setattr(log_retention, "HISTORY_SET_ASIDE_BYTES", 1)  # no size is what keeps the new one

    def other_prune_first(held: object, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        path.rename(aside)
        history.append(str(path), {"job": "second"})
        aside.rename(tmp_path / "history-2026-11-19.jsonl")  # and it was another day
        flock(held, how)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(fcntl, "flock", other_prune_first)
    assert log_retention.set_history_aside(path, today=TODAY) is None
    assert [record["job"] for record in history.read(tmp_path)] == ["first", "second"]


def test_a_history_that_is_set_aside_while_it_is_read_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    (tmp_path / "history-2026-01-01.jsonl").write_text('{"job":"old"}\n{"job":"older"}\n')
    history.append(str(path), {"job": "new"})
    reading = history.read(tmp_path)
    assert next(reading)["job"] == "old"
    path.rename(tmp_path / "history-2026-11-20.jsonl")
    history.append(str(path), {"job": "newer"})
    assert [record["job"] for record in reading] == ["older", "new"]

    class Moved(type(path)):  # type: ignore[misc]  # the folder, whose listing is late
        def glob(self, pattern: str):
            (tmp_path / "history.jsonl").rename(tmp_path / "history-2026-11-21.jsonl")
            return super().glob(pattern)

    assert [record["job"] for record in history.read(Moved(tmp_path))] == ["old", "older", "new", "newer"]
    assert [record["job"] for record in history.read(tmp_path)] == ["old", "older", "new", "newer"]
    assert list(history.read(tmp_path / "nowhere")) == []
