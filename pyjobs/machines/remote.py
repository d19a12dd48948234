"""Another machine, reached by ssh: a script over there, and files from there by rsync. It never prompts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from utils.errors import (
    CannotWriteError,
    ConfigError,
    ExternalDataUnavailable,
    ExternalKind,
    NightdeskError,
    UsageError,
)

SSH_OPTIONS = "-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ClearAllForwardings=yes"
SSH_FAILED = 255
RSYNC_IDLE_S = 120
RSYNC_VANISHED, RSYNC_PARTIAL, RSYNC_FILE_IO = 24, 23, 11
ROOM = """df -Pk -- {folder} 2>/dev/null | awk 'NR == 2 {{ printf "%.1f MB free at %s", $4 / 1000, $6 }}'
"""


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
            raise self._not_let_in(done.stderr)
        return done

    def rsync(
        self, arguments: Sequence[str], folder: str, *, keep_open: Sequence[int] = (), quiet: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """rsync with `arguments`; paths of the other machine are relative to its `folder`.

        Only the flags of Apple's openrsync (on macOS since 15.4): no filters, and no path that a remote shell would
        take apart. `keep_open` are descriptors that live as long as rsync does, should this process be killed.
        """
        if shutil.which("rsync") is None:
            raise ConfigError("rsync is not installed: apt-get install rsync (or opkg, brew, the NAS's packages)")
        there = f"cd {shlex.quote(folder)} && rsync"
        command = ["rsync", "-e", self.ssh, f"--rsync-path={there}", f"--timeout={RSYNC_IDLE_S}", *arguments]
        output = subprocess.PIPE if quiet else None
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, pass_fds=keep_open, check=False
        )

    def failed(self, done: subprocess.CompletedProcess[bytes], folder: str, more: str = "") -> NightdeskError:
        """The meaning of a failed rsync to or from `folder` over there; `more` is printed with it.

        A disk there that is full is no outage: rsync ends with 11, and its message is often lost on the way.
        """
        text = done.stderr.decode("utf-8", "replace")
        if done.returncode in (126, 127) or "command not found" in text or "rsync: not found" in text:
            return ConfigError(f"'{self.remote}' has no rsync ({error_text(done)}): install it there{more}")
        if done.returncode == RSYNC_FILE_IO or "No space left" in text or "Permission denied (13)" in text:
            words = self.run(ROOM.format(folder=shlex.quote(folder)), timeout_s=60).stdout.decode("utf-8", "replace")
            room = f"; there: {words.strip()}" if words.strip() else ""
            why = error_text(done) if "Broken pipe" not in error_text(done) else "rsync ended with 11"
            return CannotWriteError(f"'{self.remote}:{folder}' cannot be written or read ({why}{room}){more}")
        why = "the connection" if done.returncode in (SSH_FAILED, 12, 30, 35) else "rsync"
        return self.lost("network", f"{why} failed (exit {done.returncode}){more}: {error_text(done)}")

    def _not_let_in(self, stderr: bytes) -> ExternalDataUnavailable:
        """Why ssh ended with 255; what a person has to mend is no outage that passes."""
        text, last = stderr.decode("utf-8", "replace"), _last(stderr) or "ssh ended with 255"
        if "IDENTIFICATION HAS CHANGED" in text:
            cure = "its host key is another one than before; where that is right, ssh-keygen -R forgets the old one"
            return self.lost("auth", f"{last} {cure}")
        return self.lost("auth" if "verification failed" in last or "Permission denied" in last else "network", last)

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


def error_text(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last line of a command's errors, else its code."""
    return _last(done.stderr) or f"exit {done.returncode}"


def _last(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
