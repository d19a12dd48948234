"""A job that cron starts every minute logs little while there is little to log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    own = {"NIGHTDESK_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg"), "PYTHONBIN": sys.executable}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTDESK", "CT_"))}
    return {**kept, **own, "NIGHTDESK_NOW": "1795176000"}  # 2026-11-20T12:00Z


def started(script: str, env: dict[str, str]) -> None:
    done = subprocess.run([ROOT / "batch" / script], env=env, cwd="/", capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("script", "job"), [("run_ingest.sh", "ingest"), ("run_gap_repair.sh", "gap_repair")])
def test_where_nothing_is_configured_each_days_log_says_so_once(
    script: str, job: str, env: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(3):
        started(script, env)
    log = (tmp_path / f"logs/{job}_2026-11-20.log").read_text().splitlines()
    assert len(log) == 1 and "[SKIP] no instance is configured" in log[0]
    history = [json.loads(line) for line in (tmp_path / "logs/history.jsonl").read_text().splitlines()]
    assert [(one["job"], one["code"], one["outcome"]) for one in history] == [(job, 0, "ok")]
    started(script, env | {"NIGHTDESK_NOW": str(1_795_176_000 + 86_400)})
    assert len((tmp_path / f"logs/{job}_2026-11-21.log").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "marks"),
    [
        ("true", ["[END] ok"]),
        ("echo news", ["[START]", "news", "[END] ok"]),
        ("exit 3", ["[START]", "[END] fail: exit 3"]),
    ],
)
def test_a_brief_job_is_one_line_only_when_it_ends_well_and_says_nothing(
    command: str, marks: list[str], env: dict[str, str], tmp_path: Path
) -> None:
    chain = [
        "jobs/_run_generic.sh",
        "--log",
        "quiet",
        "--market",
        "24/7",
        "--brief",
        "yes",
        "--",
        "bash",
        "-c",
        command,
    ]
    subprocess.run(chain, env=env, cwd=ROOT, capture_output=True, timeout=60, check=False)
    log = (tmp_path / "logs/quiet_2026-11-20.log").read_text().splitlines()
    assert len(log) == len(marks)
    assert all(mark in line for mark, line in zip(marks, log, strict=True))
