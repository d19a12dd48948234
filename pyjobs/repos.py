"""Several repositories that run together, each at a pinned commit: `check` them, `lock` what they are, `sync` them.

repos.lock has a line for each: name, folder, origin, commit. `lock NAME=FOLDER…` writes it (without names: the same
ones again) and pins only what its origin has. `sync` clones what is missing and checks out what differs, never over
edits; in an environment, whose pins come with its release, what would lie outside lies in its repos/NAME. Exit 78:
something is not as pinned, or has edits; 69: an origin cannot be had; 65: a pinned commit is gone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.machines import repositories
from pyjobs.runs.verdict import repos as pinned_repos
from utils import paths
from utils.cli import Parser, name_and_value
from utils.errors import ConfigError, MissingInputError, NightdeskError, UsageError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Check, lock or sync."""
    parser = Parser(verb="repos", doc=__doc__)
    parser.add_argument("what", choices=("check", "lock", "sync"))
    parser.add_argument("repository", nargs="*", metavar="NAME=FOLDER", help="of lock: what is pinned")
    options = parser.parse_args(argv)
    home, named = paths.root(), [_named(text) for text in options.repository]
    if named and options.what != "lock":
        raise UsageError("only lock takes NAME=FOLDER")
    known = pinned_repos.read(home)
    if options.what == "lock":
        for each in repositories.pin(home, named or [(one.name, one.folder) for one in known]):
            print(f"{each.name}: pinned at {each.commit[:9]}")
        return 0
    if not known:
        raise MissingInputError(f"no repository is pinned in '{home / pinned_repos.LOCK}': repos lock NAME=FOLDER")
    return _check(home, known) if options.what == "check" else _sync(home, known)


def _named(text: str) -> tuple[str, str]:
    if "\t" in text:
        raise UsageError(f"{text!r} is not NAME=FOLDER")
    return name_and_value(text, "", "NAME=FOLDER")


def _check(home: Path, known: Sequence[pinned_repos.Pinned]) -> int:
    problems = {each.name: pinned_repos.problem_of(home, each) for each in known}
    for name, problem in problems.items():
        print(f"{name}: {problem or 'as pinned'}")
    wrong = [f"{name}: {problem}" for name, problem in problems.items() if problem]
    if wrong:
        raise ConfigError(f"{len(wrong)} of {len(known)} are not as pinned: {wrong[0]}: repos sync, or repos lock")
    return 0


def _sync(home: Path, known: Sequence[pinned_repos.Pinned]) -> int:
    """One that cannot be brought there does not keep the others."""
    failed: list[NightdeskError] = []
    for each in known:
        try:
            print(f"{each.name}: {repositories.sync(home, each)}", flush=True)
        except NightdeskError as error:
            print(f"{each.name}: {error}", flush=True)
            failed.append(error)
    if failed:
        raise failed[0]
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
