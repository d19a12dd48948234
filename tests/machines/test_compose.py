"""The Postgres of compose.yaml is reached from this machine only, keeps its data, and has no password of ours."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["postgres"]


def test_postgres_listens_on_loopback_keeps_its_data_and_says_how_it_is() -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICE["ports"])
    assert any(volume.endswith(":/var/lib/postgresql/data") for volume in SERVICE["volumes"])
    command = SERVICE["healthcheck"]["test"][1]
    assert command.startswith("pg_isready -h 127.0.0.1 "), "its socket answers while the image still makes the database"
    assert SERVICE["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?"), "none of ours"


def test_the_example_of_env_reaches_the_database_that_compose_makes() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    made = SERVICE["environment"]
    assert f"postgresql://{made['POSTGRES_USER']}:PASSWORD@127.0.0.1:5432/{made['POSTGRES_DB']}" in example
    assert "#POSTGRES_PASSWORD=" in example


def has_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_compose(), reason="no docker compose")
def test_compose_takes_the_file_and_asks_for_the_password(tmp_path: Path) -> None:
    command = ["docker", "compose", "-f", str(ROOT / "compose.yaml"), "--env-file", "/dev/null", "config", "-q"]
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    assert subprocess.run(command, env=env | {"POSTGRES_PASSWORD": "x"}, check=False).returncode == 0
    refused = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "POSTGRES_PASSWORD" in refused.stderr
