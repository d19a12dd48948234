"""Backups of databases that are written meanwhile, that are killed or sent elsewhere, and their place in health."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyjobs import backup, restore
from pyjobs.machines import backup_record, databases, drill, restoring, snapshot, vaults
from pyjobs.runs import sealed
from pyjobs.runs.run_folder import finished_runs
from pyjobs.runs.verdict.backups import check_backup
from tests.machines.support.backup import (
    NOW,
    WANTED,
    files_of,
    home,  # noqa: F401  # a fixture
)
from tests.machines.support.sshd import Server
from tests.runs.test_run_folder import make_run
from utils.errors import CannotWriteError
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
db.execute(f"PRAGMA journal_mode={sys.argv[2]}")
db.execute("CREATE TABLE IF NOT EXISTS a (n INTEGER PRIMARY KEY, t TEXT)")
db.execute("CREATE TABLE IF NOT EXISTS b (n INTEGER PRIMARY KEY, t TEXT)")
print("go", flush=True)
while True:
    db.execute("BEGIN IMMEDIATE")
    for table in "ab":
        db.execute(f"INSERT INTO {table} (t) VALUES (?)", ("x" * 700,))
    db.execute("COMMIT")
    time.sleep(0.002)
"""


def under_a_writer(tmp_path: Path, journal: str, times: int) -> None:
    """Copy a database so often while it is written; every copy is whole, agrees with itself, and grows."""
    live = tmp_path / "live.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(live), journal], stdout=subprocess.PIPE)
    assert writer.stdout is not None and writer.stdout.readline() == b"go\n"
    try:
        rows = 0
        for number in range(times):
            with contextlib.closing(sqlite3.connect(live, timeout=30)) as db:
                (committed,) = db.execute("SELECT count(*) FROM a").fetchone()
            target = tmp_path / f"copy{number % 2}.db"
            target.unlink(missing_ok=True)
            databases.copy(live, target)
            told = databases.look(target)
            assert told["integrity"] == "ok"
            tables = told["tables"]
            assert isinstance(tables, dict) and tables["a"] == tables["b"] >= max(committed, rows)
            rows = tables["a"]
    finally:
        writer.kill()
        writer.communicate()


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_copy_of_a_live_database_is_whole_and_has_what_was_committed(tmp_path: Path, journal: str) -> None:
    under_a_writer(tmp_path, journal, 8)


def test_a_drill_leaves_the_folder_of_another_that_is_at_work_and_takes_away_a_dead_ones(tmp_path: Path) -> None:
    (tmp_path / ".drill-0").mkdir()
    with drill.empty_folder(tmp_path) as mine:
        mine.rename(tmp_path / ".drill-1")  # as of another process
        with drill.empty_folder(tmp_path):
            assert {path.name for path in tmp_path.iterdir()} == {".drill-1", mine.name}


@pytest.mark.torture
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_thousand_copies_of_a_live_database(tmp_path: Path, journal: str) -> None:
    under_a_writer(tmp_path, journal, 1000)


def backed_up_while_others_write(home: Path, tmp_path: Path, times: int) -> None:
    """Whole backups while others write to the queue and to the decisions: each is restored and looked at."""
    csv = home / "data/processed/decisions/live/BTCUSD/1m/decisions.csv"
    appends = "import sys, time\nwhile True:\n    open(sys.argv[1], 'a').write('1,2\\n'); time.sleep(0.001)"
    queue, path = str(home / "data/queue/mine.sqlite"), str(csv)
    with (
        subprocess.Popen([sys.executable, "-c", WRITER, queue, "DELETE"], stdout=subprocess.PIPE) as first,
        subprocess.Popen([sys.executable, "-c", appends, path]) as second,
    ):
        assert first.stdout is not None and first.stdout.readline() == b"go\n"
        rows = 0
        for _ in range(times):
            made = snapshot.make(home, home / "data/backups", now=NOW, clone=home)
            assert sealed.read(made)["status"] == "ok"
            into = tmp_path / "restored"
            restoring.restore(made, into)  # hashes, integrity, and the rows that were counted
            with contextlib.closing(sqlite3.connect(into / "data/queue/mine.sqlite")) as db:
                a, b = (db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in "ab")
            assert a == b >= rows  # both of a transaction, and nothing that an earlier backup had is lost
            rows = a
            for left in (into, made):
                shutil.rmtree(left)
        for each in (first, second):
            each.kill()
    assert rows


def test_backups_under_a_live_writer_all_restore(home: Path, tmp_path: Path) -> None:
    backed_up_while_others_write(home, tmp_path, 2)


@pytest.mark.torture
def test_a_thousand_whole_backups_under_a_live_writer_all_restore(home: Path, tmp_path: Path) -> None:
    backed_up_while_others_write(home, tmp_path, 1000)


def killed(home: Path, times: int) -> None:
    """Kill backups at chosen moments: what is called a backup restores, and the next one clears the rest away."""
    seeded = random.Random(20261120)
    env = {**os.environ, "NIGHTDESK_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    done = inside = 0
    while done < times or (not inside and done < times + 100):
        done += 1
        child = subprocess.Popen([sys.executable, "-m", "pyjobs.backup"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while (
            not list((home / "data/backups").glob(".building-*")) and child.poll() is None and time.monotonic() < until
        ):
            time.sleep(0.001)
        time.sleep(seeded.uniform(0, 0.08) if done % 2 else 0.0)
        child.send_signal(signal.SIGKILL)
        child.wait()
        inside += any((home / "data/backups").glob(".building-*"))
        for made in finished_runs(home / "data/backups")[-1:]:
            into = home.parent / "try"
            restoring.restore(made, into)
            shutil.rmtree(into)
    assert inside
    os.environ["NIGHTDESK_NOW"] = str(int(time.time()) + 5)  # later than all of them
    assert run(backup.main, []) == 0
    del os.environ["NIGHTDESK_NOW"]
    assert not list((home / "data/backups").glob(".building-*"))


def test_a_backup_that_is_killed_is_no_backup(home: Path) -> None:
    killed(home, 3)


@pytest.mark.torture
def test_a_hundred_backups_that_are_killed(home: Path) -> None:
    killed(home, 100)


def test_backups_go_to_another_machine_and_come_back(
    server: Server, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KEEP_BACKUPS", "1")
    kept = tmp_path / "the other's disk"
    for day in (20, 21):
        monkeypatch.setenv("NIGHTDESK_NOW", str(int(NOW.replace(day=day).timestamp())))
        assert backup.main(["--to", f"{server.remote}:{kept}"]) == 0
    (there,) = finished_runs(kept)
    assert there.name.startswith("20261121") and sealed.verify(there) == []
    shutil.rmtree(home / "data/backups")
    assert restore.main(["--from", f"{server.remote}:{kept}", "--into", str(tmp_path / "anew")]) == 0
    assert files_of(tmp_path / "anew") == WANTED
    (tmp_path / "new").mkdir()
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "new"))  # a house in which nothing is yet
    assert backup.main(["--to", f"{server.remote}:{tmp_path}/of the new"]) == 0


def test_a_backup_to_a_disk_that_is_full_over_there_fails_and_leaves_nothing(
    server: Server, home: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    (home / "backtests/large").mkdir()
    (home / "backtests/large/equity_curve.csv").write_bytes(bytes(100_000))
    with pytest.raises(CannotWriteError, match=r"small' cannot be written or read .* MB free at"):
        backup.main(["--to", f"{server.remote}:{small_disk}"])
    assert not list(small_disk.iterdir())


@pytest.mark.torture
def test_backups_go_into_restic_where_it_is_installed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("restic"):
        pytest.skip("no restic")
    (tmp_path / "password").write_text("correct horse\n")
    monkeypatch.setenv("RESTIC_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("HOME", str(tmp_path))
    subprocess.run(["restic", "-q", "-r", str(tmp_path / "repo"), "init"], check=True)
    assert backup.main(["--to", f"restic:{tmp_path}/repo"]) == 0
    shutil.rmtree(home / "data/backups")
    assert restore.main(["--from", f"restic:{tmp_path}/repo", "--into", str(tmp_path / "anew")]) == 0
    assert files_of(tmp_path / "anew") == WANTED


def test_where_most_backups_would_go_at_once_none_does_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 16):
        make_run(tmp_path, f"202611{day:02d}T131000Z-{day:04d}", files=0)
    names = [path.name for path in finished_runs(tmp_path)]
    backup._prune(vaults.Vault(tmp_path), 2, [])
    assert [path.name for path in finished_runs(tmp_path)] == names
    assert "[WARN] 13 of 15 backups" in capsys.readouterr().out
    monkeypatch.setenv("PRUNE_MAX_SHARE", "100")
    backup._prune(vaults.Vault(tmp_path), 2, [])
    assert [path.name for path in finished_runs(tmp_path)] == names[-2:]


def test_health_knows_how_old_the_backup_and_the_drill_are(home: Path) -> None:
    data, now_s = home / "data", 1_800_000_000.0
    assert check_backup(data, now_s).state == "OK"  # none was made: somebody's choice

    def noted(file: str, days: float, **more: object) -> None:
        (data / file).write_text(json.dumps({"at_s": now_s - days * 86_400, "snapshot": "S", "to": "/b", **more}))

    noted("backups.json", 1)
    assert check_backup(data, now_s).state == "WARN"  # nobody has tried to restore one
    noted("backups.json", 1, first_at_s=now_s - 44 * 86_400)
    assert check_backup(data, now_s).state == "OK", "the monthly drill may still come"
    noted("backups.json", 4, first_at_s=now_s - 44 * 86_400)
    assert check_backup(data, now_s).state == "WARN", "the daily backup has stopped"
    noted("backups.json", 1, first_at_s=now_s - 46 * 86_400)
    assert check_backup(data, now_s).state == "WARN"
    noted("drill.json", 10, ok=True, detail="12 files")
    assert check_backup(data, now_s) == (
        "backup", "OK", "S in /b, 24 hours old; restored 10 days ago: 12 files", "backup",
    )  # fmt: skip
    noted("backups.json", 4)
    assert check_backup(data, now_s).state == "WARN"
    noted("backups.json", 1)
    noted("drill.json", 46, ok=True)
    assert check_backup(data, now_s).state == "WARN"
    noted("drill.json", 1, ok=False, detail="no room")
    assert check_backup(data, now_s).state == "FAIL"
    noted("drill.json", -9, ok=False)  # a clock that was ahead: passed over
    assert check_backup(data, now_s).state == "WARN"


def test_the_first_backup_is_remembered(tmp_path: Path) -> None:
    for at_s in (5.0, 7.0, 9.0):
        backup_record.note(tmp_path, "backups.json", {"at_s": at_s})
    assert json.loads((tmp_path / "backups.json").read_bytes()) == {"at_s": 9.0, "first_at_s": 5.0}


def test_a_drill_that_cannot_restore_fails_and_says_why(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(restore.main, ["--drill"]) == 66
    assert backup.main([]) == 0
    (made,) = finished_runs(home / "data/backups")
    (made / "files/data/orders.db").write_bytes(b"not a database any more")
    assert run(restore.main, ["--drill"]) == 65
    assert "the drill failed: the backup" in capsys.readouterr().err
    assert check_backup(home / "data", time.time()).state == "FAIL"
    assert not list((home / "data").glob(".drill-*"))


@pytest.mark.torture
def test_a_night_runs_on_what_was_restored_and_the_home_is_not_touched(home: Path) -> None:
    for name in ("config/desk.yaml", "config/desks/us.yaml"):
        (home / name).unlink()
    (home / "data/queue/mine.sqlite").unlink()
    before = files_of(home)
    assert backup.main([]) == 0
    assert restore.main(["--drill"]) == 0
    told = json.loads((home / "data/drill.json").read_text())
    assert told["ok"] is True and told["detail"].endswith("7 rows of databases, a night of desk.sample")
    assert {name for name in files_of(home) if not name.startswith("data/backups/")} == before | {
        "data/backups.json", "data/drill.json",
    }  # fmt: skip
