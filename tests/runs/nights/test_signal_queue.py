"""The queue: each signal once, expiry by session, and snapshots that are whole while somebody writes."""

from __future__ import annotations

import csv
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from pyjobs.runs.nights.signal_queue import Signal, fill, opened, queue_path, read_signals, snapshot
from utils.errors import BadDataError, CannotWriteError, ConfigError, MissingInputError

T = 1_795_156_200_000


def signal(symbol: str, session: str, *, setup: str = "ma_cross", ts_ms: int = T, close: float = 100.0) -> Signal:
    return Signal(
        exchange="SAMPLE",
        symbol=symbol,
        timeframe="1d",
        setup=setup,
        ts_ms=ts_ms,
        session=session,
        side="long",
        close=close,
        stop=None,
        why="because",
    )


def put(queue: sqlite3.Connection, session: str, *signals: Signal) -> tuple[int, int, int, int]:
    done = fill(queue, signals, session=session, run_id="r", queued_utc="2026-11-20T13:10:00Z")
    return done.offered, done.added, done.expired, done.in_queue


def statuses(queue: sqlite3.Connection) -> dict[str, str]:
    return dict(queue.execute("SELECT symbol, status FROM signals").fetchall())


def test_a_second_night_of_the_same_session_adds_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "q/desk.sqlite") as queue:
        both = (signal("AAA", "2026-11-20"), signal("BBB", "2026-11-20"))
        assert put(queue, "2026-11-20", *both) == (2, 2, 0, 2)
        assert put(queue, "2026-11-20", *both) == (2, 0, 0, 2)
        assert put(queue, "2026-11-20", signal("AAA", "2026-11-20", close=101.0)) == (1, 0, 0, 2)
        assert queue.execute("SELECT close FROM signals WHERE symbol = 'AAA'").fetchone() == (100.0,)


def test_every_part_of_the_key_makes_another_signal(tmp_path: Path) -> None:
    with opened(tmp_path / "desk.sqlite") as queue:
        day = "2026-11-20"
        others = (signal("AAA", day), signal("AAA", day, setup="breakout_20"), signal("AAA", day, ts_ms=T + 1))
        assert put(queue, day, *others) == (3, 3, 0, 3)


def test_a_later_session_expires_what_is_new_but_not_what_was_acted_on(tmp_path: Path) -> None:
    with opened(tmp_path / "desk.sqlite") as queue:
        put(queue, "2026-11-19", signal("AAA", "2026-11-19"), signal("BBB", "2026-11-19"))
        queue.execute("UPDATE signals SET status = 'taken' WHERE symbol = 'BBB'")
        assert put(queue, "2026-11-20", signal("CCC", "2026-11-20")) == (1, 1, 1, 3)
        assert statuses(queue) == {"AAA": "expired", "BBB": "taken", "CCC": "new"}


def test_a_session_without_signals_expires_the_day_before_all_the_same(tmp_path: Path) -> None:
    with opened(tmp_path / "desk.sqlite") as queue:
        put(queue, "2026-11-19", signal("AAA", "2026-11-19"))
        assert put(queue, "2026-11-20") == (0, 0, 1, 1)
        assert statuses(queue) == {"AAA": "expired"}


def test_a_round_the_clock_bar_that_closed_at_midnight_is_new_in_the_night_that_found_it(tmp_path: Path) -> None:
    with opened(tmp_path / "desk.sqlite") as queue:
        put(queue, "2026-11-20", signal("BTC", "2026-11-19"))
        assert statuses(queue) == {"BTC": "new"}
        put(queue, "2026-11-23")
        assert statuses(queue) == {"BTC": "expired"}


def test_filling_a_past_session_adds_expired_signals_and_harms_no_new_one(tmp_path: Path) -> None:
    with opened(tmp_path / "desk.sqlite") as queue:
        put(queue, "2026-11-20", signal("AAA", "2026-11-20"))
        assert put(queue, "2026-11-18", signal("OLD", "2026-11-18")) == (1, 1, 0, 2)
        assert statuses(queue) == {"AAA": "new", "OLD": "expired"}


def test_a_failed_filling_leaves_the_queue_as_it_was(tmp_path: Path) -> None:
    with opened(tmp_path / "desk.sqlite") as queue:
        put(queue, "2026-11-19", signal("AAA", "2026-11-19"))
        with pytest.raises(sqlite3.IntegrityError):
            put(queue, "2026-11-20", signal("BBB", "2026-11-20"), signal("CCC", "2026-11-20", close=None))  # type: ignore[arg-type]  # on purpose
        assert statuses(queue) == {"AAA": "new"}
        assert not queue.in_transaction


def test_the_snapshot_is_one_plain_file_and_a_csv_with_the_same_rows(tmp_path: Path) -> None:
    with opened(tmp_path / "desk.sqlite") as queue:
        put(queue, "2026-11-20", signal("AAA", "2026-11-20"), signal("BBB", "2026-11-20"))
        copy, table = snapshot(queue, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["desk.sqlite", "signals.csv", "signals.sqlite"]
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as frozen:
        assert frozen.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert frozen.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert frozen.execute("SELECT count(*) FROM signals").fetchone() == (2,)
    with table.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["symbol"], row["ts_ms"], row["status"], row["stop"]) for row in rows] == [
        ("AAA", str(T), "new", ""),
        ("BBB", str(T), "new", ""),
    ]


WRITER = """
import sqlite3, sys
queue = sqlite3.connect(sys.argv[1], timeout=600, isolation_level=None)
queue.execute("PRAGMA journal_mode=WAL")
number = 0
while True:
    queue.execute("BEGIN IMMEDIATE")
    for setup in ("a", "b"):
        key = ("X", "S", "1d", setup, number, "2026-11-20")
        queue.execute("INSERT INTO signals VALUES (?,?,?,?,?,?,'long',1.0,NULL,'','new','2026-11-20','r','')", key)
    queue.execute("COMMIT")
    number += 1
    if number == 5:
        print("go", flush=True)
"""


def test_snapshots_under_a_live_writer_are_sound_and_hold_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite"
    with opened(path) as queue:
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"go\n"
            counts: list[int] = []
            try:  # on a busy machine the writer is slow
                while len(counts) < 15 or (counts[-1] == counts[0] and writer.poll() is None):
                    folder = tmp_path / str(len(counts))
                    folder.mkdir()
                    copy, _ = snapshot(queue, folder)
                    with closing(sqlite3.connect(copy)) as frozen:
                        assert frozen.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                        counts.append(frozen.execute("SELECT count(*) FROM signals").fetchone()[0])
                    time.sleep(0.005)
            finally:
                writer.kill()
        assert all(count % 2 == 0 for count in counts)
        assert counts == sorted(counts) and counts[0] >= 10 and counts[-1] > counts[0]


def test_commits_are_synced_and_no_write_ahead_log_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path / "desk.sqlite") as queue:
        assert queue.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert queue.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_file_that_is_no_queue_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite"
    path.write_bytes(b"this is not a database, whatever its name says" * 50)
    before = path.read_bytes()
    with pytest.raises(BadDataError, match="not a sound signal queue"), opened(path):
        pass
    assert path.read_bytes() == before


def test_a_queue_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    (tmp_path / "queue").write_text("a file", encoding="utf-8")
    with pytest.raises(CannotWriteError, match="queue"), opened(tmp_path / "queue/desk.sqlite"):
        pass


def test_a_desk_name_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    assert queue_path(tmp_path, "sample") == tmp_path / "queue/sample.sqlite"
    for name in ("../x", "a/b", "", ".hidden"):
        with pytest.raises(ConfigError):
            queue_path(tmp_path, name)


def test_a_missing_or_torn_scan_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="run the scan first"):
        read_signals(tmp_path / "scan.json")
    (tmp_path / "scan.json").write_text('{"signals": [{"symbol": 3}]}', encoding="utf-8")
    with pytest.raises(BadDataError, match=r"signals\[0\]|\$\.signals"):
        read_signals(tmp_path / "scan.json")


def test_a_night_under_a_clock_that_ran_ahead_makes_no_later_signal_old(tmp_path: Path) -> None:
    with opened(tmp_path / "q.sqlite") as queue:
        night = {"run_id": "r", "queued_utc": "2026-11-20T13:10:00Z"}
        fill(queue, [], session="2027-06-01", today="2027-06-02", **night)
        signal = Signal(
            exchange="X", symbol="AAA", timeframe="1d", setup="s", ts_ms=1, session="2026-11-20", side="long",
            close=1.0, stop=None, why="w",
        )  # fmt: skip
        fill(queue, [signal], session="2026-11-20", today="2026-11-20", **night)
        assert queue.execute("SELECT status FROM signals").fetchall() == [("new",)]
        fill(queue, [], session="2026-11-23", today="2026-11-23", **night)
        assert queue.execute("SELECT status FROM signals").fetchall() == [("expired",)]
