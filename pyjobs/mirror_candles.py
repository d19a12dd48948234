"""Copy the store's bars into the `candles` table of DATABASE_URL; only what has changed.

The table's bars of a series without files are deleted, and it is named.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from utils.cli import Parser
from utils.errors import BadDataError, ConfigError, MissingInputError
from utils.exit_codes import ExitCode
from utils.run import run
from utils.settings import credentials

if TYPE_CHECKING:
    from psycopg import Connection

    from pyjobs.market.bars import SeriesKey
    from pyjobs.market.store.bar_store import BarStore


def main(argv: Sequence[str] | None = None) -> int:
    """Mirror every series, or those the flags name."""
    parser = Parser(verb="mirror_candles", doc=__doc__)
    parser.add_argument("--exchange", metavar="NAME", help="only this exchange's series")
    parser.add_argument("--symbol", metavar="SYMBOL", help="only this symbol's")
    parser.add_argument("--timeframe", metavar="TF", help="only these bars")
    args = parser.parse_args(argv)

    from pyjobs.market.mirror import connected, forget_gone
    from pyjobs.market.store.open_store import open_store

    url = credentials.find("DATABASE_URL")
    if not url:
        raise ConfigError("DATABASE_URL is not set (environment, secret/.env or .env)")
    store = open_store()
    wanted = {name: getattr(args, name) for name in ("exchange", "symbol", "timeframe") if getattr(args, name)}
    keys = [key for key in store.series() if all(getattr(key, name) == want for name, want in wanted.items())]
    with connected(url) as db:
        gone = forget_gone(db, store, wanted)
        for key, rows in gone:
            print(f"{key}: not under {store.root} any more, its {rows} rows are deleted")
        if not keys and not gone:
            raise MissingInputError(f"no such series under {store.root}, and nothing of it to delete from the table")
        failed = [error for key in keys if (error := _mirrored(db, store, key)) is not None]
    if failed:
        raise failed[0]
    return ExitCode.OK


def _mirrored(db: Connection[Any], store: BarStore, key: SeriesKey) -> BadDataError | None:
    """Copy one series and print so; its own error, which hides no other."""
    from pyjobs.market.mirror import mirror

    try:
        done = mirror(db, store, key, compare=True)
    except BadDataError as error:
        print(f"{key}: failed: {error}")
        return error
    print(f"{key}: {done.copied} partitions copied, {done.same} the same, {done.gone} gone")
    return None


if __name__ == "__main__":
    sys.exit(run(main))
