"""Releases: a tag as one signed artifact, installed into environments (staging, prod) that share nothing.

  build TAG                        data/releases/TAG: archive, hashes, a signature by --key (or RELEASE_KEY)
  verify FOLDER|ROOT               an artifact against --signers; or what runs in an environment, file by file
  init ROOT --name N --port P --signers FILE     a new environment: its own data, secrets, ports
  install ROOT FOLDER              verified, packages made, a night rehearsed; then it is what runs
  promote FROM ROOT                the artifact that runs in FROM, byte for byte, into another environment
  rollback ROOT [TAG]              the release before (or TAG), in one rename, without the network
  list [ROOT]                      what is kept there; without ROOT what was built here
KEEP_RELEASES (5) releases stay. Exit 65: not signed, changed, does not work; 78: what is stored is newer, or
two environments share something; 75: another install is at work. Whatever fails, what runs goes on running.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from pyjobs.machines import artifact, environments, installing
from pyjobs.machines.environments import CURRENT, PREVIOUS, Environment
from pyjobs.runs import released
from pyjobs.runs.verdict.repos import check_repos
from utils import clock, paths
from utils.cli import Parser
from utils.errors import BadDataError, MissingInputError, UsageError
from utils.files import os_files
from utils.run import run

COUNTS = {
    "build": (1, 1),
    "verify": (1, 1),
    "init": (1, 1),
    "install": (2, 2),
    "promote": (2, 2),
    "rollback": (1, 2),
    "list": (0, 1),
}
KEEP = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Build, verify, install, promote, roll back or list."""
    parser = Parser(verb="release", doc=__doc__)
    parser.add_argument("what", choices=tuple(COUNTS))
    parser.add_argument("words", nargs="*", metavar="…", help="as above")
    parser.add_argument("--key", metavar="FILE", help="of build: the ssh key that signs")
    parser.add_argument(
        "--signers", metavar="FILE", help="of verify and init: who may sign (ssh-keygen's allowed signers)"
    )
    parser.add_argument("--name", metavar="NAME", help="of init: staging, prod")
    parser.add_argument("--port", type=int, metavar="PORT", help="of init: the port of its Postgres")
    parser.add_argument(
        "--packages", choices=installing.SETS, default="", help="of install: nas, or providers with ccxt, pykrx …"
    )
    options = parser.parse_args(argv)
    fewest, most = COUNTS[options.what]
    if not fewest <= len(options.words) <= most:
        raise UsageError(f"{options.what} takes {fewest}{f' to {most}' if most > fewest else ''} words (see -h)")
    {
        "build": _build,
        "verify": _verify,
        "init": _init,
        "install": _install,
        "promote": _promote,
        "rollback": _rollback,
        "list": _list,
    }[options.what](options)
    return 0


def _build(options: Namespace) -> None:
    key = options.key or os.environ.get("RELEASE_KEY", "")
    if not key:
        raise UsageError("which key signs it? --key FILE, or RELEASE_KEY")
    into = paths.data_dir() / "releases"
    made = artifact.build(paths.ROOT, paths.root(), options.words[0], Path(key).expanduser(), into)
    print(f"release {options.words[0]}: {made}, sha256 {artifact.digest(made)[:12]}")
    known = sorted(_built(into), key=lambda each: each[0].committed_s, reverse=True)
    for old, folder in known[_keep() :]:
        if folder != made:
            try:
                shutil.rmtree(folder)
            except OSError as error:  # the new one is made, and the others can go
                print(f"[WARN] release {old.tag} cannot be removed: {error.strerror} ('{error.filename}')")
            else:
                print(f"removed: release {old.tag} (KEEP_RELEASES)")


def _verify(options: Namespace) -> None:
    folder = Path(options.words[0])
    if (folder / artifact.SUMS).exists():
        if not options.signers:
            raise UsageError("who may sign it? Give --signers FILE")
        release, who = artifact.verify(folder, Path(options.signers))
        print(f"release {release.tag}, commit {release.commit[:9]}: signed by {who}, every file as signed")
        return
    environment = environments.load(folder)
    current = environment.current
    if current is None:
        raise MissingInputError(f"nothing runs in '{environment.root}' yet: release install")
    release = environments.usable(environment, current.name)
    print(f"{environment.name} runs release {release.tag}, commit {release.commit[:9]}: every file as released")


def _init(options: Namespace) -> None:
    if not options.name or not options.port or not options.signers:
        raise UsageError("init needs --name NAME --port PORT --signers FILE")
    root = os_files.real(Path(options.words[0]).expanduser())  # its settings name it: no `..` of a clone that may go
    made = environments.make(root, options.name, options.port, Path(options.signers).expanduser())
    _entered(made)
    print(
        f"environment {made.name} in '{made.root}': its keys belong into '{made.root}/.env' and '{made.root}/secret', "
        f"its desk into '{made.root}/config'"
    )


def _entered(environment: Environment) -> None:
    """Into the list of this user's environments; without it only its neighbours are compared with it."""
    try:
        environments.enter(environment)
    except (OSError, RuntimeError) as error:
        print(f"[WARN] not entered in the list of environments: {error}")


def _install(options: Namespace) -> None:
    environment = environments.load(Path(options.words[0]))
    _into(environment, Path(options.words[1]), "install", options.packages)


def _promote(options: Namespace) -> None:
    source, environment = (environments.load(Path(word)) for word in options.words)
    environments.separate(source, environment)
    if source.current is None:
        raise MissingInputError(f"nothing runs in '{source.root}': release install it there first")
    tag = environments.usable(source, source.current.name).tag
    _into(environment, source.root / environments.ARTIFACTS / tag, f"promote from {source.name}", options.packages)


def _into(environment: Environment, folder: Path, done: str, packages: str) -> None:
    environments.alone_here(environment)
    _entered(environment)
    with installing.alone(environment):
        release, sha256 = installing.bring(environment, folder, _say, packages=packages)
        before = environment.current
        if before and before.name == release.tag:
            print(f"{environment.name} runs release {release.tag} already")
            return
        environments.switch(environment, release.tag)
        installing.note(environment, done, release, sha256, clock.utc_stamp(clock.now_s()))
        print(f"{environment.name} runs release {release.tag}; before: {before.name if before else 'nothing'}")
        for tag in environments.prune(environment, _keep()):
            print(f"removed: release {tag} (KEEP_RELEASES)")
    _told_after(environment, before)


def _rollback(options: Namespace) -> None:
    environment = environments.load(Path(options.words[0]))
    current, link = environment.current, environment.root / PREVIOUS
    tag = options.words[1] if len(options.words) > 1 else link.readlink().name if link.is_symlink() else ""
    if not tag or (current and current.name == tag):
        others = [each for each in environments.kept(environment) if current is None or each != current.name]
        raise MissingInputError(
            f"'{environment.root}' has no earlier one: rollback ROOT TAG ({', '.join(others) or 'no other is kept'})"
        )
    with installing.alone(environment):
        release = environments.usable(environment, tag)
        environments.switch(environment, tag)
        installing.note(
            environment,
            "rollback",
            release,
            artifact.digest(environment.root / environments.ARTIFACTS / tag),
            clock.utc_stamp(clock.now_s()),
        )
    print(f"{environment.name} runs release {tag} again; before: {current.name if current else 'nothing'}")
    _told_after(environment, current)


def _told_after(environment: Environment, before: Path | None) -> None:
    """Jobs that run go on with the version they began with; a job that never ends must be restarted.

    Repositories that the release pins and that are not at their commits are named, with the command.
    """
    for each in check_repos(environment.root):
        if each.state != "OK":
            sync = f"{shlex.quote(str(environment.root / CURRENT / 'nightdesk'))} repos sync"
            print(f"[WARN] {each.name}: {each.detail}: {sync}")
    left = environments.at_work(before) if before and before != environment.current else []
    if before and left:
        text = ", ".join(map(str, left))
        print(f"[WARN] these run release {before.name} until they end (loops: jobs/live.sh down, then up): {text}")


def _list(options: Namespace) -> None:
    if not options.words:
        for release, folder in _built(paths.data_dir() / "releases"):
            print(f"{release.tag}\t{release.commit[:9]}\t{folder}")
        return
    environment = environments.load(Path(options.words[0]))
    links = {
        os_files.real(environment.root / name).name: name
        for name in (PREVIOUS, CURRENT)
        if (environment.root / name).exists()
    }
    for tag in environments.kept(environment):
        print(f"{tag}\t{links.get(tag, '')}")


def _built(into: Path) -> list[tuple[released.Release, Path]]:
    """The releases that were built here, with their folders, by name; one that is damaged is named and left out."""
    found = []
    for path in os_files.matching(into, "[!.]*"):
        try:
            found.append((released.parse(os_files.held_bytes(path / artifact.ABOUT), path), path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, BadDataError) as error:
            print(f"[WARN] '{path}' is no release: {error}")
    return found


def _keep() -> int:
    given = os.environ.get("KEEP_RELEASES") or str(KEEP)
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise UsageError(f"KEEP_RELEASES={given!r} is not a whole number from 1 on")
    return int(given)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(run(main))
