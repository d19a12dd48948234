"""What the tests of releases share."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyjobs import release
from utils import paths

ENV = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
FILES = {
    "batch/job.sh": "#!/bin/sh\necho {n}\n", "pyjobs/part.py": "V = {n}\n", "config/desk.sample.yaml": "a: {n}\n",
    "config/data_format.txt": "# reads\n{n}\n", "requirements-nas.txt": "# none\n", "secret/README.md": "keys\n",
    "data/.gitkeep": "",
}  # fmt: skip


class Bench:
    """A clone with two tags, a key, and two environments whose packages are there already."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.key, self.signers = folder / "clone", folder / "key", folder / "signers"
        self.staging, self.prod = folder / "the staging", folder / "prod"
        self.clone.mkdir()
        self.git("init", "-q", "-b", "main")
        for number in (1, 2):
            self.commit(number)
            self.git("tag", f"v{number}")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.signers.write_text(f"builder@example.com {self.key.with_suffix('.pub').read_text()}")
        for port, root in ((15433, self.staging), (15434, self.prod)):
            name = root.name.split()[-1]
            self.release("init", root, "--name", name, "--port", port, "--signers", self.signers)
            venv = root / ".venvs" / hashlib.sha256(b"nas\n# none\n").hexdigest()[:16]
            (venv / "bin").mkdir(parents=True)
            (venv / "bin/python").symlink_to(sys.executable)
            for mark in (".complete", ".installed-nas"):
                (venv / mark).touch()

    def git(self, *words: str) -> str:
        env = {**os.environ, **ENV, "GIT_CONFIG_GLOBAL": "/dev/null"}
        done = subprocess.run(
            ["git", "-C", str(self.clone), *words], env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, number: int) -> None:
        for name, text in FILES.items():
            (self.clone / name).parent.mkdir(exist_ok=True)
            (self.clone / name).write_text(text.format(n=number))
        (self.clone / "batch/job.sh").chmod(0o755)
        self.git("add", "-A")
        date = f"2026-11-2{number}T00:00:00Z"
        env = {**os.environ, **ENV, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
        subprocess.run(["git", "-C", str(self.clone), "commit", "-qm", f"{number}"], env=env, check=True)

    def release(self, *words: object) -> int:
        return release.main([str(word) for word in words])

    def built(self, tag: str) -> Path:
        assert self.release("build", tag, "--key", self.key) == 0
        return self.clone / "data/releases" / tag

    def runs(self, root: Path) -> str:
        """What a crontab line of the environment starts."""
        return subprocess.run(
            [root / "current/batch/job.sh"], capture_output=True, text=True, check=True
        ).stdout.strip()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases") / "bench"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as here:
        here.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        Bench(folder)
    shutil.rmtree(folder / "config")  # it lists what the template has
    return folder


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: Path) -> Bench:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen (openssh-client)")
    made = Bench.__new__(Bench)
    folder = tmp_path / "bench"
    shutil.copytree(template, folder, symlinks=True)
    made.clone, made.key, made.signers = folder / "clone", folder / "key", folder / "signers"
    made.staging, made.prod = folder / "the staging", folder / "prod"
    monkeypatch.setattr(paths, "ROOT", made.clone)
    monkeypatch.setenv("NIGHTDESK_HOME", str(made.clone))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    return made
