"""Take this clone off the machine's schedule: its lines in the crontab, its user units, its Python environments.

Without --yes it only shows what would go. Never touched: data/, logs/, reports/, backtests/, secret/, your
configuration and the code; what remains is a folder that you may keep or delete. The old crontab is kept in
data/crontab_before_*. Exit 75 while a job is at work. Safe to run twice.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pyjobs.runs import units
from utils import clock, paths
from utils.cli import Parser
from utils.errors import CannotWriteError, LockBusyError
from utils.exit_codes import ExitCode
from utils.files import os_files
from utils.files.atomic import write_text
from utils.run import run

ENVIRONMENTS = (".venv", ".venvs", ".venv-peers")


def main(argv: Sequence[str] | None = None) -> int:
    """Say what belongs to this clone and, with --yes, remove it."""
    parser = Parser(verb="uninstall", doc=__doc__)
    parser.add_argument("--yes", action="store_true", help="do it; without it nothing is changed")
    yes = parser.parse_args(argv).yes
    crontab = _crontab()
    lines = [line for line in crontab.splitlines() if is_ours(line, paths.entrance())]
    installed = _units()
    environments = sorted(set(_environments()))
    if not (lines or installed or environments):
        print("nothing of this clone is installed on this machine")
        return ExitCode.OK
    verb = "removed" if yes else "would go"
    if yes:
        _nobody_at_work()
        _without(crontab, lines)
        _disable(installed)
    for line in lines:
        print(f"crontab line {verb}: {line}")
    for unit in installed:
        print(f"unit {verb}: {unit}")
    for path in environments:
        if yes:
            _remove(path)
        print(f"environment {verb}: {path}")
    kept, back = "data/, logs/, reports/, secret/, config/ and the code stay", "`make setup`"
    if paths.environment():
        back = "`release install` of the release"
    print(f"{kept}; {back} brings the packages back" if yes else f"{kept}; do it with: batch/uninstall.sh --yes")
    return ExitCode.OK


def is_ours(line: str, root: Path) -> bool:
    """Whether a crontab line starts something in `batch/` of the clone at `root`, by whatever path it names it."""
    if line.lstrip().startswith("#"):
        return False
    try:
        words = shlex.split(line.replace(r"\%", "%"))
    except ValueError:
        return False
    return _start_ours(words, root)


def _start_ours(words: Sequence[str], root: Path) -> bool:
    """`cd FOLDER && batch/x.sh`, `~/x` and `$HOME/x` count as well."""
    folder = Path.home()  # where cron begins
    for before, word in zip(("", *words), words, strict=False):
        named = Path(re.sub(r"^(~|\$HOME|\$\{HOME\})(?=/)", str(Path.home()), word.rstrip(";")))
        if before == "cd":
            folder /= named
        elif (
            named.suffix == ".sh" and named.parent.name in ("batch", "jobs") and _is(folder / named.parent.parent, root)
        ):
            return True
    return False


def _is(folder: Path, root: Path) -> bool:
    """The clone itself; any release of an environment is as much its own as the one that runs."""
    environment, found = paths.environment(), os_files.real(folder)
    return found == os_files.real(root) or bool(environment and found.parent == os_files.real(environment / "releases"))


def _crontab() -> str:
    """The user's crontab; empty where there is none, or no cron."""
    try:
        return subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _without(crontab: str, lines: Sequence[str]) -> None:
    """Put the crontab back without `lines`, after keeping it. Raises CannotWriteError, with the old one in place."""
    if not lines:
        return
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock.now_s()))
    paths.data_dir().mkdir(parents=True, exist_ok=True)
    write_text(paths.data_dir() / f"crontab_before_{stamp}", crontab)
    left = "".join(f"{line}\n" for line in crontab.splitlines() if line not in lines)
    done = subprocess.run(["crontab", "-"], input=left, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotWriteError(f"crontab takes no new table ({done.stderr.strip()}): nothing was removed; crontab -e")


def _units() -> list[Path]:
    """The user's unit files that start something of this clone, and the links that enable them or their instances."""
    folder = units.folder()
    ours = {path.stem for path in folder.glob("nightdesk-*.service") if _is_our_unit(path)}
    names = [f"{stem}{suffix}" for stem in sorted(ours) for suffix in (".service", ".timer")]
    links = [
        link for link in folder.glob("*.wants/nightdesk-*") if {link.stem, f"{link.stem.partition('@')[0]}@"} & ours
    ]
    return [*sorted(links), *(path for name in names if os.path.lexists(path := folder / name))]


def _is_our_unit(path: Path) -> bool:
    text = os_files.held_bytes(path).decode("utf-8", "replace")
    return any(_start_ours(words, paths.entrance()) for words in units.commands(text))


def _environments() -> list[Path]:
    """The Python packages of this clone, or of the environment that it is a release of."""
    environment = paths.environment()
    found = [environment / ".venvs", *(environment / "releases").glob("*/.venv")] if environment else []
    return [path for path in [*(paths.ROOT / name for name in ENVIRONMENTS), *found] if os.path.lexists(path)]


def _disable(installed: Sequence[Path]) -> None:
    """Stop the timers, then remove the files; where no manager answers, only the files."""
    systemctl = shutil.which("systemctl")

    def ask(*words: str) -> None:
        if systemctl:
            subprocess.run([systemctl, "--user", *words], capture_output=True, check=False)

    for unit in installed:  # a service that a timer starts is not enabled itself
        alone = unit.suffix == ".service" and unit.with_suffix(".timer") not in installed
        if (unit.suffix == ".timer" or alone) and "@." not in unit.name:
            ask("disable", "--now", unit.name)
    for unit in installed:
        unit.unlink(missing_ok=True)
    if installed:
        ask("daemon-reload")


def _nobody_at_work() -> None:
    """Raises LockBusyError while a job of this clone holds its lock, or the paper loops are kept."""
    from pyjobs.runs.verdict.holders import holders

    loops = paths.locks_dir() / "live-loop.lock"
    try:
        with os_files.locked(loops, 0.0) if loops.exists() else contextlib.nullcontext():
            pass
    except os_files.HeldElsewhere:
        raise LockBusyError("the paper loops are kept: jobs/live.sh down, then again") from None
    held = holders(paths.locks_dir(), clock.now_s())
    if held:
        named = ", ".join(f"{each.name} (pid {each.pid})" for each in held)
        raise LockBusyError(f"at work: {named}; wait until it has ended, then again")


def _remove(path: Path) -> None:
    """A folder, or the link to one; what an environment's own Python cannot remove is an error with its name."""
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        else:
            shutil.rmtree(path)
    except OSError as error:
        raise CannotWriteError(f"cannot remove '{path}': {error.strerror}; remove it by hand: rm -r") from error


if __name__ == "__main__":
    sys.exit(run(main))
