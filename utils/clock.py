"""What time it is. `NIGHTDESK_NOW` (UTC seconds since 1970) sets the clock of every job, to rehearse another day."""

from __future__ import annotations

import os
import time

_IMPORTED_S = time.monotonic()
TOO_LATE_S = 1e11  # milliseconds given as seconds lie beyond


def now_s() -> float:
    """UTC seconds since 1970: the rehearsed time when there is one, else the real one."""
    rehearsed = _rehearsed_s()
    return time.time() if rehearsed is None else rehearsed


def running_s() -> float:
    """`now_s` for code that waits: a rehearsed time goes on by the seconds that this process has lived."""
    rehearsed = _rehearsed_s()
    return time.time() if rehearsed is None else rehearsed + time.monotonic() - _IMPORTED_S


def now_ms() -> int:
    """`now_s` in milliseconds, the unit of `ts_ms`."""
    return int(now_s() * 1000)


def is_date(text: str) -> bool:
    """Whether `text` is a date as YYYY-MM-DD."""
    import datetime as dt

    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def utc_stamp(at_s: float) -> str:
    """`2026-11-20T13:10:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


def _rehearsed_s() -> float | None:
    """NIGHTDESK_NOW; None when it is not set. Raises ConfigError for what is no time."""
    given = os.environ.get("NIGHTDESK_NOW", "")
    if not given:
        return None
    if not given.replace(".", "", 1).isdecimal() or len(given) > 20 or float(given) >= TOO_LATE_S:
        from utils.errors import ConfigError

        raise ConfigError(
            f"NIGHTDESK_NOW={given!r} is not UTC seconds since 1970, such as of: date -d '2026-11-27 18:10 +0900' +%s"
        )
    return float(given)
