"""The candles table follows the files: on a real Postgres, repeated, revised, cut short; and the URL is never seen."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.mirror import connected, follow, forget_gone, migrate, mirror, without_url
from pyjobs.market.store.bar_store import BarStore
from pyjobs.migrate_candles import main as migrate_candles
from pyjobs.mirror_candles import main as mirror_candles
from tests.market.support import postgres
from tests.market.support.made_up_exchange import MINUTE_MS, picked, scaled, walk
from utils.errors import BadDataError
from utils.run import run

KEY = SeriesKey(exchange="TEST", symbol="BTC/USD", timeframe="1m")
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    yield from postgres.run_server()


@pytest.fixture
def url(server: str) -> Iterator[str]:
    yield from postgres.migrated(server)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BarStore:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    return BarStore(tmp_path / "data" / "raw", locks=tmp_path / ".locks")


def put(store: BarStore, bars: Bars, *, final: bool = True) -> None:
    store.write(KEY, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=final)


def table(url: str) -> list[tuple[object, ...]]:
    with connected(url) as db:
        return db.execute(f"SELECT {', '.join(COLUMNS)} FROM candles ORDER BY ts_ms").fetchall()


def rows(bars: Bars) -> list[tuple[object, ...]]:
    return list(zip(*(getattr(bars, name).tolist() for name in COLUMNS), strict=True))


def mirrored(url: str, store: BarStore) -> tuple[int, int, int]:
    with connected(url) as db:
        done = mirror(db, store, KEY)
    return done.copied, done.same, done.gone


def test_the_table_holds_what_the_files_hold_to_the_bit_and_a_repeat_does_nothing(url: str, store: BarStore) -> None:
    bars = walk(3000, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, bars)
    assert mirrored(url, store) == (3, 0, 0)
    assert table(url) == rows(bars)
    assert mirrored(url, store) == (0, 3, 0)
    with connected(url) as db:
        about = db.execute("SELECT DISTINCT exchange, symbol, timeframe, provider, adjusted, final FROM candles")
        assert about.fetchall() == [("TEST", "BTC/USD", "1m", "t", "raw", True)]


def test_revised_added_and_removed_bars_follow(url: str, store: BarStore) -> None:
    bars = walk(2000, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, bars, final=False)
    mirrored(url, store)
    with connected(url) as db:
        assert db.execute("SELECT count(*) FROM candles WHERE NOT final").fetchone() == (1,)
    put(store, scaled(picked(bars, np.r_[100:110]), 1.01))
    store.partitions(KEY)[1].unlink()
    assert mirrored(url, store) == (1, 0, 1)
    assert table(url) == rows(store.read(KEY))


def test_a_torn_partition_is_a_warning_beside_an_ingest_and_keeps_no_other_from_being_copied(
    url: str, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = walk(4000, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, bars)
    store.partitions(KEY)[1].write_bytes(b"torn")
    monkeypatch.setenv("DATABASE_URL", url)
    assert follow(store, KEY).startswith(f"\n[WARN] {KEY}: not copied to Postgres: {store.partitions(KEY)[1]}: not a")
    assert table(url) == rows(picked(bars, np.r_[0:1440, 2880:4000]))


def test_a_mirror_killed_at_any_moment_is_finished_by_the_next(url: str, store: BarStore) -> None:
    bars = walk(9000, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, bars)
    rng = random.Random(20261120)
    for _ in range(4):
        child = os.fork()
        if not child:
            mirrored(url, store)
            os._exit(0)
        time.sleep(rng.uniform(0.0, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert set(table(url)) <= set(rows(bars))
    mirrored(url, store)
    assert table(url) == rows(bars)


def test_a_series_that_was_moved_away_leaves_the_table_and_an_absent_disk_does_not_empty_it(
    url: str, store: BarStore, tmp_path: Path
) -> None:
    bars = walk(30, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, bars)
    mirrored(url, store)
    store.folder(KEY).rename(tmp_path / "moved")
    with connected(url) as db:
        assert forget_gone(db, store, {}) == []  # nothing is there at all
        assert len(table(url)) == 30
        other = SeriesKey(exchange="TEST", symbol="ETH/USD", timeframe="1m")
        store.write(other, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
        assert forget_gone(db, store, {"symbol": "ETH/USD"}) == []
        assert forget_gone(db, store, {"exchange": "TEST"}) == [(KEY, 30)]
        assert table(url) == []
        assert forget_gone(db, store, {}) == []


def days(count: int, close: float) -> Bars:
    """Daily bars from 2024-01-02 on, over three years' files, all alike."""
    ones = np.full(count, close)
    ts_ms = 1_704_153_600_000 + 86_400_000 * np.arange(1, count + 1, dtype=np.int64)
    return Bars(ts_ms=ts_ms, open=ones, high=ones, low=ones, close=ones, volume=ones)


DAILY = SeriesKey(exchange="TEST", symbol="SPY", timeframe="1d")


def write_days(store: BarStore, bars: Bars) -> None:
    store.write(DAILY, bars, provider="t", fetched_at_ms=1, adjusted="adjusted", last_final=True)


def closes(url: str) -> set[float]:
    with connected(url) as db:
        return {row[0] for row in db.execute("SELECT DISTINCT close FROM candles").fetchall()}


def test_a_series_that_was_rebased_or_begun_anew_comes_whole_or_not_at_all(
    url: str, store: BarStore, tmp_path: Path
) -> None:
    write_days(store, days(900, 100.0))
    with connected(url) as db:
        mirror(db, store, DAILY)
        store.rebase(DAILY, days(900, 50.0), provider="t", fetched_at_ms=2, last_final=True)
        store.partitions(DAILY)[1].write_bytes(b"torn")
        with pytest.raises(BadDataError, match=r"2025\.parquet"):
            mirror(db, store, DAILY)
        assert closes(url) == {100.0}
        store.folder(DAILY).rename(tmp_path / "moved")
        write_days(store, days(900, 25.0))
        rng = random.Random(20261120)
        for _ in range(4):
            child = os.fork()
            if not child:
                with connected(url) as own:
                    mirror(own, store, DAILY)
                os._exit(0)
            time.sleep(rng.uniform(0.0, 0.06))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            assert len(closes(url)) == 1
        mirror(db, store, DAILY)
    assert closes(url) == {25.0}


def test_rows_that_are_gone_from_the_table_or_were_added_there_are_seen_by_their_number(
    url: str, store: BarStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = walk(3000, first_ms=MIDNIGHT_MS + MINUTE_MS)
    put(store, bars)
    mirrored(url, store)
    monkeypatch.setenv("DATABASE_URL", url)
    with connected(url) as db:
        for harm in (
            "DELETE FROM candles WHERE ts_ms % 7 = 0",
            "DELETE FROM candles",
            "INSERT INTO candles SELECT exchange, symbol, timeframe, ts_ms + 30000, 1, 1, 1, 1, 1, 'x', 'raw', true "
            "FROM candles",
        ):
            db.execute(harm)
            assert run(mirror_candles, []) == 0
            assert table(url) == rows(bars)
            assert "3 partitions copied" in capsys.readouterr().out
    assert run(mirror_candles, []) == 0
    assert "0 partitions copied, 3 the same" in capsys.readouterr().out


def test_migrating_twice_is_migrating_once(url: str) -> None:
    with connected(url) as db:
        assert migrate(db) == 0


def test_the_verbs_work_on_a_fresh_database_and_never_show_the_url(
    server: str, store: BarStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(store, walk(10, first_ms=MIDNIGHT_MS + MINUTE_MS))
    monkeypatch.setenv("DATABASE_URL", server)
    assert run(mirror_candles, []) == 78
    assert run(migrate_candles, []) == 0
    assert run(mirror_candles, []) == 0
    with connected(server) as db:
        db.execute(f"DROP TABLE {postgres.TABLES}")
    wrong = server.replace("desk:", "desk:x")
    monkeypatch.setenv("DATABASE_URL", wrong)
    assert run(mirror_candles, []) == 73
    seen = "".join(capsys.readouterr())
    assert "python -m pyjobs.migrate_candles" in seen and "1 partitions copied" in seen
    assert "password authentication failed" in seen
    secret = server.split(":")[2].split("@")[0]
    assert secret not in seen and "127.0.0.1" not in seen and "desk" not in seen.replace("nightdesk", "")


def test_without_a_url_or_a_server_the_reason_is_said(
    store: BarStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("psycopg")
    put(store, walk(10, first_ms=MIDNIGHT_MS + MINUTE_MS))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert run(mirror_candles, []) == 78
    monkeypatch.setenv("DATABASE_URL", "postgresql://who:hush@127.0.0.1:9/what")
    assert run(mirror_candles, []) == 73
    seen = capsys.readouterr().err
    assert "DATABASE_URL is not set" in seen and "the Postgres of DATABASE_URL: " in seen
    assert not any(part in seen for part in ("hush", "who:", "127.0.0.1"))


def test_every_part_of_a_url_is_taken_out_of_a_message() -> None:
    url = "postgresql://me:p%40ss@db.example:5432/candles_db"
    text = f"bad {url} for me at db.example\n pw p@ss p%40ss db candles_db"
    assert without_url(text, url) == "bad *** for *** at *** pw *** *** db ***"
