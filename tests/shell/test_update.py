"""update_from_git.sh with real git and a real remote: one step forward, or a refusal that leaves the head alone."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.shell.conftest import APART, ROOT, may_mount
from tests.support.stranger import stranger

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


def test_a_step_forward_is_taken_and_what_is_yours_is_not_touched(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD")
    code, log, head = clone.update()
    assert (code, head) == (0, before) and "up to date: main is at" in log
    clone.push(a_txt="1")
    (clone.here / "config/desk.yaml").write_text("name: mine\n")  # the user's own, which git ignores
    for shipped in ("secret/README.md", ".env.example"):  # among what is yours, but of the code
        (clone.there / shipped).write_text("more\n")
    newest = clone.version(2)
    code, log, head = clone.update("--check")
    assert (code, head) == (0, before)
    assert f"would update main: {before[:9]} to {newest[:9]}, 2 commits, {PARTS + 4} files; then at: change" in log
    code, log, head = clone.update()
    assert (code, head) == (0, newest), log
    assert f"updated main: {before[:9]} to {newest[:9]}, 2 commits; now at: change" in log
    assert clone.which() == 2
    assert (clone.here / "config/desk.yaml").read_text() == "name: mine\n"
    assert not list((clone.here / ".locks").glob("update.stage*")) and not (clone.here / ".venvs").exists()


@pytest.mark.torture
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_stranger_who_locks_whatever_he_can_open_delays_no_update(clone: Clone) -> None:
    clone.version(2)
    for each in (clone.here.parent, clone.here):
        each.chmod(0o755)
    with stranger(clone.here) as got:
        began = time.monotonic()
        code, log, _ = clone.update()
        assert (code, clone.which()) == (0, 2), log
        assert time.monotonic() - began < 60
    assert "jobs/lib.sh" in got and not [name for name in got if name.startswith(".locks/")]


def test_new_pins_make_an_environment_beside_the_old_one_and_a_rollback_takes_both_back(clone: Clone) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone.here / ".venv"], check=True)
    (clone.here / ".venv/.installed-nas").touch()
    (clone.here / ".venv/mark").touch()
    first = clone.version(1)
    assert clone.update(PYTHONBIN="")[::2] == (0, first)
    second = clone.push(requirements__nas_txt="# two\n")
    code, log, head = clone.update(PYTHONBIN="")
    assert (code, head) == (0, second), log
    made = (clone.here / ".venv").readlink()
    assert str(made) == ".venvs/d11b5728900e8dc3"  # printf 'nas\n# two\n' | sha256sum
    assert (clone.here / ".venvs/before-updates/mark").exists()
    shutil.move(clone.here.parent / "origin.git", clone.here.parent / "away")  # no network
    began = time.monotonic()
    code, log, head = clone.update("--rollback", PYTHONBIN="")
    assert (code, head) == (0, first), log
    assert time.monotonic() - began < 20  # a second where nobody else is at work
    assert f"rolled back main: {second[:9]} to {first[:9]}" in log
    assert (clone.here / ".venv/mark").exists()
    shutil.move(clone.here.parent / "away", clone.here.parent / "origin.git")
    code, log, head = clone.update(PYTHONBIN="")
    assert (code, head) == (0, first) and "was rolled back from here; a later one is taken" in log
    third = clone.push(b_txt="3")
    assert clone.update(PYTHONBIN="")[::2] == (0, third)
    assert (clone.here / ".venv").readlink() == made


@pytest.mark.torture
def test_packages_that_cannot_be_installed_leave_the_old_version_and_its_packages(clone: Clone) -> None:
    before = clone.git("rev-parse", "HEAD")
    clone.push(requirements__nas_txt="no-such-package==1 --hash=sha256:" + "0" * 64 + "\n")
    code, log, head = clone.update(PIP_NO_INDEX="1")
    assert (code, head) == (1, before)
    assert "not updated: the packages of the new version cannot be installed: ERROR: No matching distribution" in log
    assert not list((clone.here / ".venvs").iterdir())


def refused(clone: Clone, *told: str, **env: str) -> None:
    before = clone.git("rev-parse", "HEAD")
    code, log, head = clone.update(**env)
    assert (code, head) == (78, before), log
    for each in told:
        assert each in log


def test_what_is_no_plain_step_is_refused_by_name_with_its_cure_and_the_head_stays(clone: Clone) -> None:
    (clone.there / "notes").mkdir()
    clone.push(a_txt="1", **{"notes/of_txt": "1"})
    (clone.here / ".gitignore").write_text("mine\n")
    refused(clone, "1 tracked files are edited here, the first is '.gitignore'. Mend it: git stash")
    index = (clone.here / ".git/index").read_bytes()
    (clone.here / ".git/index").write_bytes(index[: len(index) // 2])  # no edit can be seen, though there is one
    refused(clone, "git status fails here: fatal: ", "rm .git/index && git reset")
    (clone.here / ".git/index").write_bytes(index)
    clone.git("restore", ".gitignore")
    (clone.here / "batch/run_prune.sh").chmod(0o644)  # a mode is no edit
    clone.git("switch", "-q", "--detach")
    refused(clone, "the head is detached, at ", "Mend it: git switch main")
    clone.git("switch", "-q", "-c", "own")
    refused(clone, "branch 'own' follows no branch of a remote. Mend it: git branch --set-upstream-to=origin/own")
    clone.git("branch", "-q", "--set-upstream-to=origin/main")
    refused(clone, "the branch here is 'own', updates are of 'main'. Mend it: git switch main (or UPDATE_BRANCH=own")
    clone.git("switch", "-q", "main")
    (clone.here / "a.txt").write_text("an untracked file in the way")
    refused(clone, "'a.txt' is here, is not git's, and the new version has", "Mend it: mv 'a.txt' 'a.txt.mine'")
    (clone.here / "a.txt").unlink()
    (clone.here / "notes").write_text("a file of mine, where the new version has a folder")
    refused(clone, "'notes' is here, is not git's, and the new version has a folder", "mv 'notes' 'notes.mine'")
    (clone.here / "notes").unlink()
    (clone.here / ".git/index.lock").touch()
    refused(clone, "index.lock' is there: a git is at work here, or one was killed. Mend it: rm '")
    (clone.here / ".git/index.lock").unlink()
    clone.git("commit", "-q", "--allow-empty", "-m", "mine")
    told = "branch 'main' has diverged: 1 commits here that 'origin/main' lacks, 1 there. Mend it: git branch mine"
    refused(clone, told)
    cure = "git branch mine && git reset --hard origin/main"
    subprocess.run(["bash", "-c", cure], cwd=clone.here, env={**os.environ, **GIT}, check=True, capture_output=True)
    clone.git("commit", "-q", "--amend", "-m", "rewritten", at=clone.there)
    clone.push("--force", b_txt="2")
    refused(clone, "'origin/main' was force-pushed", "Mend it: git branch mine && git reset --hard origin/main")
    refused(clone, "'origin/main' was force-pushed")  # the next one knows it as well
    clone.git("switch", "-q", "-C", "main", "origin/main")
    (clone.there / "strategies").mkdir()
    clone.push(**{"strategies/mine_txt": "theirs"})
    refused(clone, "the new version brings 'strategies/mine.txt', which is yours")
    clone.git("rm", "-qr", "strategies", at=clone.there)
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor", at=clone.there)
    clone.git("commit", "-qm", "a submodule", at=clone.there)
    clone.git("push", "-q", at=clone.there)
    refused(clone, "the new version has a submodule, 'vendor', and an update brings files only")
    clone.git("remote", "remove", "origin")
    refused(clone, "this clone has no remote. Mend it: git remote add origin URL")


def test_a_folder_inside_another_clone_is_none_and_a_hook_of_another_repository_misleads_nothing(clone: Clone) -> None:
    newest = clone.version(1)
    other = clone.here.parent / "other"
    clone.git("clone", "-q", "--bare", f"file://{clone.here.parent}/origin.git", str(other), at=clone.here.parent)
    of_a_hook = {"GIT_DIR": str(other), "GIT_INDEX_FILE": str(other / "index"), "GIT_WORK_TREE": str(other)}
    assert clone.update(**of_a_hook)[::2] == (0, newest)
    assert clone.update("--rollback", **of_a_hook)[0] == 0
    assert clone.git("status", "--porcelain") == "" and clone.git("rev-parse", "HEAD") != newest
    assert not (other / "index").exists()
    shutil.rmtree(clone.here / ".git")
    clone.git("init", "-q", at=clone.here.parent)
    for words in ([], ["--rollback"]):
        done = subprocess.run(clone.directly(*words), env=clone.env(), capture_output=True, text=True)
        assert done.returncode == 78 and "is no git clone (where is its .git folder?)" in done.stderr
    (clone.here / ".release.json").touch()
    for words in ([], ["--rollback"]):
        done = subprocess.run(clone.directly(*words), env=clone.env(), capture_output=True, text=True)
        assert done.returncode == 78 and "is a release, which never changes" in done.stderr


def test_hooks_and_monitors_of_the_user_neither_stop_an_update_nor_delay_it(clone: Clone) -> None:
    for name in ("reference-transaction", "post-index-change", "post-checkout"):
        hook = clone.here / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    monitor = clone.here.parent / "monitor"
    monitor.write_text("#!/bin/sh\nsleep 1000\n")
    monitor.chmod(0o755)
    newest = clone.version(1)
    clone.git("config", "core.fsmonitor", str(monitor))
    assert clone.update()[::2] == (0, newest)


def test_a_shallow_clone_another_owner_and_no_clone_are_refused_by_name(clone: Clone, tmp_path: Path) -> None:
    clone.push(a_txt="1")
    shallow = Clone(here=tmp_path / "shallow", there=clone.there)
    clone.git("clone", "-q", "--depth=1", f"file://{tmp_path}/origin.git", str(shallow.here), at=tmp_path)
    refused(shallow, "this clone is shallow", "Mend it: git fetch --unshallow")
    if os.geteuid() == 0:
        os.chown(clone.here / ".git", 12345, -1)
        done = subprocess.run(clone.directly(), env=clone.env(), capture_output=True, text=True)
        assert done.returncode == 78 and "dubious ownership: the clone is user 12345's, this is root" in done.stderr
    shutil.rmtree(clone.here / ".git")
    done = subprocess.run(clone.directly(), env=clone.env(), capture_output=True, text=True)
    assert done.returncode == 78 and "is no git clone" in done.stderr
    (clone.here / ".release.json").write_text("{}")
    done = subprocess.run(clone.directly(), env=clone.env(), capture_output=True, text=True)
    assert (
        done.returncode == 78 and "is a release, which never changes. Mend it: python -m pyjobs.release" in done.stderr
    )


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(clone: Clone) -> None:
    if not may_mount():
        pytest.skip("no tmpfs may be mounted here")
    clone.push(a_txt="1")
    small = clone.here.parent / "small"
    small.mkdir()
    script = 'mount -t tmpfs -o size=60m tmpfs "$1" && cp -a "$2" "$1/clone" && exec "$3" -I -S "$1/clone/jobs/update"'
    command = [*APART, "bash", "-c", script, "-", str(small), str(clone.here), sys.executable]
    done = subprocess.run(command, env=clone.env(), capture_output=True, text=True)
    assert done.returncode == 78 and "the disk is too small: " in done.stderr, done.stderr


def test_to_a_tag_and_only_what_is_signed(clone: Clone, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    (tmp_path / "signers").write_text("a@example.com " + (tmp_path / "key.pub").read_text())
    first = clone.push(a_txt="1")
    clone.git("tag", "v1", at=clone.there)
    clone.push(b_txt="2")
    clone.git("push", "-q", "--tags", at=clone.there)
    signers = {"UPDATE_SIGNERS": str(tmp_path / "signers")}
    refused(clone, "is not signed by anybody in", **signers)
    assert clone.update("--to", "v1")[::2] == (0, first)
    for name in ("v9", "v1~0", "v1^{commit}", "-v1", "../heads/main"):
        code, log, _ = clone.update("--to", name)
        assert code == 78 and f"there is no tag '{name}' there" in log
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", f"{tmp_path}/key.pub"), ("commit.gpgsign", "true")):
        clone.git("config", name, value, at=clone.there)
    signed = clone.push(c_txt="3")
    clone.git("tag", "plain", at=clone.there)  # no object of its own: the commit's signature counts
    clone.git("tag", "-s", "-m", "a tag", "v2", at=clone.there)
    clone.git("update-ref", "refs/tags/v3", "refs/tags/v2", at=clone.there)  # by another name than was signed
    clone.git("push", "-q", "--tags", at=clone.there)
    assert clone.update("--check", "--to", "plain", **signers)[0] == 64
    code, log, _ = clone.update("--to", "v3", **signers)
    assert code == 78 and "what is published as tag 'v3' is the tag 'v2'" in log
    assert clone.update("--to", "plain", **signers)[::2] == (0, signed)
    assert clone.update("--to", "v2", **signers)[0] == 0
    assert clone.update(**signers)[::2] == (0, signed)
    fake = tmp_path / "gpg"  # prints what gpg prints of a good signature of any key that it knows
    good = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AAAAAAAAAAAAAAAA them\n[GNUPG:] TRUST_ULTIMATE 0 pgp"
    armour = "-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----"
    fake.write_text(
        f"#!/bin/sh\ncat >/dev/null\ncase \"$*\" in *--verify*) echo '{good}' ;; *)\n"
        "printf '\\n[GNUPG:] SIG_CREATED x\\n' >&2\n"
        f"echo '{armour}' ;; esac\n"
    )
    fake.chmod(0o755)
    clone.git("config", "gpg.program", str(fake))
    for name, value in (("gpg.format", "openpgp"), ("gpg.program", str(fake)), ("user.signingkey", "them")):
        clone.git("config", name, value, at=clone.there)
    clone.push(d_txt="4")
    clone.git("verify-commit", "origin/main", at=clone.there)
    refused(clone, "is not signed by anybody in", **signers)


def test_tags_with_the_name_of_a_branch_here_or_over_there_mislead_neither_update_nor_rollback(clone: Clone) -> None:
    before, newest = clone.git("rev-parse", "HEAD"), clone.push(a_txt="1")
    clone.git("switch", "-q", "-c", "theirs", at=clone.there)
    clone.push("--set-upstream", "origin", "theirs", b_txt="of nobody's branch")
    for name in ("main", "origin/main"):  # git takes a tag first, where a name is short
        clone.git("tag", name, at=clone.there)
    clone.git("push", "-q", "--tags", at=clone.there)
    assert clone.update()[::2] == (0, newest)
    assert clone.update("--rollback")[::2] == (0, before)
    assert clone.git("status", "--porcelain") == ""


def test_jobs_that_run_are_waited_for_and_the_update_is_tried_later(clone: Clone) -> None:
    clone.version(1)
    before = clone.git("rev-parse", "HEAD")
    chain = [clone.here / "jobs/run_with_lock.sh", "--name", "long", "bash", "-c", "echo runs; exec sleep 60"]
    job = subprocess.Popen(chain, env=clone.env(), cwd=clone.here, stdout=subprocess.PIPE)
    assert job.stdout is not None and job.stdout.readline() == b"runs\n"
    code, log, head = clone.update(UPDATE_WAIT_S="0.3")
    assert (code, head) == (75, before) and "not updated: jobs were at work all the time" in log
    job.terminate()
    job.communicate()
    assert clone.update()[0] == 0 and clone.which() == 1


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


def test_killed_among_its_renames_the_next_job_finds_one_version_whole(clone: Clone) -> None:
    killed(clone, 5)


@pytest.mark.torture
def test_killed_at_each_of_two_hundred_and_fifty_moments_one_version_runs(clone: Clone) -> None:
    killed(clone, 250)


def test_a_remote_that_cannot_be_had_is_a_skip_and_nobody_is_asked_for_a_password(clone: Clone) -> None:
    clone.git("remote", "set-url", "origin", "file:///no/such/place.git")
    code, log, _ = clone.update()
    assert code == 0 and "[SKIP] external-data-unavailable (guarded)" in log and "skip:network" in log
    done = subprocess.run(clone.directly(), env=clone.env(), cwd="/", capture_output=True, text=True)
    assert done.returncode == 69 and "not updated: 'origin' cannot be had" in done.stderr
    clone.git("remote", "set-url", "origin", "ssh://git@127.0.0.1/place.git")
    clone.git("config", "core.sshCommand", "echo key=mine >&2; false")  # a key of its own, as deploy keys have
    done = subprocess.run(clone.directly(), env=clone.env(), cwd="/", capture_output=True, text=True)
    assert done.returncode == 69
    assert "'origin' cannot be had: key=mine. Try" in done.stderr  # not git's last words of three lines


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
        done = subprocess.run(
            [clone.here / "batch/update_from_git.sh"], env=clone.env(no_proxy="127.0.0.1"), cwd="/", stdin=there,
            capture_output=True, timeout=60, start_new_session=True,
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
