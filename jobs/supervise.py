"""Run one command to its end, and everything it started too: what bash cannot do right.

Started by the links with `-I -S`, standard library only. Two processes watch each other: the *keeper* (the process
that cron started) and the *worker* (which runs the command). Both are subreapers, so an orphan of the job, also one
that called setsid or forked twice, becomes the worker's child, or the keeper's when the worker was killed. Both hold
the lock, the job does not: SIGKILL of either leaves the other to end the tree before the lock is free, and no leaked
daemon can hold it.
"""

import _signal as signal  # signal without its enums: 4.8 ms less a run (docs/DESIGN.md, The chain)
import os
import time

import code_lock
from job_log import Log, PassThrough, now_s, warn, write_all
from process_tree import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    STOP_SIGNALS,
    Tree,
    below,
    childless,
    describe,
    prctl,
    signal_quietly,
)
from survivors import Witness
from utils import history  # found by the path that lib.sh sets
from utils.files import private  # found by the path that lib.sh sets
from utils.files.in_time import within
from utils.foreign_text import LONGEST_MESSAGE, outcome_of, quoted

TIMED_OUT = 124
EXTERNAL = 69  # from a job of ours: the outside world's fault
GUARD = "/run_py_guarded.sh"
MAILED_LINES, MAILED_COLUMNS = 12, 300
SKIP_LINE = b"[SKIP] external-data-unavailable (guarded)\n"
GUARDS = {200: "not-a-session", 201: "outside-hours"}  # the codes of a guard within the job, such as a Python one


class Options:
    """The command line: pairs of --name value, then -- and the command."""

    def __init__(self, argv):
        cut = argv.index("--")
        given = dict(zip(argv[:cut:2], argv[1:cut:2], strict=True))
        self.command = argv[cut + 1 :]
        self.log = given.get("--log")
        self.job = given.get("--job", "")
        named = self.command[0].endswith(GUARD)  # in a chain the guard becomes the command
        self.guarded = named or bool(given.get("--guard"))
        self.guarded_command = self.command[named:]
        self.ours = " -m pyjobs." in " ".join(self.guarded_command)
        self.brief = given.get("--brief") == "yes"
        self.retry_rc = int(given.get("--retry-rc", -1))
        self.retry_max = int(given.get("--retry-max", 1))
        self.retry_sleep_s = int(given.get("--retry-sleep", 60))
        self.timeout_s = int(given.get("--timeout", 0))
        self.grace_s = float(os.environ.get("TERM_GRACE_S", "5"))
        self.utc_offset_s = int(os.environ.get("UTC_OFFSET", "0"))


class SupervisedRun:
    """One run of a job: its attempts, and the end record with the outcome."""

    def __init__(self, options, sink, holder_fd=-1):
        self.options, self.sink, self.holder_fd = options, sink, holder_fd
        self.started, self.attempts, self.note = now_s(), 0, {}

    def work(self):
        """The worker's whole life: attempts with their retries, then the record. Returns the exit code."""
        options = self.options
        tree = Tree(self.sink, options.grace_s, Witness(self.holder_fd) if self.holder_fd >= 0 else None)
        if options.log:
            self.sink.hold(
                f"[START] {one_line(options.command)} (pid {os.getpid()}, UTC{options.utc_offset_s / 3600:+g})"
            )
            if not options.brief:
                self.sink.tell_held()
        while True:
            self.attempts += 1
            code = self.attempt(tree)
            if code != options.retry_rc or self.attempts > options.retry_max or tree.stop_signal:
                break
            self.sink.say(f"[RETRY] try {self.attempts} exited with {code}; again in {options.retry_sleep_s} s")
            tree.wait_for(-1, time.monotonic() + options.retry_sleep_s)
            if tree.stop_signal:
                break
        if options.log and code in GUARDS:
            self.sink.say(f"[SKIP] the job's own guard: {GUARDS[code].replace('-', ' ')} ({code})")
            self.note = {"skip": GUARDS[code]}
            code = 0
        self.finish(code)
        return code

    def attempt(self, tree):
        """Start the command, see it end (or end it), and whatever it left behind. Returns its exit code."""
        options = self.options
        env, outcome_r, outcome_w = dict(os.environ), -1, -1
        if options.log:
            outcome_r, outcome_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            env |= {"OUTCOME_FD": str(outcome_w), "SUPERVISOR_PID": str(os.getpid())}
        until = time.monotonic() + (options.timeout_s or 1e9)
        pid = tree.start(options.command, env, (outcome_w, self.holder_fd), self.piped(), deaf=bool(options.log))
        code = tree.wait_for(pid, until)
        code = self.stopped(tree, pid) if code is None else code
        if not tree.alone():
            self.sink.say(f"[WARN] the job left processes behind, ending them: {describe(below(os.getpid()))}")
            tree.end(-1)
        tree.drain()
        if outcome_w >= 0:
            os.close(outcome_w)
            self.note = read_note(outcome_r)
        return self.excused(code) if code and code not in GUARDS and options.guarded else code

    def piped(self):
        """Which of the command's outputs pass through us: as one where they go to one file, to keep their order."""
        if not self.options.log and (self.options.ours or not self.options.guarded):
            return {}
        return {"1": 1} if self.options.log or os.path.sameopenfile(1, 2) else {"1": 1, "2": 2}

    def stopped(self, tree, pid):
        """The time is up, or a signal to stop came: end the tree; return the exit code for that."""
        if tree.stop_signal:
            self.sink.say(f"[STOP] got {STOP_SIGNALS[tree.stop_signal]}: ending the job and all it started")
            code = tree.end(pid, tree.stop_signal)
            return 128 + signal.SIGKILL if code is None else code
        self.sink.say(f"[TIMEOUT] {self.options.timeout_s} s are over: ending the job and all it started")
        tree.end(pid)
        return TIMED_OUT

    def excused(self, code):
        """A guarded command failed: 0, and the skip line, when it was the outside world's fault; else `code`."""
        if self.options.ours:
            if code != EXTERNAL:
                return code
        else:
            verdict = self.judged(code)
            if verdict is None or not verdict.external:
                return code
            self.note = {"kind": verdict.kind, "detail": quoted(verdict.line)}
        self.note["guarded"] = 1
        self.sink.output(SKIP_LINE, 1)
        if os.environ.get("OUTCOME_FD", "").isdigit():
            write_all(int(os.environ["OUTCOME_FD"]), history.to_json_line(self.note))
        return 0

    def judged(self, code):
        """Whose fault it was that a program failed which is not ours; None, after a warning, when the judge fails."""
        try:
            import judge

            return judge.judge(self.sink.tail.bytes(), code, judge.load_rules(), self.options.guarded_command)
        except Exception as error:  # noqa: BLE001 - whatever ails the judge, the run's own code must not get lost
            self.sink.say(f"[WARN] cannot judge the failure: {error!r}")
            return None

    def finish(self, code):
        """Close the log, add the run to the history, report a failure to cron; none of it may change the verdict."""
        if not self.options.log:
            return
        log, outcome = self.sink, self.outcome(code)
        if code == 0 and self.attempts == 1:
            log.drop()  # a brief job without output is one line
        tries = "1 try" if self.attempts == 1 else f"{self.attempts} tries"
        log.say(f"[END] {outcome}: exit {code} after {tries}, {now_s() - self.started:.1f} s")
        if log.lost_bytes:
            warn(f"{log.lost_bytes} bytes of the log were lost: {log.problem}: {self.options.log}")
        try:
            if not history.append(os.environ["NIGHTDESK_HOME"] + "/logs/history.jsonl", self.record(code, outcome)):
                warn("another process keeps logs/history.jsonl locked: added to it without the lock")
        except OSError as error:
            warn(f"cannot add to logs/history.jsonl: {error.strerror}")
        if code and not log.echo:
            last = log.tail.bytes().decode("utf-8", "replace").splitlines()[-MAILED_LINES:]
            lines = [f"{self.options.job}: exit {code} ({outcome}); log: {self.options.log}"]
            warn("\n  ".join(lines + [quoted(line, MAILED_COLUMNS) for line in last]))

    def outcome(self, code):
        """The run in one word: ok, skip:<reason>, retry (the last try still ended with the code for another one) or
        fail.
        """
        if code == 0 and self.note.get("skip") in GUARDS.values():
            return f"skip:{self.note['skip']}"
        if code == 0 and (self.note.get("guarded") or self.note.get("kind")):
            return f"skip:{self.note.get('kind') or 'external'}"
        return "ok" if code == 0 else "retry" if code == self.options.retry_rc else "fail"

    def record(self, code, outcome):
        """The run's line in the history."""
        job, _, instance = self.options.job.partition("@")
        lost = (
            {"log_lost_bytes": self.sink.lost_bytes, "log_problem": self.sink.problem} if self.sink.lost_bytes else {}
        )
        return {
            "job": job,
            "instance": instance,
            "session": os.environ.get("RUN_DATE", ""),
            "start": int(self.started),
            "end": int(now_s()),
            "attempts": self.attempts,
            "code": code,
            "outcome": outcome,
            "log": "logs/" + self.options.log.rpartition("/")[2],
            **{key: self.note[key] for key in ("kind", "provider", "symbol", "detail") if self.note.get(key)},
            **lost,
        }


def one_line(command):
    """A command for a log line: what would break the line is shown as an escape."""
    return quoted(" ".join(command).replace("\\", "\\\\"), LONGEST_MESSAGE)


def read_note(fd):
    """What the job reported of its own outcome, as far as it fits."""
    try:
        received = os.read(fd, 1 << 16)
    except BlockingIOError:
        received = b""
    finally:
        os.close(fd)
    return outcome_of(received)


def keep(worker, run):
    """The keeper's whole life: pass signals on, wait for the worker, end what it left. Returns the exit code."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda got, _frame: signal_quietly(worker, got))
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    if code < 0:
        run.sink.say(f"[WARN] the supervisor itself died of signal {-code}: ending the job and all it started")
    if not childless():
        Tree(run.sink, run.options.grace_s).end(-1)
    if code < 0:
        code = 128 - code
        run.finish(code)
    return code


def opened(holder):
    """The holder file, open for appending; -1 when there is none, or it cannot be opened."""
    try:
        return os.open(holder, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK) if holder else -1
    except OSError:
        return -1


def begun(options):
    """The code held, the log open, what is here private: what must be before any time limit runs. Returns the sink.

    Does not return where code or folders keep the job from starting; the history records it, if it can be written.
    """
    home = os.environ["NIGHTDESK_HOME"]
    try:
        code_lock.hold(os.environ.get("NIGHTDESK_ENTERED", ""))
        sink = PassThrough()
        if options.log:
            sink = code_lock.answered(home + "/logs", lambda: Log(options.log, options.utc_offset_s))
        code_lock.answered(home + "/data", lambda: private.restrict(home))
    except SystemExit as ended:
        not_started(options, ended.code, home + "/logs/history.jsonl")
        raise
    return sink


def not_started(options, code, path):
    """Add a run that could not begin to the history, where that can be had at once; cron's mail has the reason."""
    options.job, options.log = options.job or os.environ.get("JOB", ""), options.log or ""
    record = SupervisedRun(options, PassThrough()).record(code, "fail")
    try:
        within(history.LOCK_WAIT_S + 1, lambda: options.job and history.append(path, record), path)
    except OSError as error:
        warn(f"cannot add to logs/history.jsonl: {error.strerror}")


def main(argv):
    """Run the command of `argv`; the code to exit with."""
    options = Options(argv)
    sink = begun(options)
    lock_fd, holder = os.environ.pop("NIGHTDESK_LOCK_FD", ""), os.environ.pop("NIGHTDESK_HOLDER", "")
    if lock_fd:
        os.set_inheritable(int(lock_fd), False)
    run, keeper = SupervisedRun(options, sink, opened(holder)), os.getpid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    worker = os.fork()
    if worker:
        code = keep(worker, run)
        if holder:
            os.truncate(holder, 0)
        os._exit(code)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != keeper:
        return 128 + signal.SIGTERM
    os._exit(run.work())
    return 0
