"""Secrets of this process are kept out of all its output, in whatever form a library or a server repeats them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_pattern: list[re.Pattern[str]] = []


def hide(secrets: Iterable[str]) -> None:
    """From now on `scrub` replaces these: as they are, as repr, JSON, percent-encoded, hex and base64 have them.

    In base64 also as a part of something longer, such as user:secret.
    """
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= 4}
    alternatives = map(_pattern_of, sorted(forms, key=len, reverse=True))
    _pattern[:] = [re.compile("|".join(alternatives))] if forms else []


def scrub(text: str) -> str:
    """`text` with every form of every secret replaced."""
    return _pattern[0].sub(HIDDEN, text) if _pattern else text


def scrubbed(found: Any) -> Any:
    """Scrub all texts in lists and mappings, keys included; numbers are left as they are."""
    if isinstance(found, str):
        return scrub(found)
    if isinstance(found, dict):
        return {scrub(str(key)): scrubbed(value) for key, value in found.items()}
    return [scrubbed(value) for value in found] if isinstance(found, list | tuple) else found


def _pattern_of(form: str) -> str:
    """`form` for a regular expression; percent codes have letters of either case."""
    return re.sub("%[0-9A-Fa-f]{2}", lambda code: f"(?i:{code[0]})", re.escape(form))


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogateescape")
    found = {secret, secret.strip(), repr(secret)[1:-1], ascii(secret)[1:-1], repr(raw)[2:-1], json.dumps(secret)[1:-1]}
    found |= {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    hexed = binascii.hexlify(raw).decode()
    found |= {hexed, hexed.upper()}
    for before in range(3):  # what stands before it moves it by so many bytes; its inner letters stay the same
        code = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        core = code[(before * 8 + 5) // 6 : len(raw + b"\0" * before) * 8 // 6]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found
