"""Files of `NAME=value` lines, read as a shell reads them, but nothing is expanded or run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from utils.errors import ConfigError

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")


def name_values(content: bytes, path: Path) -> Iterator[tuple[int, str, str, str]]:
    """(line number, line, name, value) of every line but blank ones and comments; a line of another form has no name.

    `export` and quotes are taken off; after a value without quotes a comment may follow. Raises ConfigError for bytes
    that are not UTF-8.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        yield (number, line, found.group(1), _unquoted(found.group(2))) if found else (number, line, "", "")


def _unquoted(text: str) -> str:
    """Without its quotes, or, unquoted, without a comment that follows it."""
    if len(text) >= 2 and text[0] in "'\"":
        end = text.find(text[0], 1)
        if end > 0:
            return text[1:end]
    return re.sub(r"\s+#.*", "", text)
