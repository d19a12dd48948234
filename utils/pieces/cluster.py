"""An existing Dask cluster as an engine: the results of this machine, to the last bit and in the same order."""

from __future__ import annotations

import contextlib
import logging
import pickle
import re
import socket
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from utils.errors import ConfigError, ExternalDataUnavailable, UsageError
from utils.pieces.cluster_run import ClusterRun, Waits
from utils.pieces.cluster_task import differing, digest, identity, travelling
from utils.pieces.work import Engine, Progress, Work
from utils.run import one_line

if TYPE_CHECKING:
    from distributed import Client

SHOWN = 3
GREETING_BYTES = 1_000_000
INSTALL = "pip install distributed (the version of requirements-dev.txt), here and on every worker"
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^/\s:\[\]]+):([0-9]{1,5})")


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
            return work.by_batch(iter(ClusterRun(client, address, work, progress, waits or Waits()).results()))

    return engine


@contextmanager
def _connected(address: str, waits: Waits) -> Iterator[Client]:
    """A client with at least one worker; closed within seconds whatever has happened to the cluster."""
    client = _client(address, waits.connect_s)
    try:
        if not client.nthreads():
            _wait_for_a_worker(client, address, waits.first_worker_s)
        yield client
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=2)


def _client(address: str, seconds: float) -> Client:
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # we report what is wrong, once
    try:
        if address.startswith("tcp:"):
            _knock(address, seconds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other versions: `_refuse_strangers` refuses them
            return Client(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError) as error:
        why = f"no Dask scheduler answers within {seconds:.0f} s: {one_line(error)}"
        raise ExternalDataUnavailable("network", provider="dask", symbol=address, detail=why) from None


def _knock(address: str, seconds: float) -> None:
    """Raise OSError unless what listens there answers as Dask does: a client waits for ever for one that only listens.

    A message begins with its size, eight bytes, and the first is a greeting (distributed/comm/tcp.py, 2026.8).
    """
    host, _, port = address.partition("://")[2].rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as connection:
        size = connection.recv(8, socket.MSG_WAITALL)
    if len(size) < 8 or int.from_bytes(size, "little") > GREETING_BYTES:
        raise ConnectionError(f"what listens there greets with {size!r}, not as Dask does")


def _wait_for_a_worker(client: Client, address: str, seconds: float) -> None:
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError:
        why = f"the scheduler has no worker, and none came within {seconds:.0f} s"
        raise ExternalDataUnavailable("outage", provider="dask", symbol=address, detail=why) from None


def _refuse_strangers(client: Client, address: str, work: Work) -> None:
    """Every worker must be of the same code, and give the first piece the same bits as this machine."""
    batch, part = work.numbered()[0]
    material, parts = work.batches[batch]
    here = digest(pickle.loads(pickle.dumps(work.piece(batch, part))))
    sent = (pickle.dumps(work.function), uuid.uuid4().hex, pickle.dumps(material), pickle.dumps(parts[part]))
    answers: dict[str, Any] = client.run(travelling()[1], *sent, on_error="return")
    wrong = {worker: entry for worker, answer in answers.items() if (entry := _stranger(answer, here))}
    if wrong:
        found = [f"{worker}: {entry}" for worker, entry in wrong.items()][:SHOWN]
        raise ConfigError(
            f"{len(wrong)} of {len(answers)} workers of {address} cannot do this: {'; '.join(found)}"
            f"{'; …' if len(wrong) > SHOWN else ''}. Start each in a clone of this commit with the same packages"
        )


def _stranger(answer: Any, here: str) -> str:
    """What is wrong with a worker that gave `answer`; "" when nothing is, or when it has gone away."""
    if isinstance(answer, ImportError):
        return f"no nightdesk there ({answer})"
    if isinstance(answer, Exception):
        return "" if isinstance(answer, OSError) else one_line(answer)
    if differences := differing(identity(), answer[0]):
        return differences
    return "" if answer[1] == here else "a piece of work gives other bits there than here"
