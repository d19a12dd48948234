"""Each test has a home of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.support.worlds import shut


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setattr(os, "fsync", lambda _: None)  # a kill loses nothing that was written; only a power cut would
    for name in ("ENFORCE_DECISION_MONOTONIC", "FORCE_FETCH_FAIL", "FORCE_PERSIST_FAIL", "DATA_TAG", "DRY_RUN"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    shut()
