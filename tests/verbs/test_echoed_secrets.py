"""A server that repeats the request it was sent: no form of a secret reaches a log, cron's mail, or a file."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from pyjobs.market.providers.wire.scrub import HIDDEN
from tests.fakemarket.server import FakeMarket
from tests.fakemarket.spoil import spellings

ROOT = Path(__file__).resolve().parents[2]
NOON_S = 1_795_176_000  # 2026-11-20T12:00Z
USER, SECRET = "PKLOOPBACK77USER", "s3cr3t+/=&%q-Zz9"
INSTANCES = {
    "alpaca": ("CT_EXCHANGE=ALPACA\nCT_SYMBOL=SPY\nCT_TIMEFRAME=1d\n", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"),
    "krx": ("CT_EXCHANGE=KRX\nCT_SYMBOL=005930\nCT_TIMEFRAME=1d\n", "KRX_ID", "KRX_PW"),
}


def forms(secret: str) -> list[str]:
    """The secret as it is, and as libraries and servers write it."""
    raw = secret.encode()
    return [
        secret, repr(secret)[1:-1], quote(secret, safe=""), quote_plus(secret), raw.hex(),
        base64.b64encode(raw).decode(), base64.b64encode(f"{USER}:{secret}".encode()).decode(),
        # of these the message, which is cut and doubles a backslash, has room for the first of what is sent only
        *(each.replace("\\", "\\\\") for each in spellings(USER[:6])[:2]),
    ]  # fmt: skip


def leaks(folder: Path, *texts: str) -> list[str]:
    """Where any form of the secret stands: files under `folder`, their names, and `texts`."""
    found = []
    for path in [p for p in folder.rglob("*") if "secret" not in p.relative_to(folder).parts]:
        text = str(path) + (path.read_bytes().decode("utf-8", "replace") if path.is_file() else "")
        found += [f"{path}: {form}" for form in forms(SECRET) if form in text]
    return found + [f"printed: {form}" for form in forms(SECRET) for text in texts if form in text]


def run_it(fake: FakeMarket, home: Path, served: str, status: int, env: dict[str, str]) -> None:
    instance, user, secret = INSTANCES[served]
    (home / "config/instances").mkdir(parents=True, exist_ok=True)
    (home / f"config/instances/{served}.env").write_text(instance)
    (home / "secret").mkdir(exist_ok=True)
    (home / "secret/.env").write_text(f"{user}='{USER}'\n{secret}='{SECRET}'\n")
    (home / "secret/.env").chmod(0o600)
    fake.clock.set(NOON_S * 1000)
    fake.fault(served, "echo", variant=str(status), match="MDCCOMS001D1" if served == "krx" else "")
    env = env | {"NIGHTDESK_HOME": str(home), "NIGHTDESK_NOW": str(NOON_S), "RETRY_BUDGET_S": "1"}
    env |= {"PYTHONBIN": str(ROOT / ".venv/bin/python"), "XDG_CONFIG_HOME": str(home / "xdg"), "LOG_LEVEL": "DEBUG"}
    done = subprocess.run([ROOT / "batch/run_ingest.sh"], env=env, capture_output=True, text=True, cwd="/", check=False)
    log = "".join(path.read_text() for path in (home / "logs").glob("ingest*.log"))
    assert fake.requests(served), log
    assert leaks(home, done.stdout, done.stderr) == []
    assert HIDDEN in log or status == 429, log  # the echo was quoted, without them; of a 429 nothing is quoted


def test_no_form_of_a_secret_that_a_server_repeats_is_written_or_printed(
    fakemarket: FakeMarket, tmp_path: Path, client_env: dict[str, str]
) -> None:
    assert os.access(ROOT / ".venv/bin/python", os.X_OK)
    run_it(fakemarket, tmp_path, "alpaca", 400, client_env)


@pytest.mark.torture
@pytest.mark.parametrize("served", ["alpaca", "krx"])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500, 503])
def test_at_every_status(
    served: str, status: int, fakemarket: FakeMarket, tmp_path: Path, client_env: dict[str, str]
) -> None:
    run_it(fakemarket, tmp_path, served, status, client_env)
