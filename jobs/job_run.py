"""One run of a job under the supervisor: its attempts with their retries, its outcome, and its record."""

import _signal as signal  # as in supervise.py
import os
import time

from job_log import now_s, warn, write_all
from process_tree import STOP_SIGNALS, Tree, below, describe
from survivors import Witness
from utils import history  # found by the path that lib.sh sets
from utils.files.in_time import within
from utils.foreign_text import LONGEST_MESSAGE, outcome_of, quoted

TIMED_OUT, CANNOT_WRITE = 124, 73
EXTERNAL = 69  # from a job of ours: the outside world's fault
GUARD = "/run_py_guarded.sh"
MAILED_LINES, MAILED_COLUMNS = 12, 300
AWAY = "the disk or server that it lies on is away (mount, dmesg); mend that"
PATIENCE_S, ASIDE_S = 30.0, history.LOCK_WAIT_S + 1
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
        return self.finish(code)

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
        """Close the log, add the run to the history, tell cron of a failure. Returns the code that cron is to see.

        None of it may change the verdict, but for a disk that no longer answers: of it is 73 what else were 0 or 124.
        """
        if not self.options.log:
            return code
        log, ended = self.sink, code
        if code == 0 and self.attempts == 1:
            log.drop()  # a brief job without output is one line
        tries = "1 try" if self.attempts == 1 else f"{self.attempts} tries"
        log.say(f"[END] {self.outcome(code)}: exit {code} after {tries}, {now_s() - self.started:.1f} s")
        silent, lost = not log.is_done(), log.unwritten()
        if silent:
            code = CANNOT_WRITE if code in (0, TIMED_OUT) else code
            self.note = {"detail": f"'{self.options.log}' {log.problem}; the job itself ended with {ended}"}
        untold = self.tell(self.record(code, self.outcome(code)), ASIDE_S if silent else PATIENCE_S)
        if lost and not silent:
            warn(f"{lost} bytes of the log were lost: {log.problem}: {self.options.log}")
        if untold and not silent:
            warn(untold)
        if silent or (code and not log.echo):
            last = log.tail.bytes().decode("utf-8", "replace").splitlines()[-MAILED_LINES:]
            lines = [f"{self.options.job}: exit {code} ({self.outcome(code)}); log: {self.options.log}"]
            lines[0] += (
                f" {log.problem}, {lost} bytes lost: {AWAY}. The job itself ended with {ended}" if silent else ""
            )
            lines[0] += f"; {untold}" if silent and untold else ""
            warn("\n  ".join(lines + [quoted(line, MAILED_COLUMNS) for line in last]))
        return code

    def tell(self, record, patience_s):
        """Add the run to the history; where that cannot be, to what the next job that starts brings there.

        Returns what went wrong, if anything.
        """
        home, problem = os.environ["NIGHTDESK_HOME"], ""
        for name in (history.NEWEST, history.ASIDE):
            try:
                mine = within(patience_s, lambda path=home + name: history.append(path, record), home + name)
            except OSError as error:
                problem, patience_s = problem or f"cannot add to {name[1:]}: {error.strerror}", ASIDE_S
                continue
            if problem:
                return f"{problem}; the next job adds it, from {name[1:]}"
            return "" if mine else f"another process keeps {name[1:]} locked: added to it without the lock"
        return problem

    def empty_holder(self):
        """Nothing is left of the run that the next one would have to end."""
        if self.holder_fd >= 0:
            try:
                within(ASIDE_S, lambda: os.truncate(self.holder_fd, 0), "the holder file")
            except OSError:
                pass

    def outcome(self, code):
        """The run in one word: ok, skip:<reason>, retry (still the code that asks for another try) or fail."""
        if code == 0 and self.note.get("skip") in GUARDS.values():
            return f"skip:{self.note['skip']}"
        if code == 0 and (self.note.get("guarded") or self.note.get("kind")):
            return f"skip:{self.note.get('kind') or 'external'}"
        return "ok" if code == 0 else "retry" if code == self.options.retry_rc else "fail"

    def record(self, code, outcome):
        """The run's line in the history."""
        job, _, instance = self.options.job.partition("@")
        lost = self.sink.unwritten()
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
            **({"log_lost_bytes": lost, "log_problem": self.sink.problem} if lost else {}),
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
