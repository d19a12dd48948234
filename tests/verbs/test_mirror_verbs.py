"""The Postgres mirror by its verbs, on a real server: killed in the middle of a copy, refused, and never telling."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.mirror import connected
from tests.fakemarket.server import FakeMarket
from tests.market.support import postgres
from tests.market.support.made_up_exchange import MINUTE_MS, walk
from tests.verbs.support.killing import Ended, Here, Home, ended

KEY = SeriesKey(exchange="TEST", symbol="BTC/USD", timeframe="1m")
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
MIRROR = ["mirror_candles"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    yield from postgres.run_server()


@pytest.fixture
def url(server: str) -> Iterator[str]:
    yield from postgres.migrated(server)


@pytest.fixture
def home(fakemarket: FakeMarket, tmp_path: Path) -> Home:
    return Home(fakemarket, tmp_path)


def put(home: Home, days: int) -> Bars:
    bars = walk(days * 1440, first_ms=MIDNIGHT_MS + MINUTE_MS)
    home.store.write(KEY, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
    return bars


def rows(bars: Bars) -> list[tuple[object, ...]]:
    return list(zip(*(getattr(bars, name).tolist() for name in COLUMNS), strict=True))


def table(url: str) -> list[tuple[object, ...]]:
    with connected(url) as db:
        return db.execute(f"SELECT {', '.join(COLUMNS)} FROM candles ORDER BY ts_ms").fetchall()


def whole_partitions(url: str) -> bool:
    """Whether what was noted as copied is there, and what is there was noted: a partition has 1 440 minutes here."""
    with connected(url) as db:
        noted = db.execute("SELECT count(*) FROM candles_partitions").fetchone()
        there = db.execute("SELECT count(*) FROM candles").fetchone()
    return noted is not None and there is not None and noted[0] * 1440 == there[0]


def killed_when(home: Home, url: str, state: str) -> Ended:
    """Start the mirror and kill it as soon as its connection, seen by the server, is in that state."""
    process = home.start(MIRROR)
    with connected(url) as db:
        ask = f"SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND ({state})"
        while process.poll() is None and db.execute(ask).fetchone() is None:
            time.sleep(0.001)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return ended(process)


def test_a_mirror_killed_between_its_copy_and_its_commit_has_done_nothing_and_the_next_does_all(
    url: str, home: Home
) -> None:
    bars = put(home, 3)
    home.extra["DATABASE_URL"] = url
    with connected(url) as db, db.transaction():
        db.execute("LOCK TABLE candles IN EXCLUSIVE MODE")  # the copy is in; the merge has to wait
        assert killed_when(home, url, "wait_event_type = 'Lock' AND query LIKE '%fresh%'").code == -signal.SIGKILL
    assert table(url) == []
    again = home.run(MIRROR)
    assert again.code == 0 and "TEST:BTC/USD:1m: 3 partitions copied, 0 the same" in again.said
    assert table(url) == rows(bars)
    repeated = home.run(MIRROR)
    assert repeated.code == 0 and "0 partitions copied, 3 the same" in repeated.said


def test_a_series_that_cannot_be_read_is_named_and_the_others_are_copied(url: str, home: Home) -> None:
    home.extra["DATABASE_URL"] = url
    bars = put(home, 1)
    torn = SeriesKey(exchange="TEST", symbol="AAA/USD", timeframe="1m")  # comes first
    (path,) = home.store.write(torn, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
    path.write_bytes(path.read_bytes()[:100])
    done = home.run(MIRROR)
    assert done.code == 65
    assert "TEST:AAA/USD:1m: failed: " in done.said and "TEST:BTC/USD:1m: 1 partitions copied" in done.said
    assert table(url) == rows(bars)


def killed_at_random(url: str, home: Home, kills: int, rng: random.Random) -> None:
    bars = put(home, 12)
    home.extra["DATABASE_URL"] = url
    done = 0
    while done < kills:
        ending = killed_when(home, url, "query LIKE 'COPY%' OR query LIKE '%fresh%'") if rng.random() < 0.7 else None
        if ending is None:
            process = home.start(MIRROR)
            time.sleep(rng.uniform(0.2, 1.5))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            ending = ended(process)
        done += ending.code != 0
        assert ending.code in (0, -signal.SIGKILL), ending
        assert whole_partitions(url)
        if rng.random() < 0.3:
            with connected(url) as db:
                db.execute("TRUNCATE candles, candles_partitions")
    assert home.run(MIRROR).code == 0
    assert table(url) == rows(bars)


def test_a_mirror_killed_while_it_copies_goes_on_where_it_stopped(url: str, home: Home) -> None:
    killed_at_random(url, home, 3, random.Random(20261120))


@pytest.mark.torture
def test_a_mirror_killed_sixty_times_holds_whole_partitions_only(url: str, home: Home) -> None:
    killed_at_random(url, home, 60, random.Random(20261121))


def mounted(folder: Path, options: str) -> None:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()[:80]}")


@pytest.fixture
def small_disk(url: str) -> Iterator[Path]:
    """A disk of 2 MB that the tables of `url` are moved to."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    with tempfile.TemporaryDirectory(prefix="nightdesk-full-") as name:
        mounted(Path(name), f"size=2m,mode=700,uid={postgres.NOBODY}")
        try:
            with connected(url) as db:
                db.execute(f"CREATE TABLESPACE small LOCATION '{name}'")
                for what in ("TABLE candles", "INDEX candles_pkey", "TABLE candles_partitions"):
                    db.execute(f"ALTER {what} SET TABLESPACE small")
            yield Path(name)
            with connected(url) as db:
                db.execute(f"DROP TABLE {postgres.TABLES}")
                db.execute("DROP TABLESPACE small")
        finally:
            subprocess.run(["umount", "-l", name], check=True)


@pytest.mark.torture
def test_a_database_on_a_full_disk_holds_whole_partitions_and_takes_the_rest_when_there_is_room(
    url: str, home: Home, small_disk: Path
) -> None:
    bars = put(home, 30)
    home.extra["DATABASE_URL"] = url
    for _ in range(2):
        full = home.run(MIRROR)
        assert full.code == 73 and "No space left on device" in full.errors and not full.errors.count("\n", 0, -1)
        assert whole_partitions(url) and 0 < len(table(url)) < len(bars)
    mounted(small_disk, "remount,size=64m")
    assert home.run(MIRROR).code == 0
    assert table(url) == rows(bars)


def words(url: str) -> set[str]:
    """What of a URL must not be seen."""
    return {word for word in re.split(r"[^A-Za-z0-9.]+", url) if len(word) > 2} - {"postgresql", "postgres", "host"}


@pytest.mark.parametrize(
    "change", [("desk:", "desk:x"), ("desk:", "intruder:"), ("/postgres", "/nowhere"), ("@", "%@")]
)
def test_an_ingest_that_the_database_refuses_goes_well_and_tells_nothing_of_the_url(
    server: str, fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    home, wrong = Here(fakemarket, tmp_path, monkeypatch), server.replace(*change)
    monkeypatch.setenv("DATABASE_URL", wrong)
    done = home.run(["ingest", "--symbol", "BTCUSD", "--timeframe", "1m", "--start", "2026-11-20T11:00"])
    assert done.code == 0
    assert "[WARN] BITFINEX:BTCUSD:1m: not copied to Postgres: " in done.said
    seen = (done.said + done.errors).replace("nightdesk", "")
    assert not [word for word in words(wrong) if word in seen]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://who:hush@127.0.0.1:9/candledb", 73),
        ("postgresql://who:hush@nosuchhost.invalid/candledb", 73),
        ("postgresql://who:hush@127.0.0.1:99999/candledb", 73),
        ("postgresql://who:hush@/candledb?host=/hidden/place", 73),
        ("host=127.0.0.1 port=9 user=who password=hush dbname=candledb", 73),
        ("postgresql://who:hu sh@[bad/candledb", 78),
        ("postgresql://who:hu%zzsh@127.0.0.1/candledb", 78),
        ("mysql://who:hush@127.0.0.1/candledb", 78),
        ("host=127.0.0.1 pasword=hush", 78),
        ("hush", 78),
        (f"postgresql://who:hush@{'long' * 20}.example/candledb", 78),
    ],
)
def test_no_word_of_a_url_is_shown_whatever_is_wrong_with_it(
    fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, code: int
) -> None:
    pytest.importorskip("psycopg")
    home = Here(fakemarket, tmp_path, monkeypatch)
    put(home, 1)
    monkeypatch.setenv("DATABASE_URL", url)
    done = home.run(MIRROR)
    assert done.errors.startswith("mirror_candles: ") and "DATABASE_URL" in done.errors
    assert done.errors.count("\n") == 1 and "Traceback" not in done.errors
    assert not [word for word in words(url) - {"host", "port", "user", "password"} if word in done.said + done.errors]
    assert done.code == code


def test_without_psycopg_it_is_said_how_to_get_it_and_the_bars_are_stored_all_the_same(home: Home) -> None:
    (home.folder / "none").mkdir()
    (home.folder / "none/psycopg.py").write_text("raise ImportError('no pq wrapper available')\n")
    home.extra = {"PYTHONPATH": str(home.folder / "none"), "DATABASE_URL": "postgresql://who:hush@127.0.0.1:9/candledb"}
    done = home.run(["ingest", "--symbol", "BTCUSD", "--timeframe", "1m", "--start", "2026-11-20T11:00"])
    assert done.code == 0 and "psycopg is not installed: .venv/bin/python -m pip install" in done.said
    asked = home.run(MIRROR)
    assert asked.code == 78
    assert asked.errors == (
        "mirror_candles: DATABASE_URL is set but psycopg is not installed: "
        ".venv/bin/python -m pip install 'psycopg[binary]'\n"
    )
