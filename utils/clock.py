"""What time it is. `NIGHTDESK_NOW` (UTC seconds since 1970) sets the clock of every job, to rehearse another day."""

from __future__ import annotations

import os
import time

_IMPORTED_S = time.monotonic()


def now_s() -> float:
    """UTC seconds since 1970: the rehearsed time when there is one, else the real one."""
    rehearsed = os.environ.get("NIGHTDESK_NOW")
    return float(rehearsed) if rehearsed else time.time()


def running_s() -> float:
    """The same for who waits: a rehearsed time goes on from there by the seconds that this process has lived."""
    rehearsed = os.environ.get("NIGHTDESK_NOW")
    return float(rehearsed) + time.monotonic() - _IMPORTED_S if rehearsed else time.time()


def now_ms() -> int:
    """The same in milliseconds, the unit of `ts_ms`."""
    return int(now_s() * 1000)
