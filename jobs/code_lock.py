"""A job holds the code it runs: an update waits until no job does, and a job that met an update starts anew.

The lock is `.locks/code.lock` of the clone, shared by jobs, taken alone by jobs/update/. It is held by the supervisor
for as long as the job lives, and by nobody that the job started.
"""

import fcntl
import os
import sys
import time

WAIT_S = 120.0
POLL_S = 0.05
BUSY, BAD_CONFIG = 75, 78
AGAIN = "NIGHTDESK_CODE_AGAIN"


def hold(root):
    """Hold the code until this process ends; the descriptor, or -1 where there is nothing to lock or need not be.

    Does not return where an update was at work while this process was loaded: what is loaded may be of two versions,
    so it finishes an update that was killed, and becomes itself again. Ends with 75 when the update does not end.
    """
    if os.environ.pop("NIGHTDESK_CODE", "") == "free":
        return -1
    try:
        os.makedirs(root + "/.locks", 0o750, exist_ok=True)
        fd = os.open(root + "/.locks/code.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError:
        return -1  # a clone that this user cannot write, nobody updates as this user
    until, met = time.monotonic() + WAIT_S, False
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            met = True
            if time.monotonic() > until:
                end(BUSY, "an update has been at work on the code for two minutes: not started")
            time.sleep(POLL_S)
    if met or os.path.exists(root + "/.locks/update.plan"):
        os.close(fd)
        start_anew(root)
    return fd


def start_anew(root):
    """Finish an update that was killed, if one was, and become this program again, of the code that is there now."""
    again = int(os.environ.get(AGAIN, "0"))
    if again > 3:
        end(BAD_CONFIG, "an interrupted update cannot be finished: see batch/update_from_git.sh --finish")
    os.environ[AGAIN] = str(again + 1)
    if os.path.exists(root + "/.locks/update.plan"):
        os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-I", "-S", root + "/.locks/update.py", root])
    os.execv(sys.executable, sys.orig_argv)


def end(code, why):
    """Say why on stderr, and end with `code`."""
    sys.stderr.write(f"supervise: {why}\n")
    sys.stderr.flush()
    sys.exit(code)
