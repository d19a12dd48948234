"""The signal queue: one SQLite file per desk, filled every night, each signal once.

A signal is `new` while the night that found it is about the newest session the queue has been filled for: it is what
the next open may act on. A night about a later session makes it `expired`. Filling a past session again adds what was
missing as `expired`. Whoever acts on a signal sets `taken` or `rejected`; those stay.
"""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from utils.errors import BadDataError, CannotWriteError, ConfigError, MissingInputError
from utils.files import atomic, os_files, private
from utils.files.os_files import held_bytes, is_there

BUSY_TIMEOUT_S = 10.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS signals (
  exchange TEXT NOT NULL, symbol TEXT NOT NULL, timeframe TEXT NOT NULL, setup TEXT NOT NULL, ts_ms INTEGER NOT NULL,
  session TEXT NOT NULL, side TEXT NOT NULL, close REAL NOT NULL, stop REAL, why TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('new', 'expired', 'taken', 'rejected')),
  night_session TEXT NOT NULL, run_id TEXT NOT NULL, queued_utc TEXT NOT NULL,
  PRIMARY KEY (exchange, symbol, timeframe, setup, ts_ms)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fills (session TEXT PRIMARY KEY) WITHOUT ROWID;
"""
COLUMNS = (
    "exchange",
    "symbol",
    "timeframe",
    "setup",
    "ts_ms",
    "session",
    "side",
    "close",
    "stop",
    "why",
    "status",
    "night_session",
    "run_id",
    "queued_utc",
)


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of a scan. `ts_ms` is the close of its bar; prices in the instrument's currency; no stop: None."""

    exchange: str
    symbol: str
    timeframe: str
    setup: str
    ts_ms: int
    session: str
    side: str
    close: float
    stop: float | None
    why: str


class _Scan(msgspec.Struct, frozen=True, kw_only=True):
    """The one part of scan.json that the queue reads."""

    signals: list[Signal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What one filling did: signals offered, of those new to the queue, and older ones that expired by it."""

    offered: int
    added: int
    expired: int
    in_queue: int


def queue_path(data_dir: Path, desk: str) -> Path:
    """The queue of a desk. Raises ConfigError when the desk's name cannot be a file name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", desk):
        raise ConfigError(f"desk name {desk!r} cannot name a file: use letters, digits, '.', '_' and '-'")
    return data_dir / "queue" / f"{desk}.sqlite"


def read_signals(scan_json: Path) -> list[Signal]:
    """The signals of a scan. Raises MissingInputError, or BadDataError naming the place in the file."""
    try:
        return msgspec.json.decode(held_bytes(scan_json), type=_Scan).signals
    except FileNotFoundError as error:
        raise MissingInputError(f"'{scan_json}' is not there: run the scan first") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadDataError(f"'{scan_json}': {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The queue, made if it is not there: a rollback journal (several processes on
    one WAL file may damage it, SQLite 3.7.0 to 3.51.2), every commit synced, ten seconds' patience with another writer.

    Raises CannotWriteError when it cannot be opened or written, BadDataError when the file is not a queue.
    """
    try:
        private.make_folder(path.parent, private.FOLDER_MODES[private.QUEUE])
        is_there(path)  # SQLite waits for a pipe for ever
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as queue:
            with suppress(sqlite3.OperationalError):  # a WAL queue of before stays one while it is read
                queue.execute("PRAGMA journal_mode=DELETE")
            queue.execute("PRAGMA synchronous=FULL")
            queue.executescript(SCHEMA)
            yield queue
    except OSError as error:
        raise CannotWriteError(f"cannot make the queue '{path}': {error.strerror}") from error
    except sqlite3.OperationalError as error:
        raise CannotWriteError(f"cannot write the queue '{path}': {error}") from error
    except sqlite3.DatabaseError as error:
        raise BadDataError(f"'{path}' is not a sound signal queue: {error}") from error


def fill(
    queue: sqlite3.Connection, signals: Iterable[Signal], *, session: str, run_id: str, queued_utc: str, today: str = ""
) -> Filled:
    """Add the signals of `session` that the queue does not know, expire older new ones; all of it or nothing.

    `session` is the night's (YYYY-MM-DD); `queued_utc` an ISO time. A signal already there is left as it is. Nights of
    sessions after `today` were filled by a clock that ran ahead: they do not make tonight's signals old.
    """
    offered = [(*msgspec.structs.astuple(signal), session, run_id, queued_utc) for signal in signals]
    with _transaction(queue):
        queue.execute("INSERT OR IGNORE INTO fills VALUES (?)", (session,))
        known = queue.execute("SELECT max(session) FROM fills WHERE session <= ?", (max(today or "9", session),))
        (newest,) = known.fetchone()
        status = "new" if session == newest else "expired"
        added = queue.executemany(
            "INSERT INTO signals (exchange, symbol, timeframe, setup, ts_ms, session, side, close, stop, why,"
            f" night_session, run_id, queued_utc, status) VALUES ({', '.join('?' * 13)}, '{status}')"
            " ON CONFLICT (exchange, symbol, timeframe, setup, ts_ms) DO NOTHING",
            offered,
        ).rowcount
        expired = queue.execute(
            "UPDATE signals SET status = 'expired' WHERE status = 'new' AND night_session < ?", (newest,)
        ).rowcount
        (in_queue,) = queue.execute("SELECT count(*) FROM signals").fetchone()
    return Filled(offered=len(offered), added=max(added, 0), expired=expired, in_queue=in_queue)


def snapshot(queue: sqlite3.Connection, folder: Path) -> tuple[Path, Path]:
    """A consistent copy of the queue as `signals.sqlite`, and the same rows as `signals.csv`, in `folder`.

    Made by `VACUUM INTO`: one read transaction, so a live writer neither spoils nor restarts it (a copied file
    could be half of a commit). The CSV is read from the copy, so the two agree.
    """
    copy, table = folder / "signals.sqlite", folder / "signals.csv"
    atomic.write_atomic(copy, lambda temporary: queue.execute("VACUUM INTO ?", (str(temporary),)))
    with closing(sqlite3.connect(f"file:{os_files.real(copy)}?mode=ro&immutable=1", uri=True)) as frozen:
        rows = frozen.execute(f"SELECT {', '.join(COLUMNS)} FROM signals ORDER BY ts_ms, symbol, setup").fetchall()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    atomic.write_text(table, text.getvalue())
    return copy, table


@contextmanager
def _transaction(queue: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE (a reader never has to become a writer half-way), COMMIT, or ROLLBACK on any error."""
    queue.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        queue.execute("ROLLBACK")
        raise
    queue.execute("COMMIT")
