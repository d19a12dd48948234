"""The processes below this one, all of them: starting, listening to, reaping and ending them. Linux, by /proc."""

import _signal as signal  # signal without its enums: 4.8 ms less a run (docs/DESIGN.md, The chain)
import fcntl
import os
import select
import time

from job_log import CHUNK_BYTES, now_s, warn
from utils.foreign_text import quoted

STOP_SIGNALS = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "SIGINT", signal.SIGHUP: "SIGHUP"}
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
F_SETPIPE_SZ = 1031
NAMED_COLUMNS = 1000
CURE = "each waits for a disk or a server that does not answer (mount, dmesg): mend that, or restart the machine"
INSIST_S = 10.0  # after so long of killing, what is left is named


def prctl(option, value):
    """Set a process attribute of Linux. Where there is no such call, orphans of the job are beyond our reach.

    Through the core of ctypes alone: 2.0 ms less a run (docs/DESIGN.md, The chain).
    """
    try:
        import _ctypes

        _ctypes.call_function(_ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl"), (option, int(value), 0, 0, 0))
    except (ImportError, AttributeError, OSError) as error:
        warn(f"no prctl on this machine ({error}): processes that leave the job's tree cannot be ended")


class Tree:
    """The processes below this one: starting, reaping and ending them."""

    def __init__(self, sink, grace_s, witness=None):
        self.sink, self.grace_s, self.witness = sink, grace_s, witness
        self.stop_signal = 0
        self.sources = {}
        self.wake_r, wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _on_stop(self, number, _frame):
        self.stop_signal = self.stop_signal or number

    def start(self, command, env, keep_fds, piped, deaf):
        """Fork and exec `command`; stdout and stderr come back to us if in `piped`; `deaf`: its stdin is empty."""
        pipes = {}
        for name, source in piped.items():
            pipes[name] = (*os.pipe2(os.O_CLOEXEC), source)
            fcntl.fcntl(pipes[name][0], F_SETPIPE_SZ, CHUNK_BYTES * 4)
        pid = os.fork()
        if pid == 0:
            self._exec(command, env, keep_fds, pipes, deaf)
        for read_end, write_end, source in pipes.values():
            os.close(write_end)
            os.set_blocking(read_end, False)
            self.sources[read_end] = source
        return pid

    @staticmethod
    def _exec(command, env, keep_fds, pipes, deaf):
        try:
            signal.set_wakeup_fd(-1)
            for number in (*STOP_SIGNALS, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            if deaf:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            if pipes:
                os.dup2(pipes["1"][1], 1)
                os.dup2(pipes.get("2", pipes["1"])[1], 2)
            for fd in keep_fds:
                if fd >= 0:
                    os.set_inheritable(fd, True)
            os.execvpe(command[0], command, env)
        except OSError as error:
            warn(f"cannot start {command[0]!r}: {error.strerror}")
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
        finally:
            os._exit(126)

    def wait_for(self, pid, until):
        """Pump and reap until `pid` ends (its code comes back), or the deadline or a stop signal (None)."""
        while True:
            due = self.witness.look() if self.witness else until
            self._pump(max(0.0, min(until, due) - time.monotonic()))
            code = self.reap(pid)
            if code is not None:
                return code
            if self.stop_signal or time.monotonic() >= until:
                return None

    def _pump(self, timeout_s):
        ready = select.select([self.wake_r, *self.sources], [], [], min(timeout_s, 3600.0))[0]
        for fd in ready:
            if fd == self.wake_r:
                os.read(fd, 4096)
            else:
                self._read(fd)

    def _read(self, fd):
        try:
            chunk = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if chunk:
            self.sink.output(chunk, self.sources[fd])
        else:
            del self.sources[fd]
            os.close(fd)
        return bool(chunk)

    def drain(self):
        """Take what is in the pipes now; a daemon that keeps one open is not waited for."""
        for fd in list(self.sources):
            while self._read(fd):
                pass
            if fd in self.sources:
                del self.sources[fd]
                os.close(fd)

    def reap(self, pid):
        """Collect every child that ended; the code of `pid` if it is among them."""
        code = None
        while True:
            try:
                ended, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return code
            if ended == 0:
                return code
            if ended == pid:
                code = os.waitstatus_to_exitcode(status)
                code = 128 - code if code < 0 else code

    def alone(self):
        """True when nothing is left below, after a moment: an orphan comes back to its subreaper as a child."""
        until = time.monotonic() + 0.5
        while not childless():
            if time.monotonic() >= until:
                return False
            self._pump(0.02)
            self.reap(-1)
        return True

    def end(self, pid, first=signal.SIGTERM):
        """End everything below: `first`, a grace period, then SIGKILL until nothing is left. The code of `pid`.

        That nothing is left is the kernel's word, not that of a look at /proc, which misses a process that forks and
        exits all the time. Until then this does not return, so the lock is kept; after a while the log names who keeps
        it.
        """
        for victim in below(os.getpid()):
            signal_quietly(victim, first)
        code, until = self.reap(pid), time.monotonic() + self.grace_s
        while not childless() and time.monotonic() < until:
            self._pump(0.05)
            code = first_known(self.reap(pid), code)
        until, looks, named = time.monotonic() + INSIST_S, 0, False
        while not childless():
            victims = children() if looks % 32 else below(os.getpid())
            for victim in victims:
                signal_quietly(victim, signal.SIGKILL)
            looks += 1
            self._pump(1.0 if named else 0.0)
            code = first_known(self.reap(pid), code)
            if not named and time.monotonic() >= until:
                named = True
                self._name(below(os.getpid()))
        return first_known(self.reap(pid), code)

    def _name(self, left):
        """Say who keeps the lock: in the log, on stderr, and in the holder file, for health and the next start."""
        text = f"these processes cannot be ended, the lock is kept until they have: {describe(left)}; {CURE}"
        self.sink.say(f"[WARN] {text}")
        warn(text)
        if self.witness:
            self.witness.note(stuck_line(left))


def stuck_line(pids):
    """Who cannot be ended, and since when, as a line of the holder file."""
    return f"stuck\t{int(now_s())}\t{quoted(describe(pids), NAMED_COLUMNS)}\n"


def first_known(code, other):
    """`code`, unless it is not known."""
    return other if code is None else code


def childless():
    """Whether the kernel reports no child of ours, so that, with us as subreaper, nothing at all is left below."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def children():
    """Our own children: a short read, so that one that lives for a millisecond is met; else what one look shows."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as listed:
            return [int(pid) for pid in listed.read().split()]
    except OSError:
        return below(os.getpid())


def signal_quietly(pid, number):
    """Send a signal to a process that may be gone already."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def below(ancestor):
    """The live descendants of a process, from one look at /proc; zombies do not count, their children do."""
    return sorted(descendants({ancestor}, table()))


def table():
    """Every process by pid: (its parent, whether it lives, when it started, in ticks since the machine did)."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    fields = stat.read().rpartition(b") ")[2].split(b" ", 20)
            except OSError:
                continue
            found[int(name)] = (int(fields[1]), fields[0] not in (b"Z", b"X"), int(fields[19]))
    return found


def descendants(ancestors, processes):
    """The living processes of a `table` that descend from any of `ancestors`."""
    found, frontier = set(), ancestors
    while frontier:
        frontier = {pid for pid, (parent, _, _) in processes.items() if parent in frontier} - found
        found |= frontier
    return {pid for pid in found if processes[pid][1]}


def describe(pids):
    """Pids with their command lines, for a log line."""
    named = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                named.append(f"{pid} ({cmdline.read(120).replace(bytes(1), b' ').decode('utf-8', 'replace').strip()})")
        except OSError:
            continue
    return ", ".join(named)
