"""What this clone has installed goes, what others have stays, and data is never touched."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyjobs.uninstall import is_ours

ROOT = Path(__file__).resolve().parents[2]
CRONTAB = """\
#!/bin/sh
# what cron's own does: -l prints the table, - takes a new one
case "$1" in
  -l) cat "$HOME/table" 2>/dev/null || { echo "no crontab for you" >&2; exit 1; } ;;
  -) [ ! -e "$HOME/full" ] && cat >"$HOME/table" ;;
esac
"""
OTHERS = "MAILTO=me\n# my own\n5 4 * * * /usr/bin/backup\n0 1 * * * /srv/other clone/batch/run_nightly.sh\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with a blank and a per cent sign in its path. Its code is a copy: folders of its own are removed."""
    clone = tmp_path / "my 100% desk"
    for name in ("pyjobs", "utils", "jobs", "batch"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("data/raw", "secret", ".venvs/1", ".venv-peers", ".locks", "bin", "logs"):
        (clone / name).mkdir(parents=True)
    (clone / ".venv").symlink_to(".venvs/1")
    (clone / "data/raw/bars").write_text("mine")
    (tmp_path / "crontab").write_text(CRONTAB)
    (tmp_path / "crontab").chmod(0o755)
    return clone


def uninstall(clone: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{clone.parent}:/usr/bin:/bin", "HOME": str(clone.parent), "PYTHONBIN": sys.executable}
    script = str(clone / "batch/uninstall.sh")
    return subprocess.run(["bash", script, *flags], env=env, cwd="/", capture_output=True, text=True, check=False)


def installed(clone: Path) -> list[Path]:
    return sorted(path for path in clone.rglob("*") if "__pycache__" not in path.parts)


def test_without_yes_it_says_what_would_go_and_with_it_that_goes_and_nothing_else(clone: Path) -> None:
    table, units = clone.parent / "table", clone.parent / ".config/systemd/user"
    ours = f"10 22 * * 1-5  '{clone}/batch/run_nightly.sh' --desk us\n".replace("%", r"\%")
    table.write_text(OTHERS + ours)
    (units / "timers.target.wants").mkdir(parents=True)
    escaped = str(clone).replace("%", "%%")
    roots = {"nightdesk-nightly": escaped, "nightdesk-ingest@": escaped, "nightdesk-scanner": "/srv/o"}
    (units / "nightdesk-live.service").write_text(f'[Service]\nExecStart="{escaped}/jobs/live.sh" loop\n')
    for name, root in roots.items():
        (units / f"{name}.service").write_text(f'[Service]\nExecStart="{root}/batch/run_x.sh" %i\n')
        (units / f"{name}.timer").write_text("[Timer]\n")
    (units / "timers.target.wants/nightdesk-ingest@BTCUSD-1m.timer").symlink_to(units / "nightdesk-ingest@.timer")

    before = installed(clone)
    dry = uninstall(clone)
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.count("would go: ") == 1 + 6 + 3 and installed(clone) == before
    assert table.read_text() == OTHERS + ours

    done = uninstall(clone, "--yes")
    assert done.returncode == 0, done.stderr
    assert table.read_text() == OTHERS
    assert next((clone / "data").glob("crontab_before_*")).read_text() == OTHERS + ours
    left = sorted(path.name for path in units.glob("*.*er*"))
    assert left == ["nightdesk-scanner.service", "nightdesk-scanner.timer"]
    assert not list(units.glob("*.wants/*"))
    assert not any(os.path.lexists(clone / name) for name in (".venv", ".venvs", ".venv-peers"))
    assert (clone / "data/raw/bars").read_text() == "mine" and (clone / "secret").is_dir()
    again = uninstall(clone, "--yes")
    assert again.returncode == 0 and again.stdout == "nothing of this clone is installed on this machine\n"


def test_a_crontab_that_cannot_be_written_leaves_everything(clone: Path) -> None:
    (clone.parent / "table").write_text(f"* * * * * '{clone}/batch/run_ingest.sh'\n".replace("%", r"\%"))
    (clone.parent / "full").touch()
    done = uninstall(clone, "--yes")
    assert done.returncode == 73 and "nothing was removed" in done.stderr
    assert os.path.lexists(clone / ".venv")


def test_a_line_is_ours_by_the_clone_it_starts_not_by_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    root = tmp_path / "it's"
    (root / "batch").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root)
    for line, ours in {
        f"* * * * * {tmp_path}/link/batch/run_ingest.sh": True,
        f"* * * * * MARKET=XNYS '{tmp_path}/it'\"'\"'s/batch/run_ingest.sh' a": True,
        f"* * * * * cd {tmp_path}/link && batch/run_ingest.sh >/dev/null": True,
        f"* * * * * cd {tmp_path}/link; ./batch/run_ingest.sh": True,
        "* * * * * cd ~/link && bash batch/run_ingest.sh": True,
        "* * * * * $HOME/link/batch/run_ingest.sh": True,
        "* * * * * link/batch/run_ingest.sh": True,  # cron begins in the home folder
        "* * * * * cd /srv && batch/run_ingest.sh": False,
        f"# * * * * * {tmp_path}/link/batch/run_ingest.sh": False,
        f"* * * * * {root}2/batch/run_ingest.sh": False,
        f"* * * * * tar {tmp_path}/link": False,
        "* * * * * echo 'unfinished": False,
    }.items():
        assert is_ours(line, root) == ours, line


def test_a_release_takes_the_packages_and_the_schedule_of_its_environment_with_it(clone: Path) -> None:
    root = clone.parent / "prod"
    (root / "releases").mkdir(parents=True)
    clone.rename(root / "releases/v1")
    shutil.rmtree(root / "releases/v1/.venvs")
    (root / "releases/v1/.venv").unlink()
    for name in (".venvs/1/bin", "data", "secret", "releases/v0"):
        (root / name).mkdir(parents=True)
    for name in ("v0", "v1"):
        (root / f"releases/{name}/.venv").symlink_to("../../.venvs/1")
    (root / "current").symlink_to("releases/v1")
    lines = [f"* * * * * {root}/{name}/batch/run_ingest.sh\n" for name in ("current", "releases/v0")]
    (root.parent / "table").write_text(OTHERS + "".join(lines))
    moved = root.parent / "crontab"
    assert moved.exists()
    env = {"PATH": f"{root.parent}:/usr/bin:/bin", "HOME": str(root.parent), "PYTHONBIN": sys.executable}
    argv = ["bash", str(root / "current/batch/uninstall.sh"), "--yes"]
    with (root / "releases/v1/.locks/live-loop.lock").open("w") as loops:
        fcntl.flock(loops, fcntl.LOCK_EX)
        kept = subprocess.run(argv, env=env | {"NIGHTDESK_HOME": str(root / "releases/v1")}, capture_output=True)
        assert kept.returncode == 75 and b"jobs/live.sh down, then again" in kept.stderr
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "`release install` of the release brings the packages back" in done.stdout
    assert (root.parent / "table").read_text() == OTHERS and (root / "data").is_dir() and (root / "secret").is_dir()
    assert not list(root.glob("**/.venv*"))
