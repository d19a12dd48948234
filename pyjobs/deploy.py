"""Push the code of this clone to another machine: dry run first, a question, then sent, put in place, verified.

TARGET (user@host:/path/to/nightdesk) is the machine; SSH_PORT and SSH_COMMAND are the way. The last commit's files
travel, where they differ; nothing is deleted there, and `.env`, `data/`, `secret/` and the desk stay. They are put in
place while no job runs. Exit 78: edits here, or a target with edits of its own; 69: it cannot be had; 75: its jobs are
at work.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pyjobs.machines import deploying
from pyjobs.machines.deploying import Target, There, Tree
from pyjobs.machines.remote import host_of, no_questions
from utils import paths
from utils.cli import Parser
from utils.errors import ConfigError, UsageError
from utils.run import run

WAIT_S = 300
PINS = "requirements-nas.txt"


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, show, ask, send, verify."""
    parser = Parser(verb="deploy", doc=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="only print what would change")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--new", action="store_true", help="the folder there may be missing: a first deploy")
    parser.add_argument(
        "--restart", action="store_true", help="then restart its nightdesk services, which run old code"
    )
    options = parser.parse_args(argv)
    no_questions()
    target = _target(os.environ.get("TARGET", ""))
    with tempfile.TemporaryDirectory(prefix="nightdesk-deploy-") as folder:
        staged = Path(folder) / "tree"
        tree = deploying.checked_out(paths.ROOT, staged)
        there = deploying.look(target, make=options.new)
        if there.edited:
            raise ConfigError(
                f"'{target.host.remote}:{target.folder}' is a clone with edits of its own, the first is "
                f"'{there.edited[3:]}': nothing deployed; take them back there (git stash), or commit them here"
            )
        changed = _shown(target, tree, there)
        if options.dry_run or not changed:
            return 0
        if not options.yes and not _asked(f"deploy {len(changed)} files to {target.host.remote}:{target.folder}?"):
            print("nothing deployed")
            return 0
        deploying.send(target, staged, tree, changed, clone=paths.ROOT, wait_s=WAIT_S)
    print(f"deployed {tree.commit[:9]} to {target.host.remote}: every tracked file verified, tree {tree.sha256[:12]}")
    _afterwards(target, there, changed, restart=options.restart)
    return 0


def _target(text: str) -> Target:
    named = re.fullmatch(r"([^:\[/]+@[^:\[/]+):(?:~/)?([^\r\n]+)", text)
    if named is None:
        raise UsageError("where to? TARGET=user@host:/path/to/nightdesk batch/deploy.sh")
    return Target(host_of(named[1], os.environ), named[2].rstrip("/") or "/")


def _shown(target: Target, tree: Tree, there: There) -> list[str]:
    """Print what would change, and what is over there and should not be."""
    changed = deploying.changes(tree, there)
    for line in changed:
        print(line)
    for name, shadows in deploying.stale(tree, there):
        print(
            f"[WARN] stale: {name}"
            + (": Python may import it in the place of the new code; remove it" if shadows else "")
        )
    new = sum(line.startswith("+") for line in changed)
    same, before = len(tree.sums) - len(changed), there.mark[:9] or "an unknown commit"
    counts = f"{new} new, {len(changed) - new} changed, {same} as they are"
    print(f"{target.host.remote}:{target.folder}: {counts}; from {before} to {tree.commit[:9]}")
    if there.edited is not None:
        print(
            "[WARN] the target is a git clone: update_from_git.sh there takes this for edits; go one way or the other"
        )
    return changed


def _asked(question: str) -> bool:
    """Raises UsageError where there is no terminal to ask at."""
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to confirm at: give --yes, or --dry-run")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _afterwards(target: Target, there: There, changed: Sequence[str], *, restart: bool) -> None:
    """What still runs old code or old packages, restarted with --restart."""
    if any(line.endswith(f" {PINS}") for line in changed):
        print(f"{PINS} has changed: over there, make setup")
    if there.units and restart:
        deploying.restart(target, there.units)
        print(f"restarted: {', '.join(there.units)}")
    elif there.units:
        print(f"[WARN] these run old code until they are restarted (--restart): {', '.join(there.units)}")


if __name__ == "__main__":
    sys.exit(run(main))
