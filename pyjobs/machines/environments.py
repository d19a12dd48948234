"""An environment (staging, prod): a folder with its own data, secrets and ports, and the releases that run there.

<root>/current              a link to releases/<TAG>: what runs; changed by one rename
<root>/previous             what ran before it
<root>/releases/<TAG>/      the files of a release; what is the environment's own is linked into it
<root>/artifacts/<TAG>/     the release as it was signed: what a promotion hands on
<root>/.venvs/<pins>/       Python packages, one set for each set of pins
<root>/data, logs, reports, backtests, secret, .env, config, strategies, .locks: its own, whatever release runs
<root>/releases.tsv         when, what was done, tag, commit, sha256 of the release
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pyjobs.machines import artifact
from pyjobs.runs import released
from pyjobs.runs.released import OWN
from utils.errors import BadDataError, ConfigError, MissingInputError, UsageError
from utils.files import atomic, formats, os_files
from utils.settings.name_values import name_values

CURRENT, PREVIOUS, RELEASES, ARTIFACTS = "current", "previous", "releases", "artifacts"
SIGNERS = "secret/signers"
FOLDERS = ("data", "logs", "reports", "backtests", "secret", ".locks", "strategies")
PROJECT, PORT = "COMPOSE_PROJECT_NAME", "POSTGRES_PORT"
ENV_HEAD = "# of this environment alone: keys, DATABASE_URL, and what compose.yaml reads\n"
SETTINGS_HEAD = "# settings of the jobs of this environment, whatever release runs\n"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}", re.ASCII)


class Environment(NamedTuple):
    """One environment: `name` and `port` are its own, and no other's on this machine."""

    root: Path
    name: str
    port: str

    @property
    def current(self) -> Path | None:
        """The folder of the release that runs; None where none does."""
        link = self.root / CURRENT
        return os_files.real(link) if link.is_symlink() and link.exists() else None


def make(root: Path, name: str, port: int, signers: Path) -> Environment:
    """A new environment in a folder that is not there yet. Raises UsageError, MissingInputError, ConfigError."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of an environment: a small letter, then letters, digits, `_`, `-`")
    if not 0 < port < 65536:
        raise UsageError(f"{port} is no port: 1 to 65535")
    if root.exists():
        raise UsageError(f"'{root}' is there already: nothing was changed")
    if not signers.is_file():
        raise MissingInputError(f"there is no file of signers '{signers}': lines `you@example.com ssh-ed25519 AAAA…`")
    new = Environment(root, name, str(port))
    for other in _others(root):
        _distinct(new, other)
    _unused(new)
    temporary = root.with_name(f".making-{root.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    for folder in (*FOLDERS, "config/desks", "config/instances", RELEASES, ARTIFACTS, ".venvs"):
        (temporary / folder).mkdir(parents=True)
    (temporary / "secret").chmod(0o700)
    (temporary / ".locks").chmod(0o750)
    atomic.write_bytes(temporary / SIGNERS, os_files.held_bytes(signers), mode=0o600)
    env = f"{ENV_HEAD}{PROJECT}=nightdesk-{name}\n{PORT}={port}\n"
    atomic.write_bytes(temporary / ".env", env.encode(), mode=0o600)
    settings = f"{SETTINGS_HEAD}ENV={name}\nexport NIGHTDESK_HOME={shlex.quote(str(root))}\n"
    atomic.write_text(temporary / "config/env.local.sh", settings)
    temporary.rename(root)
    return load(root)


def load(root: Path) -> Environment:
    """The environment in a folder. Raises MissingInputError where there is none, ConfigError for its `.env`."""
    if not (root / RELEASES).is_dir() or not (root / ".env").is_file():
        raise MissingInputError(f"'{root}' is no environment: python -m pyjobs.release init '{root}' --name NAME …")
    found = _dotenv(root)
    name = found.get(PROJECT, "").removeprefix("nightdesk-")
    if not _NAME.fullmatch(name) or not found.get(PORT, "").isdigit():
        raise ConfigError(f"'{root / '.env'}': {PROJECT}=nightdesk-NAME and {PORT}=PORT must be in it")
    return Environment(os_files.real(root), name, found[PORT])


def separate(one: Environment, other: Environment) -> None:
    """Raises ConfigError where two environments share what each must have of its own."""
    _distinct(one, other)
    for name in (".env", *FOLDERS):
        first, second = one.root / name, other.root / name
        if first.exists() and second.exists() and first.samefile(second):
            raise ConfigError(f"'{first}' and '{second}' are one and the same: each environment needs its own")
    databases = [_dotenv(each.root).get("DATABASE_URL", "") for each in (one, other)]
    if databases[0] and databases[0] == databases[1]:
        raise ConfigError(
            f"'{one.root}' and '{other.root}' have the same DATABASE_URL: one would write into the other's bars"
        )


def alone_here(environment: Environment) -> None:
    """Raises ConfigError where another environment of this machine shares something with it, as `separate`."""
    for other in _others(environment.root):
        separate(environment, other)


def known() -> Path:
    """The user's list of environments, wherever they lie: a line each."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "nightdesk" / "environments"


def enter(environment: Environment) -> None:
    """Enter it in that list, where it is not; what is gone is taken out. Raises OSError, RuntimeError (no home)."""
    listed = [path for path in _listed() if os_files.exists(path)]
    if environment.root not in listed:
        known().parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(known(), b"".join(os.fsencode(path) + b"\n" for path in [*listed, environment.root]))


def _listed() -> list[Path]:
    """None without a list; lines that no path can be are passed over. Raises OSError, RuntimeError (no home)."""
    with suppress(FileNotFoundError):
        lines = os_files.held_bytes(known()).split(b"\n")
        return [Path(os.fsdecode(line)) for line in lines if line and b"\0" not in line]
    return []


def _others(root: Path) -> Iterator[Environment]:
    """The other environments that are known here: those in the folder in which one lies, or will, and the listed."""
    places = os_files.matching(root.parent, "*")
    with suppress(OSError, RuntimeError):  # `enter` reports it
        places += _listed()
    for other in dict.fromkeys(map(os_files.real, places)):  # of a loop of links resolve() raises
        if other != os_files.real(root) and os_files.has_folder(other / RELEASES) and os_files.has_file(other / ".env"):
            try:
                found = load(other)
            except ConfigError as error:
                cure = f"mend it, or move '{other}' away if it is given up"
                raise ConfigError(f"{error} (its name and port must not be another's: {cure})") from None
            yield found


def _unused(environment: Environment) -> None:
    """Raises ConfigError where its port is taken already, by whatever program of whichever user."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", int(environment.port)))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                cure = f"another one (who has it: ss -ltnp 'sport = :{environment.port}')"
                raise ConfigError(f"port {environment.port} of this machine is in use already: {cure}") from None


def _distinct(one: Environment, other: Environment) -> None:
    pairs = {"root": (one.root, other.root), "name": (one.name, other.name), "port": (one.port, other.port)}
    for what, (mine, theirs) in pairs.items():
        if mine == theirs:
            raise ConfigError(f"'{one.root}' and '{other.root}' have the same {what}, '{mine}': each needs its own")


def link_own(environment: Environment, into: Path) -> None:
    """Link what is the environment's own into the folder of a release.

    A desk or settings that a job has written into the release that runs are taken over first.
    """
    root, current = environment.root, environment.current
    for name in OWN:
        made = current / name if current else None
        if made and made.is_file() and not made.is_symlink():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            made.replace(root / name)
            made.symlink_to(_up(name, root, current))
    for name in (*FOLDERS, *OWN, ".env"):
        if (root / name).exists():
            link = into / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(_up(name, root, root / RELEASES / "x"))


def switch(environment: Environment, tag: str) -> None:
    """Let `tag` be what runs, and what ran be the one before. Killed between, what ran runs on."""
    current = environment.current
    if current and current.name != tag:
        _point(environment.root / PREVIOUS, f"{RELEASES}/{current.name}")
    _point(environment.root / CURRENT, f"{RELEASES}/{tag}")
    pinned, ours = environment.root / "repos.lock", f"{CURRENT}/repos.lock"
    if (environment.root / ours).exists() and (pinned.is_symlink() or not pinned.exists()):
        _point(pinned, ours)
    elif pinned.is_symlink() and not pinned.exists():
        pinned.unlink()


def usable(environment: Environment, tag: str) -> released.Release:
    """A release that is unpacked here and can run. Raises MissingInputError, BadDataError, ConfigError by name."""
    folder = environment.root / RELEASES / artifact.name_of(tag)
    release = released.read(folder)
    if release is None:
        raise MissingInputError(
            f"release '{tag}' is not kept in '{environment.root}' (it has {', '.join(kept(environment)) or 'none'})"
        )
    readable(environment, release)
    if wrong := next(released.differences(folder, release), ""):
        raise BadDataError(f"release '{tag}' in '{environment.root}' is not as released: {wrong}: install it again")
    if not (folder / ".venv/bin/python").exists():
        raise BadDataError(f"the packages of release '{tag}' in '{environment.root}' are gone: install it again")
    return release


def readable(environment: Environment, release: released.Release) -> None:
    """Raises ConfigError where what is stored there is newer than what the release reads."""
    stored = formats.stored(str(environment.root))
    if stored > release.reads_format:
        what = f"what is stored in '{environment.root}' has format {stored}"
        raise ConfigError(
            f"{what}, and release '{release.tag}' reads up to {release.reads_format}: a newer one, or an old backup"
        )


def kept(environment: Environment) -> list[str]:
    """The tags of the releases that are unpacked there, the newest commit first; damaged ones are left out."""
    found = released.all_of(environment.root / RELEASES)
    return [each.tag for each in sorted(found, key=lambda each: (-each.committed_s, each.tag))]


def at_work(folder: Path) -> list[int]:
    """The processes that run from a folder: in it, or with a file of it on their command line, as the supervisor.

    Those of other users cannot be seen.
    """
    found, named = [], os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            ours = any(word == named or word.startswith(named + b"/") for word in words)
            if int(entry.name) != os.getpid() and (ours or (entry / "cwd").readlink().is_relative_to(folder)):
                found.append(int(entry.name))
        except OSError:
            continue
    return sorted(found)


def prune(environment: Environment, keep: int) -> Iterator[str]:
    """Remove the oldest releases past `keep`, and list them; what runs, ran before, or has processes at work stays."""
    root = environment.root
    stay = {os_files.real(path).name for path in (root / CURRENT, root / PREVIOUS) if path.exists()}
    tags = kept(environment)
    for tag in [tag for tag in tags if tag not in stay][max(0, keep - len(stay & set(tags))) :]:
        if at_work(root / RELEASES / tag):
            continue
        for place in (root / RELEASES, root / ARTIFACTS):
            if (place / tag).is_dir():
                gone = place / f".removing-{tag}"
                shutil.rmtree(gone, ignore_errors=True)
                (place / tag).rename(gone)
        yield tag
    sweep(root)
    for path in (root / ARTIFACTS).iterdir():  # of an install that was killed and not begun again
        if not (root / RELEASES / path.name).exists():
            shutil.rmtree(path, ignore_errors=True)
    used = {os_files.real(folder / ".venv").name for folder in (root / RELEASES).iterdir()}  # damaged or not
    for path in (root / ".venvs").iterdir():
        if path.name not in used:
            shutil.rmtree(path, ignore_errors=True)


def sweep(root: Path) -> None:
    """Remove what was half made or half removed; only while no other install runs there."""
    for place in (root / RELEASES, root / ARTIFACTS):
        for path in place.glob(".*"):
            shutil.rmtree(path, ignore_errors=True)


def _dotenv(root: Path) -> dict[str, str]:
    path = root / ".env"
    try:
        return {name: value for _, _, name, value in name_values(os_files.held_bytes(path), path) if name}
    except OSError as error:
        raise ConfigError(f"'{path}' cannot be read: {error.strerror}") from error


def _point(link: Path, target: str) -> None:
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    atomic.sync_directory(link.parent)


def _up(name: str, root: Path, folder: Path | None) -> str:
    """From a link `name` in the folder of a release to its target in the environment."""
    return os.path.relpath(root / name, (folder or root) / Path(name).parent)
