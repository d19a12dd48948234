"""What does not end by itself is ended by an alarm of this process, after so many seconds."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

from utils.errors import ConfigError


@contextlib.contextmanager
def alarm(seconds: float, rings: BaseException, *, again_s: float = 0.0) -> Iterator[None]:
    """Raise `rings` where what is within takes longer, and every `again_s` seconds after that, if it is caught there.

    Alarms ring in the main thread alone, and not on Windows: elsewhere there is no limit. One that is set already
    rings at its time, and is the only one where that comes first.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    if 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= seconds:
        yield
        return

    def ring(*_: object) -> NoReturn:
        raise rings

    before, since_s = signal.signal(signal.SIGALRM, ring), time.monotonic()
    left_s, every_s = signal.setitimer(signal.ITIMER_REAL, seconds, again_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left_s:
            signal.setitimer(signal.ITIMER_REAL, max(left_s + since_s - time.monotonic(), 0.001), every_s)


def seconds_of(name: str, default: float) -> float:
    """The seconds that the environment variable `name` allows. Raises ConfigError where that is no time above 0."""
    text = os.environ.get(name) or str(default)
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise ConfigError(f"{name}={text!r}: not a number of seconds above 0")
