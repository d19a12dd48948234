"""Folder names for symbols: safe on every file system, and reversible."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from utils.errors import BadDataError

_USUAL = re.compile(r"[A-Z0-9_-]+")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
# Windows (and so an SMB share) reserves these, with or without an extension; CON is also a ticker on the NYSE.
_RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{device}{n}" for device in ("COM", "LPT") for n in range(10))})
_LONGEST = 200


def folder_name(symbol: str) -> str:
    """`symbol` as one path segment: `BTC/USD` becomes `BTC%2FUSD`, `..` becomes `%2E%2E`.

    Everything but capitals, digits, `_`, `-` and inner dots is percent-encoded. Small letters are encoded too, so that
    `kPEPE` and `KPEPE` stay apart on a disk that ignores case. Raises BadDataError for an empty or endless symbol.
    """
    if _USUAL.fullmatch(symbol) and symbol not in _RESERVED and len(symbol) <= _LONGEST:
        return symbol
    if not symbol:
        raise BadDataError("a symbol is empty")
    outer = {0, len(symbol) - 1}
    dots = {i for i in outer if symbol[i] == "."}
    first = {0} if symbol.split(".")[0] in _RESERVED else set()
    encode = dots | first | {i for i, char in enumerate(symbol) if char not in _PLAIN}
    try:
        name = "".join(_percent(char) if i in encode else char for i, char in enumerate(symbol))
    except UnicodeEncodeError:
        raise BadDataError(f"symbol {symbol!r} is not valid Unicode") from None
    if len(name) > _LONGEST:
        raise BadDataError(
            f"symbol {symbol[:40]!r}… makes a folder name of {len(name)} characters (at most {_LONGEST})"
        )
    return name


def symbol_of(folder: str) -> str | None:
    """The symbol of this folder, or None for a folder that `folder_name` did not make."""
    symbol = unquote(folder, errors="replace")
    try:
        return symbol if folder_name(symbol) == folder else None
    except BadDataError:
        return None


def _percent(char: str) -> str:
    return f"%{ord(char):02X}" if char.isascii() else quote(char)
