"""Find what a run has left whose two supervisors were killed at once, and end it before a new run starts.

There are three witnesses, since a harmless process may lose any of them: the run's mark in the environment, an open
file (the holder file, which every process of the job inherits), and the pids, with their start times, that the worker
notes in that file while it waits. Whatever descends from one that is found belongs to it.
"""

import _signal as signal  # as in supervise.py
import os
import time

from process_tree import describe, descendants, signal_quietly, stuck_line, table
from utils.files.in_time import is_silence, within

FIRST_LOOK_S, NEXT_LOOKS, RARELY_S = 0.05, 3.0, 10.0
PATIENCE_S = 10.0
NOTED_S = 3.0
EMPTY_LOOKS = 5  # so many in a row: one look alone misses a process that forks and exits all the time


class Witness:
    """Notes the processes of a run in its holder file (`fd`, open for appending), ever more rarely."""

    def __init__(self, fd):
        self.fd, self.noted, self.pause_s = fd, set(), FIRST_LOOK_S
        self.due = time.monotonic() + self.pause_s

    def look(self):
        """Note who is new, when it is time to. Returns when it will be time again."""
        if time.monotonic() >= self.due:
            self.pause_s = min(self.pause_s * NEXT_LOOKS, RARELY_S)
            processes = table()
            now = {(pid, processes[pid][2]) for pid in descendants({os.getpid()}, processes)}
            new, self.noted = now - self.noted, now
            if new:
                self.note("".join(f"{boot()} {pid} {start}\n" for pid, start in sorted(new)))
            self.due = time.monotonic() + self.pause_s
        return self.due

    def note(self, lines):
        """Add lines to the file; on a full disk two witnesses are left, on one that is away it is not tried again."""
        try:
            within(NOTED_S, lambda: os.write(self.fd, lines.encode("utf-8", "surrogateescape")), "the holder file")
        except OSError as error:
            self.fd = -1 if is_silence(error) else self.fd


def boot():
    """The id of this boot: pids and start times are only comparable within one."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "-"


def noted(holder):
    """The (pid, start time) pairs that a run of this start of the machine has noted."""
    found, here = set(), boot()
    try:
        with open(holder, encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.split()
                if len(words) == 3 and words[0] == here and words[1].isdecimal() and words[2].isdecimal():
                    found.add((int(words[1]), int(words[2])))
    except OSError:
        pass
    return found


def survivors(mark, holder):
    """The living processes of the last run, by any witness, and all that descends from them; never ourselves."""
    processes, pairs = table(), noted(holder)
    try:
        status = os.stat(holder)
    except OSError:
        status = None
    ours, above = set(), os.getpid()
    while above in processes:
        ours.add(above)
        above = processes[above][0]
    found = {
        pid
        for pid, (_, living, start) in processes.items()
        if pid not in ours
        and living
        and ((pid, start) in pairs or has_mark(pid, mark) or (status and has_open(pid, status)))
    }
    return sorted((found | descendants(found, processes)) - ours)


def has_mark(pid, mark):
    """Whether `mark` is in the environment that a process was started with."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            return mark in environ.read()
    except OSError:
        return False


def has_open(pid, status):
    """Whether a process has the file of that status open for writing, as inherited; a reader is not one of ours."""
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    for number in numbers:
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{number}"), status):
                with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as info:
                    flags = next(line.split()[1] for line in info if line.startswith("flags:"))
                if int(flags, 8) & os.O_WRONLY:
                    return True
        except OSError:
            continue
    return False


def main(argv):
    """End what is left of the run of `argv`: its mark and its holder file. 75 when something cannot be ended."""
    mark, holder = os.fsencode(argv[0]), argv[1]
    began, empty, found = time.monotonic(), 0, 0
    while empty < EMPTY_LOOKS:
        left = survivors(mark, holder)
        if not left:
            empty += 1
            if not found:
                break
            time.sleep(0.01)
            continue
        empty, passed_s = 0, time.monotonic() - began
        number = signal.SIGTERM if passed_s < 1.5 else signal.SIGKILL
        if number != found:
            name = "TERM" if number == signal.SIGTERM else "KILL"
            os.write(
                2, f"run_with_lock.sh: {name}: the last run was killed and left processes: {describe(left)}\n".encode()
            )
        found = number
        for pid in left:
            signal_quietly(pid, number)
        if passed_s > PATIENCE_S:
            Witness(os.open(holder, os.O_WRONLY | os.O_APPEND)).note(stuck_line(left))
            return 75
        time.sleep(0.25 if number == signal.SIGTERM else 0.0)
    return 0
