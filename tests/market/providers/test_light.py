"""Naming a provider costs nothing: clients and data frames are imported by nobody but the worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("pandas", "pyarrow", "requests", "yfinance", "ccxt", "pykrx", "alpaca", "curl_cffi")


def test_importing_the_providers_and_their_gate_imports_nothing_heavy() -> None:
    code = (
        "import sys, pyjobs.market.providers, pyjobs.market.providers.asking.ask, pyjobs.market.benchmarks.policy\n"
        "for name in pyjobs.market.providers.NAMES: pyjobs.market.providers.provider(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_the_worker_knows_the_clients() -> None:
    users = [
        path.name
        for path in (ROOT / "pyjobs").rglob("*.py")
        if "workers.client_calls" in path.read_text() or "workers.worker" in path.read_text()
    ]
    assert sorted(users) == ["client_process.py", "worker.py"]
