"""Part of a job's work in a copy of its process, on a second core: `fork`, so nothing has to be sent there.

What the copy makes comes back as one piece of memory. A copy is never needed: where there can be none, or where it
fails, the caller does that part itself. (`work` is for pieces whose results are sent, and which must not fail.)
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from utils.pieces.work import end_with_parent

Work = Callable[[IO[bytes]], None]


class Copy:
    """A copy of this process that is at work."""

    def __init__(self, pid: int, made: int) -> None:
        self._pid, self._made = pid, made

    def result(self) -> memoryview | None:
        """All that it has written, once it has ended; None where it failed."""
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        if os.waitstatus_to_exitcode(status):
            return None
        size = os.fstat(self._made).st_size
        return memoryview(mmap.mmap(self._made, size, access=mmap.ACCESS_READ) if size else b"")

    def end(self) -> None:
        """Kill it unless its result was waited for."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._made)


def is_possible() -> bool:
    """Whether a copy is of use: a second core, Linux, and no other thread, since a copy would inherit its locks."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


@contextlib.contextmanager
def in_a_copy(work: Work) -> Iterator[Copy | None]:
    """`work`, which writes into the file it is given, in a copy of this process; None where there can be none.

    The copy changes nothing here but memory from `shared_room`. Errors in it have no message: the caller repeats what
    they cost and meets them itself.
    """
    copy = _started(work) if is_possible() else None
    try:
        yield copy
    finally:
        if copy:
            copy.end()


def _started(work: Work) -> Copy | None:
    made, parent = os.memfd_create("forked"), os.getpid()
    try:
        pid = os.fork()
    except OSError:  # too little memory, or too many processes
        os.close(made)
        return None
    if pid:
        return Copy(pid, made)
    failed = True
    try:
        end_with_parent(parent)
        with open(made, "wb", closefd=False) as file:
            work(file)
        failed = False
    finally:
        os._exit(failed)  # without the buffers and endings of the process it was copied from


def shared_room(shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """An array of zeros that this process and its copies have in common."""
    size = math.prod(shape)
    return np.frombuffer(mmap.mmap(-1, max(8 * size, 1)), np.float64, size).reshape(shape)
