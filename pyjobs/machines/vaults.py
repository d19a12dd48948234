"""Where backups are kept: a folder, a folder of another machine over ssh, or a restic repository.

Snapshots are always made in a folder of this machine first; from there they are carried, verified over there, renamed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pyjobs.machines.remote import Host, error_text, host_of
from pyjobs.runs import sealed
from pyjobs.runs.run_folder import MANIFEST, finished_runs, started_at
from utils.errors import BadDataError, CannotWriteError, ConfigError, MissingInputError
from utils.files.os_files import file_sha256

TIMEOUT_S = 3600.0
TAG = "nightdesk"
OLD_REST = "find . -maxdepth 1 -name '.incoming-*' -mtime +7 -exec rm -rf {} +"
LIST = """
cd -- {folder} 2>/dev/null || exit 0
for each in [0-9]*; do
  [ -f "$each/manifest.json" ] && echo "$each"
done
exit 0
"""
VERIFY = """
cd -- {folder}/.incoming-{name} || exit 66
sum=sha256sum; command -v sha256sum >/dev/null 2>&1 || sum='shasum -a 256'
$sum -c --status - <<'END-OF-SUMS' || exit 65
{sums}
END-OF-SUMS
cd .. && mv .incoming-{name} {name} && sync
"""


class Vault(NamedTuple):
    """`folder` on this machine; beyond it `host` and `path` of another, or a restic `repository`."""

    folder: Path
    host: Host | None = None
    path: str = ""
    repository: str = ""

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return f"{self.host.remote}:{self.path}" if self.host else self.repository or str(self.folder)


def vault_of(text: str, environ: Mapping[str, str], local: Path) -> Vault:
    """The target of BACKUP_TO: `/folder`, `user@host:/folder`, `restic:REPOSITORY`; empty: the `local` folder alone."""
    if text.startswith("restic:"):
        if shutil.which("restic") is None:
            raise ConfigError(f"BACKUP_TO={text}: restic is not installed")
        if not any(environ.get(name) for name in ("RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND")):
            raise ConfigError(
                f"BACKUP_TO={text}: RESTIC_PASSWORD_FILE must name the file with the repository's password"
            )
        return Vault(local, repository=text.removeprefix("restic:"))
    over_ssh = re.fullmatch(r"([^/:]+@[^/:]+):(/.+)", text)
    if over_ssh:
        return Vault(local, host=host_of(over_ssh[1], environ), path=over_ssh[2].rstrip("/"))
    if text and not text.startswith("/"):
        raise ConfigError(f"BACKUP_TO={text!r} is no /folder, user@host:/folder or restic:REPOSITORY")
    return Vault(Path(text) if text else local)


def send(vault: Vault, snapshot: Path) -> list[str]:
    """Carry a snapshot to where backups are kept beyond this machine; nothing where that is a folder of it.

    Returns the names that another machine has then, oldest first (nothing where there is no other machine).
    Raises ExternalDataUnavailable (cannot be reached), CannotWriteError, BadDataError (it arrived damaged).
    """
    if vault.host:
        return _send_over_ssh(vault, vault.host, snapshot)
    if vault.repository:
        environ = {**os.environ, "RESTIC_PROGRESS_FPS": "0.01"}
        restic(vault, ["backup", "--tag", TAG, "--tag", snapshot.name, "."], cwd=snapshot, environ=environ)
    return []


def fetch(vault: Vault, name: str, into: Path) -> Path:
    """A snapshot as a folder of this machine: where it lies, or brought to `into`. `name` empty: the newest.

    Raises MissingInputError when there is none of that name.
    """
    if vault.repository:
        wanted = ["--tag", name] if name else ["--tag", TAG]
        restic(vault, ["restore", "latest", *wanted, "--target", str(into)])
        return into
    known = listed(vault)
    if not known or (name and name not in known):
        raise MissingInputError(f"no backup {name or 'at all'} in '{vault.name}'" + (f": {known[-1]}" if known else ""))
    name = name or known[-1]
    if vault.host is None:
        return vault.folder / name
    done = vault.host.rsync(["-rlt", f"{vault.host.remote}:{name}/", f"{into}/"], vault.path)
    if done.returncode:
        raise vault.host.failed(done, vault.path)
    return into


def listed(vault: Vault) -> list[str]:
    """The names of the snapshots that are kept, oldest first (of restic: as it lists them)."""
    if vault.repository:
        found = restic(vault, ["snapshots", "--tag", TAG, "--compact"])
        return found.stdout.decode("utf-8", "replace").splitlines()
    if vault.host is None:
        return [path.name for path in finished_runs(vault.folder)]
    return _names(vault.host.run(LIST.format(folder=shlex.quote(vault.path)), timeout_s=TIMEOUT_S))


def remove(vault: Vault, names: Sequence[str]) -> None:
    """Remove snapshots beyond this machine: renamed out of sight first. Raises CannotWriteError."""
    if vault.host is None or not names:
        return
    lines = [f"cd -- {shlex.quote(vault.path)} || exit 66"]
    for name in names:
        lines += [f"[ ! -d {name} ] || mv {name} .removing-{name} || exit 73", f"rm -rf .removing-{name} || exit 73"]
    done = vault.host.run("\n".join([*lines, "rm -rf .removing-*", OLD_REST, "exit 0", ""]), timeout_s=TIMEOUT_S)
    if done.returncode:
        raise CannotWriteError(f"old backups cannot be removed from '{vault.name}': {error_text(done)}")


def restic(
    vault: Vault, arguments: Sequence[str], *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """restic on the repository; its password never passes through here. Raises CannotWriteError."""
    done = subprocess.run(
        ["restic", "--quiet", "-r", vault.repository, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
        cwd=cwd, env=environ, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotWriteError(f"restic {arguments[0]} failed (exit {done.returncode}): {error_text(done)}")
    return done


def _names(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    return sorted(name for name in done.stdout.decode("utf-8", "replace").split() if started_at(name))


def _send_over_ssh(vault: Vault, host: Host, snapshot: Path) -> list[str]:
    folder = shlex.quote(vault.path)
    made = host.run(f"umask 077; mkdir -p -- {folder} || exit 73\n" + LIST.format(folder=folder), timeout_s=TIMEOUT_S)
    if made.returncode:
        raise CannotWriteError(f"cannot make '{vault.name}': {error_text(made)}")
    known = _names(made)
    link = [f"--link-dest=../{known[-1]}"] if known else []
    target = f"{host.remote}:.incoming-{snapshot.name}/"
    done = host.rsync(["-rlt", *link, f"{snapshot}/", target], vault.path)
    if done.returncode:
        failed = host.failed(done, vault.path)
        if isinstance(failed, CannotWriteError):  # the next backup has another name: nothing would go on from it
            host.run(f"cd -- {folder} && rm -rf -- .incoming-{snapshot.name}\n", timeout_s=TIMEOUT_S)
        raise failed
    files = sealed.read(snapshot)["files"]
    assert isinstance(files, dict)  # `read` has checked it
    lines = [f"{entry['sha256']}  {name}" for name, entry in sorted(files.items()) if entry.get("sha256")]
    lines.append(f"{file_sha256(snapshot / MANIFEST)}  {MANIFEST}")  # all that a house has in which nothing is yet
    script = VERIFY.format(folder=shlex.quote(vault.path), name=snapshot.name, sums="\n".join(lines))
    done = host.run(script, timeout_s=TIMEOUT_S)
    if done.returncode == 65:
        raise BadDataError(
            f"the backup arrived damaged at '{vault.name}': {error_text(done)}: the next one starts again"
        )
    if done.returncode:
        raise CannotWriteError(f"the backup cannot be given its name at '{vault.name}': {error_text(done)}")
    return sorted({*known, snapshot.name})
