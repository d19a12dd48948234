"""A job locks the code it runs: an update waits until no job does, and a job that met an update restarts.

The lock is `.locks/code.lock` of the clone, shared by jobs, taken alone by jobs/update/. It is held by the supervisor
for as long as the job lives, and by no process that the job started.
"""

import fcntl
import os
import sys
import time

from utils.files import formats  # found by the path that lib.sh sets
from utils.files.in_time import is_silence, within

WAIT_S = 120.0
POLL_S = 0.05
PATIENCE_S = 30.0
BUSY, BAD_CONFIG, CANNOT_WRITE = 75, 78, 73
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
        return -1  # this user cannot write the clone, and so cannot update it
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
    home = os.environ.get("NIGHTDESK_HOME") or root
    if met or os.path.exists(root + "/.locks/update.plan") or is_pending(root, home):
        os.close(fd)
        start_anew(root, home)
    return fd


def start_anew(root, home):
    """Finish what an update has left, if anything, and become this program again, of the code that is there now.

    What it may have left: a switch that was killed, and stored files in a format that this version does not read.
    """
    again = int(os.environ.get(AGAIN, "0"))
    if again > 3:
        end(BAD_CONFIG, "an interrupted update cannot be finished: see batch/update_from_git.sh --finish")
    os.environ[AGAIN] = str(again + 1)
    if os.path.exists(root + "/.locks/update.plan"):
        os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-I", "-S", root + "/.locks/update.py", root])
    elif is_pending(root, home):
        migrate(root)
    os.execv(sys.executable, sys.orig_argv)


def is_pending(root, home):
    """Whether something stored is to be migrated first; does not return where its server does not answer."""
    return answered(home + "/data", lambda: formats.pending(root, home))


def answered(folder, act):
    """What `act` returns; ends with 73, and names the folder, where the server that it lies on does not answer."""
    try:
        return within(PATIENCE_S, act, folder)
    except OSError as error:
        if not is_silence(error):
            raise
        end(
            CANNOT_WRITE,
            f"'{folder}' {error.strerror}: the disk or server that it lies on is away (mount, dmesg); mend that. "
            "The job was not started",
        )


def migrate(root):
    """Bring what is stored to the format of this version; does not return where that does not go well."""
    here, aside = os.open(".", os.O_RDONLY), [(os.POSIX_SPAWN_DUP2, 2, 1)]  # stdout is the job's
    os.chdir(root)
    pid = os.posix_spawn(sys.executable, [sys.executable, "-m", "pyjobs.migrate"], os.environ, file_actions=aside)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.fchdir(here)
    os.close(here)
    if code:
        end(
            code if code in (BUSY, 65, 73) else BAD_CONFIG,
            "what is stored must be migrated before any job: python -m pyjobs.migrate",
        )


def end(code, why):
    """Say why on stderr, and end with `code`."""
    sys.stderr.write(f"supervise: {why}\n")
    sys.stderr.flush()
    sys.exit(code)
