"""One sshd for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.sshd import Server, served


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real sshd on loopback."""
    with served(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The server's data/server_runs, at a path with a blank and a quote in it."""
    folder = tmp_path / "the server's box/data/server_runs"
    folder.mkdir(parents=True)
    return folder
