"""One piece of work on a cluster: pieces given out a few ahead, taken in as they end, put in order.

Materials travel inside tasks, not as scattered data: what a dead worker held is made again from what the scheduler
has. So workers need no common file system, and killing them costs time only.
"""

from __future__ import annotations

import contextlib
import pickle
import time
import uuid
import warnings
from dataclasses import dataclass
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

from utils.errors import ConfigError, ExternalDataUnavailable, WorkKilledError
from utils.pieces.cluster_task import identity, travelling
from utils.pieces.work import Progress, Work
from utils.run import one_line

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 3  # pieces given out per thread of the cluster: no more of the work is in the scheduler's memory

PAUSE_S = 0.05

Place = tuple[int, int]  # batch, part


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds: for the scheduler's first answer; for a first worker; while there is no worker any more; for a piece
    to end before scheduler and workers are looked after, and for an answer then."""

    connect_s: float = 10.0
    first_worker_s: float = 10.0
    no_worker_s: float = 60.0
    look_s: float = 5.0


class ClusterRun:
    """`results()` once. See `cluster.on_cluster` for what it raises."""

    def __init__(self, client: Client, address: str, work: Work, progress: Progress, waits: Waits) -> None:
        self._client, self._address, self._work, self._progress = client, address, work, progress
        self._waits, self._worker_seen, self._looked = waits, time.monotonic(), time.monotonic()
        self._perform, self._function = travelling()[0], pickle.dumps(work.function)
        self._name, self._given = f"nightdesk-{uuid.uuid4().hex}", 0
        self._materials: dict[int, Future[bytes]] = {}
        self._out: dict[str, Place] = {}
        self._ended: Queue[Future[bytes]] = Queue()
        self._results: dict[Place, Any] = {}
        self._suspects: list[Place] = []  # were on too many workers that died: tried again, alone
        self._alone: Place | None = None

    def results(self) -> list[Any]:
        """The results of every piece, in order."""
        from distributed.comm import CommClosedError

        try:
            return self._all()
        except CommClosedError as error:  # from a client that has not yet seen it
            raise self._gone(f"the scheduler went away ({one_line(error)}); nothing is written") from None

    def _all(self) -> list[Any]:
        pieces = self._work.numbered()
        waiting, threads = iter(pieces), self._threads()
        self._progress(0, len(pieces), f"pieces, {threads} threads at {self._address}")
        while len(self._results) < len(pieces):
            while len(self._out) < AHEAD * max(1, threads) and (place := next(waiting, None)) is not None:
                self._give(place)
            if not self._out:
                self._alone = self._suspects.pop()
                self._give(self._alone)
            for future in self._wait():
                self._take(future)
            self._progress(len(self._results), len(pieces), f"pieces, at {self._address}")
        return [self._results[place] for place in pieces]

    def _give(self, place: Place) -> None:
        batch, part = place
        self._given += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # distributed 2026.8 warns of tasks of megabytes; ours are meant to be
            if batch not in self._materials:
                name, content = f"{self._name}-{self._given}-material", pickle.dumps(self._work.batches[batch][0])
                self._materials[batch] = self._client.submit(bytes, content, key=name, pure=False)
            material, share = self._materials[batch], pickle.dumps(self._work.batches[batch][1][part])
            future = self._client.submit(
                *(self._perform, self._function, identity(), material.key, material, share),
                key=f"{self._name}-{self._given}",
                pure=False,
            )
        self._out[future.key] = place
        future.add_done_callback(self._ended.put)

    def _wait(self) -> list[Future[bytes]]:
        """Pieces that have ended, at least one."""
        while True:
            try:
                ended = [self._ended.get(timeout=self._waits.look_s)]
            except Empty:
                self._look_after_workers()
                continue
            with contextlib.suppress(Empty):
                while True:
                    ended.append(self._ended.get_nowait())
            return ended

    def _take(self, future: Future[bytes]) -> None:
        from distributed import CancelledError, KilledWorker

        if future.status == "error":
            self._failed(future)
        elif future.status in (
            "lost",
            "pending",
        ):  # distributed 2026.8 does it again when the worker with the result is gone
            self._again(future)
        else:
            try:
                result = future.result(timeout=self._waits.look_s)
            except TimeoutError:
                self._again(future)
            except KilledWorker:
                self._failed(future)
            except CancelledError:
                raise self._gone("the scheduler went away or was restarted; nothing is written") from None
            else:
                self._results[self._out.pop(future.key)] = pickle.loads(result)
                self._worker_seen = time.monotonic()
        for batch in set(self._materials) - {batch for batch, _ in self._out.values()}:
            del self._materials[batch]  # and the scheduler forgets it

    def _again(self, future: Future[bytes]) -> None:
        """Wait for `future` anew; look after the workers now and then, since none may be left to do it again."""
        time.sleep(PAUSE_S)
        if time.monotonic() - self._looked > self._waits.look_s:
            self._look_after_workers()
        future.add_done_callback(self._ended.put)

    def _failed(self, future: Future[bytes]) -> None:
        """A piece whose workers died is put aside; anything else ends the run."""
        from distributed import KilledWorker

        error, place = future.exception(timeout=self._waits.look_s), self._out.pop(future.key)
        if isinstance(error, ImportError | ConfigError):
            raise ConfigError(f"a worker of {self._address} cannot do this: {error}") from None
        if not isinstance(error, KilledWorker):
            assert error is not None  # its status is "error"
            raise error
        if place == self._alone:
            number = self._work.numbered().index(place) + 1
            raise WorkKilledError(
                f"piece {number} of {len(self._work)} ends every worker of {self._address} that tries it, also alone "
                f"({one_line(error)}): out of memory, or killed by hand each time? Nothing is written"
            )
        self._materials.pop(place[0], None)
        self._suspects.append(place)

    def _look_after_workers(self) -> None:
        """Raise when there has been no worker for too long, or the scheduler does not answer."""
        self._looked = time.monotonic()
        if self._threads():
            self._worker_seen = time.monotonic()
        elif time.monotonic() - self._worker_seen > self._waits.no_worker_s:
            raise self._gone(f"no worker for {self._waits.no_worker_s:.0f} s; nothing is written", "outage")
        self._progress(len(self._results), len(self._work), f"pieces, at {self._address}")

    def _threads(self) -> int:
        try:
            return sum(self._client.nthreads(callback_timeout=self._waits.look_s).values())
        except (OSError, RuntimeError) as error:
            raise self._gone(f"the scheduler does not answer ({one_line(error)}); nothing is written") from None

    def _gone(self, detail: str, kind: Any = "network") -> ExternalDataUnavailable:
        return ExternalDataUnavailable(kind, provider="dask", symbol=self._address, detail=detail)
