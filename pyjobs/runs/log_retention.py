"""Old logs go, by the date in their name; the history is set aside when it has grown, and goes when it is as old."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import re
from collections.abc import Iterable
from pathlib import Path

from utils.atomic import sync_directory

KEEP_LOG_DAYS = 90
HISTORY_SET_ASIDE_BYTES = 8_000_000  # about a year of a job every five minutes; reading it takes a tenth of a second
_DATED = re.compile(r".+[_-](\d{4}-\d{2}-\d{2})\.(?:log|jsonl)")


def old_logs(names: Iterable[str], *, today: dt.date, keep_days: int) -> list[str]:
    """The dated logs, and histories set aside, of more than `keep_days` days ago; other names are nobody's business.

    A date in the future (a clock that had jumped) is kept.
    """
    return sorted(name for name in names if (date := _date_in(name)) and (today - date).days > keep_days)


def set_history_aside(history: Path, *, today: dt.date) -> Path | None:
    """Rename a history that has grown to history-<date>.jsonl and return that; None when it is still small.

    A rename loses nothing: whoever has the file open goes on writing to it, the next run starts a new one. Done under
    the history's own lock: of two prunes the later one must not put the new, short one in the long one's place.
    """
    aside = history.with_name(f"{history.stem}-{today}.jsonl")
    try:
        with history.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            here = os.fstat(held.fileno())
            small = here.st_size < HISTORY_SET_ASIDE_BYTES
            if small or aside.exists() or not os.path.samestat(here, history.stat()):
                return None
            history.rename(aside)
    except FileNotFoundError:
        return None
    sync_directory(history.parent)
    return aside


def _date_in(name: str) -> dt.date | None:
    match = _DATED.fullmatch(name)
    try:
        return dt.date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
