"""Who holds a lock. A pid in a file is no holder: the process must be there, be as old, and have the lock file open."""

from __future__ import annotations

import datetime as dt
import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pyjobs.runs.verdict.findings import Check, State
from utils.files import os_files
from utils.foreign_text import quoted

CURE = (
    "it waits for a disk or a server that does not answer (mount, dmesg): mend that, or restart the machine; "
    "the job starts again as soon as it has ended"
)
LONG_HELD_S = 6 * 3600
CLOCK_SLACK_S = 3.0
REHEARSED_S = 60.0  # a clock so near to the real one is the real one, read a moment ago


class Holder(NamedTuple):
    """Who holds a lock, or held it when it was killed: noted by the holder right after locking, by the jobs' clock.

    `stuck`: what nothing can end though the run is over, as pids with their commands; `stuck_s`: since when.
    """

    name: str
    pid: int
    since_s: int
    command: str
    stuck: str = ""
    stuck_s: int = 0

    @property
    def why_kept(self) -> str:
        """Why the lock is not free though the run is over, and what to do; empty while it runs."""
        if not self.stuck:
            return ""
        since = dt.datetime.fromtimestamp(self.stuck_s, dt.UTC)
        return f"over, but since {since:%Y-%m-%d %H:%M} UTC no signal ends {self.stuck}: {CURE}"


def holders(folder: Path, now_s: float) -> list[Holder]:
    """The locks that are held now, by name, or kept by what cannot be ended; what is dead is not among them."""
    held = [each for each in _written(folder) if each.stuck or is_held(folder / f"{each.name}.lock", each)]
    return [each._replace(since_s=_by_clock_of(now_s, each)) for each in held]


def left_behind(folder: Path) -> list[Holder]:
    """The run that was killed with its watchers while it held a lock: its line is there, and the lock is free."""
    return [x for x in _written(folder) if not x.stuck and not is_held(folder / f"{x.name}.lock", x)]


def is_held(lock: Path, holder: Holder) -> bool:
    """Whether that very process lives and has the lock file open; another's that may not be looked at: by its age."""
    process = Path(f"/proc/{holder.pid}")
    try:
        wanted = lock.stat()
        for link in (process / "fd").iterdir():
            try:
                found = link.stat()
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
        return False
    except PermissionError:
        began_s = _began_s(process)
        return began_s is not None and began_s <= holder.since_s + CLOCK_SLACK_S
    except OSError:
        return False


def _by_clock_of(now_s: float, holder: Holder) -> int:
    """Since when, on the clock of `now_s`: where that one is rehearsed and the stamp is not, as long ago."""
    began_s, real_s = _began_s(Path(f"/proc/{holder.pid}")), time.time()
    if abs(now_s - real_s) < REHEARSED_S:
        return holder.since_s
    stamp_is_real = began_s is not None and began_s - CLOCK_SLACK_S <= holder.since_s <= real_s + CLOCK_SLACK_S
    return holder.since_s + round(now_s - real_s) if stamp_is_real else holder.since_s


def lockers() -> dict[int, list[tuple[str, int]]]:
    """The holders of its lock, by inode: device (`fe:00`) and pid, from the kernel; empty where it has no list (no
    Linux).
    """
    found: dict[int, list[tuple[str, int]]] = {}
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    for words in (line.split() for line in lines if "FLOCK" in line and "->" not in line):
        device, _, inode = words[5].rpartition(":")
        found.setdefault(int(inode), []).append((device, int(words[4])))
    return found


def stranger(path: Path, held: dict[int, list[tuple[str, int]]]) -> str:
    """The process of another user, not root, that has the file locked; empty when there is none.

    A file of one number on another disk is another. Devices without a driver (btrfs, overlay) have two names: no proof.
    """
    try:
        state = path.stat()
    except OSError:
        return ""
    device = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}"
    for where, pid in held.get(state.st_ino, []):
        with suppress(OSError):  # it has ended; another may hold it too
            owner = os.stat(f"/proc/{pid}").st_uid if pid > 0 else 0  # noqa: PTH116
            if owner not in (os.getuid(), 0) and (where == device or not os.major(state.st_dev)):
                return f"pid {pid} of user {owner}"
    return ""


def check_locks(held: Sequence[Holder], now_s: float) -> list[Check]:
    """Who runs now; more than six hours is worth a look."""
    checks = []
    for holder in held:
        age_s = int(now_s - holder.since_s)
        text = f"held by pid {holder.pid} for {age_s // 60} min: {holder.command}"
        text = f"kept by a run that is {holder.why_kept}" if holder.stuck else text
        state: State = "FAIL" if holder.stuck else "WARN" if age_s > LONG_HELD_S else "OK"
        checks.append(Check(f"lock {holder.name}", state, text, "lock"))
    return checks or [Check("locks", "OK", "none held", "lock")]


def _written(folder: Path) -> list[Holder]:
    found = []  # of each file its first line, and what it says of those that cannot be ended; the rest is the chain's
    for path in os_files.matching(folder, "*.holder"):
        try:
            line, _, rest = os_files.held_bytes(path).decode(errors="replace").partition("\n")
        except OSError:
            continue
        pid, since, command = [*line.split("\t", 2), "", ""][:3]
        if _is_number(pid, 10) and _is_number(since, 13):
            found.append(
                Holder(path.name.removesuffix(".holder"), int(pid), int(since), quoted(command), *_stuck(rest))
            )
    return found


def _stuck(lines: str) -> tuple[str, int]:
    """Who lives though nothing can end it, as the chain last noted, and since when it first did; else ("", 0)."""
    noted = [line.split("\t", 2) for line in lines.splitlines() if line.startswith("stuck\t")]
    whole = [words for words in noted if len(words) == 3 and _is_number(words[1], 12)]
    pids = re.findall(r"(?:^|, )(\d+) \(", whole[-1][2], re.ASCII) if whole else []
    return (quoted(whole[-1][2]), int(whole[0][1])) if any(map(_lives, pids)) else ("", 0)


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] not in (b"Z", b"X", b"")
    except OSError:
        return False


def _is_number(text: str, longest: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < longest


def _began_s(process: Path) -> float | None:
    """When a process began, UTC seconds, from its ticks since boot; None when it is gone."""
    try:
        ticks = int((process / "stat").read_text().rpartition(") ")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
