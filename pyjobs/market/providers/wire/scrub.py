"""Secrets of this process are kept out of all its output, in whatever form a library or a server repeats them."""

from __future__ import annotations

import base64
import binascii
import os
import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from html.entities import html5
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"
PROXIES = ("https_proxy", "http_proxy", "all_proxy")
SHOWN, MOST_CUT = 6, 48  # letters: so many tell something of a secret, so many of it are looked for where it is cut
_ENDS = r"\r\n\x0b\x0c\x85\u2028\u2029"
_END = rf"(?:\r\n|[{_ENDS}])"
JOINTS = [  # where texts are wrapped: at a width, with a mark in a shell or in mail, between quotes, within an escape
    re.compile(rf"{_END}[\s>|│]*"),
    re.compile(rf"[\\=]{_END}[ \t]*"),
    re.compile(rf"""["'][^\S{_ENDS}]*[\\+]?{_END}[\s\\+]*["']"""),  # no two that can share many line ends
    re.compile(r"(?:\\{1,8}[rn])+[ \t]*"),
    re.compile(r"(?:%0[aAdD]|&#(?:10|13|[xX][aAdD]);|<br ?/?>)+\s*"),
]
OMITTED = r"(?=\s?(?:…|\.\.\.|\*\*|\\{1,8}u2026|\Z))"
_pattern: list[re.Pattern[str]] = []


def hide(secrets: Iterable[str]) -> None:
    """From now on `scrub` replaces these, and the passwords of this process's proxies.

    Each letter in whatever way it may be spelled, alone or with others: as it is, escaped as repr and JSON have it, by
    percent codes and HTML entities, also escaped several times. The whole in hex and base64, there also as a part of
    something longer, such as user:secret. All of these also over several lines, as what wraps texts breaks them; and
    the first or last six letters or more where the rest is cut off.
    """
    _pattern[:] = _patterns(frozenset(secrets) | _proxy_passwords())


@lru_cache(maxsize=4)
def _patterns(secrets: frozenset[str]) -> list[re.Pattern[str]]:
    forms = {form: True for secret in secrets for form in _codes(secret)}
    forms |= {form: False for secret in secrets for form in (secret, secret.strip())}
    longest = sorted((form for form in forms if len(form) >= 4), key=len, reverse=True)
    if not longest:
        return []
    spelled = [_spelled(form, code=forms[form]) for form in longest]
    return [re.compile("|".join([*map("".join, spelled), *(each for letters in spelled for each in _cut(letters))]))]


def _proxy_passwords() -> set[str]:
    """Secrets both as the environment has them and unquoted."""
    found = set()
    for name, url in os.environ.items():
        login = url.rpartition("@")[0].rpartition("//")[2] if name.lower() in PROXIES else ""
        found |= {login.partition(":")[2], unquote(login.partition(":")[2])}
    return found


def scrub(text: str) -> str:
    """`text` with every form of every secret replaced."""
    if not _pattern:
        return text
    text = _pattern[0].sub(HIDDEN, text)
    for joint in JOINTS:
        text = _over_lines(text, joint)
    return text


def _over_lines(text: str, joint: re.Pattern[str]) -> str:
    """`text` without the secrets that are found when it is read on over its joints."""
    joints = [each.span() for each in joint.finditer(text)]
    if not joints:
        return text
    begins, ends = [0, *(end for _, end in joints)], [*(start for start, _ in joints), len(text)]
    joined, starts = "".join(text[a:b] for a, b in zip(begins, ends, strict=True)), [0]
    for begin, end in zip(begins, ends, strict=True):
        starts.append(starts[-1] + end - begin)

    def place(at: int) -> int:
        piece = bisect_right(starts, at) - 1
        return begins[piece] + at - starts[piece]

    for first, end in reversed([each.span() for each in _pattern[0].finditer(joined)]):
        text = text[: place(first)] + HIDDEN + text[place(end - 1) + 1 :]
    return text


def scrubbed(found: Any) -> Any:
    """Scrub all texts in lists and mappings, keys included; numbers are left as they are."""
    if isinstance(found, str):
        return scrub(found)
    if isinstance(found, dict):
        return {scrub(str(key)): scrubbed(value) for key, value in found.items()}
    return [scrubbed(value) for value in found] if isinstance(found, list | tuple) else found


def _spelled(form: str, *, code: bool) -> list[str]:
    """A regular expression for each letter of `form`; in a `code` letters and digits stand for themselves."""
    return [letter if code and letter.isalnum() else _spellings(letter) for letter in form]


def _cut(letters: list[str]) -> list[str]:
    """Its beginning before a mark of omission or the end of the text, and its end after such a mark."""
    first, last = letters[:SHOWN], letters[-SHOWN:]
    more, before = letters[SHOWN:MOST_CUT], letters[-MOST_CUT:-SHOWN]
    if not more:
        return []
    after = "".join(f"(?:{each}" for each in more) + ")?" * len(more)
    ahead = "(?:" * len(before) + "".join(f"{each})?" for each in before)
    return [f"{''.join(first)}{after}{OMITTED}", f"(?:(?<=…)|(?<=\\.\\.\\.)){ahead}{''.join(last)}"]


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
    return f"(?:{'|'.join(ways)})" + "?" * (letter == " ")  # what wraps lines takes it away


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
