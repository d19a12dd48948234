"""Logs go by the date in their name, the history is set aside without losing a line."""

from __future__ import annotations

import datetime as dt
import fcntl
import gzip
import json
from pathlib import Path

import pytest

from pyjobs import prune_runs
from pyjobs.runs import log_retention
from pyjobs.runs.verdict.logs import last_lines
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


def test_logs_older_than_the_newest_plain_dates_are_compressed_and_still_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "logs").mkdir()
    for day in range(1, 7):
        (tmp_path / f"logs/report_2026-11-0{day}.log").write_text(f"first\nthe last line of {day}\n")
    (tmp_path / "logs/history-2026-01-01.jsonl").write_text("{}\n")
    (tmp_path / "data/processed/decisions/live").mkdir(parents=True)
    (tmp_path / "data/processed/decisions/live/decisions.csv").write_text("1\n")
    flags = ["--keep-log-days", "5", "--keep-plain-log-days", "2"]
    assert prune_runs.main(flags) == 0
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert names == [
        "history-2026-01-01.jsonl",
        *(f"report_2026-11-0{day}.log.gz" for day in (2, 3, 4)),
        *(f"report_2026-11-0{day}.log" for day in (5, 6)),
    ]
    assert last_lines(tmp_path / "logs/report_2026-11-03.log") == ["first", "the last line of 3"]
    assert prune_runs.main(flags) == 0
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == names
    assert (tmp_path / "data/processed/decisions/live/decisions.csv").exists()


def test_a_log_of_a_day_that_was_compressed_before_is_added_to_it(tmp_path: Path) -> None:
    log, packed = tmp_path / "a_2026-11-01.log", tmp_path / "a_2026-11-01.log.gz"
    for text in ("first\n", "the clock went back\n"):
        log.write_text(text)
        log_retention.compress(log)
    assert gzip.decompress(packed.read_bytes()) == b"first\nthe clock went back\n"
    log.write_bytes(gzip.decompress(packed.read_bytes()))  # killed before the log was removed
    log_retention.compress(log)
    assert gzip.decompress(packed.read_bytes()) == b"first\nthe clock went back\n" and not log.exists()
    log.write_text("third\n")
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(OSError, match=r"'a_2026-11-01\.log\.gz' is damaged: move it away"):
        log_retention.compress(log)
    assert log.read_text() == "third\n"


def test_a_compressed_log_is_the_newest_of_its_name_no_more_than_a_plain_one() -> None:
    names = ["a_2026-11-01.log.gz", "a_2026-11-02.log", "a_2026-11-02.log.gz", "a_2026-11-03.log"]
    assert log_retention.old_logs(names, keep_days=2) == ["a_2026-11-01.log.gz"]
    assert log_retention.to_compress(names, keep_days=1) == ["a_2026-11-02.log"]


def test_a_prune_for_a_program_says_one_json_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "data/server_runs/notes").mkdir(parents=True)
    assert prune_runs.main(["--json", "1", "--dry-run"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["dry_run"] is True and told["stopped"] == told["failed"] == []
    assert told["runs"]["items"] == [{"item": "notes", "decision": "keep", "reason": "not a run: left alone"}]
    assert told["logs"]["remove"] == told["logs"]["compress"] == told["cache"]["remove"] == []
