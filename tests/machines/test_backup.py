"""A backup is what was there, taken while others write; what is restored from it is looked at."""

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
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyjobs import backup, pin_run, restore
from pyjobs.machines import backup_record, databases, drill, restoring, snapshot, vaults
from pyjobs.runs import sealed
from pyjobs.runs.run_folder import finished_runs
from pyjobs.runs.verdict.backups import check_backup
from tests.machines.support.sshd import Server
from tests.runs.test_run_folder import make_run
from utils.errors import BadDataError, CannotWriteError, ConfigError, MissingInputError
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 13, 10, tzinfo=UTC)
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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box that has lived: everything that is backed up, and what is not."""
    made = tmp_path / "box"
    for name, text in {
        "config/desk.yaml": "name: mine\n",
        "config/desks/us.yaml": "name: us\n",
        "config/env.local.sh": "export KEEP_DAYS=7\n",
        "strategies/mine.py": "x = 1\n",
        "data/processed/decisions/live/BTCUSD/1m/decisions.csv": "a,b\n1,2\n3,",  # the last line is being written
        "data/processed/trades/live/BTCUSD/1m/trades.csv": "a\n1\n",
        "data/raw/KRX/005930/1d/2026.parquet": "bars",
        "secret/watchlist.yaml": "symbols: []\n",
        "secret/live.yaml": "limits: {open_positions: 1}\n",
        "secret/instances/ETH-1m.env": "SYMBOL=ETHUSD\n",
        "data/live/KILL": '{"reason": "a test", "flatten": false, "at": ""}\n',  # a restored house stays stopped
        "secret/.env": "KRX_PW=not in a backup\n",
        ".env": "APCA_API_SECRET_KEY=not in a backup\n",
        "logs/history.jsonl": '{"job":"nightly"}\n',
        "logs/nightly_2026-11-20.log": "nothing that cannot be done without\n",
        "backtests/20261120T131000000Z_a/manifest.json": "{}",
    }.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    (made / "data/queue").mkdir()
    for name in ("data/queue/mine.sqlite", "data/orders.db"):
        with contextlib.closing(sqlite3.connect(made / name)) as db:
            db.execute("CREATE TABLE signals (n)")
            db.executemany("INSERT INTO signals VALUES (?)", [(n,) for n in range(7)])
            db.commit()
    make_run(made / "data/server_runs", "20261118T131000Z-0001")
    make_run(made / "data/server_runs", "20261119T131000Z-0002")
    monkeypatch.setenv("NIGHTDESK_HOME", str(made))
    pin_run.main(["20261118T131000Z-0001", "--reason", "kept"])
    return made


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


WANTED = {
    "config/desk.yaml", "config/desks/us.yaml", "config/env.local.sh", "strategies/mine.py", "secret/watchlist.yaml",
    "secret/live.yaml", "secret/instances/ETH-1m.env", "data/live/KILL",
    "data/processed/decisions/live/BTCUSD/1m/decisions.csv", "data/processed/trades/live/BTCUSD/1m/trades.csv",
    "logs/history.jsonl", "backtests/20261120T131000000Z_a/manifest.json", "data/queue/mine.sqlite", "data/orders.db",
    *(f"data/server_runs/20261118T131000Z-0001/{name}" for name in ("manifest.json", "PINNED")),
    *(f"data/server_runs/20261118T131000Z-0001/reports/{name}" for name in ("0.md", "1.md")),
}  # fmt: skip


def test_what_cannot_be_had_anew_is_backed_up_and_no_secret(home: Path, tmp_path: Path) -> None:
    assert backup.main([]) == 0
    (made,) = finished_runs(home / "data/backups")
    assert (
        files_of(made / "files") - {name for name in files_of(made / "files") if name.startswith("config/instances")}
        == WANTED
    )
    assert sealed.verify(made) == []
    told = sealed.read(made)
    whole = {"integrity": "ok", "tables": {"signals": 7}}
    assert told["databases"] == {"data/queue/mine.sqlite": whole, "data/orders.db": whole}
    assert restore.main(["--into", str(tmp_path / "anew")]) == 0
    assert files_of(tmp_path / "anew") == WANTED
    cut = tmp_path / "anew/data/processed/decisions/live/BTCUSD/1m/decisions.csv"
    assert cut.read_text() == "a,b\n1,2\n"
    beside = tmp_path / ".drill-7/home"  # of another restore, or a drill, that is at work
    beside.mkdir(parents=True)
    assert restore.main(["--into", str(tmp_path / "anew")]) == 0  # twice: what is there already stays
    assert beside.exists() and files_of(tmp_path / "anew") == WANTED


def test_what_has_not_changed_is_a_link_to_the_backup_before(home: Path) -> None:
    first = snapshot.make(home, home / "b", now=NOW, clone=home)
    (home / "strategies/mine.py").write_text("x = 2\n")
    second = snapshot.make(home, home / "b", now=NOW.replace(hour=14), clone=home)
    same = [
        (first / "files" / name).stat().st_ino == (second / "files" / name).stat().st_ino for name in sorted(WANTED)
    ]
    assert [name for name, is_same in zip(sorted(WANTED), same, strict=True) if not is_same] == ["strategies/mine.py"]
    assert sealed.verify(first) == [] == sealed.verify(second)


def test_what_has_rotted_in_a_backup_does_not_take_the_place_of_what_is_fresh(home: Path) -> None:
    first = snapshot.make(home, home / "b", now=NOW, clone=home)
    rotten = first / "files/strategies/mine.py"
    rotten.write_text("x = 7\n")  # as many bytes as before
    second = snapshot.make(home, home / "b", now=NOW.replace(hour=14), clone=home)
    assert sealed.verify(first) != [] and sealed.verify(second) == []
    assert (second / "files/strategies/mine.py").read_text() == "x = 1\n"


def test_a_damaged_database_is_left_out_by_name_and_the_rest_stands(home: Path) -> None:
    damaged = home / "data/orders.db"
    damaged.write_bytes(damaged.read_bytes()[:5000] + b"\xff" * 3192)
    assert run(backup.main, []) == 65
    (made,) = finished_runs(home / "data/backups")
    assert files_of(made / "files") == WANTED - {"data/orders.db"}
    found = check_backup(home / "data", time.time())
    assert found.state == "FAIL" and "orders.db" in found.detail


def test_nothing_that_is_there_is_overwritten_and_a_damaged_backup_is_not_restored(home: Path, tmp_path: Path) -> None:
    made = snapshot.make(home, home / "b", now=NOW, clone=home)
    into = tmp_path / "anew"
    (into / "config").mkdir(parents=True)
    (into / "config/desk.yaml").write_text("name: another\n")
    with pytest.raises(CannotWriteError, match=r"'.*config/desk\.yaml' is there and is another"):
        restoring.restore(made, into)
    assert files_of(into) == {"config/desk.yaml"}
    (made / "files/strategies/mine.py").write_text("x = 3\n")
    with pytest.raises(BadDataError, match=r"damaged: 'files/strategies/mine\.py' has changed"):
        restoring.restore(made, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_old_backups_go_by_dates_and_the_list_names_those_that_stay(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEEP_BACKUPS", "2")
    for day in (20, 21, 22):
        monkeypatch.setenv("NIGHTDESK_NOW", str(int(NOW.replace(day=day).timestamp())))
        assert backup.main([]) == 0
    capsys.readouterr()
    assert restore.main(["--list"]) == 0
    assert [line[:8] for line in capsys.readouterr().out.split()] == ["20261121", "20261122"]
    with pytest.raises(MissingInputError, match="no backup 20261120T131000Z-0000 in"):
        restore.main(["20261120T131000Z-0000", "--into", str(home / "x")])


@pytest.mark.parametrize("where", ["relative/folder", "user@host:relative", "restic:/repository"])
def test_where_no_backup_can_be_kept_is_refused_by_name(
    home: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.delenv("RESTIC_PASSWORD_FILE", raising=False)
    with pytest.raises(ConfigError, match="BACKUP_TO="):
        backup.main(["--to", where])
    assert not (home / "data/backups").exists()


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
