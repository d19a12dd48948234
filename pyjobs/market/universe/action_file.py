"""The file of derived base changes, data/actions/<exchange>.csv: columns symbol, session, action, ratio, source.

`desk/corporate_actions.py` reads it and works in the lines of action `base`; the others are for people.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from collections.abc import Iterable

from pyjobs.market.desk.corporate_actions import derived_file
from pyjobs.market.universe.base_prices import BaseChange
from utils import paths
from utils.errors import BadDataError, LockBusyError
from utils.files import os_files, text_files
from utils.files.atomic import sweep, write_text
from utils.files.job_lock import job_lock

COLUMNS = ("symbol", "session", "action", "ratio", "source")
LOCK_S = 60.0


def keep_changes(
    exchange: str, changes: Iterable[BaseChange], *, instead_of: Iterable[tuple[str, dt.date]] = ()
) -> int:
    """Put the changes into the exchange's file, and return how many lines are new, other than before, or gone.

    The later entry of one symbol and session wins; `instead_of`: the entries of these have been worked out again, and
    go unless they are among the changes. The file is ordered by session and symbol, old or new and never half, and not
    touched when nothing changes. Raises BadDataError for a file that is not ours, LockBusyError, OSError.
    """
    rows = {(one.symbol, f"{one.session}"): _row(one) for one in changes}
    anew = {(symbol, f"{session}") for symbol, session in instead_of}
    if not rows and not anew:
        return 0
    path = derived_file(exchange)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = paths.locks_dir() / f"actions-{exchange}.lock"
    with job_lock(lock, LOCK_S, LockBusyError(f"another job has written {path} for {LOCK_S:.0f} s")):
        sweep(path.parent, path.name)
        known = _read(exchange)
        gone = known.keys() & anew - rows.keys()
        news = sum(known.get(place) != row for place, row in rows.items()) + len(gone)
        if news:
            for place in gone:
                del known[place]
            text = io.StringIO()
            out = csv.writer(text, lineterminator="\n")
            out.writerow(COLUMNS)
            out.writerows(row for _, row in sorted((known | rows).items(), key=lambda one: (one[0][1], one[0][0])))
            write_text(path, text.getvalue())
    return news


def _row(change: BaseChange) -> list[str]:
    ratio = "" if math.isnan(change.ratio) else f"{change.ratio:.12g}"
    return [change.symbol, f"{change.session}", change.kind, ratio, change.source]


def _read(exchange: str) -> dict[tuple[str, str], list[str]]:
    path = derived_file(exchange)
    if not os_files.is_there(path):
        return {}
    with text_files.opened_csv(path) as handle:
        table = csv.reader(handle)
        if tuple(next(table, ())) != COLUMNS:
            raise BadDataError(f"{path}:1: the columns are not {','.join(COLUMNS)}; move the file away")
        found = {}
        for row in table:
            if len(row) != len(COLUMNS):
                raise BadDataError(f"{path}:{table.line_num}: {len(row)} cells, not {len(COLUMNS)}; move the file away")
            found[row[0], row[1]] = row
    return found
