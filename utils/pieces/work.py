"""Work in independent pieces, and the local engine that does it, on as many processors as that pays for.

A piece is one call `function(material, part)`; what it returns must not depend on where, when or after what it ran.
Then every engine (this one, `utils.pieces.cluster`) gives the same results in the same order.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from utils.errors import WorkKilledError

PAYS_S = 0.3  # what must be left to do, in seconds, for processes to be started: two cost 0.05 s of a processor
PR_SET_PDEATHSIG = 1
FORKS = hasattr(os, "fork")  # without it (Windows) all pieces are done in this process


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """`batches`: each a material and its parts. `function`, materials, parts and results must pickle."""

    function: Callable[[Any, Any], Any]
    batches: Sequence[tuple[Any, Sequence[Any]]]

    def __len__(self) -> int:
        """How many pieces."""
        return sum(len(parts) for _, parts in self.batches)

    def piece(self, batch: int, part: int) -> Any:
        """Do one piece."""
        material, parts = self.batches[batch]
        return self.function(material, parts[part])

    def numbered(self) -> list[tuple[int, int]]:
        """(batch, part) of every piece, in order."""
        return [(i, j) for i, (_, parts) in enumerate(self.batches) for j in range(len(parts))]

    def by_batch(self, results: Iterator[Any]) -> list[list[Any]]:
        """Results in the order of the pieces, as one list per batch."""
        return [list(itertools.islice(results, len(parts))) for _, parts in self.batches]


Progress = Callable[[int, int, str], None]
Engine = Callable[[Work, Progress], list[list[Any]]]  # the results of each batch, in the order of its parts


def silent(done: int, of: int, what: str) -> None:
    """Show no progress."""


def here(work: Work, progress: Progress) -> list[list[Any]]:
    """Do all pieces in this process, one after the other."""
    return _local(work, 1, progress)


def local(workers: int | None = None, *, pays_s: float = PAYS_S) -> Engine:
    """This machine: so many processes (default: as many as it may use) once more than `pays_s` of work is left."""
    return lambda work, progress: _local(work, workers or processors(), progress, pays_s)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _local(work: Work, workers: int, progress: Progress, pays_s: float = PAYS_S) -> list[list[Any]]:
    pieces, results, began = work.numbered(), [], time.monotonic()
    for done, place in enumerate(pieces, 1):
        results.append(work.piece(*place))
        progress(done, len(pieces), "pieces")
        left = len(pieces) - done
        if workers > 1 and left > 1 and FORKS and (time.monotonic() - began) / done * left > pays_s:
            results += _forked(work, pieces[done:], min(workers, left), progress, done)
            break
    return work.by_batch(iter(results))


_inherited: list[Work] = []  # what the processes of a pool find when they are forked: nothing is copied


def _forked(work: Work, pieces: Sequence[tuple[int, int]], workers: int, progress: Progress, before: int) -> list[Any]:
    """The results of `pieces`, in their order; `before` were done already. Raises WorkKilledError."""
    import multiprocessing
    from concurrent.futures import Future, ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    context = multiprocessing.get_context("fork")
    _inherited.append(work)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent, initargs=(os.getpid(),))
    try:
        futures: list[Future[Any]] = [pool.submit(_inherited_piece, *place) for place in pieces]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            progress(before + done, before + len(pieces), f"pieces, {workers} processes")
        return [future.result() for future in futures]
    except BrokenProcessPool:
        raise WorkKilledError(
            f"one of {workers} processes was killed (out of memory?): nothing is written; --workers 1 needs the least"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)
        _inherited.pop()


def _inherited_piece(batch: int, part: int) -> Any:
    return _inherited[-1].piece(batch, part)


def end_with_parent(parent: int) -> None:
    """In a process that `parent` has forked: leave interrupts to it, and do not outlive it."""
    import ctypes
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
