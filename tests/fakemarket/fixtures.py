"""`fakemarket`: the server for tests, started once and as new for each; `client_env` points a process at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fakemarket.server import FakeMarket


@pytest.fixture(scope="session")
def fakemarket_server() -> Iterator[FakeMarket]:
    from tests.fakemarket.server import running  # numpy, for those tests only that ask for it

    with running() as fake:
        yield fake


@pytest.fixture
def fakemarket(fakemarket_server: FakeMarket) -> Iterator[FakeMarket]:
    """No fault, no record, real time. In this process: patch the environment with `fakemarket.env()` yourself.

    Clients that are asked from this process run in forks, see `tests/support/verb_process.py`.
    """
    from pyjobs.market.providers.workers import client_process
    from tests.support.verb_process import forked_worker

    fakemarket_server.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_process, "started", forked_worker)
        yield fakemarket_server
    fakemarket_server.reset()


@pytest.fixture
def client_env(fakemarket: FakeMarket, tmp_path: Path) -> dict[str, str]:
    """The environment of a job that talks to fakemarket: this one's, without credentials or caches, and the proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KRX_", "APCA_", "ALPACA_"))}
    return kept | fakemarket.env() | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
