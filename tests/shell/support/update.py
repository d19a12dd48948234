"""What the tests of update share."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.shell.conftest import ROOT

GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}  # fmt: skip
PARTS = 40  # files that all say which version they are of


@dataclass
class Clone:
    """A clone of what the chain needs, with a space in its path; `there` is where somebody else works."""

    here: Path
    there: Path

    def git(self, *words: str, at: Path | None = None) -> str:
        command = ["git", "-C", str(at or self.here), *words]
        return subprocess.run(
            command, env={**os.environ, **GIT}, check=True, capture_output=True, text=True
        ).stdout.strip()

    def push(self, *flags: str, **files: str) -> str:
        """Somebody else's commit, pushed; its id. `a__b_txt` is a-b.txt."""
        for name, text in files.items():
            (self.there / name.replace("__", "-").replace("_txt", ".txt")).write_text(text)
        self.git("add", "-A", at=self.there)
        self.git("commit", "-qm", f"change {', '.join(files)}", at=self.there)
        self.git("push", "-q", *flags, at=self.there)
        return self.git("rev-parse", "HEAD", at=self.there)

    def version(self, number: int) -> str:
        """A commit in which every part holds `number`; one file comes, one goes, one changes its folder."""
        for part in range(PARTS):
            (self.there / f"parts/{part}").write_text(f"{number}\n")
        for old in self.there.glob("parts/only-*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        new = self.there / f"parts/only-{number % 3}"
        if number % 2:
            new.mkdir()
            new = new / "inside"
        new.write_text(f"{number}\n")
        return self.push()

    def env(self, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONBIN": sys.executable, **GIT, **more}

    def update(self, *words: str, **env: str) -> tuple[int, str, str]:
        """Exit code, what the log has of it, and the head after it."""
        for log in (self.here / "logs").glob("update_*.log"):
            log.unlink()
        done = subprocess.run(
            [self.here / "batch/update_from_git.sh", *words], env=self.env(**env), cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True,
        )  # fmt: skip
        logs = "".join(path.read_text() for path in (self.here / "logs").glob("update_*.log"))
        return done.returncode, logs, self.git("rev-parse", "HEAD")

    def directly(self, *words: str) -> list[str]:
        """The work of it, without the chain: what is killed."""
        return [sys.executable, "-I", "-S", str(self.here / "jobs/update"), *words]

    def which(self) -> int:
        """The version that a job finds, whatever happened before: all parts of one, and git agrees."""
        look = "cat parts/[0-9]* | sort -u; cat parts/only-* parts/only-*/* 2>/dev/null || true"
        chain = [self.here / "jobs/run_with_lock.sh", "--name", "look", "bash", "-c", look]
        done = subprocess.run(chain, env=self.env(), cwd=self.here, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        number, same = done.stdout.split()
        assert number == same
        assert self.git("status", "--porcelain") == ""
        assert self.git("show", "HEAD:parts/0") == number
        return int(number)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a clone, of where it came from, and of where somebody else works."""
    folder = tmp_path_factory.mktemp("clone")
    there, origin, here = folder / "there", folder / "origin.git", folder / "my clone"
    for name in ("batch", "jobs", "utils", "config"):
        shutil.copytree(
            ROOT / name, there / name, ignore=shutil.ignore_patterns("__pycache__", "desk*", "env.local.sh")
        )
    (there / "parts").mkdir()
    (there / "requirements-nas.txt").write_text("# none\n")
    (there / "secret").mkdir()
    (there / "secret/README.md").write_text("keys\n")
    (there / ".env.example").write_text("KEY=\n")
    (there / ".gitignore").write_text("/logs/\n/.locks/\n/.venv\n/.venvs/\n__pycache__/\n/config/desk.yaml\n/data/\n")
    made = Clone(here=here, there=there)
    made.git("init", "-q", "-b", "main", at=there)
    made.git("add", "-A", at=there)
    made.git("commit", "-qm", "begin", at=there)
    made.git("clone", "-q", "--bare", str(there), str(origin), at=folder)
    made.git("remote", "add", "origin", f"file://{origin}", at=there)
    made.git("fetch", "-q", at=there)
    made.git("branch", "-q", "--set-upstream-to=origin/main", at=there)
    made.git("clone", "-q", f"file://{origin}", str(here), at=folder)
    return folder


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Clone:
    for name in ("there", "origin.git", "my clone"):
        shutil.copytree(template / name, tmp_path / name, symlinks=True)
    made = Clone(here=tmp_path / "my clone", there=tmp_path / "there")
    for each in (made.here, made.there):
        made.git("remote", "set-url", "origin", f"file://{tmp_path}/origin.git", at=each)
    return made


def refused(clone: Clone, *told: str, **env: str) -> None:
    before = clone.git("rev-parse", "HEAD")
    code, log, head = clone.update(**env)
    assert (code, head) == (78, before), log
    for each in told:
        assert each in log


def killed(clone: Clone, kills: int) -> None:
    """Kill updates and rollbacks at chosen moments: a job then finds the old version or the new one, whole."""
    seeded, inside, older = random.Random(20261129), 0, 0
    clone.version(1)
    assert clone.update()[0] == 0
    for number in range(2, kills + 2):
        before = clone.which()
        words = ["--rollback"] if number % 4 == 0 else []
        if not words:
            clone.version(number)
        child = subprocess.Popen(
            clone.directly(*words), env=clone.env(), cwd="/", process_group=0,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if number % 3:  # among the renames
            while not (clone.here / ".locks/update.plan").exists() and child.poll() is None:
                pass
            time.sleep(seeded.uniform(0, 0.03))
        else:
            time.sleep(seeded.uniform(0, 0.5))
        child.send_signal(signal.SIGKILL)
        child.wait()
        time.sleep(0.05)  # a git that it has started ends by itself
        inside += (clone.here / ".locks/update.plan").exists()
        found = clone.which()
        assert found in {before, older if words else number}
        older = before if found != before else older
        assert not (clone.here / ".locks/update.plan").exists()
        (clone.here / ".git/index.lock").unlink(missing_ok=True)
    assert inside
