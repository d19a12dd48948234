"""Keep paper loops stepping: those of live.yaml, or the one that the environment names (DATA_TAG, SYMBOL, TIMEFRAME …).

A light process that sleeps while nothing is due and gives each step a process and a time limit of its own. --status
shows its state: exit 3 when loops are configured and none runs, or one has not stepped well for three bars.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pyjobs.live import scheduler
from pyjobs.runs.verdict import repos as pinned_repos
from utils import clock, paths
from utils.cli import Parser
from utils.errors import LockBusyError, UsageError
from utils.exit_codes import ExitCode
from utils.files import os_files, private
from utils.run import run

OWN = "environment"  # the name of the loop that is in no file
LOCK = "live-loop.lock"
LOOKED_AT_S = 1.0  # --status holds it for a moment, to see whether it is held


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal stops it, or show its state."""
    parser = Parser(verb="live_loop", doc=__doc__)
    parser.add_argument("--status", action="store_true", help="print the state of each loop, and end")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="S", help="with --status: give it S seconds to begin"
    )
    args = parser.parse_args(argv)
    if args.status:
        until = time.monotonic() + args.wait
        while not (_is_held() and _has_spoken(_known())) and time.monotonic() < until:
            time.sleep(0.2)  # its file from before a reboot is not this one's
        return _status(begins=args.wait > 0)
    if os.environ.get("DRY_RUN", "1") not in ("", "1", "true", "yes"):
        return subprocess.call(_step("--all"))  # which reports why not
    timeframe = os.environ.get("TIMEFRAME") or "5m"
    if os.environ.get("DATA_TAG") and timeframe not in scheduler.STEP_S:
        raise UsageError(f"TIMEFRAME={timeframe} is not one of {', '.join(scheduler.STEP_S)}")
    lock = paths.locks_dir() / LOCK
    private.make_folder(lock.parent)
    try:
        with os_files.locked(lock, LOOKED_AT_S):
            say = scheduler.stamped_log("live_loop")
            # next to the loops: a repository that does not answer delays none
            threading.Thread(target=_name_what_is_not_as_pinned, args=(say,), daemon=True).start()
            scheduler.Scheduler(command=_command, listed=Listed(), say=say).run()
    except os_files.HeldElsewhere:
        raise LockBusyError(f"the loops are kept by another process already ({lock})") from None
    return ExitCode.OK


def _name_what_is_not_as_pinned(say: Callable[[str], None]) -> None:
    for wrong in pinned_repos.warnings(paths.root()):
        say(f"[WARN] {wrong}")


def _step(*flags: str) -> list[str]:
    return [sys.executable, "-u", "-m", "pyjobs.live_step", *flags]


def _command(name: str) -> list[str]:
    return _step() if name == OWN else _step("--instance", name)


class Listed:
    """`_listed`, asked again only when a file of loops has changed: each answer costs a process."""

    def __init__(self) -> None:
        self._seen: object = None
        self._told: tuple[list[tuple[str, str]], str] = ([], "")

    def __call__(self) -> tuple[list[tuple[str, str]], str]:
        """Names and timeframes, or what is wrong."""
        now = [_stat(folder / "live.yaml") for folder in (paths.secret_dir(), paths.config_dir())]
        if now != self._seen or self._told[1]:
            self._told, self._seen = _listed(), now
        return self._told


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _listed() -> tuple[list[tuple[str, str]], str]:
    """The loops; and the error where they cannot be read."""
    if os.environ.get("DATA_TAG"):
        return [(OWN, os.environ.get("TIMEFRAME") or "5m")], ""
    try:
        done = subprocess.run(_step("--list"), capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], str(error)
    if done.returncode:
        return [], done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"
    pairs = [line.rpartition("\t") for line in done.stdout.splitlines()]
    return [(name, timeframe) for name, _, timeframe in pairs], ""


class Loop(msgspec.Struct, frozen=True):
    """The last word of one loop. `ok_s`: when it last stepped well, UTC seconds; None: it has not yet."""

    timeframe: str = ""
    ok_s: float | None = None
    said: str = ""


class Word(msgspec.Struct, frozen=True):
    """The content of data/live/loop.json; none for a damaged file."""

    loops: dict[str, Loop] = {}
    at_s: float = 0.0
    pid: int = 0


def _known() -> Word:
    """The last word of the process that keeps the loops, this one's or that of before a reboot."""
    try:
        content = os_files.held_bytes(paths.data_dir() / "live" / scheduler.STATE)
        return msgspec.json.decode(content, type=Word)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return Word()


def _has_spoken(known: Word) -> bool:
    """Whether its word is of now."""
    return bool(clock.now_s() - known.at_s <= 3 * scheduler.TELL_EVERY_S)


def _status(*, begins: bool = False) -> int:
    """One line for each loop; the worst of them is the exit code. `begins`: that none has stepped yet is no fault."""
    now, alive, known = clock.now_s(), _is_held(), _known()
    listed, wrong = _listed()
    bad = bool(wrong)
    if wrong:
        print(f"live.yaml: {wrong}")
    word = f"last word {max(0, now - known.at_s):.0f} s ago" if known.at_s else "no word yet"
    text = f"alive, pid {known.pid}, {word}" if alive else "not running"
    print(f"live loop: {text}; {len(known.loops if alive else listed)} loops")
    if not alive:
        return ExitCode.UNWELL if listed or bad else ExitCode.OK
    bad = bad or not _has_spoken(known)
    for name, last in known.loops.items():
        ok_s = last.ok_s
        patience_s = 3 * scheduler.every_s(last.timeframe) + scheduler.LONGEST_STEP_S
        late = not begins if ok_s is None else now - ok_s > patience_s
        bad = bad or late
        since = "has not stepped well yet" if ok_s is None else f"stepped well {now - ok_s:.0f} s ago"
        print(f"{name}: {'LATE: ' if late else ''}{since}; {last.said}")
    return ExitCode.UNWELL if bad else ExitCode.OK


def _is_held() -> bool:
    """Whether a process keeps the loops: by its lock, which ends with it."""
    lock = paths.locks_dir() / LOCK
    if not lock.exists():
        return False
    try:
        with os_files.locked(lock, 0.0):
            return False
    except os_files.HeldElsewhere:
        return True


if __name__ == "__main__":
    sys.exit(run(main))
