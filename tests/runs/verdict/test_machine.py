"""What a machine has to have: the SQLite bug, the format of what is stored, secrets, tools."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pyjobs import doctor
from pyjobs.runs.verdict.holders import stranger
from pyjobs.runs.verdict.machine import check_format, check_secrets, check_tools, check_wal, has_wal_bug
from utils import paths


def database(path: Path, journal: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode={journal}")
        db.execute("CREATE TABLE a (n)")
        db.commit()


@pytest.mark.parametrize(
    ("version", "has"),
    [
        ((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 51, 2), True), ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)  # fmt: skip
def test_sqlite_from_3_7_0_to_3_51_2_has_the_bug(version: tuple[int, ...], has: bool) -> None:
    assert has_wal_bug(version) is has


def test_only_a_database_with_a_write_ahead_log_is_warned_of_and_only_where_sqlite_has_the_bug(tmp_path: Path) -> None:
    database(tmp_path / "queue/well.sqlite", "DELETE")
    (tmp_path / "queue/none.sqlite").write_text("not a database")
    assert list(check_wal(tmp_path, (3, 40, 1))) == []
    database(tmp_path / "queue/us.sqlite", "WAL")
    (told,) = check_wal(tmp_path, (3, 40, 1))
    assert (told.name, told.state) == ("database us.sqlite", "WARN")
    assert "which SQLite 3.40.1 may damage" in told.detail and "PRAGMA journal_mode=DELETE" in told.detail
    assert list(check_wal(tmp_path, (3, 51, 3))) == []


def test_what_is_stored_in_another_format_than_is_read_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/data_format.txt").write_text("2\n")
    (tmp_path / "data/processed").mkdir(parents=True)
    (behind,) = check_format(tmp_path, tmp_path)
    assert (behind.state, behind.cure) == ("FAIL", "`python -m pyjobs.migrate`")
    for name, number in (("format", 2), ("migrated", 2)):
        (tmp_path / "data" / name).write_text(f"{number}\n")
    assert list(check_format(tmp_path, tmp_path)) == []
    (tmp_path / "data/format").write_text("3\n")
    (ahead,) = check_format(tmp_path, tmp_path)
    assert ahead.state == "FAIL" and "has format 3, this version reads up to 2" in ahead.detail


def test_a_secret_that_others_can_read_is_named_unless_they_cannot_get_there(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir(mode=0o755)
    for name, mode in (
        (".env", 0o600),
        ("secret/alerts.yaml", 0o644),
        ("secret/README.md", 0o644),
        ("secret/jobs.yaml", 0o644),
        ("secret/watchlist.yaml", 0o644),
    ):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    (tmp_path / "secret").chmod(0o755)
    (told,) = check_secrets(tmp_path)
    assert told.state == "FAIL" and "secret/alerts.yaml' (mode 644): chmod 600" in told.detail
    (tmp_path / "secret").chmod(0o700)
    assert list(check_secrets(tmp_path)) == []


def test_tools_are_told_with_their_versions_and_what_is_missing_or_too_old_by_what_it_is_for(tmp_path: Path) -> None:
    tools = {
        "bash": "GNU bash, version 3.2.57(1)-release (arm64)",
        "rsync": "openrsync: protocol version 29",
        "git": "git version 2.39.5",
    }
    for name, said in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (tmp_path / name).chmod(0o755)
    found = {check.name: (check.state, check.detail) for check in check_tools(str(tmp_path))}
    assert found["bash"][0] == "WARN" and found["bash"][1].startswith(
        "3.2.57(1)-release (too old: nightdesk's jobs want 4.4"
    )
    assert found["openrsync"][0] == "OK"
    assert found["git"] == ("OK", f"2.39.5 ({tmp_path / 'git'})")
    assert found["flock"] == ("FAIL", "is not installed; it is for every job: locks")
    assert found["ssh"][0] == "WARN" and "restic" not in found
    assert sqlite3.sqlite_version in found["sqlite"][1] and "WAL-reset bug" in found["sqlite"][1]


def test_doctor_needs_no_desk_no_data_and_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    assert doctor.main([]) in (0, 3)
    assert "doctor: " in capsys.readouterr().out


@pytest.mark.parametrize("words", [["pyjobs.doctor"], ["pyjobs", "doctor"], ["pyjobs", "uninstall"]])
def test_doctor_and_uninstall_need_no_packages(words: list[str], tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "NIGHTDESK_HOME": str(tmp_path)}
    bare = subprocess.run([sys.executable, "-S", "-m", *words], cwd=paths.ROOT, env=env, capture_output=True, text=True)
    assert bare.returncode in (0, 3) and not bare.stderr, bare.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_a_lock_on_another_disks_file_of_one_number_is_nobodys_here(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    state, ended, other = path.stat(), 2**22 + 1, subprocess.Popen(["sleep", "60"], user=65534)
    try:
        here = f"{os.major(state.st_dev):02x}:{os.minor(state.st_dev):02x}"
        assert stranger(path, {state.st_ino: [(here, ended), (here, other.pid)]}) == f"pid {other.pid} of user 65534"
        elsewhere = {state.st_ino: [("fe:77", other.pid)]}
        assert stranger(path, elsewhere) == ("" if os.major(state.st_dev) else f"pid {other.pid} of user 65534")
        assert stranger(path, {state.st_ino: [(here, os.getpid())], 1: [(here, other.pid)]}) == ""
    finally:
        other.kill()
        other.wait()
