"""The code of a clone onto another machine, over a real sshd: what differs, nothing deleted, verified afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.machines.support.sshd import Server

ROOT = Path(__file__).resolve().parents[2]
ENV = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *words: str) -> str:
    env = {**os.environ, **ENV, "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(["git", "-C", str(folder), *words], env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A clone with what deploys it, and little more."""
    folder = tmp_path / "here"
    needed = ["batch/deploy.sh", "jobs/anywhere.sh", "pyjobs/__init__.py", "pyjobs/deploy.py", "requirements-nas.txt"]
    needed += [f"pyjobs/machines/{name}.py" for name in ("__init__", "deploying", "remote")]
    needed += ["pyjobs/runs/backtests/__init__.py"]
    needed += [path.relative_to(ROOT).as_posix() for path in (ROOT / "utils").rglob("*.py")]
    needed += [path.relative_to(ROOT).as_posix() for path in (ROOT / "jobs").rglob("*.*") if path.suffix != ".pyc"]
    needed += ["config/env.nas.sh"]
    for name in needed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / name).chmod((ROOT / name).stat().st_mode)
    for name in ("secret/README.md", "logs/.gitkeep"):  # of runtime folders: a copy of a user's clone lacks the first
        (folder / name).parent.mkdir()
        (folder / name).touch()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "begin")
    return folder


def deploy(server: Server, here: Path, there: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    env = {**server.env(TARGET=f"{server.remote}:{there}"), "PYTHONBIN": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        ["bash", str(here / "batch/deploy.sh"), *flags], cwd="/", env=env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_a_disk_that_is_full_over_there_is_no_outage_and_gets_its_room_back(
    server: Server, here: Path, small_disk: Path
) -> None:
    done = deploy(server, here, small_disk / "nd", "--new", "--yes")
    assert done.returncode == 73, done.stderr
    assert f"{small_disk}/nd' cannot be written or read" in done.stderr and "nothing is in place" in done.stderr
    assert f" MB free at {small_disk}" in done.stderr
    assert sorted(path.name for path in (small_disk / "nd").iterdir()) == [".locks"]


def test_what_differs_is_sent_and_what_is_the_targets_own_stays(server: Server, here: Path, tmp_path: Path) -> None:
    there = tmp_path / "the target's box"
    first = deploy(server, here, there, "--new", "--yes")
    assert first.returncode == 0, first.stderr
    assert "every tracked file verified" in first.stdout
    commit = git(here, "rev-parse", "HEAD")
    assert (there / ".deployed").read_text().startswith(commit)
    assert (there / "batch/deploy.sh").stat().st_mode & 0o111
    assert (there / "pyjobs/runs/backtests/__init__.py").exists() and not (there / "secret").exists()
    for name, text in {
        ".env": "KRX_PW=theirs\n", "data/processed/decisions.csv": "1\n", "config/desk.yaml": "name: theirs\n",
        "pyjobs/machines.py": "raise SystemExit('old code')\n", "utils/gone.py": "", "notes.txt": "theirs\n",
    }.items():  # fmt: skip
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text(text)
    (here / "utils/clock.py").write_text("now = 1\n")
    (here / "utils/added.py").write_text("")
    (here / "utils/paths.py").write_text((here / "utils/paths.py").read_text())  # the same bytes, another time
    git(here, "add", "-A")
    git(here, "commit", "-qm", "two")
    dry = deploy(server, here, there, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.splitlines()[:4] == [
        "+ utils/added.py", "~ utils/clock.py",
        "[WARN] stale: pyjobs/machines.py: Python may import it in the place of the new code; remove it",
        "[WARN] stale: utils/gone.py",
    ]  # fmt: skip
    assert not (there / "utils/added.py").exists()
    asked = deploy(server, here, there)
    assert asked.returncode == 64 and "nobody is here to say yes" in asked.stderr
    (here / "utils/clock.py").write_text("edited")
    edited = deploy(server, here, there, "--yes")
    assert edited.returncode == 78 and "1 tracked files are edited here, the first is 'utils/clock.py'" in edited.stderr
    git(here, "restore", ".")
    (there / ".incoming-deploy-0a/utils").mkdir(parents=True)
    (there / ".incoming-deploy-0a/utils/killed.py").write_text("of a deploy that was killed")
    done = deploy(server, here, there, "--yes")
    assert done.returncode == 0, done.stderr
    assert (there / "utils/clock.py").read_text() == "now = 1\n" and (there / "utils/added.py").exists()
    assert (there / "utils/gone.py").exists()  # no deletes
    assert (there / ".env").read_text() == "KRX_PW=theirs\n" and (
        there / "config/desk.yaml"
    ).read_text() == "name: theirs\n"
    assert not list(there.glob(".incoming-deploy*")) and not (there / "utils/killed.py").exists()


def test_a_target_that_is_a_clone_with_edits_or_is_not_there_is_refused(
    server: Server, here: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    missing = deploy(server, here, there, "--yes")
    assert missing.returncode == 66 and "--new for a first deploy" in missing.stderr
    git(tmp_path, "clone", "-q", str(here), str(there))
    (there / "utils/clock.py").write_text("just this one edit\n")
    (here / "utils/progress.py").write_text("")
    git(here, "commit", "-qam", "two")
    refused = deploy(server, here, there, "--yes")
    assert (
        refused.returncode == 78 and "is a clone with edits of its own, the first is 'utils/clock.py'" in refused.stderr
    )
    assert (there / "utils/progress.py").read_text() != ""


def version(here: Path, number: int) -> None:
    """A commit in which every part holds `number`."""
    (here / "parts").mkdir(exist_ok=True)
    for part in range(30):
        (here / f"parts/{part}").write_text(f"{number}\n")
    git(here, "add", "-A")
    git(here, "commit", "-qm", f"version {number}")


def which(there: Path) -> str:
    """The version that a job over there finds: all parts of one."""
    chain = ["bash", str(there / "jobs/run_with_lock.sh"), "--name", "look", "bash", "-c", "cat parts/* | sort -u"]
    env = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONBIN": sys.executable}
    done = subprocess.run(chain, env=env, cwd=there, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def killed(server: Server, here: Path, there: Path, times: int) -> None:
    """Kill deploys at chosen moments, here or over there: a job there finds the old version or the new one, whole."""
    seeded, found = random.Random(20261129), Counter[str]()
    version(here, 0)
    assert deploy(server, here, there, "--new", "--yes").returncode == 0
    began = time.monotonic()
    version(here, 1)
    assert deploy(server, here, there, "--yes").returncode == 0
    lasts_s = time.monotonic() - began
    env = {**server.env(TARGET=f"{server.remote}:{there}"), "PYTHONBIN": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"}
    for number in range(2, times + 2):
        before = which(there)
        version(here, number)
        child = subprocess.Popen(
            ["bash", str(here / "batch/deploy.sh"), "--yes"], cwd="/", env=env, process_group=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if number % 3:  # near its last step
            while not list((there / ".locks").glob("*.plan")) and child.poll() is None:
                time.sleep(0.001)
            time.sleep(seeded.uniform(0, 0.1))
        else:
            time.sleep(seeded.uniform(0, lasts_s))
        if number % 2:
            with contextlib.suppress(ProcessLookupError):  # it was quicker than we are
                os.killpg(child.pid, signal.SIGKILL)
        else:
            for pid in server.sessions():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        child.wait()
        time.sleep(0.05)
        now = which(there)
        assert now in {before, str(number - 1), str(number)}  # one whose client was killed may end later
        found["old" if now == before else "new"] += 1
    assert deploy(server, here, there, "--yes").returncode == 0 and which(there) == str(times + 1)
    print(found)


def test_files_are_put_in_place_by_a_plan_that_waits_for_jobs_and_that_any_start_ends(tmp_path: Path) -> None:
    for name, text in {
        ".incoming-deploy/a": "new", ".incoming-deploy/b/c": "new", "a": "old", "b/c": "old", "b/theirs": "stays",
        ".locks/deploy.plan": '{"put": ["a", "b/c"], "delete": [], "stage": ".incoming-deploy"}',
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    switch = [sys.executable, "-I", "-S", str(ROOT / "jobs/update/switch.py"), str(tmp_path)]
    with (tmp_path / ".locks/code.lock").open("w") as job:
        fcntl.flock(job, fcntl.LOCK_SH)
        assert subprocess.run([*switch, str(tmp_path / ".locks/deploy.plan"), "0"]).returncode == 75
    assert (tmp_path / "a").read_text() == "old" and not (tmp_path / ".locks/update.plan").exists()
    (tmp_path / ".locks/deploy.plan").rename(tmp_path / ".locks/update.plan")
    (tmp_path / ".incoming-deploy/a").rename(tmp_path / "a")  # killed here
    assert subprocess.run(switch, capture_output=True).returncode == 0
    assert [(tmp_path / name).read_text() for name in ("a", "b/c", "b/theirs")] == ["new", "new", "stays"]
    assert not (tmp_path / ".locks/update.plan").exists() and not (tmp_path / ".incoming-deploy").exists()


@pytest.mark.torture
def test_a_hundred_and_fifty_deploys_that_are_killed_on_either_side(server: Server, here: Path, tmp_path: Path) -> None:
    killed(server, here, tmp_path / "there", 150)
