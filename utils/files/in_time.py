"""What a file server that has gone away would never answer is given up after so many seconds, and named.

Only the standard library, and little of it: the supervisor imports this on every run.
"""

from __future__ import annotations

import _thread  # threading without its classes: 2 ms less a run (docs/DESIGN.md, The chain)
import errno

TYPE_CHECKING = False  # importing typing for the real one costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeVar

    T = TypeVar("T")

UNANSWERED: list[str] = []
"""What has been given up: a thread may wait for it still, and this process then ends only when that one does."""


def within(patience_s: float, act: Callable[[], T], path: Path | str) -> T:
    """What `act` returns or raises; OSError (ETIMEDOUT) naming `path` where it does neither in time.

    A system call that hangs cannot be ended from inside its process, so it is left to a thread that is not waited for.
    """
    answers: list[T] = []
    failed: list[BaseException] = []
    done = _thread.allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            answers.append(act())
        except BaseException as error:  # noqa: BLE001  # raised again below
            failed.append(error)
        finally:
            done.release()

    _thread.start_new_thread(run, ())
    if not done.acquire(timeout=patience_s):
        UNANSWERED.append(str(path))
        raise OSError(errno.ETIMEDOUT, f"has not answered for {patience_s:.0f} s", str(path))
    if failed:
        raise failed[0]
    return answers[0]


def is_silence(error: OSError) -> bool:
    """Whether `within` raised it."""
    return error.errno == errno.ETIMEDOUT and str(error.strerror).startswith("has not answered")
