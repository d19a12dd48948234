"""Another machine, reached by ssh: a script over there, and files from there by rsync. It never asks anything."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from utils.errors import ConfigError, ExternalDataUnavailable, ExternalKind, UsageError

SSH_OPTIONS = "-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ClearAllForwardings=yes"
SSH_FAILED = 255
RSYNC_IDLE_S = 120
RSYNC_VANISHED, RSYNC_PARTIAL = 24, 23


class Host(NamedTuple):
    """`remote`: user@host, as ssh takes it; `ssh`: the command that reaches it, with its options."""

    remote: str
    ssh: str

    def run(self, script: str, *, timeout_s: float, more: str = "") -> subprocess.CompletedProcess[bytes]:
        """Run a POSIX shell script there, whatever the login shell is; `more` is what it reads after itself.

        Raises ExternalDataUnavailable when the machine cannot be reached, or does not end in time.
        """
        command = [*self.ssh.split(), self.remote, "exec sh -s"]
        try:
            done = subprocess.run(
                command, input=(script + more).encode(), capture_output=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            raise self.lost("timeout", f"no answer in {timeout_s:g} s") from None
        if done.returncode == SSH_FAILED:
            raise self.lost("network", _last(done.stderr) or "ssh ended with 255")
        return done

    def rsync(
        self, arguments: Sequence[str], folder: str, *, keep_open: Sequence[int] = (), quiet: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """rsync with `arguments`; paths of the other machine are relative to its `folder`.

        Only what Apple's openrsync (on macOS since 15.4) knows as well: no filters, and no path that a remote shell
        would take apart.
        `keep_open` are descriptors that live as long as rsync does, should this process be killed.
        """
        if shutil.which("rsync") is None:
            raise ConfigError("rsync is not installed: apt-get install rsync (or opkg, brew, the NAS's packages)")
        there = f"cd {shlex.quote(folder)} && rsync"
        command = ["rsync", "-e", self.ssh, f"--rsync-path={there}", f"--timeout={RSYNC_IDLE_S}", *arguments]
        said = subprocess.PIPE if quiet else None
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.PIPE, pass_fds=keep_open, check=False
        )

    def lost(self, kind: ExternalKind, detail: str) -> ExternalDataUnavailable:
        """That it cannot be had, with what to try."""
        cure = f"try: {self.ssh.replace(SSH_OPTIONS, '').strip()} {self.remote} true"
        return ExternalDataUnavailable(kind, provider=self.remote, detail=f"{detail}: {cure}")


def host_of(remote: str, environ: Mapping[str, str]) -> Host:
    """The host that `remote` names, by `SSH_PORT` and `SSH_COMMAND` (default `ssh`). Raises UsageError."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@:%\[\]-]*", remote):
        raise UsageError(f"REMOTE={remote!r} is not user@host")
    port = environ.get("SSH_PORT", "")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"SSH_PORT={port!r} is not a port: 1 to 65535")
    command = environ.get("SSH_COMMAND") or "ssh"
    return Host(remote, f"{command}{' -p ' + port if port else ''} {SSH_OPTIONS}")


def no_questions() -> None:
    """Nobody is there to answer: no askpass window, no terminal prompt."""
    for name in ("SSH_ASKPASS", "DISPLAY", "GIT_ASKPASS"):
        os.environ.pop(name, None)


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last line of a command's errors, else its code."""
    return _last(done.stderr) or f"exit {done.returncode}"


def _last(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
