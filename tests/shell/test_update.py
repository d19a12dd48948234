"""update_from_git.sh with real git and a real remote: one step forward, or a refusal that leaves the head alone."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.shell.conftest import ROOT

GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}  # fmt: skip
MAKEFILE = "setup:\n\t@echo made >>setup-was-made\nsetup-providers:\n\t@echo made >>providers-were-made\n"


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

    def push(self, **files: str) -> str:
        """Somebody else's commit, pushed; its id."""
        for name, text in files.items():
            (self.there / name.replace("__", "-").replace("_txt", ".txt")).write_text(text)
        self.git("add", "-A", at=self.there)
        self.git("commit", "-qm", f"change {', '.join(files)}", at=self.there)
        self.git("push", "-q", at=self.there)
        return self.git("rev-parse", "HEAD", at=self.there)

    def update(self) -> tuple[int, str, str]:
        """Exit code, what the log has of it, and the head after it."""
        env = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONBIN": sys.executable, **GIT}
        for log in (self.here / "logs").glob("update_*.log"):
            log.unlink()
        done = subprocess.run(
            [self.here / "batch/update_from_git.sh"], env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True
        )
        logs = "".join(path.read_text() for path in (self.here / "logs").glob("update_*.log"))
        return done.returncode, logs, self.git("rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    there, origin, here = tmp_path / "there", tmp_path / "origin.git", tmp_path / "my clone"
    for name in ("batch", "jobs", "utils", "config"):
        shutil.copytree(
            ROOT / name, there / name, ignore=shutil.ignore_patterns("__pycache__", "desk*", "env.local.sh")
        )
    (there / "Makefile").write_text(MAKEFILE)
    (there / "requirements-nas.txt").write_text("one\n")
    (there / "requirements-providers.txt").write_text("one\n")
    (there / ".gitignore").write_text("/logs/\n/.locks/\n/.venv\n__pycache__/\n*-made\n/config/desk.yaml\n")
    made = Clone(here=here, there=there)
    made.git("init", "-q", "-b", "main", at=there)
    made.git("add", "-A", at=there)
    made.git("commit", "-qm", "begin", at=there)
    made.git("clone", "-q", "--bare", str(there), str(origin), at=tmp_path)
    made.git("remote", "add", "origin", f"file://{origin}", at=there)
    made.git("fetch", "-q", at=there)
    made.git("branch", "-q", "--set-upstream-to=origin/main", at=there)
    made.git("clone", "-q", f"file://{origin}", str(here), at=tmp_path)
    return made


def test_a_step_forward_is_taken_and_packages_are_renewed_only_when_their_pins_changed(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD")
    code, log, head = clone.update()
    assert (code, head) == (0, before) and "up to date: main is at" in log
    clone.push(a_txt="1")
    (clone.here / "config/desk.yaml").write_text("name: mine\n")  # the user's own, which git ignores
    newest = clone.push(b_txt="2")
    code, log, head = clone.update()
    assert (code, head) == (0, newest), log
    assert f"updated main: {before[:9]} to {newest[:9]}, 2 commits; now at: change b_txt" in log
    assert not (clone.here / "setup-was-made").exists()
    clone.push(requirements__nas_txt="two\n", requirements__providers_txt="two\n")
    code, log, _ = clone.update()
    assert code == 0 and "requirements-nas.txt has changed: make setup" in log, log
    assert (clone.here / "setup-was-made").read_text() == "made\n"
    assert not (clone.here / "providers-were-made").exists()  # nobody has them here
    code, log, _ = clone.update()
    assert (clone.here / "setup-was-made").read_text() == "made\n"


def test_packages_that_could_not_be_renewed_are_tried_again_by_the_next_update(clone: Clone) -> None:
    (clone.here / ".venv").mkdir()
    (clone.here / ".venv/.installed-nas").touch()
    clone.push(Makefile="setup:\n\t@exit 1\n", requirements__nas_txt="two\n")
    code, log, _ = clone.update()
    assert code == 1 and "the code is new and its packages are not: make setup" in log
    clone.push(Makefile=MAKEFILE)
    os.utime(clone.here / ".venv/.installed-nas", (1, 1))
    code, log, _ = clone.update()
    assert code == 0 and (clone.here / "setup-was-made").exists(), log


def test_what_is_no_plain_step_is_refused_by_name_with_its_cure_and_the_head_stays(clone: Clone) -> None:
    clone.push(a_txt="1")
    before = clone.git("rev-parse", "HEAD")

    def refused(*told: str) -> None:
        code, log, head = clone.update()
        assert (code, head) == (78, before), log
        for each in told:
            assert each in log

    (clone.here / "Makefile").write_text("mine\n")
    refused("1 tracked files are edited here, the first is 'Makefile'. Mend it: git stash")
    clone.git("stash")
    clone.git("switch", "-q", "--detach")
    refused("the head is detached, at ", "Mend it: git switch main")
    clone.git("switch", "-q", "-c", "own")
    refused("branch 'own' follows no branch of a remote. Mend it: git branch --set-upstream-to=origin/own")
    clone.git("switch", "-q", "main")
    (clone.here / "a.txt").write_text("an untracked file in the way")
    refused("untracked working tree files would be overwritten", "Mend it: move the files it names away")
    (clone.here / "a.txt").unlink()
    clone.git("commit", "-q", "--allow-empty", "-m", "mine")
    before = clone.git("rev-parse", "HEAD")
    refused("branch 'main' has diverged: 1 commits here that 'origin/main' has not, 1 there. Mend it: git branch mine")
    cure = "git branch mine && git reset --hard origin/main"
    subprocess.run(["bash", "-c", cure], cwd=clone.here, env={**os.environ, **GIT}, check=True, capture_output=True)
    assert clone.update()[0] == 0


def test_a_remote_that_cannot_be_had_is_a_skip_and_nobody_is_asked_for_a_password(clone: Clone) -> None:
    clone.git("remote", "set-url", "origin", "file:///no/such/place.git")
    code, log, _ = clone.update()
    assert code == 0 and "[SKIP] external-data-unavailable (guarded)" in log and "skip:network" in log
    done = subprocess.run(
        [clone.here / "jobs/pull.sh"], env={**os.environ, **GIT}, cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 69 and "not updated: 'origin' cannot be had" in done.stderr


class AsksForPassword(BaseHTTPRequestHandler):
    """A server of git that lets nobody in without a name and a password."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is asked stands in the test."""


def test_a_remote_that_wants_a_password_is_a_skip_at_once_also_where_there_is_a_terminal(clone: Clone) -> None:
    before, (here, there) = clone.git("rev-parse", "HEAD"), pty.openpty()
    with HTTPServer(("127.0.0.1", 0), AsksForPassword) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        clone.git("remote", "set-url", "origin", f"http://127.0.0.1:{server.server_port}/x.git")
        env = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONBIN": sys.executable, "no_proxy": "127.0.0.1", **GIT}
        done = subprocess.run(
            [clone.here / "batch/update_from_git.sh"], env=env, cwd="/", stdin=there, capture_output=True,
            timeout=60, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        server.shutdown()
    asked = os.read(here, 4096) if select.select([here], [], [], 0)[0] else b""
    os.close(there)
    os.close(here)
    logs = "".join(path.read_text() for path in (clone.here / "logs").glob("update_*.log"))
    assert done.returncode == 0 and "[SKIP] external-data-unavailable (guarded)" in logs, (done, logs)
    assert "terminal prompts disabled" in logs and clone.git("rev-parse", "HEAD") == before
    assert b"Username" not in asked and b"assword" not in asked
