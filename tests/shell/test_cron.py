"""Under `env -i`, from / and from a real cron daemon: the same result, and a log a person can read."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.shell.conftest import APART, HANGS_S, House, may_mount

HERMETIC = """
mount -t tmpfs tmpfs /etc/cron.d
mount -t tmpfs -o mode=1730 tmpfs /var/spool/cron/crontabs
chgrp crontab /var/spool/cron/crontabs
mount -t tmpfs tmpfs /run
crontab "$1"
exec cron -f -L 15
"""
CRON_IS_THERE = shutil.which("cron") and may_mount()


def a_clone(tmp_path: Path) -> Path:
    clone = tmp_path / "my desk"
    clone.mkdir()
    source = House(home=tmp_path).clone
    for folder in ("batch", "jobs", "config", "utils", "pyjobs"):
        subprocess.run(["cp", "-R", str(source / folder), str(clone)], check=True)
    (clone / ".venv").symlink_to(source / ".venv")
    return clone


def test_every_entry_point_prints_its_help_from_anywhere_under_an_empty_environment(house: House) -> None:
    scripts = sorted((house.clone / "batch").glob("*.sh"))
    assert len(scripts) >= 6
    for script in scripts:
        ended = subprocess.run([script, "--help"], cwd="/", env={}, stdin=subprocess.DEVNULL, capture_output=True)
        assert ended.returncode == 0, (script, ended.stderr)
        assert ended.stdout.startswith(b"Summary: "), script
        assert b"usage: python -m pyjobs." in ended.stdout or script.name == "update_from_git.sh", script


def test_an_empty_environment_and_a_full_one_give_the_same_result_and_log(tmp_path: Path) -> None:
    clone = a_clone(tmp_path)
    texts = []
    for env in ({}, {**os.environ, "LC_ALL": "POSIX", "TZ": "America/New_York", "CDPATH": "/tmp", "PYTHONPATH": ""}):
        shutil.rmtree(clone / "logs", ignore_errors=True)
        argv = [str(clone / "batch/run_report_watchlist.sh"), "--no-such-flag"]
        ended = subprocess.run(argv, cwd="/", env=env, stdin=subprocess.DEVNULL, capture_output=True)
        assert ended.returncode == 64, ended.stderr
        (log,) = (clone / "logs").glob("watchlist_*.log")
        texts.append([line[20:].partition(" (pid")[0].partition(" after ")[0] for line in log.read_text().splitlines()])
    assert texts[0] == texts[1]
    assert any("unrecognized arguments: --no-such-flag" in line for line in texts[0])


@pytest.mark.skipif(
    not CRON_IS_THERE, reason="a real cron daemon needs the cron package (.ci/run installs it) and root that may mount"
)
def test_a_real_cron_daemon_runs_the_jobs_and_their_logs_are_readable(tmp_path: Path) -> None:
    clone = a_clone(tmp_path)
    table = tmp_path / "table"
    table.write_text(
        f'* * * * * "{clone}/batch/run_report_watchlist.sh" --no-such-flag\n'
        f'* * * * * NIGHTDESK_NOW=1795230000 "{clone}/batch/run_scanner.sh"\n'
        f'@reboot "{clone}/jobs/_run_generic.sh" --log reboot -- bash -c "env; exit 3"\n'
    )
    daemon = subprocess.Popen(
        [*APART, "bash", "-ec", HERMETIC, "cron", str(table)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60 + HANGS_S
        while len({r["job"] for r in House(home=clone).history()}) < 3 and time.monotonic() < until:
            assert daemon.poll() is None, daemon.stderr and daemon.stderr.read()
            time.sleep(0.2)
    finally:
        os.killpg(daemon.pid, 15)
        daemon.wait(timeout=HANGS_S)
    seen = {r["job"]: (r["code"], r["outcome"]) for r in House(home=clone).history()}
    assert seen == {"report_watchlist": (64, "fail"), "scanner": (0, "skip:not-a-session"), "reboot": (3, "fail")}
    said = House(home=clone).log("reboot")
    assert "TZ=UTC0" in said and "LC_ALL=C.UTF-8" in said and "PYTHONUTF8=1" in said
    assert "[END] fail: exit 3 after 1 try" in said
