"""The store of this machine."""

from __future__ import annotations

from pyjobs.market.store.bar_store import BarStore
from utils import paths


def open_store() -> BarStore:
    """The bars under data/raw of NIGHTDESK_HOME, or of the clone. Nothing is read or made yet."""
    return BarStore(paths.bars_dir())
