"""What the tests of backup share."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyjobs import pin_run
from tests.runs.test_run_folder import make_run

NOW = datetime(2026, 11, 20, 13, 10, tzinfo=UTC)


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
