"""A CSV file that only grows: a heading once, whole lines, each with a checksum over it and all lines before.

A kill can leave a torn last line, a lost sync zeros: both are cut off. Anything else that does not fit is refused by
file and line. Cells hold no comma, quote or line end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from zlib import crc32

from utils.errors import BadDataError, CannotWriteError
from utils.files import os_files
from utils.files.atomic import sync_directory

ABOUT_A_LINE = 320
TS_CELL = 3
Row = list[str]


SAVED = "its lines end in CR LF, as an editor saves them; sed -i 's/\\r$//' takes the CR out again"


def split(text: bytes) -> list[str]:
    """Whole lines, without their ends; a CR is part of a line, and makes its checksum a wrong one."""
    return text.decode("utf-8", "replace").split("\n")[:-1]


def chained(before: str, bodies: Sequence[str]) -> tuple[str, str]:
    """The lines with their checksums, as text, and the last checksum."""
    out = []
    for body in bodies:
        before = f"{crc32(f'{before},{body}'.encode()):08x}"
        out.append(f"{body},{before}\n")
    return "".join(out), before


@dataclass(slots=True, kw_only=True)
class LinesFile:
    """One such file at `path`. `size`, `last`: its bytes and its last line's checksum, as far as is known."""

    path: Path
    columns: tuple[str, ...]
    size: int = 0
    last: str = ""
    repairs: list[str] = field(default_factory=list)
    _fd: int = -1
    _made: bool = False
    _unsynced: bool = False

    @property
    def heading(self) -> str:
        """The first line."""
        return ",".join(self.columns) + "\n"

    def tail(self, rows: int) -> list[Row]:
        """The last `rows` rows, fewer when there are not as many; what a kill left behind them is cut off.

        Raises BadDataError for another heading, a wrong number of cells, a checksum that does not fit.
        """
        self.size, self.last = 0, ""
        try:
            fd = os.open(self.path, os_files.AT_ONCE)
        except FileNotFoundError:
            return []
        try:
            state = os.fstat(fd)
            if not stat.S_ISREG(state.st_mode):
                raise BadDataError(f"{self.path}: is no file; nothing was written. Move it away, or choose another tag")
            size = state.st_size
            if not self._has_heading(fd, size):
                self._cut(0, size)
                return []
            text, begins = self._end(fd, size, rows + 1)
        finally:
            os.close(fd)
        return self._rows(text, begins, size, rows)

    def peek(self, rows: int) -> list[Row]:
        """The last whole rows of a file that another process writes: an unfinished line is left alone, and left out.

        Raises BadDataError as `tail`, OSError as `os_files.held`.
        """
        with os_files.held(self.path) as file:
            size = os.fstat(file.fileno()).st_size
            if not self._has_heading(file.fileno(), size):
                return []
            text, begins = self._end(file.fileno(), size, rows + 1)
        lines = split(text[: text.rfind(b"\n") + 1])
        return self.verified(lines, "" if begins == len(self.heading.encode()) else None)[-rows:]

    def _has_heading(self, fd: int, size: int) -> bool:
        """False for a file in which nothing of ours has arrived; raises BadDataError for a foreign one."""
        heading = self.heading.encode()
        found = os_files.read_at(fd, len(heading), 0)
        if found == heading:
            return True
        if size < len(heading) and heading.startswith(found.rstrip(b"\0")):
            return False
        if found == heading[:-1] + b"\r":
            raise BadDataError(f"{self.path}: {SAVED}. Nothing was written")
        raise BadDataError(
            f"{self.path}: its heading is not ours ({self._apart(found)}): it is of another version or program; "
            "nothing was written. Move it away, or choose another tag"
        )

    def _apart(self, found: bytes) -> str:
        """Where a heading first differs from ours."""
        theirs = found.split(b"\n")[0].decode("utf-8", "replace").split(",")
        for number, (name, other) in enumerate(zip_longest(self.columns, theirs), 1):
            if (name or "") != (other or ""):
                return f"its column {number} is {(other or '')[:30]!r}, ours {name or ''!r}"
        return "it goes on where ours ends"

    def _end(self, fd: int, size: int, rows: int) -> tuple[bytes, int]:
        """The file's end with at least `rows` lines, or all of it after the heading; and where that begins."""
        start, want = len(self.heading.encode()), rows * ABOUT_A_LINE + 4096
        while True:
            begins = max(start, size - want)
            text = os_files.read_at(fd, size - begins, begins)
            if begins == start or text.count(b"\n") > rows:
                break
            want *= 2
        if begins > start:
            at = text.find(b"\n") + 1
            text, begins = text[at:], begins + at
        return text, begins

    def _rows(self, text: bytes, begins: int, size: int, rows: int) -> list[Row]:
        good = text[: text.rfind(b"\n") + 1]
        if b"\0" in good:  # a block that was promised to the disk and never written
            good = good[: good.rfind(b"\n", 0, good.index(b"\0")) + 1]
        end = begins + len(good)
        lines = split(good)
        first = len(self.heading.encode()) == begins
        found = self.verified(lines, "" if first else None)
        self.size, self.last = end, found[-1][-1] if found else ""
        if end < size:
            self._cut(end, size)
        return found[-rows:]

    def verified(self, lines: Sequence[str], before: str | None) -> list[Row]:
        """The lines as cells. `before`: the checksum of the line before the first; None: unknown, the first is trusted.

        Raises BadDataError naming the first that does not fit.
        """
        found, width = [], len(self.columns)
        for line in lines:
            cells = line.split(",")
            if len(cells) != width:
                raise self._wrong(line, f"has {len(cells)} cells, not {width}")
            last = cells[-1]
            if before is not None and last != "%08x" % crc32(f"{before},{line[:-9]}".encode()):  # noqa: UP031  # faster
                raise self._wrong(line, "does not have the checksum of this line and those before it")
            before = last
            found.append(cells)
        return found

    def _wrong(self, line: str, what: str) -> BadDataError:
        where = ",".join(line.split(",")[: TS_CELL + 1])
        return BadDataError(
            f"{self.path}: the line '{where},…' {what}: it was edited, a line before it is gone, or a copy was put "
            "back over it. Nothing was written; put the file of before back, or choose another tag"
        )

    def _cut(self, end: int, size: int) -> None:
        if size == end:
            return
        self.repairs.append(f"{self.path.name}: {size - end} bytes of an unfinished write cut off")
        os.truncate(self.path, end)

    def drop(self, rows: Sequence[Row], last: str, what: str) -> None:
        """Cut the last `rows` off; `last`: the checksum of the line that is then the last, empty for none."""
        if not rows:
            return
        self.size -= sum(len(",".join(row).encode()) + 1 for row in rows)
        self.repairs.append(f"{self.path.name}: {len(rows)} lines cut off: {what}")
        self.last = last
        os.truncate(self.path, self.size)

    def clear(self, what: str) -> None:
        """Cut off all but the heading."""
        self.repairs.append(f"{self.path.name}: all lines cut off: {what}")
        self.back_to((len(self.heading.encode()), ""))

    def back_to(self, mark: tuple[int, str]) -> None:
        """As it was when it had that (size, last). What cannot be cut off now is cut off by the next `tail`."""
        self.size, self.last = mark
        with suppress(OSError):
            os.truncate(self.path, self.size)

    def append(self, bodies: Sequence[str]) -> None:
        """Add lines; `sync` makes them last. Raises CannotWriteError, and then nothing of them is there."""
        if not bodies:
            return
        text, last = chained(self.last, bodies)
        head = "" if self.size else self.heading
        self._made = self._made or not self.size
        content = memoryview(f"{head}{text}".encode())
        size = len(content)
        try:
            if self._fd < 0:
                self._fd = os.open(self.path, os_files.READ_WRITE | os.O_APPEND, 0o644)
            while content:
                content = content[os.write(self._fd, content) :]
        except PermissionError:
            raise
        except OSError as error:
            self.back_to((self.size, self.last))
            raise CannotWriteError(f"cannot write '{self.path}': {error.strerror or error}") from error
        self.size, self.last, self._unsynced = self.size + size, last, True

    def sync(self) -> None:
        """On the disk. Raises CannotWriteError."""
        if self._fd < 0 or not self._unsynced:
            return
        try:
            os.fsync(self._fd)
            self._unsynced = False
            if self._made:
                sync_directory(self.path.parent)
                self._made = False
        except OSError as error:
            raise CannotWriteError(f"cannot write '{self.path}': {error.strerror or error}") from error

    def close(self) -> None:
        """Let the descriptor go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
