"""Bringing a release into an environment: verified, unpacked next to the others, tried, and only then made current."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyjobs.machines import artifact, environments
from pyjobs.machines.environments import ARTIFACTS, RELEASES, SIGNERS, Environment
from pyjobs.runs import released
from pyjobs.runs.released import Release
from utils.errors import BadDataError, ConfigError, LockBusyError, MissingInputError
from utils.files import atomic, os_files

BUILD_S, REHEARSAL_S = 3000.0, 900.0
NOT_UNPACKED = ("data", "logs", "reports", "backtests", "secret", "strategies")
SETS = ("providers", "nas")
HISTORY = "releases.tsv"
AT_FDCWD, RENAME_EXCHANGE = -100, 2
Say = Callable[[str], None]


@contextmanager
def alone(environment: Environment) -> Iterator[None]:
    """Nobody else installs there meanwhile. Raises LockBusyError."""
    try:
        with os_files.locked(environment.root / ".locks/release.lock", 0.0, 0o640):
            yield
    except os_files.HeldElsewhere:
        raise LockBusyError(f"another release is being installed in '{environment.root}'") from None


def bring(environment: Environment, source: Path, say: Say, *, packages: str = "") -> tuple[Release, str]:
    """Take in the release in the folder `source`, unpack it, try it: the release and its sha256. The current release
    keeps running.

    The verified copy is the one that stays. `packages`: nas or providers; as the release that runs has, when empty.
    Raises BadDataError, ConfigError, MissingInputError.
    """
    environments.sweep(environment.root)
    incoming = environment.root / ARTIFACTS / ".incoming"
    if not source.is_dir():
        raise MissingInputError(f"there is no release '{source}': the folder that `release build` has made")
    artifact.only_files(source)
    shutil.copytree(source, incoming)
    release, who = artifact.verify(incoming, environment.root / SIGNERS)
    environments.readable(environment, release)
    sha256, held = artifact.digest(incoming), environment.root / ARTIFACTS / release.tag
    say(f"release {release.tag}, commit {release.commit[:9]}, signed by {who}, sha256 {sha256[:12]}")
    if not held.is_dir():
        incoming.rename(held)
    elif artifact.digest(held) != sha256:
        what = f"'{environment.root}' has another release '{release.tag}' (sha256 {artifact.digest(held)[:12]})"
        raise ConfigError(f"{what}: a tag is one release only")
    final = environment.root / RELEASES / release.tag
    if _is_whole(environment, final, release):
        return release, sha256
    try:
        _unpacked(environment, held, release, say, packages or _set_of(environment))
    except BadDataError:
        if not final.exists():  # a good one of that tag may come
            shutil.rmtree(held)
        raise
    return release, sha256


def note(environment: Environment, done: str, release: released.Release, sha256: str, now_utc: str) -> None:
    """Add a line to what was done there."""
    path = environment.root / HISTORY
    head = "" if path.exists() else "utc\tdone\ttag\tcommit\tsha256\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{head}{now_utc}\t{done}\t{release.tag}\t{release.commit}\t{sha256}\n")


def _unpacked(environment: Environment, held: Path, release: Release, say: Say, packages: str) -> None:
    temporary = environment.root / RELEASES / f".building-{release.tag}"
    final = environment.root / RELEASES / release.tag
    artifact.unpack(held, release, temporary, leave=NOT_UNPACKED)
    if (held / "repos.lock").is_file():
        shutil.copyfile(held / "repos.lock", temporary / "repos.lock")
        release = release._replace(
            files={**release.files, "repos.lock": hashlib.sha256((held / "repos.lock").read_bytes()).hexdigest()}
        )
    venv = _packages(environment, temporary, packages, say)
    (temporary / ".venv").symlink_to(f"../../.venvs/{venv.name}")
    environments.link_own(environment, temporary)
    (temporary / released.ABOUT).write_text(released.as_text(release), encoding="utf-8")
    _rehearse(environment, temporary, venv / "bin/python", say)
    os.sync()
    if not final.exists():
        temporary.rename(final)
    elif not _exchange(temporary, final):  # one that was edited, or lost its packages; it may be what runs
        final.rename(environment.root / RELEASES / ".removing")
        temporary.rename(final)
    atomic.sync_directory(final.parent)
    environments.sweep(environment.root)


def _exchange(one: Path, other: Path) -> bool:
    """Two names change places at once; False where the system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _is_whole(environment: Environment, final: Path, release: Release) -> bool:
    try:
        environments.usable(environment, release.tag)
    except (MissingInputError, BadDataError):
        return False
    return final.is_dir()


def _set_of(environment: Environment) -> str:
    current = environment.current
    return next((each for each in SETS if current and (current / f".venv/.installed-{each}").exists()), "nas")


def _packages(environment: Environment, release: Path, packages: str, say: Say) -> Path:
    """The packages that a release pins: a set that is there and complete is taken as it is. Raises BadDataError."""
    pins = release / f"requirements-{packages}.txt"
    if not pins.is_file():
        raise MissingInputError(f"the release has no 'requirements-{packages}.txt': --packages nas, or providers")
    name = hashlib.sha256(f"{packages}\n".encode() + pins.read_bytes()).hexdigest()[:16]
    folder = environment.root / ".venvs" / name
    if (folder / ".complete").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    say(f"packages of {pins.name} into '{folder}', hashes verified")
    done = _run(["bash", str(release / "jobs/make_venv.sh"), pins.name, str(folder)], release, {}, BUILD_S)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadDataError(f"nothing installed: the packages of the release cannot be had: {_last(done)}")
    (folder / f".installed-{packages}").touch()
    os.sync()
    (folder / ".complete").touch()
    return folder


def _rehearse(environment: Environment, release: Path, python: Path, say: Say) -> None:
    """A night on the made-up market, of this release with its packages, in a folder of its own. Raises BadDataError."""
    if not (release / "pyjobs/nightly.py").exists():
        return
    say("a rehearsed night of the release on the sample desk")
    with tempfile.TemporaryDirectory(prefix=".rehearsal-", dir=environment.root / RELEASES) as home:
        env = {"NIGHTDESK_HOME": home, "ALLOW_NET_FETCH": "0", "PYTHONBIN": str(python), "PYTHONDONTWRITEBYTECODE": "1"}
        for words in (["make_sample"], ["nightly", "--desk", "config/desk.sample.yaml"]):
            done = _run([str(python), "-m", f"pyjobs.{words[0]}", *words[1:]], release, env, REHEARSAL_S)
            if done.returncode:
                raise BadDataError(
                    f"nothing installed: the release does not get through a rehearsed night: {_last(done)}"
                )


def _run(
    command: Sequence[str], folder: Path, env: Mapping[str, str], limit_s: float
) -> subprocess.CompletedProcess[str]:
    environ = {"PYTHON": getattr(sys, "_base_executable", sys.executable), **os.environ, **env}
    for name in ("OUTCOME_FD", "NIGHTDESK_ENTERED"):
        environ.pop(name, None)
    try:
        return subprocess.run(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, f"not done in {limit_s:g} s")


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return f"{lines[-1].strip() if lines else 'no output'} (exit {done.returncode})"
