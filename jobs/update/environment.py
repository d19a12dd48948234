"""The environment of a version: made next to the one in use, rehearsed, named after the pins it was made from."""

import hashlib
import os
import subprocess
import sys

from clone import Refused
from switch import drop

SETS = ("nas", "providers", "dev")
REHEARSAL_S, BUILD_S = 900, 3000
COMPLETE = ".complete"


class Unfit(Exception):
    """The new version does not work here; nothing has changed."""

    code = 1


def sets_here(root):
    """The sets of packages that the environment in use has: `nas`, and those installed by hand."""
    return [name for name in SETS if name == "nas" or os.path.exists(f"{root}/.venv/.installed-{name}")]


def pins(folder, sets):
    """One hash over the pinned files of some sets; those that are not there count as empty."""
    digest = hashlib.sha256()
    for name in sets:
        try:
            with open(f"{folder}/requirements-{name}.txt", "rb") as file:
                digest.update(f"{name}\n".encode() + file.read())
        except FileNotFoundError:
            continue
    return digest.hexdigest()[:16]


def size_of(folder):
    """Bytes under a folder; 0 when there is none."""
    total = 0
    for at, _, names in os.walk(os.path.realpath(folder)):
        for name in names:
            try:
                total += os.lstat(os.path.join(at, name)).st_size
            except OSError:
                continue
    return total


def build(root, stage, sets, say):
    """Make the environment of the version in `stage`, hashes of packages verified by pip; its path from `root` on.

    One that is there already and complete is taken as it is. Raises Unfit with pip's last line.
    """
    name = f".venvs/{pins(stage, sets)}"
    folder = os.path.join(root, name)
    if os.path.exists(os.path.join(folder, COMPLETE)):
        return name
    drop(folder)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    for each in sets:
        if not os.path.exists(f"{stage}/requirements-{each}.txt"):
            continue
        say(f"packages of requirements-{each}.txt into {name}, next to the environment in use")
        done = run(["bash", f"{stage}/jobs/make_venv.sh", f"requirements-{each}.txt", folder], stage, {}, BUILD_S)
        if done.returncode:
            drop(folder)
            raise Unfit(f"not updated: the packages of the new version cannot be installed: {last(done)}")
        with open(f"{folder}/.installed-{each}", "w"):
            pass
    with open(os.path.join(folder, COMPLETE), "w") as file:
        os.fsync(file.fileno())
    return name


def rehearse(root, stage, python, say):
    """A night on the made-up market, of the new version in its environment, in a folder of its own. Raises Unfit."""
    if not os.path.exists(f"{stage}/pyjobs/nightly.py"):
        return
    home = os.path.join(root, ".locks", "update.rehearsal")
    drop(home)
    os.makedirs(home)
    env = {"NIGHTDESK_HOME": home, "ALLOW_NET_FETCH": "0", "PYTHONBIN": python, "PYTHONDONTWRITEBYTECODE": "1"}
    say("a rehearsed night of the new version on the sample desk")
    try:
        for words in (["make_sample"], ["nightly", "--desk", "config/desk.sample.yaml"]):
            done = run([python, "-m", f"pyjobs.{words[0]}", *words[1:]], stage, env, REHEARSAL_S)
            if done.returncode:
                raise Unfit(f"not updated: the new version does not get through a rehearsed night: {last(done)}")
    finally:
        drop(home)


def forget(root, keep):
    """Remove environments that neither this version nor the one before needs."""
    folder = os.path.join(root, ".venvs")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if f".venvs/{name}" not in keep:
            drop(os.path.join(folder, name))


def usable(root, name):
    """Raises Refused where an environment of before is not there any more."""
    if name and not os.path.exists(os.path.join(root, name, "bin", "python")):
        raise Refused(f"the environment of before, '{name}', is gone", "make setup, once the code is back")


def run(command, folder, env, limit_s):
    """Run something to its end, output kept; what takes too long fails."""
    environ = {"PYTHON": getattr(sys, "_base_executable", sys.executable), **os.environ, **env}
    environ.pop("OUTCOME_FD", None)  # its outcome is not this job's
    try:
        return subprocess.run(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(command, 124, f"not done in {late.timeout:g} s")


def last(done):
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return f"{lines[-1].strip() if lines else 'no output'} (exit {done.returncode})"
