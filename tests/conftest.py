"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.fakemarket.fixtures",)

ROOT = Path(__file__).resolve().parent.parent
KEPT = "NIGHTDESK_SHARED_DATA"
OURS = ("NIGHTDESK_", "CT_", "KRX_", "APCA_", "KEEP_")
SETTINGS = {
    "ALLOW_NET_FETCH", "BT_STRATEGY", "DATABASE_URL", "ENV", "JOB", "LOCK_BUSY_RC", "MARKET", "NEXT_START",
    "PYTHONBIN", "RETRY_BUDGET_S", "TERM_GRACE_S", "XDG_CONFIG_HOME",
}  # fmt: skip
for name in list(os.environ):  # neither this machine's settings nor its proxies are what is tested
    if name in SETTINGS or name.lower().endswith("_proxy") or (name.startswith(OURS) and name != KEPT):
        del os.environ[name]
for number in (signal.SIGINT, signal.SIGQUIT):  # a shell has its background jobs ignore them, and theirs
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# The same examples in every run, on a machine of any speed: what fails, fails always.
settings.register_profile("sure", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sure")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real prices and golden cases, kept beside the clone; tests that need them skip where they are absent."""
    folder = Path(os.environ.get("NIGHTDESK_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no shared data folder at {folder}")
    return folder
