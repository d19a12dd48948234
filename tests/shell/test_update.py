"""update_from_git.sh with real git and a real remote: one step forward, or a refusal that leaves the head alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shell.conftest import APART, may_mount
from tests.shell.support.update import (
    GIT,
    PARTS,
    Clone,
    clone,  # noqa: F401  # a fixture
    refused,
    template,  # noqa: F401  # a fixture
)
from tests.support.stranger import stranger


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
