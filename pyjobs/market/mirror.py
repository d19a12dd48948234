"""A copy of the store in Postgres: one table, `candles`. The files are the truth; the table follows them.

A partition's bars are copied into a temporary table, merged by key, what the file no longer has is deleted, and the
file's digest is noted. The table's bars of a series are brought up to date in one transaction, so that it is never on
two bases; new bars follow, each partition in one of its own. So a mirror that was cut short goes on where it stopped,
and one that is repeated does nothing. Rows of a series that has no files any more go.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pyjobs.market.bars import COLUMNS, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.folders import read_when_stable
from pyjobs.market.store.partitions import content_of, partition_span, read_outline, read_partition
from utils.errors import BadDataError, CannotWriteError, ConfigError
from utils.files.os_files import out_of_reach
from utils.settings import credentials

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
_SERIES = "exchange = %s AND symbol = %s AND timeframe = %s"
_SPAN = f"{_SERIES} AND ts_ms BETWEEN %s AND %s"
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
_FORGET = f"DELETE FROM candles_partitions WHERE {_SERIES} AND partition = %s"
_NAMES = "exchange, symbol, timeframe"
_HAS = f"""
    WITH RECURSIVE one AS (
        (SELECT {_NAMES} FROM candles ORDER BY {_NAMES} LIMIT 1)
        UNION ALL
        SELECT next.* FROM one, LATERAL (
            SELECT {_NAMES} FROM candles WHERE ({_NAMES}) > (one.exchange, one.symbol, one.timeframe)
            ORDER BY {_NAMES} LIMIT 1
        ) next
    )
    SELECT {_NAMES} FROM one UNION SELECT {_NAMES} FROM candles_partitions ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """The result of mirroring one series: partitions copied, partitions that were the same, partitions gone."""

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
    except (psycopg.ProgrammingError, ValueError):  # their message quotes the part they cannot read
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


def mirror(db: Connection[Any], store: BarStore, key: SeriesKey, *, compare: bool = False) -> Mirrored:
    """Make the table hold what the series' files hold. `compare`: count its rows even where the notes agree.

    Raises ConfigError before the schema is there; BadDataError, when all others are copied, for an unreadable file; of
    adjusted prices nothing that is there changes then, for they might be of another basis.
    """
    _check_schema(db)
    return read_when_stable(lambda: _mirror(db, store, key, compare=compare))


def forget_gone(db: Connection[Any], store: BarStore, wanted: Mapping[str, str]) -> list[tuple[SeriesKey, int]]:
    """Delete what the table has of series that have no files any more, such as folders that were moved away.

    `wanted`: only series whose fields (exchange, symbol, timeframe) are these. Each deleted series with its rows comes
    back. Nothing is deleted while the store has no series at all: its disk may not be there. Raises ConfigError before
    the schema is there.
    """
    _check_schema(db)
    there, lines = set(store.series()), []
    for exchange, symbol, timeframe in db.execute(_HAS).fetchall() if there else ():
        key = SeriesKey(exchange=exchange, symbol=symbol, timeframe=timeframe)
        unwanted = any(getattr(key, name) != want for name, want in wanted.items())
        if unwanted or key in there or out_of_reach(store.folder(key)):
            continue
        series = (exchange, symbol, timeframe)
        with db.transaction():
            rows = db.execute(f"DELETE FROM candles WHERE {_SERIES}", series).rowcount
            db.execute(f"DELETE FROM candles_partitions WHERE {_SERIES}", series)
        lines.append((key, rows))
    return lines


def _mirror(db: Connection[Any], store: BarStore, key: SeriesKey, *, compare: bool) -> Mirrored:
    series = (key.exchange, key.symbol, key.timeframe)
    noted = dict(db.execute(f"SELECT partition, sha256 FROM candles_partitions WHERE {_SERIES}", series).fetchall())
    files = {path.stem: path for path in store.partitions(key)}
    digests, torn = _digests(files.values())
    if compare and not torn and noted == digests and _count(db, key) != _rows(files.values(), key):
        noted = dict.fromkeys(noted, "")
    changed = [name for name in files if noted.get(name, "new") not in ("new", digests.get(name, ""))]
    new = [name for name in files if name not in noted and name in digests]
    gone = [name for name in noted if name not in files]
    with db.transaction():
        copied, about, damaged = _copy_all(db, key, [files[name] for name in changed], digests)
        if about - {"raw"}:
            _refuse_two_bases(files.values(), digests, damaged)
        for name in gone:
            db.execute(f"DELETE FROM candles WHERE {_SPAN}", (*series, *partition_span(key.timeframe, name)))
            db.execute(_FORGET, (*series, name))
    torn = torn or damaged
    for name in new:
        with db.transaction():
            more, _, damaged = _copy_all(db, key, [files[name]], digests)
        copied, torn = copied + more, torn or damaged
    if torn:
        raise torn
    return Mirrored(copied=copied, same=len(files) - len(changed) - len(new), gone=len(gone))


def _digests(files: Iterable[Path]) -> tuple[dict[str, str], BadDataError | None]:
    """The digest of each file by name, and what is wrong with the first one that cannot be read."""
    found, torn = dict[str, str](), None
    for path in files:
        try:
            found[path.stem] = hashlib.sha256(content_of(path)).hexdigest()
        except FileNotFoundError:
            raise  # moved by another job: all starts again
        except (BadDataError, OSError) as error:
            torn = torn or BadDataError(str(error))
    return found, torn


def _copy_all(
    db: Connection[Any], key: SeriesKey, files: Iterable[Path], digests: Mapping[str, str]
) -> tuple[int, set[str], BadDataError | None]:
    """Copy these; how many, what is worked into the prices, and what is wrong with the first unreadable one."""
    copied, about, torn = 0, set[str](), None
    for path in files:
        try:
            about.add(_copy(db, key, path, digests.get(path.stem, "")))
        except FileNotFoundError:
            raise  # moved by another job: all starts again
        except (BadDataError, OSError) as error:
            torn = torn or BadDataError(str(error))
        else:
            copied += 1
    return copied, about, torn


def _refuse_two_bases(files: Iterable[Path], digests: Mapping[str, str], damaged: BadDataError | None) -> None:
    """Raises what is wrong with a file that could not be copied, FileNotFoundError where others changed meanwhile."""
    if damaged:
        raise damaged
    for path in files:
        if path.stem in digests and hashlib.sha256(content_of(path)).hexdigest() != digests[path.stem]:
            raise FileNotFoundError(2, "changed by another job", str(path))


def _count(db: Connection[Any], key: SeriesKey) -> int:
    row = db.execute(f"SELECT count(*) FROM candles WHERE {_SERIES}", (key.exchange, key.symbol, key.timeframe))
    return int((row.fetchone() or (0,))[0])


def _rows(files: Iterable[Path], key: SeriesKey) -> int:
    return sum(read_outline(path, key).rows for path in files)


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


def _copy(db: Connection[Any], key: SeriesKey, path: Path, digest: str) -> str:
    """One partition, within a transaction; what is worked into its prices."""
    part = read_partition(path, key)
    bars, about = part.bars, part.provenance
    columns = [getattr(bars, name).tolist() for name in COLUMNS]
    span = partition_span(key.timeframe, path.stem)
    series = (key.exchange, key.symbol, key.timeframe)
    last = len(bars) - 1
    db.execute(_FRESH)
    with db.cursor().copy("COPY fresh FROM STDIN") as copy:
        for number, row in enumerate(zip(*columns, strict=True)):
            final = about.last_final or number < last
            copy.write_row((*series, *row, about.provider, about.adjusted, final))
    db.execute(_DELETE, (*series, *span))
    db.execute(_UPSERT)
    db.execute(_NOTE, (*series, path.stem, digest))
    db.execute("DROP TABLE fresh")  # the transaction may go on
    return about.adjusted


def _check_schema(db: Connection[Any]) -> None:
    row = db.execute("SELECT to_regclass('candles_partitions') IS NOT NULL").fetchone()
    if not row or not row[0]:
        raise ConfigError("the database of DATABASE_URL has no candles table: run python -m pyjobs.migrate_candles")
