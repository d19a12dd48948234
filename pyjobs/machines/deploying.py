"""The code of this clone onto another machine: what differs is sent, put in place while no job runs, and verified.

Only files that git tracks travel, as they are committed; nothing is deleted over there, and nothing that is the
target's own (`.env`, `data/`, `secret/`, its desk) is among them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pyjobs.machines.remote import Host, error_text
from utils.errors import BadDataError, CannotWriteError, ConfigError, LockBusyError, MissingInputError
from utils.files.os_files import file_sha256

TIMEOUT_S = 600.0
INCOMING, MARK, SWITCH = ".incoming-deploy", ".deployed", "jobs/update/switch.py"
OWN = ("config/desk.yaml", "config/desks/", "config/instances/", "strategies/", "config/env.local.sh")
RUNTIME = (
    ".git", ".locks", ".venv", ".venvs", ".venv-peers", "venv", "data", "logs", "reports", "backtests", "secret",
    "strategies", f"{INCOMING}*",
)  # fmt: skip  # at the top only: packages of ours have such names, too
CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")
SUMS = """
cd -- {folder} 2>/dev/null || {{ [ {make} = 1 ] && exit 0; exit 66; }}
if [ -e .git ] && command -v git >/dev/null 2>&1; then
  echo "clone $(git -c safe.directory=* -c core.fileMode=false status --porcelain -uno 2>/dev/null | head -n 1)"
fi
[ ! -f {mark} ] || echo "mark $(head -n 1 {mark})"
here=$(pwd -P)
systemctl --user list-units 'nightdesk-*' --type=service --state=running --plain --no-legend 2>/dev/null |
  while read -r unit rest; do
    case $(systemctl --user show -p ExecStart "$unit" 2>/dev/null) in *"$here/"* | *"$PWD/"*) echo "unit $unit" ;; esac
  done
sum=sha256sum; command -v sha256sum >/dev/null 2>&1 || sum='shasum -a 256'
find . \\( {pruned} \\) -prune -o -type f -exec $sum {{}} + | sed 's/^/sum /'
exit 0
"""
PYTHON = """
cd -- {folder} || exit 66
for python in .venv/bin/python python3 ''; do
  [ -z "$python" ] || ! "$python" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null || break
done
"""
BEGIN = """
mkdir -p -- {folder}/.locks || exit 73
{python}
find . -maxdepth 1 -name '{others}-*' -mtime +1 -exec rm -rf {{}} + # of deploys that were killed
[ -z "$python" ] || [ ! -f .locks/update.plan ] || "$python" -I -S .locks/update.py "$PWD" || exit 75
mkdir -- {incoming} || exit 73
"""
PLACE = """
{python}
sync
if [ -n "$python" ]; then
  cat >.locks/update.py.$$ <<'END-OF-SWITCH' && mv -f .locks/update.py.$$ .locks/update.py || exit 73
{switch}
END-OF-SWITCH
  cat >.locks/{incoming}.plan <<'END-OF-PLAN' || exit 73
{plan}
END-OF-PLAN
  printf '%s\\n' {version} >{incoming}/{mark} || exit 73
  "$python" -I -S .locks/update.py "$PWD" .locks/{incoming}.plan {wait} || exit $?
  rm -rf -- {others}* .locks/{others}*
  find . -name __pycache__ -prune -exec rm -rf {{}} + 2>/dev/null
  exit 0
fi
cd -- {incoming} || exit 66
exec 9>>../.locks/code.lock || exit 73
if command -v flock >/dev/null 2>&1; then flock -x -w {wait} 9 || exit 75; fi
find . -type d -exec mkdir -p -- ../{{}} \\; || exit 73
find . -type f -exec mv -f -- {{}} ../{{}} \\; || exit 73
cd .. && rm -rf -- {others}* && printf '%s\\n' {version} >{mark}.new && mv -f {mark}.new {mark} || exit 73
find . -name __pycache__ -prune -exec rm -rf {{}} + 2>/dev/null
exit 0
"""


class Target(NamedTuple):
    """The other machine, and the folder there."""

    host: Host
    folder: str


class There(NamedTuple):
    """The state of the target: `sums` by path, the first line of local edits (None: it is no clone), services that
    run.
    """

    sums: dict[str, str]
    edited: str | None
    mark: str
    units: list[str]


class Tree(NamedTuple):
    """The tree to deploy: a commit, and the sha256 of each file it tracks; `sha256` is over them all."""

    commit: str
    sums: dict[str, str]

    @property
    def sha256(self) -> str:
        """One hash of the tree."""
        return tree_sha256(self.sums)


def tree_sha256(sums: Mapping[str, str]) -> str:
    """One sha256 over (path, sha256) pairs, whatever order they come in."""
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def checked_out(clone: Path, folder: Path) -> Tree:
    """Write the files of the last commit to `folder`, and return them.

    Raises ConfigError where this is no clone, or tracked files are edited: what is deployed must have a name.
    """
    edits = _git(clone, "status", "--porcelain", "--untracked-files=no").splitlines()
    if edits:
        raise ConfigError(
            f"{len(edits)} tracked files are edited here, the first is '{edits[0][3:]}': commit them first"
        )
    commit = _git(clone, "rev-parse", "HEAD").strip()
    env = {"GIT_INDEX_FILE": str(folder.parent / "deploy.index"), "GIT_WORK_TREE": str(folder)}
    folder.mkdir(parents=True, exist_ok=True)
    _git(clone, "read-tree", commit, env=env)
    _git(clone, "checkout-index", "-q", "-f", "-a", env=env)
    (folder.parent / "deploy.index").unlink(missing_ok=True)
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    travel = sorted(name for name in names if name.split("/")[0] not in RUNTIME)
    return Tree(commit, {name: file_sha256(folder / name) for name in travel})


def look(target: Target, *, make: bool = False) -> There:
    """The state over there. `make`: a folder that is not there yet is an empty one. Raises MissingInputError."""
    pruned = " -o ".join([*(f"-path ./{name}" for name in RUNTIME), *(f"-name {name}" for name in CACHES)])
    script = SUMS.format(folder=shlex.quote(target.folder), pruned=pruned, mark=MARK, make=int(make))
    done = target.host.run(script, timeout_s=TIMEOUT_S)
    if done.returncode:
        raise MissingInputError(
            f"'{target.host.remote}' has no folder '{target.folder}' ({error_text(done)}): "
            "TARGET=user@host:/path/to/nightdesk, or --new for a first deploy"
        )
    sums, units, edited, mark = dict[str, str](), list[str](), None, ""
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "sum":
            digest, _, path = rest.partition("  ")
            sums[path.removeprefix("./")] = digest.removeprefix("\\")
        elif kind == "clone":
            edited = rest
        elif kind == "mark":
            mark = rest
        elif kind == "unit":
            units.append(rest)
    return There(sums, edited, mark, units)


def changes(tree: Tree, there: There) -> list[str]:
    """`+ path` for what is new over there, `~ path` for what differs; sorted by path."""
    return [
        f"{'~' if name in there.sums else '+'} {name}"
        for name, digest in sorted(tree.sums.items())
        if there.sums.get(name) != digest
    ]


def stale(tree: Tree, there: There) -> list[tuple[str, bool]]:
    """Files over there in folders of the code that this version has not, and whether each shadows or is shadowed.

    Python may import an old `x.py` in the place of a new package `x/` (or the other way round).
    """
    code = {name.split("/")[0] for name in tree.sums if "/" in name}
    extra = [name for name in sorted(there.sums) if name not in tree.sums and name.split("/")[0] in code]
    modules = {_module(name) for name in tree.sums if name.endswith(".py")}
    packages = {str(Path(name).parent) for name in tree.sums if name.endswith(".py")}
    found = []
    for name in extra:
        if (
            name.startswith(OWN)
            or ".local" in name
            or not name.endswith((".py", ".so", ".sh", ".pth", ".toml", ".yaml"))
        ):
            continue
        parents = {parent.as_posix() for parent in Path(name).parents}
        shadows = name.endswith((".py", ".so")) and (_module(name) in packages or bool(parents & modules))
        found.append((name, shadows))
    return found


def send(target: Target, staged: Path, tree: Tree, changed: Sequence[str], *, clone: Path, wait_s: int) -> None:
    """Carry the changed files over, put them in place while no job holds the code, and verify the whole tree.

    They are put in place as an update does it, by a plan: where that is killed, the next job over there ends it. (A
    machine without Python has no jobs: there they are moved one by one.)

    Raises LockBusyError, CannotWriteError, BadDataError (what is there then is not what was sent).
    """
    wanted = {line[2:] for line in changed}
    for path in [path for path in staged.rglob("*") if path.is_file() or path.is_symlink()]:
        if path.relative_to(staged).as_posix() not in wanted:
            path.unlink()
    for path in sorted((path for path in staged.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
    folder = shlex.quote(target.folder)
    python = PYTHON.format(folder=folder)
    incoming = f"{INCOMING}-{secrets.token_hex(4)}"  # one that was killed here may still wait for jobs over there
    begin = BEGIN.format(folder=folder, incoming=incoming, others=INCOMING, python=python)
    made = target.host.run(begin, timeout_s=TIMEOUT_S)  # what a deploy that was killed has begun is ended
    if made.returncode == 75:
        raise LockBusyError(f"jobs of '{target.host.remote}' are at work: nothing is in place, try later")
    if made.returncode:
        raise CannotWriteError(f"cannot write '{target.host.remote}:{target.folder}': {error_text(made)}")
    done = target.host.rsync(["-rlp", f"{staged}/", f"{target.host.remote}:{incoming}/"], target.folder)
    if done.returncode:
        failed = target.host.failed(done, target.folder, ", nothing is in place")
        if isinstance(failed, CannotWriteError):  # what has arrived would fill its disk for good
            target.host.run(f"cd -- {folder} && rm -rf -- {incoming}\n", timeout_s=TIMEOUT_S)
        raise failed
    found = shlex.quote(f"{tree.commit} {tree.sha256}")
    plan = json.dumps({"put": [*sorted(wanted), MARK], "delete": [], "stage": incoming}, indent=1)
    switch = (clone / SWITCH).read_text(encoding="utf-8").rstrip("\n")
    words = {"incoming": incoming, "others": INCOMING, "wait": wait_s, "version": found, "mark": MARK}
    script = PLACE.format(**words, switch=switch, plan=plan, python=python)
    placed = target.host.run(script, timeout_s=TIMEOUT_S + wait_s)
    if placed.returncode == 75:
        raise LockBusyError(
            f"jobs of '{target.host.remote}' were at work for {wait_s} s: nothing is in place, try later"
        )
    if placed.returncode:
        raise CannotWriteError(
            f"not all files are in place at '{target.host.remote}': {error_text(placed)}: deploy again"
        )
    there = look(target)
    left = changes(tree, there)
    if left:
        raise BadDataError(f"'{target.host.remote}' is not what was sent: {len(left)} files, the first {left[0]}")


def restart(target: Target, units: Sequence[str]) -> None:
    """Restart user services over there. Raises CannotWriteError with the message of systemctl."""
    done = target.host.run(f"systemctl --user restart {' '.join(map(shlex.quote, units))}\n", timeout_s=TIMEOUT_S)
    if done.returncode:
        raise CannotWriteError(f"services of '{target.host.remote}' did not restart: {error_text(done)}")


def _module(name: str) -> str:
    """`a/b.py` and `a/b.cpython-311-x.so` as `a/b`."""
    return re.sub(r"(\.[^/]*)?\.(py|so)$", "", name)


def _git(clone: Path, *words: str, env: Mapping[str, str] | None = None) -> str:
    names = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # a hook of another repository may have called us
    here = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        ["git", "-c", "core.fileMode=false", "-c", "core.fsmonitor=false", "-C", str(clone), *words],
        env={**here, **(env or {})},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ConfigError(f"what is deployed is a commit of a clone: git {words[0]}: {done.stderr.strip()}")
    return done.stdout
