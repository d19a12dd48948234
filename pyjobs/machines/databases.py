"""Copies of SQLite databases that others write to: by the backup API, never by copying the file.

Why: https://www.sqlite.org/howtocorrupt.html, section 1.2.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from utils.errors import BadDataError, CannotWriteError
from utils.files.os_files import held

MAGIC = b"SQLite format 3\x00"
LIMIT_S = 60.0
BUSY_S = 10.0


def is_database(path: Path) -> bool:
    """Whether the file begins as SQLite's do; what cannot be read is none."""
    try:
        with held(path) as handle:
            return handle.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def copy(source: Path, target: Path, *, limit_s: float = LIMIT_S) -> None:
    """A consistent copy of a database that may be written at this moment; it comes without a journal file.

    All pages in one step, so that a writer cannot make it start again; where the source stays locked for `limit_s`
    seconds, `VACUUM INTO` is tried. Raises BadDataError for what is no database, CannotWriteError.
    """
    until = time.monotonic() + limit_s

    def watch(_status: int, _remaining: int, _total: int) -> None:
        if time.monotonic() > until:
            raise TimeoutError

    try:
        with contextlib.closing(_opened(source)) as db:
            try:
                with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as made:
                    db.backup(made, pages=-1, progress=watch, sleep=0.05)
                    made.execute("PRAGMA journal_mode=DELETE")
            except TimeoutError:
                target.unlink()
                db.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.DatabaseError as error:
        if "full" in str(error) or "readonly" in str(error) or "unable to open" in str(error):
            raise CannotWriteError(f"cannot copy '{source}' to '{target}': {error}") from error
        raise BadDataError(f"'{source}': no copy can be made: {error}") from error


def look(path: Path) -> dict[str, object]:
    """`integrity` (`ok`, or what is wrong) and `tables`: rows by table. Raises BadDataError for what is no database."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_S)) as db:
            lines = [row[0] for row in db.execute("PRAGMA integrity_check(5)")]
            names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            tables = {name: db.execute(f'SELECT count(*) FROM "{_quoted(name)}"').fetchone()[0] for (name,) in names}
    except sqlite3.DatabaseError as error:
        raise BadDataError(f"'{path}' cannot be read as a database: {error}") from error
    return {"integrity": "; ".join(map(str, lines)), "tables": tables}


def _quoted(name: str) -> str:
    return name.replace('"', '""')


def _opened(source: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{source}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None)
