"""Folders of price files that do not answer: one file is waited for, the others of a dead server fail at once."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

from utils.files.in_time import within

LISTS_S = 5.0  # a folder that answers at all has answered by then
SLOW_FILES = 2  # of one folder: the third is not waited for


class Unreachable:
    """The folders at or below `top` that did not answer, and for which file that was found out."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._gone: dict[Path, Path] = {}
        self._slow: Counter[Path] = Counter()

    def refuse(self, path: Path) -> None:
        """Raise OSError (ETIMEDOUT) for a file in a folder that has not answered before."""
        for folder in (path, *path.parents):
            if (first := self._gone.get(folder)) is not None:
                text = f"not asked for: {folder} has not answered for {first.name}"
                raise OSError(errno.ETIMEDOUT, text, str(path))

    def note(self, path: Path) -> None:
        """Remember that `path` was waited for in vain, and how far up nothing answers any more."""
        self._slow[path.parent] += 1
        if self._slow[path.parent] >= SLOW_FILES:
            self._gone.setdefault(path.parent, path)
        for folder in path.parents:
            if folder in self._gone:
                continue
            if _answers(folder):
                return
            self._gone[folder] = path
            if folder == self._top:
                return


def _answers(folder: Path) -> bool:
    try:
        within(LISTS_S, lambda: os.stat(folder), folder)  # noqa: PTH116
    except OSError as error:
        return error.errno != errno.ETIMEDOUT
    return True
