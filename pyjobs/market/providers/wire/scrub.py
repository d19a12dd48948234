"""Secrets of this process are kept out of all its output, in whatever form a library or a server repeats them."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from html.entities import html5
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
PROXIES = ("https_proxy", "http_proxy", "all_proxy")
_pattern: list[re.Pattern[str]] = []


def hide(secrets: Iterable[str]) -> None:
    """From now on `scrub` replaces these, and the passwords of this process's proxies.

    Each letter in whatever way it may be spelled, alone or with others: as it is, escaped as repr and JSON have it, by
    percent codes and HTML entities, also escaped several times. The whole in hex and base64, there also as a part of
    something longer, such as user:secret.
    """
    _pattern[:] = _patterns(frozenset(secrets) | _proxy_passwords())


@lru_cache(maxsize=4)
def _patterns(secrets: frozenset[str]) -> list[re.Pattern[str]]:
    forms = {form: True for secret in secrets for form in _codes(secret)}
    forms |= {form: False for secret in secrets for form in (secret, secret.strip())}
    longest = sorted((form for form in forms if len(form) >= 4), key=len, reverse=True)
    return [re.compile("|".join(_spelled(form, code=forms[form]) for form in longest))] if longest else []


def _proxy_passwords() -> set[str]:
    """Secrets both as the environment has them and unquoted."""
    found = set()
    for name, url in os.environ.items():
        login = url.rpartition("@")[0].rpartition("//")[2] if name.lower() in PROXIES else ""
        found |= {login.partition(":")[2], unquote(login.partition(":")[2])}
    return found


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


def _spelled(form: str, *, code: bool) -> str:
    """A regular expression for `form`; in a `code` letters and digits stand for themselves."""
    return "".join(letter if code and letter.isalnum() else _spellings(letter) for letter in form)


@lru_cache(maxsize=512)
def _spellings(letter: str) -> str:
    """One letter. Escapes are at most eight backslashes or four percent signs or ampersands deep."""
    raw, utf16 = letter.encode("utf-8", "surrogateescape"), letter.encode("utf-16-be", "surrogatepass").hex()
    units = [utf16[at : at + 4] for at in range(0, len(utf16), 4)]
    entity, escape = "&(?:amp;){0,4}", r"\\{1,8}"
    ways = [
        escape if letter == "\\" else re.escape(letter) if letter.isalnum() else r"\\{0,8}" + re.escape(letter),
        "".join(f"{escape}u(?i:{unit})" for unit in units),
        f"{escape}U(?i:{ord(letter):08x})",
        "".join(f"%(?:25){{0,4}}(?i:{byte:02x})" for byte in raw),
        "".join(f"{escape}x(?i:{byte:02x})" for byte in raw),
        f"{entity}#0{{0,6}}{ord(letter)};",
        f"{entity}#[xX]0{{0,6}}(?i:{ord(letter):x});",
        *([f"{escape}x(?i:{ord(letter):02x})"] if ord(letter) < 256 else []),
        *([f"{entity}(?:{'|'.join(names)})"] if (names := _entities().get(letter)) else []),
        *([r"\+"] if letter == " " else []),
    ]
    return f"(?:{'|'.join(ways)})"


@lru_cache(maxsize=1)
def _entities() -> dict[str, list[str]]:
    """The names that HTML has for a letter, each with its semicolon."""
    found: dict[str, list[str]] = {}
    for name, text in html5.items():
        if name.endswith(";"):
            found.setdefault(text, []).append(name)
    return found


def _codes(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogateescape")
    hexed = binascii.hexlify(raw).decode()
    found = {hexed, hexed.upper()}
    for before in range(3):  # what stands before it moves it by so many bytes; its inner letters stay the same
        code = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        core = code[(before * 8 + 5) // 6 : len(raw + b"\0" * before) * 8 // 6]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return found
