"""A real Dask scheduler and real worker processes on this machine's loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
PATIENCE_S = 300.0


class Cluster:
    """`address` of the scheduler, and the workers as processes that can be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self.workers: list[subprocess.Popen[bytes]] = []
        told = folder / "scheduler.json"
        flags = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--idle-timeout", "300"]
        # It runs where nightdesk is not: a scheduler does not need it.
        self.scheduler = self._start("scheduler", *flags, "--scheduler-file", str(told), cwd=folder)
        deadline = time.monotonic() + PATIENCE_S
        while not (told.is_file() and told.read_text().endswith("}")):
            assert time.monotonic() < deadline and self.scheduler.poll() is None, self.logs()
            time.sleep(0.02)
        self.address: str = json.loads(told.read_text())["address"]

    def add(self, count: int = 1, *, threads: int = 1, cwd: Path = ROOT) -> None:
        """Start workers that are not started again when they die, and wait until the scheduler has them."""
        from distributed import Client

        flags = ["--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--death-timeout", "300"]
        self.workers += [self._start("worker", self.address, *flags, cwd=cwd) for _ in range(count)]
        alive = sum(worker.poll() is None for worker in self.workers)
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(alive, timeout=PATIENCE_S)

    def alone(self, *, allowed_failures: int) -> None:
        """Bring it to one worker, and give a piece up after more than so many killed ones."""
        from distributed import Client

        alive = [number for number, worker in enumerate(self.workers) if worker.poll() is None]
        for number in alive[1:]:
            self.kill(number)
        if not alive:
            self.add()
        with Client(self.address, set_as_default=False) as client:

            def allow(dask_scheduler: Any) -> None:  # travels by value: a scheduler has none of our code
                dask_scheduler.allowed_failures = allowed_failures

            client.run_on_scheduler(allow)

    def kill(self, number: int) -> None:
        """SIGKILL the worker of that number, counted from 0 in the order they were started."""
        self.workers[number].kill()
        self.workers[number].wait()

    def close(self) -> None:
        """End everything."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()

    def logs(self) -> str:
        """The output of all processes."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def _start(self, what: str, *flags: str, cwd: Path) -> subprocess.Popen[bytes]:
        self._count += 1
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *flags, "--local-directory", str(self._folder)]
        if what == "scheduler":
            del command[-2:]
        with (self._folder / f"{what}-{self._count}.log").open("wb") as log:
            env = {**os.environ, "NIGHTDESK_HOME": str(self._folder)}
            return subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


@contextmanager
def cluster(folder: Path, *, workers: int) -> Iterator[Cluster]:
    """One that ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Cluster(folder)
    try:
        made.add(workers) if workers else None
        yield made
    finally:
        made.close()
