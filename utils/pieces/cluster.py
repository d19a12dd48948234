"""An existing Dask cluster as an engine: the results of this machine, to the last bit and in the same order.

Dask gives out the work, repeats what a dead worker held and sends the results. DESIGN.md lists what it leaves open.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import re
import socket
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from utils.errors import ConfigError, ExternalDataUnavailable, UsageError, WorkKilledError
from utils.pieces.cluster_task import checked, digest, identity, travelling
from utils.pieces.work import Engine, Progress, Work
from utils.run import one_line

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 3  # pieces given out per thread of the cluster
ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^/\s:\[\]]+):([0-9]{1,5})")
Futures = Iterator[tuple["Future[bytes]", tuple[int, int]]]  # each with its piece: (batch, part)


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
    found = ADDRESS.fullmatch(address)
    if not found or not 0 < int(found[3]) < 65536:
        raise UsageError(f"--scheduler {address!r} is not an address such as tcp://192.0.2.7:8786")
    try:
        import distributed  # noqa: F401 - is it there? Asked before any bar is read
    except ImportError as error:
        there = "pip install distributed (the version of requirements-dev.txt), here and on every worker"
        raise ConfigError(f"--engine dask needs dask.distributed ({error}): {there}") from None
    asked = waits or Waits()

    def engine(work: Work, progress: Progress) -> list[list[Any]]:
        if not len(work):
            return [[] for _ in work.batches]
        with _connected(address, asked) as client:
            _refuse_strangers(client, address, work)
            results = _results(client, address, work, asked, progress)
            return work.by_batch(results[place] for place in work.numbered())

    return engine


@contextlib.contextmanager
def _connected(address: str, waits: Waits) -> Iterator[Client]:
    """A client with at least one worker; closed within seconds whatever has happened to the cluster."""
    from distributed import CancelledError, Client
    from distributed.comm import CommClosedError

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
        except (CancelledError, CommClosedError):
            raise _gone(address, "the scheduler went away or was restarted; nothing is written") from None
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
        client.nthreads(callback_timeout=5)  # waiting for workers has no limit for a scheduler that hangs
        client.wait_for_workers(1, timeout=seconds)
    except WorkerStartTimeoutError:
        raise _gone(address, f"{why} {seconds:.0f} s; nothing is written", "outage") from None
    except TimeoutError:
        raise _gone(address, "the scheduler does not answer; nothing is written") from None


def _gone(address: str, detail: str, kind: Any = "network") -> ExternalDataUnavailable:
    return ExternalDataUnavailable(kind, provider="dask", symbol=address, detail=detail)


def _refuse_strangers(client: Client, address: str, work: Work) -> None:
    """Every worker must be of the same code, and give the first piece the same bits as this machine."""
    batch, part = work.numbered()[0]
    material, parts = work.batches[batch]
    sent = (pickle.dumps(work.function), identity(), pickle.dumps(material), pickle.dumps(parts[part]))
    answers: dict[str, Any] = client.run(travelling(), *sent, on_error="return")
    here = digest(pickle.loads(pickle.dumps(work.piece(batch, part))))
    wrong = [f"{worker}: {why}" for worker, answer in answers.items() if (why := checked(answer, here))]
    if wrong:
        raise ConfigError(
            f"{len(wrong)} of {len(answers)} workers of {address} cannot do this: {'; '.join(wrong[:3])}"
            f"{'; …' if len(wrong) > 3 else ''}. Start each in a clone of this commit with the same packages"
        )


def _given(client: Client, work: Work) -> Futures:
    """Give out a piece whenever one is asked for. A batch's material is sent once, inside a task: what a dead worker
    held is made again from what the scheduler has."""
    perform, function = travelling(), pickle.dumps(work.function)
    for batch, (material, parts) in enumerate(work.batches):
        sent = client.submit(bytes, pickle.dumps(material), pure=False)
        for part, share in enumerate(parts):
            yield client.submit(perform, function, identity(), sent, pickle.dumps(share), pure=False), (batch, part)


def _results(client: Client, address: str, work: Work, waits: Waits, progress: Progress) -> dict[tuple[int, int], Any]:
    """The result of every piece. Raises what a piece raises, and see `on_cluster`."""
    from distributed import KilledWorker, wait

    given, threads = _given(client, work), sum(client.nthreads().values())
    results, out = dict[tuple[int, int], Any](), dict["Future[bytes]", tuple[int, int]]()
    progress(0, len(work), f"pieces, {threads} threads at {address}")
    try:
        while len(results) < len(work):
            out.update(islice(given, AHEAD * max(1, threads) - len(out)))
            try:
                ended = wait(list(out), timeout=waits.look_s, return_when="FIRST_COMPLETED").done
                failed = [each for each in ended if each.status == "error"]
                found = {} if failed else {each: each.result(timeout=waits.look_s) for each in ended}
            except TimeoutError:  # only ours: what a piece has raised is not asked for here
                if all(each.status != "error" for each in out):
                    _wait_for_a_worker(client, address, waits.no_worker_s, "no worker for")
                continue
            for each in failed:
                each.result()  # raises; first, as what a killed worker still had is waited for in vain
            for each, result in found.items():
                results[out.pop(each)] = pickle.loads(result)
            progress(len(results), len(work), f"pieces, at {address}")
    except KilledWorker as error:
        raise WorkKilledError(
            f"each worker of {address} that had a certain piece of the work was killed ({one_line(error)}): out of "
            "memory? Nothing is written"
        ) from None
    except ImportError as error:
        raise ConfigError(f"a worker of {address} cannot do this: {error}") from None
    return results
