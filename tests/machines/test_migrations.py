"""A version that stores in another format brings what is stored to it: killed anywhere, and with a way back refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pyjobs import migrate as verb
from pyjobs.machines import migrating, snapshot
from pyjobs.machines.restoring import restore
from tests.shell.support.update import Clone
from utils import paths
from utils.errors import BadDataError, CannotWriteError, ConfigError, LockBusyError
from utils.files import formats
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
# Notes get another first word, queues another column; each file is looked at, so that a second run finds what is left.
STEP = '''
"""Notes set `new`, queues have a column `side`."""
import contextlib
import sqlite3
from utils.errors import BadDataError
from utils.files import atomic

def left(data):
    for path in sorted(data.glob("processed/*.txt")):
        if not path.read_text().startswith("new"):
            yield path
    for path in sorted(data.glob("queue/*.sqlite")):
        with contextlib.closing(sqlite3.connect(path)) as db:
            if "side" not in [row[1] for row in db.execute("PRAGMA table_info(signals)")]:
                yield path

def change(path):
    if path.suffix == ".txt":
        text = path.read_text()
        if not text.startswith("old"):
            raise BadDataError("it says neither old nor new")
        atomic.write_text(path, "new" + text[3:])
        return
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("BEGIN")
        db.execute("ALTER TABLE signals ADD COLUMN side TEXT DEFAULT 'long'")
'''


def store(home: Path, count: int) -> None:
    """What a version of format 1 has stored."""
    for name in ("processed", "queue"):
        (home / "data" / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (home / f"data/processed/{number}.txt").write_text(f"old {number}\n")
        with contextlib.closing(sqlite3.connect(home / f"data/queue/{number}.sqlite")) as db, db:
            db.execute("CREATE TABLE signals (symbol TEXT)")
            db.execute("INSERT INTO signals VALUES ('005930')")


def words(home: Path) -> set[str]:
    return {path.read_text().split()[0] for path in (home / "data/processed").glob("*.txt")}


def sides(home: Path) -> set[str]:
    """The value of the column that the new version reads; `none` where it is not there."""
    found = set()
    for path in (home / "data/queue").glob("*.sqlite"):
        with contextlib.closing(sqlite3.connect(path)) as db:
            row = db.execute("SELECT * FROM signals").fetchone()
            found.add(row[1] if len(row) > 1 else "none")
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with stored files of format 1, and a clone of a version that reads 2 and knows the way."""
    clone = tmp_path / "clone"
    (clone / "config").mkdir(parents=True)
    (clone / "config/data_format.txt").write_text("# reads\n2\n")
    step = ModuleType("to_2_side")
    exec(compile(STEP, "to_2_side.py", "exec"), step.__dict__)
    monkeypatch.setattr(migrating, "known", lambda: {2: step})
    monkeypatch.setattr(paths, "ROOT", clone)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    store(tmp_path, 3)
    return tmp_path


def scan_would_say(argv: object = None) -> int:
    """A verb that reads what is stored."""
    assert argv == []
    return 0


def test_what_is_stored_comes_to_the_new_format_once_and_until_then_no_verb_reads_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(scan_would_say, []) == 78
    assert "is not of format 2 yet, an update has brought that: python -m pyjobs.migrate" in capsys.readouterr().err
    assert verb.main([]) == 0
    assert (words(home), sides(home)) == ({"new"}, {"long"})
    out = capsys.readouterr().out
    assert "what is stored has format 2 now: 6 files changed" in out
    before = next((home / "data/backups").glob("2*"))
    assert (before / "files/data/processed/0.txt").read_text() == "old 0\n"
    assert run(scan_would_say, []) == 0
    assert verb.main([]) == 0 and "has format 2: nothing to migrate" in capsys.readouterr().out
    assert len(list((home / "data/backups").glob("2*"))) == 1
    (home / "clone/config/data_format.txt").write_text("1\n")  # the version before
    assert run(scan_would_say, []) == 78
    assert "has format 2, and this version reads up to 1: a newer version wrote here" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="a newer version wrote here"):
        verb.main([])


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@pytest.mark.parametrize("at", [0, 3, 6])
def test_killed_before_any_of_its_changes_it_goes_on_where_it_was(
    home: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    step, seen = migrating.known()[2], iter(range(100))

    def change(path: Path) -> None:
        if next(seen) == at:
            raise Killed
        step.change(path)

    dying = ModuleType("dying")
    dying.__dict__.update(left=step.left, change=change)
    monkeypatch.setattr(migrating, "known", lambda: {2: dying})
    with contextlib.suppress(Killed):
        verb.main([])
    assert formats.stored(str(home)) == 2  # the version before is refused from the first change on
    assert formats.settled(str(home)) == (2 if at == 6 else 1)
    assert verb.main([]) == 0
    assert (words(home), sides(home), formats.settled(str(home))) == ({"new"}, {"long"}, 2)
    assert len(list((home / "data/backups").glob("2*"))) == 1  # that of before, not of a mixture


def test_a_file_that_cannot_be_migrated_is_named_and_holds_up_what_reads_it(home: Path) -> None:
    (home / "data/processed/1.txt").write_text("torn")
    with pytest.raises(BadDataError, match=r"1\.txt' cannot be brought to format 2: it says neither old nor new"):
        verb.main([])
    assert run(scan_would_say, []) == 78
    (home / "data/processed/1.txt").unlink()
    assert verb.main([]) == 0


def test_a_promise_without_a_migration_and_jobs_at_work_are_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "WAIT_S", 0.0)
    with migrating.alone(home / "clone"), pytest.raises(LockBusyError), migrating.alone(home / "clone", 0.0):
        pass
    monkeypatch.setattr(migrating, "known", dict)
    with pytest.raises(ConfigError, match="no migration leads to format 2"):
        verb.main([])
    assert words(home) == {"old"}


def test_a_home_in_which_nothing_is_stored_has_the_newest_format(home: Path) -> None:
    shutil.rmtree(home / "data")
    assert run(scan_would_say, []) == 0
    assert (formats.stored(str(home)), formats.settled(str(home))) == (2, 2)


def test_an_older_backup_is_migrated_where_it_is_restored_and_not_put_beside_newer_files(home: Path) -> None:
    old = snapshot.make(home, home / "data/backups", now=NOW, clone=home / "clone")
    verb.main([])
    new = snapshot.make(home, home / "data/backups", now=NOW, clone=home / "clone")
    with pytest.raises(CannotWriteError, match=r"has format 1, what is in '.*data' has format 2"):
        restore(old, home)
    for number, (made, settled) in enumerate(((old, 1), (new, 2))):
        restore(made, home / f"{number}")
        assert formats.settled(str(home / f"{number}")) == settled
        assert formats.pending(str(home / "clone"), str(home / f"{number}")) is (settled == 1)


def test_each_format_of_this_version_has_its_migration() -> None:
    assert sorted(migrating.known()) == list(range(2, formats.reads(str(ROOT)) + 1))
    assert all(callable(step.left) and callable(step.change) for step in migrating.known().values())


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone of all that this version is, its packages lent; somebody else has a version with a migration."""
    there, origin, here = tmp_path / "there", tmp_path / "origin.git", tmp_path / "my clone"
    for name in ("batch", "jobs", "utils", "config", "pyjobs"):
        own = shutil.ignore_patterns("__pycache__", "desk.yaml", "desks", "instances", "env.local.sh")
        shutil.copytree(ROOT / name, there / name, ignore=own)
    (there / "pyjobs/nightly.py").unlink()  # no rehearsal: another test has that
    (there / "requirements-nas.txt").write_text("# none\n")
    (there / ".gitignore").write_text("/logs/\n/.locks/\n/.venv\n/.venvs/\n__pycache__/\n/data/\n")
    made = Clone(here=here, there=there)
    made.git("init", "-q", "-b", "main", at=there)
    made.git("add", "-A", at=there)
    made.git("commit", "-qm", "begin", at=there)
    made.git("clone", "-q", "--bare", str(there), str(origin), at=tmp_path)
    made.git("remote", "add", "origin", f"file://{origin}", at=there)
    made.git("fetch", "-q", at=there)
    made.git("branch", "-q", "--set-upstream-to=origin/main", at=there)
    made.git("clone", "-q", f"file://{origin}", str(here), at=tmp_path)
    (there / "config/data_format.txt").write_text("2\n")
    (there / "pyjobs/machines/migrations/to_2_side.py").write_text(STEP)
    made.push()
    return made


def look(clone: Clone) -> tuple[str, str]:
    """What a job reads: the format that its version reads, and the first words of what is stored."""
    chain = [clone.here / "jobs/run_with_lock.sh", "--name", "look", "bash", "-c"]
    script = "grep '^[0-9]' config/data_format.txt; cut -c1-3 data/processed/*.txt | sort -u"
    done = subprocess.run([*chain, script], env=clone.env(), cwd=clone.here, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reads, *said = done.stdout.split()
    return reads, " ".join(said)


def test_an_update_migrates_and_its_rollback_is_refused_by_name(clone: Clone) -> None:
    store(clone.here, 2)
    code, log, head = clone.update()
    assert code == 0 and "what is stored has format 2 now: 4 files changed" in log, log
    assert look(clone) == ("2", "new") and sides(clone.here) == {"long"}
    code, log, after = clone.update("--rollback")
    assert (code, after) == (78, head) and "the stored data has format 2 since the update, and" in log


def dies_at(clone: Clone, moments: Iterator[float]) -> None:
    """Kill an update at some moments of it: a job finds the old version and old files, or the new and new ones."""
    first, states = clone.git("rev-parse", "HEAD"), set()
    for wait_s in moments:
        for name in ("format", "migrated"):
            (clone.here / "data" / name).unlink(missing_ok=True)
        shutil.rmtree(clone.here / "data/backups", ignore_errors=True)
        clone.git("reset", "-q", "--hard", first)
        for path in (clone.here / "data/queue").glob("*"):
            path.unlink()
        store(clone.here, 20)
        child = subprocess.Popen(
            clone.directly(), env=clone.env(), cwd="/", process_group=0, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while not (clone.here / ".locks/update.plan").exists() and child.poll() is None:
            time.sleep(0.001)
        time.sleep(wait_s)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        time.sleep(0.05)
        (clone.here / ".git/index.lock").unlink(missing_ok=True)
        inside = (formats.stored(str(clone.here)), formats.settled(str(clone.here)))
        found = look(clone)
        states.add((inside, found))
        assert found in {("1", "old"), ("2", "new")}
        assert (words(clone.here), sides(clone.here)) in (({"old"}, {"none"}), ({"new"}, {"long"}))
    print(states)


def test_an_update_that_is_killed_in_its_migration_is_ended_by_the_next_job(clone: Clone) -> None:
    dies_at(clone, iter([0.5]))


@pytest.mark.torture
def test_an_update_that_is_killed_at_each_of_two_hundred_moments_leaves_old_or_new(clone: Clone) -> None:
    seeded = random.Random(20261129)
    dies_at(clone, iter([seeded.uniform(0, 1.5) for _ in range(200)]))
