"""The switch from one version of the code to another: prepared first, then only renames, so that a kill loses nothing.

This file stands alone and is copied to `.locks/update.py` before a switch begins: `python3 -I -S .locks/update.py ROOT`
finishes a switch that was killed, whatever mixture of two versions lies in the clone by then. Every job does so when it
meets `.locks/update.plan`; files are old or new, never half, and the plan goes last.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import subprocess
import sys
import time

LOCK, PLAN, STAGE, STATE, SELF = "code.lock", "update.plan", "update.stage", "update.state", "update.py"
OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
AT_FDCWD, RENAME_EXCHANGE = -100, 2
POLL_S = 0.05


def locks(root):
    return os.path.join(root, ".locks")


def take(root, wait_s):
    """The code, alone; an open descriptor, or None when jobs have it for longer than `wait_s`."""
    os.makedirs(locks(root), 0o750, exist_ok=True)
    fd = os.open(os.path.join(locks(root), LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(fd)
                return None
            time.sleep(POLL_S)
            continue
        return fd


def read(root, name):
    """A JSON file in .locks; {} when there is none."""
    try:
        with open(os.path.join(locks(root), name), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write(root, name, found):
    """Write a JSON file in .locks: whole or not at all."""
    path = os.path.join(locks(root), name)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
    sync(locks(root))


def sync(folder):
    fd = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(fd)
    os.close(fd)


def finish(root):
    """Carry out the plan, from wherever it was left. Called with the code taken. True: there was one."""
    plan = read(root, PLAN)
    if not plan:
        return False
    stage = os.path.join(root, plan.get("stage") or os.path.join(".locks", STAGE))
    for path in plan["put"]:
        source, target = os.path.join(stage, path), os.path.join(root, path)
        if os.path.lexists(source):
            make_way(root, path)
            os.replace(source, target)
    for path in plan["delete"]:
        remove(root, path)
    if plan.get("venv"):
        point(root, plan["venv"])
    if plan.get("branch"):  # a deploy's target has none
        set_head(root, plan)
        write(root, STATE, plan["state"])
    drop(stage)
    os.unlink(os.path.join(locks(root), PLAN))
    sync(locks(root))
    return True


def make_way(root, path):
    """Folders for a file, where a file of the old version may stand in the place of a folder, or the other way."""
    at = root
    for part in path.split("/")[:-1]:
        at = os.path.join(at, part)
        if os.path.islink(at) or (os.path.lexists(at) and not os.path.isdir(at)):
            os.unlink(at)
        if not os.path.isdir(at):
            os.mkdir(at)
    target = os.path.join(root, path)
    if os.path.isdir(target) and not os.path.islink(target):
        drop(target)


def remove(root, path):
    """Delete a file that the new version has not, and the folders that are empty then."""
    with contextlib.suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
        os.unlink(os.path.join(root, path))
    folder = os.path.dirname(path)
    while folder:
        left = os.path.join(root, folder)
        drop(os.path.join(left, "__pycache__"))
        try:
            os.rmdir(left)
        except OSError:
            return
        folder = os.path.dirname(folder)


def point(root, target):
    """Let `.venv` be a link to `target` (relative to the clone): one rename, also where a folder stood there before."""
    link, temporary = os.path.join(root, ".venv"), os.path.join(locks(root), "venv.new")
    kept = os.path.join(root, ".venvs", "before-updates")
    if os.path.islink(link) and os.readlink(link) == target:
        if os.path.isdir(temporary) and not os.path.islink(temporary):  # killed right after the exchange
            drop(kept)
            os.rename(temporary, kept)
        return
    drop(temporary)
    os.symlink(target, temporary)
    if os.path.islink(link) or not os.path.lexists(link):
        os.replace(temporary, link)
        return
    if not exchange(temporary, link):
        os.rename(link, kept)  # a filesystem that cannot exchange two names: for an instant there is none
        os.replace(temporary, link)
        return
    drop(kept)
    os.rename(temporary, kept)


def exchange(one, other):
    """Two names change places at once; False where the system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0


def set_head(root, plan):
    """Tell git what lies here now: the branch, and an index that agrees with the files."""
    for name in ("index.lock", "HEAD.lock", plan["branch"] + ".lock"):  # left by a git of ours that was killed here
        with contextlib.suppress(FileNotFoundError):
            os.unlink(git_path(root, name))
    for words in (
        ["update-ref", "-m", plan["why"], plan["branch"], plan["to"]],
        ["read-tree", plan["to"]],
        ["update-index", "-q", "--refresh"],
    ):
        done = subprocess.run(git(root, *words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode and words[0] != "update-index":
            raise SystemExit(f"update: git {words[0]} failed: {done.stderr.strip()}")


def forget_hook():
    """Started by a hook of git's, we stand in its repository by these names, whatever folder we name."""
    for name in OF_A_HOOK:
        os.environ.pop(name, None)


def git(root, *words):
    """A command of git's; hooks and monitors of the user's are not run: they may fail, or never answer."""
    own = ("core.fileMode=false", "gc.auto=0", "core.hooksPath=/dev/null", "core.fsmonitor=false")
    return ["git", "-c", f"safe.directory={root}", *(part for each in own for part in ("-c", each)), "-C", root, *words]


def git_path(root, name):
    done = subprocess.run(git(root, "rev-parse", "--git-path", name), capture_output=True, text=True, check=False)
    return os.path.join(root, done.stdout.strip() or f".git/{name}")


def drop(path):
    """Remove a file, a link or a tree; what is not there is fine."""
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            drop(os.path.join(path, name))
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def main(argv):
    """Finish what was begun in the clone `argv[0]`; 75 when its jobs, or an update that lives, do not let it.

    With a plan that is ready, `argv[1]`, and seconds to wait, `argv[2]`: begin that one, and carry it out.
    """
    forget_hook()
    root, ready = argv[0], argv[1] if len(argv) > 1 else ""
    held = take(root, float(argv[2]) if ready else 120)
    if held is None and ready:
        return 75
    if held is None:
        sys.stderr.write("update: the code is in use; finish it later: batch/update_from_git.sh --finish\n")
        return 75
    if ready:
        finish(root)
        os.replace(ready, os.path.join(locks(root), PLAN))
        sync(locks(root))
        finish(root)
    elif finish(root):
        sys.stderr.write("update: an update that was interrupted has been finished\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
