"""Files that are refused before they are read, and not quoted: too large, a line without end, secrets."""

from __future__ import annotations

from pathlib import Path

from utils.errors import BadDataError
from utils.files import os_files
from utils.foreign_text import quoted

LARGEST_BYTES, LARGEST_JSON_BYTES = 126_000_000, 64_000_000  # of what an archive unpacks to; 500 MB of memory
LONGEST_LINE_BYTES, MOST_EMPTY, MOST_ROWS = 1_000_000, 1_000_000, 3_000_000
MOST_TOGETHER = 2_400_000  # rows of several files, which are in memory twice while they are joined


def check_size(label: str, size: int, most: int = LARGEST_BYTES, *, cut: bool = False) -> None:
    """Refuse what would not fit into memory. `cut`: it was not read to its end, so its size is not known."""
    if size > most:
        text = "unpacks to more than that" if cut else f"has {size:,}"
        what = f"at most {most:,} bytes are read, and it {text}"
        raise BadDataError(f"{label}: {what}: split it into several files (`file:` may be a folder or a pattern)")


def check_lines(label: str, content: bytes) -> None:
    """Refuse more lines, and a longer one, than any table of prices has. Raises BadDataError."""
    check_rows(label, content.count(b"\n") - MOST_EMPTY)  # rows are counted when they have been read
    at = 0
    while len(content) - at > LONGEST_LINE_BYTES:
        end = content.rfind(b"\n", at, at + LONGEST_LINE_BYTES)
        end = end if end >= 0 else content.rfind(b"\r", at, at + LONGEST_LINE_BYTES)
        if end < 0:
            raise BadDataError(f"{label}: a line of more than {LONGEST_LINE_BYTES:,} bytes: not a table of prices")
        at = end + 1


def check_rows(label: str, count: int) -> None:
    """Refuse more rows than six years of minutes, round the clock, have. Raises BadDataError."""
    if count > MOST_ROWS:
        text = "split it into several files (`file:` may be a folder or a pattern)"
        raise BadDataError(f"{label}: at most {MOST_ROWS:,} rows are read, and it has {count:,}: {text}")


def check_rows_together(label: str, counts: list[int]) -> None:
    """Refuse more rows in the files of a folder, a pattern or an archive than fit into 500 MB. Raises BadDataError."""
    if len(counts) > 1 and sum(counts) > MOST_TOGETHER:
        what = "name a part of the files by a pattern in `file:`, import it, then the next, without `complete`"
        raise BadDataError(f"{label}: its files have more than {MOST_TOGETHER:,} rows together: {what}")


def unexpected(label: str, text: str) -> str:
    """A line that a price file does not begin with, for a message, unless it may be a secret.

    That is what looks like one (`NAME=value`), is in a hidden file or below `secret`, or only its owner may read.
    """
    path = Path(label)
    try:
        whole = os_files.real(path if path.exists() else label.partition("!")[0])  # a member of an archive
        hidden = any(part.startswith(".") or part == "secret" for part in whole.parts[-3:])
        hidden = hidden or not whole.stat().st_mode & 0o077
    except OSError:
        hidden = True
    if hidden or "=" in text or "-----" in text:
        return f"a line of {len(text)} characters, not shown"
    return repr(quoted(text, 80))
