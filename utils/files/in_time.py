"""What a file server that has gone away would never answer is given up after so many seconds, and named."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def within(patience_s: float, act: Callable[[], T], path: Path) -> T:
    """What `act` returns or raises; OSError (ETIMEDOUT) naming `path` where it does neither in time.

    A system call that hangs cannot be ended from inside its process, so it is left to a thread that nobody waits for.
    """
    import threading  # every job has it by then

    answers: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(act())
        except BaseException as error:  # noqa: BLE001  # raised again below
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(patience_s)
    if thread.is_alive():
        raise OSError(errno.ETIMEDOUT, f"has not answered for {patience_s:.0f} s", str(path))
    if failed:
        raise failed[0]
    return answers[0]


def is_silence(error: OSError) -> bool:
    """Whether `within` raised it."""
    return error.errno == errno.ETIMEDOUT and str(error.strerror).startswith("has not answered")
