"""Other users of the machine: what they may open, and that a lock of theirs holds nobody up."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import struct
import subprocess
import time
from pathlib import Path

import pytest

from pyjobs.runs.verdict.places import check_private
from tests.shell.conftest import ROOT, House
from tests.support.stranger import stranger
from utils import history
from utils.files import private


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def house(tmp_path: Path) -> House:
    (tmp_path / "home").mkdir()
    return House(home=tmp_path / "home")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_modes_are_the_tables_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        for name, wanted in private.FOLDER_MODES.items():
            private.make_folder(tmp_path / name, wanted)
            if name != private.QUEUE:  # what is in it has its mode from who makes it
                (tmp_path / name / "x").touch()
        (tmp_path / "logs").mkdir()
        (tmp_path / "logs/history-2026-11-20.jsonl").touch()
        history.append(str(tmp_path / "logs/history.jsonl"), {"job": "x"})
        private.restrict(str(tmp_path))
    finally:
        os.umask(before)
    assert {name: mode(tmp_path / name) for name in private.FOLDER_MODES} == {
        ".locks": 0o750,
        "data/providers/state": 0o750,
        "data/webcache/yf-client": 0o700,
        "data/queue": 0o750,
    }
    assert mode(tmp_path / "data/webcache/yf-client/x") == 0o600
    assert mode(tmp_path / ".locks/x") == mode(tmp_path / "data/providers/state/x") == 0o640
    assert {mode(path) for path in (tmp_path / "logs").iterdir()} == {0o640}
    assert private.problems(str(tmp_path)) == []


def test_what_others_may_do_is_named_and_the_next_job_mends_it(house: House) -> None:
    locks, logs = house.home / ".locks", house.home / "logs"
    for folder in (locks, logs):
        folder.mkdir(mode=0o777)
    locks.chmod(0o777)
    (logs / "history.jsonl").touch(mode=0o666)
    (logs / "history.jsonl").chmod(0o666)
    compiling = house.home / "data/cache/native/.compiling"  # as an older version has left it
    compiling.parent.mkdir(parents=True)
    compiling.touch()
    compiling.chmod(0o644)
    assert private.problems(str(house.home)) == [
        f"mode 777, not 750: chmod 750 '{locks}'",
        f"mode 644, not 640: chmod 640 '{compiling}'",
        f"mode 666, not 640: chmod 640 '{logs / 'history.jsonl'}'",
    ]
    assert house.run(house.chain("true")).returncode == 0
    assert private.problems(str(house.home)) == []


def by_policy(home: Path) -> list[Path]:
    """Everything the table knows, made as it wants it."""
    names = [f"{folder}/it's x" for folder in private.FOLDER_MODES] + [*private.FILES, "logs/history.jsonl"]
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).touch()
    for path, wanted in private._looked_at(str(home)):
        private._set(path, wanted)
    return sorted({home / name for name in (*names, *private.FOLDER_MODES)})


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_each_thing_that_others_may_open_is_named_with_a_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_GROUP", "54321")
    kept = by_policy(tmp_path)
    assert len(kept) == 12 and private.problems(str(tmp_path)) == []
    for path in kept:
        wanted = mode(path)
        spoiling = [lambda x: x.chmod(0o777), lambda x: os.chown(x, 71, -1), lambda x: os.chown(x, -1, 71)]
        reachable = str(path.parent.relative_to(tmp_path)) not in private.FOLDER_MODES
        for spoil in spoiling[: 1 if not reachable else 3 if wanted & 0o070 else 2]:  # for one user: of any group
            spoil(path)
            told = private.problems(str(tmp_path))
            assert len(told) == 1, told
            subprocess.run(["sh", "-c", told[0].partition(": ")[2]], check=True)
            assert private.problems(str(tmp_path)) == [] and mode(path) == wanted


@pytest.mark.parametrize("mask", [0o077, 0o027])
def test_what_a_disk_without_modes_shows_is_named_where_others_may_do_more_and_nowhere_else(
    tmp_path: Path, mask: int
) -> None:
    for path in by_policy(tmp_path):
        path.chmod(0o777 & ~mask)  # exFAT, NTFS: all of one mode, whatever chmod does
    told = [line.partition("yf-client")[2] for line in private.problems(str(tmp_path))]
    assert told == (["'", "/it'\\''s x'"] if mask == 0o027 else [])  # a group reads cookies that are one user's


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_root_is_not_told_to_take_from_the_jobs_user_what_is_the_jobs(tmp_path: Path) -> None:
    for path in [*by_policy(tmp_path), tmp_path]:
        os.chown(path, 71, -1)
    assert private.problems(str(tmp_path)) == []


def test_an_access_list_that_lets_somebody_in_is_named(tmp_path: Path) -> None:
    kept = by_policy(tmp_path)
    entries = {"user 71": (2, 4, 71), "group 72": (8, 6, 72), "": (2, 0, 73), "nobody else": (2, 7, os.getuid())}
    kept[0].chmod(0o755)  # else nobody gets to what is in it
    (folder,) = private.problems(str(tmp_path))
    for said, (tag, allowed, number) in entries.items():
        owner, group, mask, other = (1, 6, -1), (4, 4, -1), (16, 4, -1), (32, 0, -1)
        words = [owner, *([(tag, allowed, number)] if tag == 2 else []), group]
        words += [*([(tag, allowed, number)] if tag == 8 else []), mask, other]
        listed = b"\2\0\0\0" + b"".join(struct.pack("<HHi", *each) for each in words)
        try:
            os.setxattr(kept[0] / "it's x", "system.posix_acl_access", listed)
        except OSError:
            pytest.skip("a disk without access lists")
        told = private.problems(str(tmp_path))
        named = f"an access list lets {said} in: setfacl -b '{kept[0]}/it'\\''s x'"
        assert told == [folder] + ([named] if said.startswith(("user", "group")) else [])
        (kept[0] / "it's x").chmod(0o600)  # that masks the list
        assert private.problems(str(tmp_path)) == [folder]


def test_the_first_job_of_a_clone_makes_its_locks_and_history_private(house: House) -> None:
    saturday = {"NIGHTDESK_NOW": "1795230000"}
    assert house.run([str(ROOT / "batch/run_scanner.sh")], **saturday).returncode == 0
    assert (mode(house.home / ".locks"), mode(house.home / "logs/history.jsonl")) == (0o750, 0o640)


def test_a_link_in_the_place_of_a_folder_changes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / ".locks").symlink_to(tmp_path / "elsewhere")
    private.restrict(str(tmp_path))
    assert mode(tmp_path / "elsewhere") == 0o755


def test_a_group_is_trusted_by_name_or_number_and_an_unknown_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_GROUP", "no-such-group")
    assert private.problems(str(tmp_path)) == ["NIGHTDESK_GROUP=no-such-group: no such group here"]
    if os.getuid():
        pytest.skip("only root may give a file to any group")
    monkeypatch.setenv("NIGHTDESK_GROUP", "54321")
    private.make_folder(tmp_path / ".locks")
    private.make_folder(tmp_path / private.YAHOO, 0o700)
    assert (tmp_path / ".locks").stat().st_gid == 54321
    assert (tmp_path / private.YAHOO).stat().st_gid != 54321


def test_the_users_own_group_is_named_where_other_users_have_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private.make_folder(tmp_path / ".locks")
    gid, uid, root = (tmp_path / ".locks").stat().st_gid, os.getuid(), "/home/x"
    users = [("jobs", uid, gid, "sh"), ("daemon", 71, gid, "nologin"), ("ann", 72, gid, "bash"), ("bob", 73, 99, "sh")]
    known = [pwd.struct_passwd((name, "x", u, g, "", root, f"/bin/{shell}")) for name, u, g, shell in users]
    monkeypatch.setattr(pwd, "getpwall", lambda: known)
    monkeypatch.setattr(
        grp, "getgrgid", lambda number: grp.struct_group(("users", "x", number, ["bob", "jobs", "eve"]))
    )
    assert private.sharers(str(tmp_path)) == ("users", ["ann", "bob", "eve"])
    told = check_private([], private.sharers(str(tmp_path)))
    assert told.state == "WARN" and told.detail == (
        "the locks' group 'users' has other users (ann, bob, eve), who may lock what jobs lock: name a group of the "
        "jobs alone, or this one where they are trusted, as NIGHTDESK_GROUP in config/env.local.sh"
    )
    monkeypatch.setenv("NIGHTDESK_GROUP", "users")
    assert private.sharers(str(tmp_path)) == ("", []) and check_private([], ("", [])).state == "OK"
    monkeypatch.delenv("NIGHTDESK_GROUP")
    (tmp_path / ".locks").chmod(0o700)
    assert private.sharers(str(tmp_path)) == ("", [])


def test_a_history_that_somebody_keeps_locked_delays_a_job_for_a_moment_and_loses_nothing(house: House) -> None:
    (house.home / "logs").mkdir()
    path = house.home / "logs/history.jsonl"
    path.touch()
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        jobs = [house.start(house.chain("true", name=f"job{i}")) for i in range(3)]
        errors = [job.communicate()[1] for job in jobs]
        assert time.monotonic() - began < 60
    assert [job.returncode for job in jobs] == [0, 0, 0]
    assert all(
        b"another process keeps logs/history.jsonl locked: added to it without the lock" in error for error in errors
    )
    assert sorted(record["job"] for record in house.history()) == ["job0", "job1", "job2"]


@pytest.mark.skipif(os.getuid() != 0, reason="needs a second user")
def test_another_user_can_lock_neither_a_job_nor_the_history(house: House) -> None:
    assert house.run(house.chain("true")).returncode == 0
    with stranger(house.home) as got:
        assert house.run(house.chain("true")).returncode == 0
    assert {name for name in got if "." in name} == {
        f"logs/{path.name}" for path in (house.home / "logs").glob("*.log")
    }
    assert ".locks/job.lock" in {str(path.relative_to(house.home)) for path in house.home.rglob("*")}


@pytest.mark.parametrize("name", [".env~", ".env.bak", "config/env.local.sh~", "secret/.env", ".env"])
def test_git_never_sees_a_copy_that_an_editor_leaves(name: str) -> None:
    assert subprocess.run(["git", "check-ignore", "-q", name], cwd=ROOT).returncode == 0
