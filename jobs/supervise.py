"""Run one command to its end, and everything it started too: what bash cannot do right.

Started by the links with `-I -S`, standard library only. Two processes watch each other: the *keeper* (the process
cron knows) and the *worker* (which runs the command). Both are subreapers, so an orphan of the job, also one that
called setsid or forked twice, becomes the worker's child, or the keeper's when the worker was killed. Both hold the
lock, the job does not: SIGKILL of either leaves the other to end the tree before the lock is free, and no leaked
daemon can hold it.
"""

import _signal as signal  # signal without its enums: 4.8 ms less a run (docs/DESIGN.md, The chain)
import os

import code_lock
from job_log import Log, PassThrough, warn
from job_run import ASIDE_S, Options, SupervisedRun
from process_tree import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, STOP_SIGNALS, Tree, childless, prctl, signal_quietly
from survivors import Witness
from utils import history  # found by the path that lib.sh sets
from utils.files import private  # found by the path that lib.sh sets
from utils.files.in_time import UNANSWERED


def keep(worker, run, told):
    """The keeper's whole life: pass signals on, wait for the worker, end what it left. Returns the exit code.

    A worker that waits for a disk that is away has ended its job, written so to the pipe `told`, and cannot end.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, lambda got, _frame: signal_quietly(worker, got))
    said = os.read(told, 2)
    if len(said) == 2 and said[1]:
        return said[0]
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    if code < 0:
        run.sink.say(f"[WARN] the supervisor itself died of signal {-code}: ending the job and all it started")
    if not childless():
        Tree(run.sink, run.options.grace_s, Witness(run.holder_fd)).end(-1)
    if code < 0:
        code = run.finish(128 - code)
        run.empty_holder()
    return code


def opened(holder):
    """The holder file, open for appending; -1 when there is none, or it cannot be opened."""
    try:
        return os.open(holder, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK) if holder else -1
    except OSError:
        return -1


def begun(options):
    """The code held, the log open, what is here private: what must be before any time limit runs.

    Returns the sink, and the descriptor that holds the code.
    Does not return where code or folders keep the job from starting; the history says so, if it can be written.
    """
    home = os.environ["NIGHTDESK_HOME"]
    try:
        code_fd = code_lock.hold(os.environ.get("NIGHTDESK_ENTERED", ""))
        sink = PassThrough()
        if options.log:
            sink = code_lock.answered(home + "/logs", lambda: logged(home, options))
        code_lock.answered(home + "/data", lambda: private.restrict(home))
    except SystemExit as ended:
        not_started(options, ended.code)
        raise
    return sink, code_fd


def logged(home, options):
    """The log, open; what the history is short of is brought there first."""
    try:
        history.bring(home)
    except OSError:
        pass  # it stays where it is
    return Log(options.log, options.utc_offset_s)


def not_started(options, code):
    """Add a run that could not begin to the history, where that can be had at once; cron's mail has the reason."""
    options.job, options.log = options.job or os.environ.get("JOB", ""), options.log or ""
    run = SupervisedRun(options, PassThrough())
    untold = run.tell(run.record(code, "fail"), ASIDE_S) if options.job else ""
    if untold:
        warn(untold)


def main(argv):
    """Run the command of `argv`; the code to exit with."""
    options = Options(argv)
    sink, code_fd = begun(options)
    lock_fd, holder = int(os.environ.pop("NIGHTDESK_LOCK_FD", "") or -1), os.environ.pop("NIGHTDESK_HOLDER", "")
    if lock_fd >= 0:
        os.set_inheritable(lock_fd, False)
    run, keeper = SupervisedRun(options, sink, opened(holder)), os.getpid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    told, tell = os.pipe2(os.O_CLOEXEC)
    worker = os.fork()
    if worker:
        os.close(tell)
        os._exit(keep(worker, run, told))
    os.register_at_fork(after_in_child=lambda: os.close(tell))  # whose exec may hang, and outlive us
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != keeper:
        return 128 + signal.SIGTERM
    code = run.work()
    run.empty_holder()
    stuck = bool(UNANSWERED) or not sink.is_done()
    if stuck:  # this process ends when the disk answers: nothing waits for it, nor for what it has open or locked
        for fd in (0, 1, 2, lock_fd, code_fd):
            if fd >= 0:
                os.close(fd)
    os.write(tell, bytes((code, stuck)))
    os._exit(code)
    return 0
