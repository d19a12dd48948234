"""Bringing repositories to what repos.lock pins, and pinning what they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from pyjobs.runs.released import UNASKED, no_hooks_environ
from pyjobs.runs.verdict.repos import LOCK, Pinned, folder_of, git, in_environment, problem_of, shown
from utils.errors import BadDataError, CannotWriteError, ConfigError, ExternalDataUnavailable
from utils.files import atomic

TIMEOUT_S = 1800.0
HEADER = "# What runs together: name, folder, origin, commit, with tabs between. Written by `pyjobs.repos lock`.\n"


def pin(home: Path, named: Iterable[tuple[str, str]]) -> list[Pinned]:
    """Write repos.lock: each (name, folder) as it is now.

    Raises ConfigError where one is no clone, is edited, has no origin, or is at a commit that its origin has not: what
    is pinned must be what another machine can have; and in an environment, whose pins come with its release.
    """
    if in_environment(home):
        raise ConfigError(f"what '{home}' pins came with its release: repos lock where that is built, then a new one")
    found = []
    for name, folder in named:
        path = home / folder
        head, origin = git(path, "rev-parse", "HEAD"), git(path, "config", "remote.origin.url")
        if not head or not origin:
            raise ConfigError(f"'{path}' is no git clone with an origin: not pinned")
        _unedited(path, "not pinned")
        if not git(path, "branch", "-r", "--contains", head) and not git(path, "tag", "--contains", head):
            raise ConfigError(f"'{path}' is at {head[:9]}, which '{shown(origin)}' has not: git push first")
        if shown(origin) != origin:
            raise ConfigError(f"the origin of '{path}' holds a password: git remote set-url origin URL, without it")
        found.append(Pinned(name, folder, origin, head))
    try:
        atomic.write_text(home / LOCK, HEADER + "".join("\t".join(each) + "\n" for each in found))
    except OSError as error:
        raise CannotWriteError(f"cannot write '{home / LOCK}': {error.strerror}") from error
    return found


def sync(home: Path, pinned: Pinned) -> str:
    """Bring one repository to its commit; what was done, in words. Killed, it is simply called again.

    Raises ConfigError (edits, another origin), ExternalDataUnavailable (its origin cannot be had), BadDataError (the
    pinned commit is not there any more: its origin was force-pushed).
    """
    folder = folder_of(home, pinned)
    if not problem_of(home, pinned):
        return "as it is"
    if not folder.exists():
        temporary = folder.with_name(f".cloning-{folder.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remote(pinned, folder.parent, "clone", "-q", "--no-checkout", "--", pinned.origin, str(temporary))
        _checkout(temporary, pinned)
        temporary.rename(folder)
        return f"cloned, at {pinned.commit[:9]}"
    origin = git(folder, "config", "remote.origin.url")
    if origin != pinned.origin:
        raise ConfigError(f"'{folder}' comes from {shown(origin or 'nowhere')}, pinned is {shown(pinned.origin)}")
    _unedited(folder, "left as it is")
    if git(folder, "cat-file", "-t", pinned.commit) != "commit":
        _remote(pinned, folder, "fetch", "-q", "--tags", "origin")
    before = git(folder, "rev-parse", "HEAD") or "nothing"
    _checkout(folder, pinned)
    return f"from {before[:9]} to {pinned.commit[:9]}"


def _unedited(folder: Path, so: str) -> None:
    """Raises ConfigError, which ends in `so`, where tracked files are edited, or git cannot list them."""
    edits = git(folder, "status", "--porcelain", "--untracked-files=no")
    if edits is None:
        raise ConfigError(f"'{folder}': git cannot list the edits there (git status): {so}")
    if edits:
        raise ConfigError(f"'{folder}' has edits, the first is '{edits.splitlines()[0][2:].strip()}': {so}")


def _checkout(folder: Path, pinned: Pinned) -> None:
    if git(folder, "cat-file", "-t", pinned.commit) != "commit":
        raise BadDataError(
            f"{pinned.name}: {shown(pinned.origin)} has no commit {pinned.commit[:9]} any more (a force-push?): "
            "pin another (repos lock)"
        )
    if git(folder, "checkout", "-q", "--detach", pinned.commit) is None:
        raise CannotWriteError(f"'{folder}' cannot be brought to {pinned.commit[:9]}: is an untracked file in the way?")


def _remote(pinned: Pinned, folder: Path, *words: str) -> None:
    configured = git(folder, "config", "core.sshCommand")  # the variable would hide it
    ssh = os.environ.get("GIT_SSH_COMMAND") or configured or "ssh"
    env = {**no_hooks_environ(), "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": ""}
    env["GIT_SSH_COMMAND"] = f"{ssh} -o BatchMode=yes -o ConnectTimeout=20"
    try:
        done = subprocess.run(
            ["git", "-c", f"safe.directory={folder}", *UNASKED, "-C", str(folder), *words], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, env=env, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ExternalDataUnavailable("timeout", provider="git", symbol=pinned.name) from None
    if done.returncode:
        found = done.stderr.partition("\nfatal: Could not read from remote repository")[0]  # ssh's own words
        result = (found.strip().splitlines() or ["no output of git"])[-1]
        raise ExternalDataUnavailable("network", provider="git", symbol=pinned.name, detail=shown(result))
