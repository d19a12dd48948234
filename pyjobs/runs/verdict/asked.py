"""Ask each check in turn, and wait for none that looks at a file server which has gone away: it is named, and fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pyjobs.runs.verdict.findings import Check
from utils.files.in_time import is_silence, within

T = TypeVar("T")
PATIENCE_S = 60.0
ONCE_SILENT_S = 5.0  # what comes after a silent one may be on the same server, and there are thirty of them


@dataclass(slots=True)
class Asked:
    """How long an answer is waited for."""

    patience_s: float = PATIENCE_S

    def answer(self, act: Callable[[], T], path: Path) -> T:
        """What `act` returns or raises; OSError (ETIMEDOUT) naming `path` where it does neither in time."""
        try:
            return within(self.patience_s, act, path)
        except OSError as error:
            if is_silence(error):
                self.patience_s = min(self.patience_s, ONCE_SILENT_S)
            raise

    def of(self, home: Path, kind: str, ask: Callable[[], Iterable[Check]]) -> Iterator[Check]:
        """What `ask` finds; a FAIL where it does not answer in time."""
        try:
            yield from self.answer(lambda: list(ask()), home)
        except OSError as error:
            if not is_silence(error):
                raise
            told = f"what it looks at below '{home}' {error.strerror}: a disk or a file server has gone away"
            yield Check(kind, "FAIL", f"{told} (df, mount)", kind)
