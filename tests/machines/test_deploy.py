"""The code of a clone onto another machine, over a real sshd: what differs, nothing deleted, verified afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machines.sshd import Server

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
    needed += ["pyjobs/runs/backtests/__init__.py", "secret/README.md", "logs/.gitkeep"]  # names of runtime folders
    needed += [path.relative_to(ROOT).as_posix() for path in (ROOT / "utils").rglob("*.py")]
    for name in needed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / name).chmod((ROOT / name).stat().st_mode)
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
    (there / ".incoming-deploy/utils").mkdir(parents=True)
    (there / ".incoming-deploy/utils/killed.py").write_text("of a deploy that was killed")
    done = deploy(server, here, there, "--yes")
    assert done.returncode == 0, done.stderr
    assert (there / "utils/clock.py").read_text() == "now = 1\n" and (there / "utils/added.py").exists()
    assert (there / "utils/gone.py").exists()  # no deletes
    assert (there / ".env").read_text() == "KRX_PW=theirs\n" and (
        there / "config/desk.yaml"
    ).read_text() == "name: theirs\n"
    assert not (there / ".incoming-deploy").exists() and not (there / "utils/killed.py").exists()


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
