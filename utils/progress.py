"""How far long work has come: a bar on a terminal, a line every so often in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 30
TELLING = 0.05
"""The share that must be done before its pace predicts the rest: work begins with waiting and loading."""


class ProgressReport:
    """Call it with (done, total, what). A terminal gets one line, redrawn; a log gets a line every `every_s`."""

    def __init__(self, stream: TextIO, *, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._every_s = 0.1 if self._terminal else every_s
        self._clock = clock
        self._began = self._said = clock()
        self._at, self._of = 0, 1

    def part(self, at: int, of: int) -> None:
        """From now on the progress is that of part number `at` (from 1) of `of` equal parts of the whole job."""
        self._at, self._of = min(max(at, 1), of) - 1, max(of, 1)

    def __call__(self, done: int, total: int, what: str) -> None:
        """`done` of `total` units of work are done; `what` names them. With none done it starts again."""
        now = self._clock()
        if not done:
            self._began = now
        share = (self._at + (min(1.0, done / total) if total else 1.0)) / self._of
        if now - self._said < self._every_s and not (self._terminal and share >= 1):
            return
        self._said = now
        part = f"{self._at + 1} of {self._of}: " if self._of > 1 else ""
        left = f", {(now - self._began) * (1 - share) / share:.0f} s left" if share >= TELLING else ""
        if not self._terminal:
            self._stream.write(f"{share:4.0%} {part}{done}/{total} {what}{left}\n")
        else:
            bar = ("#" * round(WIDTH * share)).ljust(WIDTH, ".")
            end = "\n" if share >= 1 else ""
            self._stream.write(f"\r\x1b[K[{bar}] {share:4.0%} {part}{what}{left if not end else ''}{end}")
        self._stream.flush()

    def say(self, text: str) -> None:
        """A line of its own, in the place of the bar, which comes back below it."""
        self._stream.write(("\r\x1b[K" if self._terminal else "") + text + "\n")
        self._stream.flush()
