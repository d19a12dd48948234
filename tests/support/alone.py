"""Tests of what a process does that has no other thread: a worker of pytest has one."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

P = ParamSpec("P")


def alone(test: Callable[P, None]) -> Callable[P, None]:
    """`test` in a fork of this process, in which its thread is the only one."""

    @wraps(test)
    def forked(*args: P.args, **kwargs: P.kwargs) -> None:
        reading, writing = os.pipe()
        if not (pid := os.fork()):
            os.close(reading)
            try:
                test(*args, **kwargs)
                os.write(writing, b"passed")
            except BaseException:  # noqa: BLE001 - it is the parent that fails
                os.write(writing, traceback.format_exc()[-60_000:].encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as result:
            told = result.read()
        os.waitpid(pid, 0)
        assert told == "passed", told

    return forked
