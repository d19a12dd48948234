"""The store of this machine."""

from __future__ import annotations

from pyjobs.market.store.bar_store import BarStore
from utils import paths
from utils.files import os_files


def open_store() -> BarStore:
    """The bars under data/raw of NIGHTDESK_HOME, or of the clone. Nothing is read or made yet.

    Raises OSError where its disk does not answer.
    """
    os_files.must_answer(paths.bars_dir())
    return BarStore(paths.bars_dir())
