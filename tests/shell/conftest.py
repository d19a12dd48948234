"""A desk of its own for each test, and the chain run on it the way cron would: nearly no environment, from /."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FRIDAY_NOON_IN_SEOUL = 1795143600  # 2026-11-20 12:00 KST, a regular session
HANGS_S = 150  # what takes longer hangs: far more than a busy machine needs, and half of what the jobs here sleep

APART = ["unshare", "-m", "--propagation", "private"]  # what is mounted under it, nobody else sees


def may_mount() -> bool:
    """Whether something may be mounted here: root in a container often may not."""
    try:
        return not subprocess.run([*APART, "mount", "-t", "tmpfs", "tmpfs", "/tmp"], capture_output=True).returncode
    except FileNotFoundError:
        return False


@dataclass
class House:
    """Runtime state in `home`, the chain from `clone`; `token` marks every process a test starts."""

    home: Path
    clone: Path = ROOT
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def env(self, **more: str) -> dict[str, str]:
        base = {"PATH": "/usr/bin:/bin", "HOME": "/", "NIGHTDESK_HOME": str(self.home), "TERM_GRACE_S": "1"}
        base |= {"NIGHTDESK_TEST_TOKEN": self.token, "PYTHONBIN": sys.executable}
        return base | more

    def link(self, name: str) -> str:
        return str(self.clone / "jobs" / name)

    def chain(self, *command: str, name: str = "job", options: tuple[str, ...] = (), guarded: bool = True) -> list[str]:
        """The whole chain around `command`."""
        guard = [self.link("run_py_guarded.sh")] if guarded else []
        runner = [self.link("_run_generic.sh"), "--log", name, *options, "--"]
        return [self.link("run_with_lock.sh"), "--name", name, *runner, *guard, *command]

    def start(self, argv: list[str], **env: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            env=self.env(**env),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, argv: list[str], timeout_s: float = 4 * HANGS_S, **env: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            argv, env=self.env(**env), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s
        )

    def log(self, name: str = "job") -> str:
        return "".join(p.read_text(errors="replace") for p in sorted((self.home / "logs").glob(f"{name}_*.log")))

    def history(self) -> list[dict[str, Any]]:
        path = self.home / "logs" / "history.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def processes(self) -> dict[int, str]:
        """Live processes that carry the token, with their command lines."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if self.token.encode() in (entry / "environ").read_bytes():
                    state = (entry / "stat").read_text().rpartition(") ")[2][0]
                    if state not in "ZX":
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def wait_until_gone(self, timeout_s: float = HANGS_S) -> dict[int, str]:
        """The processes still alive after the time is up: none, when all is well."""
        until = time.monotonic() + timeout_s
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.02)
        return left


@pytest.fixture
def house(tmp_path: Path) -> Any:
    home = tmp_path / "home"
    home.mkdir()
    house = House(home=home)
    yield house
    for pid in house.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)


def wait_for(path: Path, timeout_s: float = HANGS_S) -> None:
    """Wait until a job shows, by making a file, that it has come this far."""
    until = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.01)


def child_of(pid: int, timeout_s: float = HANGS_S) -> int:
    """The first child of a process, as soon as it has one."""
    until = time.monotonic() + timeout_s
    while True:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        assert time.monotonic() < until, f"{pid} has no child"
        time.sleep(0.01)
