"""Locks that jobs of this machine take in turn. A lock file is never deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from utils.files import private
from utils.files.os_files import POLL_S, HeldElsewhere, locked


@contextmanager
def job_lock(path: Path, wait_s: float, busy: Exception, *, poll_s: float = POLL_S) -> Iterator[None]:
    """Hold the lock at `path`. Raises `busy` when it is not free within `wait_s` seconds, OSError as `locked`."""
    private.make_folder(path.parent)
    with ExitStack() as holding:
        try:
            holding.enter_context(locked(path, wait_s, poll_s=poll_s))
        except HeldElsewhere:
            raise busy from None
        yield
