"""What time it is. `NIGHTDESK_NOW` (UTC seconds since 1970) sets the clock of every job, to rehearse another day."""

from __future__ import annotations

import os
import time


def now_s() -> float:
    """UTC seconds since 1970: the rehearsed time when there is one, else the real one."""
    rehearsed = os.environ.get("NIGHTDESK_NOW")
    return float(rehearsed) if rehearsed else time.time()


def now_ms() -> int:
    """The same in milliseconds, the unit of `ts_ms`."""
    return int(now_s() * 1000)
