"""A copy of the store in Postgres: one table, `candles`. The files are the truth; the table follows them.

Each partition is mirrored in one transaction: its bars are copied into a temporary table, merged by key, what the file
no longer has is deleted, and the file's digest is noted. So a mirror that was cut short goes on where it stopped, and
one that is repeated does nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pyjobs.market.bars import COLUMNS, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.folders import settled
from pyjobs.market.store.partitions import content_of, partition_span, read_partition
from utils import credentials
from utils.errors import BadDataError, CannotWriteError, ConfigError

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_S = 10
TRY_S = 5
STATEMENT_MS = 60_000
_NO_SECRET = frozenset({"postgresql", "postgres", "host", "port", "user", "password", "dbname", "options", "sslmode"})
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE candles (
        exchange text NOT NULL, symbol text NOT NULL, timeframe text NOT NULL, ts_ms bigint NOT NULL,
        open double precision NOT NULL, high double precision NOT NULL, low double precision NOT NULL,
        close double precision NOT NULL, volume double precision NOT NULL,
        provider text NOT NULL, adjusted text NOT NULL, final boolean NOT NULL,
        PRIMARY KEY (exchange, symbol, timeframe, ts_ms)
    );
    COMMENT ON COLUMN candles.ts_ms IS 'close of the bar, UTC milliseconds';
    CREATE TABLE candles_partitions (
        exchange text NOT NULL, symbol text NOT NULL, timeframe text NOT NULL, partition text NOT NULL,
        sha256 text NOT NULL, PRIMARY KEY (exchange, symbol, timeframe, partition)
    );
    """,
)
_FRESH = "CREATE TEMP TABLE fresh (LIKE candles) ON COMMIT DROP"
_SPAN = "exchange = %s AND symbol = %s AND timeframe = %s AND ts_ms BETWEEN %s AND %s"
_DELETE = f"DELETE FROM candles WHERE {_SPAN} AND NOT EXISTS (SELECT FROM fresh WHERE fresh.ts_ms = candles.ts_ms)"
_UPSERT = """
    INSERT INTO candles SELECT * FROM fresh ON CONFLICT (exchange, symbol, timeframe, ts_ms) DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
    provider = excluded.provider, adjusted = excluded.adjusted, final = excluded.final
    WHERE candles IS DISTINCT FROM excluded
"""
_NOTE = """
    INSERT INTO candles_partitions VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (exchange, symbol, timeframe, partition) DO UPDATE SET sha256 = excluded.sha256
"""
_FORGET = "DELETE FROM candles_partitions WHERE exchange = %s AND symbol = %s AND timeframe = %s AND partition = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What a mirror of one series did: partitions copied, partitions that were the same, partitions gone."""

    copied: int
    same: int
    gone: int


@contextmanager
def connected(url: str, connect_s: int = CONNECT_S) -> Iterator[Connection[Any]]:
    """A connection to the database. Errors name the cause and nothing of the URL.

    Raises ConfigError for an address that is none, or without psycopg; CannotWriteError for all that Postgres refuses.
    """
    try:
        import psycopg
    except ImportError:
        raise ConfigError(
            "DATABASE_URL is set but psycopg is not installed: .venv/bin/python -m pip install 'psycopg[binary]'"
        ) from None
    try:
        options = f"-c statement_timeout={STATEMENT_MS}"
        with _opened(url.strip(), options, connect_s) as db:
            yield db
    except psycopg.Error as error:
        raise CannotWriteError(f"the Postgres of DATABASE_URL: {without_url(str(error), url)}") from None


def _opened(url: str, options: str, connect_s: int) -> Connection[Any]:
    import psycopg

    try:
        return psycopg.connect(url, connect_timeout=connect_s, options=options, autocommit=True)
    except (psycopg.ProgrammingError, ValueError):  # what they say quotes the part they cannot read
        raise ConfigError(
            "DATABASE_URL is no address that Postgres understands: postgresql:// then user, colon, password, "
            "@host:port/database; what is no letter or digit in user and password is written %XX"
        ) from None


def without_url(text: str, url: str) -> str:
    """`text` on one line, without the URL or any word of it: user, password, host, database, options."""
    plain = {word for word in re.split(r"[\s:/@?&=,\[\]'\"]+", url) if len(word) > 2 and word not in _NO_SECRET}
    try:
        parts = urlsplit(url)
        plain |= {parts.password or "", parts.username or "", parts.hostname or "", parts.path.strip("/"), parts.netloc}
    except ValueError:
        pass
    words = {url, *plain, *(unquote(word) for word in plain)} - {""}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "***")
    return " ".join(text.split())


def migrate(db: Connection[Any]) -> int:
    """Bring the schema up to date; how many steps that took. Two at once do it once."""
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(7462)")
        db.execute("CREATE TABLE IF NOT EXISTS candles_schema (version int NOT NULL)")
        row = db.execute("SELECT coalesce(max(version), 0) FROM candles_schema").fetchone()
        version = int(row[0]) if row else 0
        if version > len(MIGRATIONS):
            raise ConfigError(f"the candles schema is version {version}, newer than this nightdesk ({len(MIGRATIONS)})")
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            db.execute(statements)
            db.execute("INSERT INTO candles_schema VALUES (%s)", [number])
        return len(MIGRATIONS) - version


def mirror(db: Connection[Any], store: BarStore, key: SeriesKey) -> Mirrored:
    """Make the table hold what the series' files hold.

    Raises ConfigError before the schema is there; BadDataError, when all others are copied, for an unreadable file.
    """
    _check_schema(db)
    return settled(lambda: _mirror(db, store, key))


def _mirror(db: Connection[Any], store: BarStore, key: SeriesKey) -> Mirrored:
    series = (key.exchange, key.symbol, key.timeframe)
    noted = dict(
        db.execute(
            "SELECT partition, sha256 FROM candles_partitions WHERE exchange = %s AND symbol = %s AND timeframe = %s",
            series,
        ).fetchall()
    )
    copied, same, torn = 0, 0, None
    files = {path.stem: path for path in store.partitions(key)}
    for name, path in files.items():
        try:
            digest = hashlib.sha256(content_of(path)).hexdigest()
            if noted.get(name) == digest:
                same += 1
                continue
            _copy(db, key, path, digest)
        except BadDataError as error:
            torn = torn or error
        else:
            copied += 1
    gone = [name for name in noted if name not in files]
    for name in gone:
        with db.transaction():
            db.execute(f"DELETE FROM candles WHERE {_SPAN}", (*series, *partition_span(key.timeframe, name)))
            db.execute(_FORGET, (*series, name))
    if torn:
        raise torn
    return Mirrored(copied=copied, same=same, gone=len(gone))


def follow(store: BarStore, key: SeriesKey) -> str:
    """Mirror the series when there is a DATABASE_URL; what to add to the job's line. A failure is a warning there:
    the files have everything, and the next run catches up."""
    url = credentials.find("DATABASE_URL")
    if not url:
        return ""
    try:
        with connected(url) as db:
            return f"; {mirror(db, store, key).copied} partitions copied to Postgres"
    except (BadDataError, CannotWriteError, ConfigError) as error:
        return f"\n[WARN] {key}: not copied to Postgres: {error}"


def try_out(url: str) -> None:
    """Ask the database once whether it has the tables. Raises ConfigError when not, and what `connected` raises."""
    with connected(url, TRY_S) as db:
        _check_schema(db)


def _copy(db: Connection[Any], key: SeriesKey, path: Path, digest: str) -> None:
    """One partition in one transaction."""
    part = read_partition(path, key)
    bars, about = part.bars, part.provenance
    columns = [getattr(bars, name).tolist() for name in COLUMNS]
    span = partition_span(key.timeframe, path.stem)
    series = (key.exchange, key.symbol, key.timeframe)
    last = len(bars) - 1
    with db.transaction():
        db.execute(_FRESH)
        with db.cursor().copy("COPY fresh FROM STDIN") as copy:
            for number, row in enumerate(zip(*columns, strict=True)):
                final = about.last_final or number < last
                copy.write_row((*series, *row, about.provider, about.adjusted, final))
        db.execute(_DELETE, (*series, *span))
        db.execute(_UPSERT)
        db.execute(_NOTE, (*series, path.stem, digest))


def _check_schema(db: Connection[Any]) -> None:
    row = db.execute("SELECT to_regclass('candles_partitions') IS NOT NULL").fetchone()
    if not row or not row[0]:
        raise ConfigError("the database of DATABASE_URL has no candles table: run python -m pyjobs.migrate_candles")
