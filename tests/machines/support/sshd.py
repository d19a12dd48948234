"""A real sshd on loopback, for one user and one key, and the command that reaches it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Server:
    """`command`: what `SSH_COMMAND` is set to; `pid`: the listening sshd's."""

    remote: str
    port: int
    command: str
    pid: int

    def env(self, **more: str) -> dict[str, str]:
        """An environment that reaches it, and nearly nothing else."""
        base = {"PATH": os.environ["PATH"], "HOME": "/", "LC_ALL": "C.UTF-8", "SSH_COMMAND": self.command}
        return base | {"REMOTE": self.remote, "SSH_PORT": str(self.port), **more}

    def sessions(self) -> list[int]:
        """The processes that serve a connection now."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, IndexError):
                if (
                    entry.name.isdigit()
                    and int((entry / "stat").read_text().rpartition(") ")[2].split()[1]) == self.pid
                ):
                    found.append(int(entry.name))
        return found


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Skips the test where there is no sshd or no rsync."""
    sshd = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if not sshd or not shutil.which("rsync") or not shutil.which("ssh"):
        pytest.skip("no sshd, ssh or rsync (openssh-server, rsync)")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nMaxStartups 50:90:100\n"
    )
    (folder / "ssh_config").write_text(
        f"Host *\n  IdentityFile {folder}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/known\n"
        "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking accept-new\n  LogLevel ERROR\n"
    )
    process = subprocess.Popen([sshd, "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "sshd.log")])
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        command = f"ssh -F {folder}/ssh_config"
        yield Server(f"{getpass.getuser()}@127.0.0.1", port, command, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
