"""Units are the user's: each clone and each environment has its own, and none is written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs import write_units
from pyjobs.machines import deploying
from pyjobs.machines.deploying import Target
from pyjobs.machines.remote import Host
from pyjobs.runs import units
from utils import paths
from utils.errors import ConfigError

CRONTAB = "10 22 * * 1-5  /x/batch/run_nightly.sh --desk us\n"
UPDATE = "10 5 * * 0  /x/batch/update_from_git.sh\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where units are."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "tab").write_text(CRONTAB)
    return tmp_path / "systemd/user"


def clone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the code lie at `root`."""
    for name in ("batch/run_nightly.sh", "batch/update_from_git.sh", "config/schedule/systemd/nightdesk-live.service"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text((paths.ROOT / name).read_text())
    monkeypatch.setattr(paths, "ROOT", root)


def test_units_of_an_environment_have_its_name_and_start_whatever_release_runs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = paths.ROOT
    (tmp_path / "tab").write_text(CRONTAB + UPDATE)  # a release is never updated
    for name in ("staging", "prod"):
        root = tmp_path / name
        clone(root / "releases/v1", monkeypatch)
        (root / "current").symlink_to("releases/v1")
        (root / ".env").write_text(f"COMPOSE_PROJECT_NAME=nightdesk-{name}\n")
        assert write_units.main(["--crontab", str(tmp_path / "tab"), "--zone", "UTC"]) == 0
        assert f"enable --now nightdesk-{name}.nightly-us.timer" in capsys.readouterr().out
        assert write_units.main(["--live"]) == 0 and capsys.readouterr().out == f"nightdesk-{name}.live.service\n"
        started = [text for path in folder.glob(f"nightdesk-{name}.*") for text in units.commands(path.read_text())]
        assert sorted(started) == [
            [f"{root}/current/batch/run_nightly.sh", "--desk", "us"],
            [f"{root}/current/jobs/live.sh", "loop"],
        ]
        monkeypatch.setattr(paths, "ROOT", code)
    assert len(list(folder.iterdir())) == 6
    (tmp_path / "prod/.env").write_text("")
    monkeypatch.setattr(paths, "ROOT", tmp_path / "prod/releases/v1")
    with pytest.raises(ConfigError, match="units have the environment's name"):
        units.named("nightdesk-live.service")


def test_a_unit_of_another_clone_is_named_and_stays(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["--crontab", str(tmp_path / "tab"), "--zone", "UTC"]
    monkeypatch.setattr(paths, "ROOT", paths.ROOT)
    one, other = tmp_path / 'one "100%" & more', tmp_path / "other"
    clone(one, monkeypatch)
    assert write_units.main(argv) == write_units.main(["--live"]) == write_units.main(argv) == 0
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert list(units.commands(before["nightdesk-live.service"])) == [[f"{one}/jobs/live.sh", "loop"]]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    clone(other, monkeypatch)
    for words in (argv, ["--live"]):
        with pytest.raises(
            ConfigError, match=r"starts another clone, '.*one .*': one of both by crontab, or uninstall"
        ):
            write_units.main(words)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    one.rename(tmp_path / "moved")  # what it starts is not there any more
    assert write_units.main(argv) == 0


def test_a_deploy_restarts_only_what_runs_from_its_folder(tmp_path: Path) -> None:
    there = tmp_path / "it's"
    there.mkdir()
    (tmp_path / "systemctl").write_text(
        '#!/bin/sh\ncase "$*" in *list-units*) printf "%s x\\n" nightdesk-live.service nightdesk-prod.live.service ;;\n'
        f'*prod*) echo "ExecStart={{ path=/srv/prod/current/jobs/live.sh ; }}" ;;\n'
        f'*) echo "ExecStart={{ path={there}/jobs/live.sh ; }}" ;; esac\n'
    )
    (tmp_path / "ssh").write_text(f"#!/bin/sh\nPATH='{tmp_path}':$PATH exec sh -s\n")
    for name in ("systemctl", "ssh"):
        (tmp_path / name).chmod(0o755)
    target = Target(Host("me@there", str(tmp_path / "ssh")), str(there))
    assert deploying.look(target).units == ["nightdesk-live.service"]
