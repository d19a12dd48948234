"""Work on a real Dask scheduler with real worker processes: the results of this machine, and what may go wrong."""

from __future__ import annotations

import random
import shutil
import socket
import sys
from pathlib import Path

import pytest

from tests.utils.pieces.support import pieces
from tests.utils.pieces.support.clusters import ROOT, Cluster, cluster
from utils.errors import ConfigError, ExternalDataUnavailable, NightdeskError, UsageError, WorkKilledError
from utils.exit_codes import ExitCode
from utils.pieces.cluster import Waits, on_cluster
from utils.pieces.cluster_task import digest, identity, performed
from utils.pieces.work import Work, here, silent

QUICK = Waits(connect_s=60.0, first_worker_s=1.0, no_worker_s=1.0, look_s=3.0)  # who is there may be slow


def work_of(function: object, batches: int = 4, parts: int = 30) -> Work:
    return Work(function=function, batches=[(float(i), list(range(i, i + parts))) for i in range(batches)])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> object:
    with cluster(tmp_path_factory.mktemp("three"), workers=2) as made:
        made.add(threads=2)
        yield made


def test_results_are_those_of_this_machine_in_the_same_order(three: Cluster) -> None:
    work = work_of(pieces.root)
    said: list[tuple[int, int]] = []
    found = on_cluster(three.address)(work, lambda done, of, _: said.append((done, of)))
    assert found == [[(float(i), j, (i + j) ** 0.5) for j in range(i, i + 30)] for i in range(4)]
    assert digest(found) == digest(here(work, silent))
    assert (said[0], said[-1]) == ((0, 120), (120, 120)) and said == sorted(said)


def test_a_worker_that_gives_other_bits_is_refused_before_anything_is_done(three: Cluster) -> None:
    with pytest.raises(ConfigError, match=r"3 of 3 workers of tcp://.* gives other bits there"):
        on_cluster(three.address)(work_of(pieces.of_this_process), silent)


def test_a_bug_in_a_piece_is_a_bug_here(three: Cluster) -> None:
    with pytest.raises(ZeroDivisionError):
        on_cluster(three.address)(Work(function=pieces.wrong, batches=[(9, list(range(10)))]), silent)


def test_a_scheduler_that_dies_while_the_workers_are_checked_is_an_outage_too(three: Cluster) -> None:
    """The last test of `three`."""
    work = Work(function=pieces.deadly_to, batches=[(three.scheduler.pid, [1])])
    with pytest.raises(ExternalDataUnavailable, match="network: the scheduler went away or was restarted") as raised:
        on_cluster(three.address, Waits(connect_s=3.0))(work, silent)
    assert raised.value.exit_code == ExitCode.EXTERNAL


@pytest.fixture(scope="module")
def dying(tmp_path_factory: pytest.TempPathFactory) -> object:
    """One that loses its three workers, in the order of the tests below; each of them starts what it needs."""
    with cluster(tmp_path_factory.mktemp("dying"), workers=0) as made:
        yield made


def test_killed_workers_cost_nothing_but_time(dying: Cluster) -> None:
    """Two of three, at seeded moments; what they held is made again."""
    work, chance = work_of(pieces.slow_root, batches=3, parts=40), random.Random(4)
    moments = sorted(chance.sample(range(10, 100), 2))
    dying.add(3)

    def watch(done: int, _of: int, _what: str) -> None:
        while moments and done >= moments[0]:
            dying.kill(len(moments))
            del moments[0]

    found = on_cluster(dying.address, Waits(look_s=3.0))(work, watch)
    assert not moments
    assert digest(found) == digest(here(work, silent))


def test_a_piece_that_ends_every_worker_ends_the_run(dying: Cluster) -> None:
    work = Work(function=pieces.deadly, batches=[(7, list(range(10)))])
    dying.alone(allowed_failures=0)
    with pytest.raises(WorkKilledError, match="that had a certain piece of the work was killed") as raised:
        on_cluster(dying.address, Waits(look_s=30.0))(work, silent)
    assert raised.value.exit_code == ExitCode.KILLED


def test_without_any_worker_left_the_run_ends_in_time(dying: Cluster) -> None:
    dying.alone(allowed_failures=3)

    def watch(done: int, _of: int, _what: str) -> None:
        if done >= 20:
            dying.kill(-1)

    with pytest.raises(ExternalDataUnavailable, match="no worker for 1 s; nothing is written") as raised:
        on_cluster(dying.address, QUICK)(work_of(pieces.slow_root), watch)
    assert raised.value.kind == "outage"


def test_workers_without_nightdesk_or_with_another_one_are_refused(dying: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "clone"
    for folder in ("pyjobs", "utils", "config/calendars"):
        shutil.copytree(ROOT / folder, other / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "utils/progress.py").open("a") as handle:
        handle.write("# another commit\n")
    (tmp_path / "empty").mkdir()
    for number, worker in enumerate(dying.workers):
        if worker.poll() is None:
            dying.kill(number)
    with pytest.raises(ExternalDataUnavailable, match="has no worker, and none came within 1 s"):
        on_cluster(dying.address, QUICK)(work_of(pieces.root), silent)
    dying.add(cwd=tmp_path / "empty")
    dying.add(cwd=other)
    with pytest.raises(ConfigError) as raised:
        on_cluster(dying.address)(Work(function=divmod, batches=[(7, [2])]), silent)
    assert "2 of 2 workers" in str(raised.value)
    assert "No module named 'utils'" in str(raised.value)
    assert f"instead of {identity()['code']}" in str(raised.value)


def test_a_worker_of_another_code_that_joins_later_refuses_its_first_piece() -> None:
    mine = identity()
    with pytest.raises(ConfigError, match=r"differs: numpy \S+ instead of 1\.0"):
        performed(b"", {**mine, "numpy": "1.0"}, b"", b"")


@pytest.mark.parametrize("address", ["localhost:8786", "tcp://", "tcp://h", "tcp://h:0", "tcp://h:99999", "http://h:1"])
def test_what_is_no_address_is_usage(address: str) -> None:
    with pytest.raises(UsageError, match="--scheduler"):
        on_cluster(address)


def test_nobody_there_and_somebody_who_never_answers_are_network_failures_that_name_the_address() -> None:
    with socket.socket() as silent_one:
        silent_one.bind(("127.0.0.1", 0))
        port = silent_one.getsockname()[1]
        for listening in (False, True):
            if listening:
                silent_one.listen()  # the kernel accepts; no byte is sent
            with pytest.raises(
                ExternalDataUnavailable, match=rf"tcp://127\.0\.0\.1:{port}: network: no Dask"
            ) as raised:
                on_cluster(f"tcp://127.0.0.1:{port}", Waits(connect_s=1.0))(work_of(pieces.root), silent)
            assert raised.value.exit_code == ExitCode.EXTERNAL


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NightdeskError, match=r"needs dask\.distributed .*pip install distributed") as raised:
        on_cluster("tcp://127.0.0.1:8786")
    assert raised.value.exit_code == ExitCode.BAD_CONFIG
