"""A backup is what was there, taken while others write; what is restored from it is looked at."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pyjobs import backup, restore
from pyjobs.machines import restoring, snapshot
from pyjobs.runs import sealed
from pyjobs.runs.run_folder import finished_runs
from pyjobs.runs.verdict.backups import check_backup
from tests.machines.support.backup import (
    NOW,
    WANTED,
    files_of,
    home,  # noqa: F401  # a fixture
)
from utils.errors import BadDataError, CannotWriteError, ConfigError, MissingInputError
from utils.run import run


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
