"""An existing Dask cluster as an engine: the results of this machine, to the last bit and in the same order.

`Client.submit` and `wait` do the work. The rest is what they leave open; DESIGN.md lists it line by line.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from utils.errors import ConfigError, ExternalDataUnavailable, UsageError, WorkKilledError
from utils.pieces.cluster_task import digest, identity, travelling
from utils.pieces.work import Engine, Progress, Work
from utils.run import one_line

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 3  # pieces given out per thread of the cluster
ANSWER_S = 5.0
SHOWN = 3
INSTALL = "pip install distributed (the version of requirements-dev.txt), here and on every worker"
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^/\s:\[\]]+):([0-9]{1,5})")
Place = tuple[int, int]  # batch, part


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds to wait: for the scheduler's first answer; for a first worker; while there is no worker any more; for a
    piece to end, before the workers are counted."""

    connect_s: float = 10.0
    first_worker_s: float = 10.0
    no_worker_s: float = 60.0
    look_s: float = 5.0


def on_cluster(address: str, waits: Waits | None = None) -> Engine:
    """The cluster whose scheduler listens at `address`.

    Raises UsageError if `address` is none, ConfigError without dask.distributed here or the same nightdesk there,
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
            return work.by_batch(iter(_Run(client, address, work, waits or Waits()).results(progress)))

    return engine


@contextmanager
def _connected(address: str, waits: Waits) -> Iterator[Client]:
    """A client with at least one worker; closed within seconds whatever has happened to the cluster."""
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # we report what is wrong, once
    with warnings.catch_warnings():
        # It warns of other versions, which are refused, and of tasks of megabytes, which are meant.
        warnings.simplefilter("ignore")
        try:
            _knock(address, waits.connect_s)
            client = Client(address, timeout=waits.connect_s, set_as_default=False)
        except (OSError, ValueError) as error:
            why = f"no Dask scheduler answers within {waits.connect_s:.0f} s: {one_line(error)}"
            raise _gone(address, why) from None
        try:
            _wait_for_a_worker(
                client, address, waits.first_worker_s, "the scheduler has no worker, and none came within"
            )
            with client.as_current():
                yield client
        finally:
            with contextlib.suppress(Exception):
                client.close(timeout=2)


def _knock(address: str, seconds: float) -> None:
    """Raise OSError if what listens at `address` sends nothing. A scheduler greets first (distributed/comm/tcp.py,
    2026.8); for a greeting that never comes a client waits for ever, whatever its timeout."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    if not address.startswith("tls"):
        with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as connection:
            connection.recv(1)


def _wait_for_a_worker(client: Client, address: str, seconds: float, why: str) -> None:
    from distributed.client import WorkerStartTimeoutError

    try:
        client.nthreads(callback_timeout=ANSWER_S)  # waiting for workers has no limit for a scheduler that hangs
        client.wait_for_workers(1, timeout=seconds)
    except WorkerStartTimeoutError:
        raise _gone(address, f"{why} {seconds:.0f} s; nothing is written", "outage") from None
    except TimeoutError:
        raise _gone(address, "the scheduler does not answer; nothing is written") from None


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

    def __init__(self, client: Client, address: str, work: Work, waits: Waits) -> None:
        self._client, self._address, self._work, self._waits = client, address, work, waits
        self._perform, self._function = travelling(), pickle.dumps(work.function)
        self._material: tuple[int, Any] = (-1, None)  # a batch and its material; tasks keep the ones before it
        self._out: dict[Future[bytes], Place] = {}

    def results(self, progress: Progress) -> list[Any]:
        """The results of every piece, in order."""
        from distributed import CancelledError
        from distributed.comm import CommClosedError

        pieces, threads = self._work.numbered(), sum(self._client.nthreads().values())
        progress(0, len(pieces), f"pieces, {threads} threads at {self._address}")
        waiting, results, suspects = iter(pieces), dict[Place, Any](), list[Place]()
        alone: Place | None = None
        try:
            while len(results) < len(pieces):
                for place in islice(waiting, AHEAD * max(1, threads) - len(self._out)):
                    self._give(place)
                if not self._out:
                    alone = suspects.pop()
                    self._give(alone)
                for place, result in self._ended():
                    if isinstance(result, bytes):
                        results[place] = pickle.loads(result)
                    else:
                        self._refuse(place, result, place == alone)
                        suspects.append(place)
                progress(len(results), len(pieces), f"pieces, at {self._address}")
        except (CancelledError, CommClosedError):
            raise _gone(self._address, "the scheduler went away or was restarted; nothing is written") from None
        return [results[place] for place in pieces]

    def _give(self, place: Place) -> None:
        material, parts = self._work.batches[place[0]]
        if self._material[0] != place[0]:
            self._material = place[0], self._client.submit(bytes, pickle.dumps(material), pure=False)
        sent = (self._function, identity(), self._material[1], pickle.dumps(parts[place[1]]))
        self._out[self._client.submit(self._perform, *sent, pure=False)] = place

    def _ended(self) -> Iterator[tuple[Place, bytes | BaseException]]:
        """The results of what has ended; when nothing does for a while, make sure that there are workers."""
        from distributed import KilledWorker, wait

        try:
            for future in wait(list(self._out), timeout=self._waits.look_s, return_when="FIRST_COMPLETED").done:
                failure = future.exception(timeout=self._waits.look_s) if future.status == "error" else None
                try:
                    result = failure or future.result(timeout=self._waits.look_s)
                except KilledWorker as error:  # its worker had gone, and so did those that did it again
                    result = error
                yield self._out.pop(future), result
        except TimeoutError:  # of our own waits: what a piece raises is taken from it by `exception`
            _wait_for_a_worker(self._client, self._address, self._waits.no_worker_s, "no worker for")

    def _refuse(self, place: Place, error: BaseException, alone: bool) -> None:
        """Raise `error`, unless the workers that tried this piece died: the piece next to it may have killed them, so
        it is tried again, `alone`."""
        from distributed import KilledWorker

        if isinstance(error, ImportError | ConfigError):
            raise ConfigError(f"a worker of {self._address} cannot do this: {error}") from None
        if not isinstance(error, KilledWorker):
            raise error
        self._material = -1, None  # it may have died with them
        if alone:
            number = self._work.numbered().index(place) + 1
            raise WorkKilledError(
                f"piece {number} of {len(self._work)} ends every worker of {self._address} that tries it, also alone "
                f"({one_line(error)}): out of memory, or killed by hand each time? Nothing is written"
            )
