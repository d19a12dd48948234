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

ROOT = Path(__file__).resolve().parents[4]
PATIENCE_S = 300.0


class Cluster:
    """`address` of the scheduler, and the workers as processes that can be killed."""

    def __init__(self, folder: Path, *, allowed_failures: int = 3) -> None:
        self._folder, self._count = folder, 0
        self.workers: list[subprocess.Popen[bytes]] = []
        told = folder / "scheduler.json"
        flags = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--idle-timeout", "300"]
        settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures)}
        # It runs where nightdesk is not: a scheduler does not need it.
        self.scheduler = self._start("scheduler", *flags, "--scheduler-file", str(told), cwd=folder, env=settings)
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

    def _start(self, what: str, *flags: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        self._count += 1
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *flags, "--local-directory", str(self._folder)]
        if what == "scheduler":
            del command[-2:]
        with (self._folder / f"{what}-{self._count}.log").open("wb") as log:
            whole = {**os.environ, "NIGHTDESK_HOME": str(self._folder), **(env or {})}
            return subprocess.Popen(command, cwd=cwd, env=whole, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


@contextmanager
def cluster(folder: Path, *, workers: int, allowed_failures: int = 3) -> Iterator[Cluster]:
    """One that ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Cluster(folder, allowed_failures=allowed_failures)
    try:
        made.add(workers) if workers else None
        yield made
    finally:
        made.close()
