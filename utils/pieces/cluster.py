"""An existing Dask cluster as an engine: the results of this machine, to the last bit and in the same order.

`Client.submit` and `wait` do the work. Added is what they leave open, each with its proof in the tests: a port that
listens and is no scheduler; workers of other code; three pieces a thread given out, so that a market does not lie in
the scheduler's memory; a cluster whose workers are gone; and a piece that ends its workers, which is tried alone.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import re
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from utils.errors import ConfigError, ExternalDataUnavailable, UsageError, WorkKilledError
from utils.pieces.cluster_task import digest, identity, travelling
from utils.pieces.work import Engine, Progress, Work
from utils.run import one_line

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 3  # pieces given out per thread of the cluster
SHOWN = 3
GREETING_BYTES = 1_000_000
INSTALL = "pip install distributed (the version of requirements-dev.txt), here and on every worker"
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^/\s:\[\]]+):([0-9]{1,5})")
Place = tuple[int, int]  # batch, part


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds: for the scheduler's first answer; for a first worker; while there is no worker any more; for a piece
    to end before scheduler and workers are looked after, and for an answer then."""

    connect_s: float = 10.0
    first_worker_s: float = 10.0
    no_worker_s: float = 60.0
    look_s: float = 5.0


def on_cluster(address: str, waits: Waits | None = None) -> Engine:
    """The cluster whose scheduler listens at `address`, and how long to wait for whom.

    Raises UsageError for what is no address, ConfigError without dask.distributed here or the same nightdesk there,
    ExternalDataUnavailable when scheduler or workers are not there or go away, WorkKilledError for a piece of work that
    kills its workers.
    """
    found = _ADDRESS.fullmatch(address)
    if not found or not 0 < int(found[3]) < 65536:
        raise UsageError(f"--scheduler {address!r} is not an address such as tcp://192.0.2.7:8786")
    try:
        import distributed  # noqa: F401 - is it there? Asked before any bar is read
    except ImportError as error:
        raise ConfigError(f"--engine dask needs dask.distributed ({error}): {INSTALL}") from None

    def engine(work: Work, progress: Progress) -> list[list[Any]]:
        if not len(work):
            return [[] for _ in work.batches]
        with _connected(address, waits or Waits()) as client:
            _refuse_strangers(client, address, work)
            return work.by_batch(iter(_Run(client, address, work, progress, waits or Waits()).results()))

    return engine


@contextmanager
def _connected(address: str, waits: Waits) -> Iterator[Client]:
    """A client with at least one worker; closed within seconds whatever has happened to the cluster."""
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # we report what is wrong, once
    try:
        _knock(address, waits.connect_s)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other versions: `_refuse_strangers` refuses them
            client = Client(address, timeout=waits.connect_s, set_as_default=False)
    except (OSError, ValueError) as error:
        raise _gone(address, f"no Dask scheduler answers within {waits.connect_s:.0f} s: {one_line(error)}") from None
    try:
        _wait_for_a_worker(client, address, waits.first_worker_s)
        with client.as_current():
            yield client
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=2)


def _wait_for_a_worker(client: Client, address: str, seconds: float) -> None:
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError:
        why = f"the scheduler has no worker, and none came within {seconds:.0f} s"
        raise _gone(address, why, "outage") from None


def _knock(address: str, seconds: float) -> None:
    """Raise OSError unless what listens there answers as Dask does: a client waits for ever for one that only listens.

    A message begins with its size, eight bytes, and the first is a greeting (distributed/comm/tcp.py, 2026.8).
    """
    kind, _, place = address.partition("://")
    if kind != "tcp":
        return
    host, _, port = place.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as connection:
        size = connection.recv(8, socket.MSG_WAITALL)
    if len(size) < 8 or int.from_bytes(size, "little") > GREETING_BYTES:
        raise ConnectionError(f"what listens there greets with {size!r}, not as Dask does")


def _refuse_strangers(client: Client, address: str, work: Work) -> None:
    """Every worker must be of the same code, and give the first piece the same bits as this machine."""
    batch, part = work.numbered()[0]
    material, parts = work.batches[batch]
    here = digest(pickle.loads(pickle.dumps(work.piece(batch, part))))
    sent = (pickle.dumps(work.function), identity(), pickle.dumps(material), pickle.dumps(parts[part]))
    answers: dict[str, Any] = client.run(travelling(), *sent, on_error="return")
    wrong = [f"{worker}: {why}" for worker, answer in answers.items() if (why := _stranger(answer, here))]
    if wrong:
        raise ConfigError(
            f"{len(wrong)} of {len(answers)} workers of {address} cannot do this: {'; '.join(wrong[:SHOWN])}"
            f"{'; …' if len(wrong) > SHOWN else ''}. Start each in a clone of this commit with the same packages"
        )


def _stranger(answer: Any, here: str) -> str:
    """What is wrong with a worker that gave `answer`; "" when nothing is, or when it has gone away."""
    if isinstance(answer, Exception):
        return "" if isinstance(answer, OSError) else one_line(answer)
    return "" if digest(pickle.loads(answer)) == here else "a piece of work gives other bits there than here"


def _gone(address: str, detail: str, kind: Any = "network") -> ExternalDataUnavailable:
    return ExternalDataUnavailable(kind, provider="dask", symbol=address, detail=detail)


class _Run:
    """`results()` once. See `on_cluster` for what it raises.

    Materials travel inside tasks, not as scattered data: what a dead worker held is made again from what the scheduler
    has. So workers need no common file system, and killing them costs time only.
    """

    def __init__(self, client: Client, address: str, work: Work, progress: Progress, waits: Waits) -> None:
        self._client, self._address, self._work, self._progress, self._waits = client, address, work, progress, waits
        self._perform, self._function, self._worker_seen = travelling(), pickle.dumps(work.function), time.monotonic()
        self._materials: dict[int, Future[bytes]] = {}
        self._out: dict[Future[bytes], Place] = {}
        self._results: dict[Place, Any] = {}
        self._suspects: list[Place] = []  # were on too many workers that died: tried again, alone
        self._alone: Place | None = None

    def results(self) -> list[Any]:
        """The results of every piece, in order."""
        from distributed import CancelledError
        from distributed.comm import CommClosedError

        pieces, threads = self._work.numbered(), self._threads()
        self._progress(0, len(pieces), f"pieces, {threads} threads at {self._address}")
        waiting = iter(pieces)
        try:
            while len(self._results) < len(pieces):
                while len(self._out) < AHEAD * max(1, threads) and (place := next(waiting, None)) is not None:
                    self._give(place)
                if not self._out:
                    self._alone = self._suspects.pop()
                    self._give(self._alone)
                self._take_some()
        except (CancelledError, CommClosedError):
            raise _gone(self._address, "the scheduler went away or was restarted; nothing is written") from None
        return [self._results[place] for place in pieces]

    def _give(self, place: Place) -> None:
        material, parts = self._work.batches[place[0]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # distributed 2026.8 warns of tasks of megabytes; ours are meant to be
            if place[0] not in self._materials:
                self._materials[place[0]] = self._client.submit(bytes, pickle.dumps(material), pure=False)
            sent = (self._function, identity(), self._materials[place[0]], pickle.dumps(parts[place[1]]))
            self._out[self._client.submit(self._perform, *sent, pure=False)] = place

    def _take_some(self) -> None:
        """Take what has ended; when nothing does for a while, look after scheduler and workers."""
        from distributed import KilledWorker, wait

        try:
            for future in wait(list(self._out), timeout=self._waits.look_s, return_when="FIRST_COMPLETED").done:
                failure = future.exception(timeout=self._waits.look_s) if future.status == "error" else None
                try:
                    result = b"" if failure else future.result(timeout=self._waits.look_s)
                except KilledWorker as error:  # its worker had gone, and so did those that did it again
                    failure = error
                place = self._out.pop(future)
                if failure:
                    self._failed(place, failure)
                else:
                    self._results[place], self._worker_seen = pickle.loads(result), time.monotonic()
        except TimeoutError:  # of our own waits: what a piece raises is taken from it by `exception`
            self._look_after_workers()
        for batch in set(self._materials) - {batch for batch, _ in self._out.values()}:
            del self._materials[batch]  # and the scheduler forgets it
        self._progress(len(self._results), len(self._work), f"pieces, at {self._address}")

    def _failed(self, place: Place, error: Exception) -> None:
        """A piece whose workers died is put aside; anything else ends the run."""
        from distributed import KilledWorker

        if isinstance(error, ImportError | ConfigError):
            raise ConfigError(f"a worker of {self._address} cannot do this: {error}") from None
        if not isinstance(error, KilledWorker):
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
        if self._threads():
            self._worker_seen = time.monotonic()
        elif time.monotonic() - self._worker_seen > self._waits.no_worker_s:
            raise _gone(self._address, f"no worker for {self._waits.no_worker_s:.0f} s; nothing is written", "outage")

    def _threads(self) -> int:
        try:
            return sum(self._client.nthreads(callback_timeout=self._waits.look_s).values())
        except (OSError, RuntimeError) as error:
            why = f"the scheduler does not answer ({one_line(error)}); nothing is written"
            raise _gone(self._address, why) from None
