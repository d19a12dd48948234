"""A process in which a foreign client runs: it gets questions through a pipe and writes answers, a line each.

The pipe, so that no list of processes shows a password; a process, so that what hangs can be ended.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from utils import paths
from utils.settings import credentials

HIDDEN = frozenset(
    {"KRX_ID", "KRX_PW", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "DATABASE_URL", *credentials.ALSO.values()}
)
"""Credentials that no client finds in its environment: one that finds some logs in by itself, others may read it."""
_CHUNK = 1 << 20


class ClientProcess:
    """One process of `client` at a time, started when it is needed, kept for the next question until `end`."""

    def __init__(self, client: str) -> None:
        self.client = client
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def prepare(self) -> None:
        """Start it and let it load the client, so that the next question leaves without delay."""
        if self._process is None:
            self._process, self._rest = started(self.client), b""
            atexit.register(self.end)

    def answers(self, question: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Its answers, as they come, to the end of the question. Whoever leaves before that ends the process.

        Raises TimeoutError `question["limit_s"]` seconds after it was asked, RuntimeError when it has ended by itself.
        """
        until_s = time.monotonic() + question["limit_s"]
        self.prepare()
        whole = False
        try:
            self._tell(json.dumps(question).encode() + b"\n")
            while (answer := msgspec.json.decode(self._line(until_s))) != {"end": True}:
                yield answer
            whole = True
        finally:
            if not whole:
                self.end()

    def end(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.end)
        with process:
            process.kill()

    def _tell(self, line: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None, "prepare() has just made it"
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None

    def _line(self, until_s: float) -> bytes:
        assert self._process is not None and self._process.stdout is not None, "prepare() has just made it"
        pieces = [self._rest]
        while b"\n" not in pieces[-1]:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not select.select([self._process.stdout], [], [], left_s)[0]:
                raise TimeoutError
            pieces.append(os.read(self._process.stdout.fileno(), _CHUNK))
            if not pieces[-1]:
                raise self._gone()
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line

    def _gone(self) -> RuntimeError:
        ended = self._process.wait(timeout=10) if self._process else None
        return RuntimeError(f"{self.client}: the worker ended with {ended} and no verdict")


def started(client: str) -> subprocess.Popen[bytes]:
    """A worker that loads its client, and waits for its question."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "pyjobs.market.providers.workers.worker"],
        cwd=paths.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name not in HIDDEN},
    )
    assert worker.stdin is not None, "it is a pipe"
    worker.stdin.write(client.encode() + b"\n")
    worker.stdin.flush()
    return worker
