"""Processes that need not import anything: forks of one that has imported everything.

`run_verb("scan", "--desk", desk, env=env)` is `python -m pyjobs.scan --desk …` with its own memory, environment, folder
and exit code; `forked_worker` is the process of a provider's client, as `client_process.started` starts it. Both are
what they are outside, less the second that a cold interpreter takes to read numpy, pandas and the clients. What is
about a start (what a job imports, the chain, a night) is tested with real ones. The steps of a night that is a fork
are forks, too.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

from pyjobs.market.providers.workers import client_process
from pyjobs.runs.nights import step_process

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 300
IMPORTED = (
    "matplotlib.backends.backend_agg", "matplotlib.figure", "pandas", "plotly.graph_objects", "pyarrow.parquet",
    "requests", "yfinance",
)  # fmt: skip


def run_verb(
    verb: str, *arguments: object, env: Mapping[str, str], cwd: Path = ROOT, timeout_s: float = LONGEST_S
) -> subprocess.CompletedProcess[str]:
    """The verb to its end, with nothing on stdin and exactly `env`; a code below 0 is a signal that killed it.

    Raises TimeoutExpired after `timeout_s`, when it has been killed.
    """
    asked = [verb, *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
        fork = Fork(asked, env, cwd, [nothing.fileno(), out.fileno(), err.fileno()])
        try:
            code = fork.wait(timeout_s)
        except TimeoutError:
            fork.kill()
            raise subprocess.TimeoutExpired(asked, timeout_s) from None
        said = [_text(stream) for stream in (out, err)]
    return subprocess.CompletedProcess(asked, code, *said)


def forked_worker(client: str) -> ForkedWorker:
    """In place of `client_process.started`: the same worker, in a process that is a fork."""
    env = {name: value for name, value in os.environ.items() if name not in client_process.HIDDEN}
    ours, theirs = os.pipe(), os.pipe()
    with Path(os.devnull).open("wb") as nothing:
        fork = Fork(["", client], env, ROOT, [ours[0], theirs[1], nothing.fileno()])
    os.close(ours[0])
    os.close(theirs[1])
    os.write(ours[1], client.encode() + b"\n")
    return ForkedWorker(fork, os.fdopen(ours[1], "wb"), os.fdopen(theirs[0], "rb"))


def forked_step(command: Sequence[str], cwd: Path, output: IO[bytes], outcome_fd: int) -> ForkedStep:
    """In place of `step_process.begun`: `python -u -m pyjobs.VERB …` as a fork; its outcome goes to descriptor 3."""
    verb = command[command.index("-m") + 1].removeprefix("pyjobs.")
    arguments = command[command.index("-m") + 2 :]
    env = {**os.environ, step_process.OUTCOME_FD: "3"}
    with Path(os.devnull).open("rb") as nothing:
        fds = [nothing.fileno(), output.fileno(), output.fileno(), outcome_fd]
        return ForkedStep(Fork([verb, *arguments], env, cwd, fds, own_group=True), command)


class Fork:
    """One process forked for us. `argv` is a verb and its arguments, or nothing and the client of a worker.

    `fds` become its descriptors 0, 1, 2 …; with `own_group` it leads a process group.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, fds: Sequence[int], *, own_group: bool = False
    ) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(_address())
        with tempfile.TemporaryFile() as letter:
            order = {"argv": argv, "env": dict(env), "cwd": str(cwd), "own_group": own_group}
            letter.write(json.dumps(order).encode())
            letter.flush()
            socket.send_fds(self._line, [b"!"], [*fds, letter.fileno()])
        self.pid = self._number()

    def wait(self, timeout_s: float | None = None) -> int:
        """Its exit code. Raises TimeoutError."""
        self._line.settimeout(timeout_s)
        code = self._number()
        self._line.close()
        return code

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def _number(self) -> int:
        data = self._line.recv(4, socket.MSG_WAITALL)
        assert len(data) == 4, "the server of forks has ended; its stderr says why"
        return int.from_bytes(data, "big", signed=True)


class ForkedStep:
    """What `step_process` and a night use of a Popen."""

    def __init__(self, fork: Fork, command: Sequence[str]) -> None:
        self._fork, self.args, self.pid = fork, command, fork.pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(0.001)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            try:
                self.returncode = self._fork.wait(timeout)
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
        return self.returncode


class ForkedWorker:
    """What `client_process` uses of a Popen."""

    def __init__(self, fork: Fork, stdin: io.BufferedWriter, stdout: io.BufferedReader) -> None:
        self._fork, self.stdin, self.stdout = fork, stdin, stdout
        self._code: int | None = None
        self.pid, self.kill = fork.pid, fork.kill

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            self._code = self._fork.wait(timeout)
        return self._code

    def __enter__(self) -> ForkedWorker:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout):
            stream.close()
        self.wait()


def _text(stream: Any) -> str:
    stream.seek(0)
    return io.TextIOWrapper(stream, encoding="utf-8").read()


@cache
def _address() -> str:
    """Where the one server of this process listens; it is started when it is needed first, and ends with us."""
    address = f"\0nightdesk-forks-{secrets.token_hex(8)}"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    ours, theirs = socket.socketpair()
    fds = [listening.fileno(), theirs.fileno()]
    command = [sys.executable, "-m", "tests.support.verb_process", address[1:], *map(str, fds)]
    # pykrx logs in as it is imported, where a test has set a password by then: the forks would share that connection
    env = {name: value for name, value in os.environ.items() if name not in client_process.HIDDEN}
    with listening, theirs:
        server = subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=fds, stdin=subprocess.DEVNULL, process_group=0)

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return address


def _serve(listening: socket.socket, life: socket.socket) -> None:
    """Fork for everybody who connects, and tell each how it ended, until the other end of `life` is closed."""
    for name in ("pyjobs", *IMPORTED, *(f"pyjobs.{path.stem}" for path in (ROOT / "pyjobs").glob("[a-z]*.py"))):
        importlib.import_module(name)
    client_process.started = forked_worker  # type: ignore[assignment]  # what is used of it is the same
    step_process.begun = forked_step  # type: ignore[assignment]  # as above
    ready, noted = os.pipe()
    os.set_blocking(noted, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(noted)
    running: dict[int, socket.socket] = {}
    gc.collect()
    gc.freeze()  # what is here now, no fork need look at, and copy
    while True:
        some, _, _ = select.select([listening, life, ready], [], [])
        if ready in some:
            os.read(ready, 4096)
            _tell_ends(running)
        if listening in some:
            line, _ = listening.accept()
            running[_forked(line)] = line
        if life in some:
            return


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as line:
            _tell(line, os.waitstatus_to_exitcode(status))


def _tell(line: socket.socket, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # who asked may have ended in the meantime
        line.sendall(number.to_bytes(4, "big", signed=True))


def _forked(line: socket.socket) -> int:
    _, fds, _, _ = socket.recv_fds(line, 1, 5)
    order = json.loads(os.pread(fds[-1], os.fstat(fds[-1]).st_size, 0))
    if not order["argv"][0]:
        from pyjobs.market.providers.workers import worker

        worker.load(order["argv"][1])
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")][1:]
    # Arrow's allocator has a thread, and is made for forks; a lock that another one held would be held for ever.
    assert threads in ([], ["jemalloc_bg_thd"]), f"a fork of several threads may hang: {threads}"
    pid = os.fork()
    if pid == 0:
        _become(order, fds)
    for fd in fds:
        os.close(fd)
    _tell(line, pid)
    return pid


def _become(order: dict[str, Any], fds: list[int]) -> NoReturn:
    """The verb, or the worker."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for at, fd in enumerate(fds[:-1]):
        os.dup2(fd, at)
    os.closerange(len(fds) - 1, 1024)
    if order["own_group"]:
        os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    verb, *arguments = order["argv"]
    if verb:
        sys.argv = [str(ROOT / f"pyjobs/{verb}.py"), *arguments]
        code = _code_of(importlib.import_module(f"pyjobs.{verb}").main, arguments)
    else:
        from pyjobs.market.providers.workers import worker

        code = worker.main()
    threading._shutdown()  # type: ignore[attr-defined]  # what an interpreter does at its end, less taking apart
    atexit._run_exitfuncs()  # every module that was imported: that takes 0.2 s in a copy of so many pages
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _code_of(main: Callable[[Sequence[str] | None], int], arguments: list[str]) -> int:
    """What `sys.exit(run(main))` would end with."""
    from utils.run import run

    try:
        return run(main, arguments)
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)


if __name__ == "__main__":
    sys.modules["tests.support.verb_process"] = sys.modules["__main__"]
    address = f"\0{sys.argv[1]}"
    _address = cache(lambda: address)  # a fork's own forks come from the same server
    _serve(socket.socket(fileno=int(sys.argv[2])), socket.socket(fileno=int(sys.argv[3])))
