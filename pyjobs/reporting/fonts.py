"""Which fonts a picture may use: the one that matplotlib brings, then one that has Korean, where there is one."""

from __future__ import annotations

import contextlib
import sys
from functools import cache
from pathlib import Path

BASE = "DejaVu Sans"
KOREAN = (
    *("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "NanumBarunGothic", "Nanum Gothic", "Malgun Gothic"),
    *("Apple SD Gothic Neo", "AppleGothic", "Baekmuk Gulim", "UnDotum", "Noto Sans CJK JP", "Noto Sans CJK SC"),
)
HINT = "no font here has Korean: names in pictures show '?'; install one (apt-get install fonts-nanum)"
SAMPLE = "가"
SOUNDS_KOREAN = ("Nanum", "CJK", "Hangul", "KR", "Gothic", "malgun", "Malgun", "Baekmuk")


@cache
def families() -> list[str]:
    """The families a text is looked up in, one after the other, glyph by glyph."""
    korean = korean_font()
    return [BASE, korean[0]] if korean else [BASE]


@cache
def korean_font() -> tuple[str, str] | None:
    """(family, file) of a font that has Korean: one of the list, else any with a name that shows it."""
    return _korean_of(_listed()) or _korean_of(_installed_since())


def _listed() -> dict[str, str]:
    """File by family, of the fonts that matplotlib found when it was first used here."""
    from matplotlib import font_manager

    return {each.name: each.fname for each in font_manager.fontManager.ttflist}


def _installed_since() -> dict[str, str]:
    """matplotlib's list and the fonts installed since with a Korean name; the list itself is never made again."""
    from matplotlib import font_manager

    known = {each.fname for each in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        if any(word in Path(path).name for word in SOUNDS_KOREAN):
            with contextlib.suppress(OSError, RuntimeError):
                font_manager.fontManager.addfont(path)
    return _listed()


def _korean_of(known: dict[str, str]) -> tuple[str, str] | None:
    hangul = [name for name in sorted(known) if any(word in name for word in SOUNDS_KOREAN)]
    for name in (*KOREAN, *hangul):
        if name in known and _has(known[name], SAMPLE):
            return name, known[name]
    return None


def readable(text: str) -> str:
    """`text` with `?` for each character that no font of `families` has."""
    if text.isascii():
        return text
    shown = "".join(c if c.isascii() or _drawn(c) else "?" for c in text)
    if any("가" <= c <= "힣" for c in text) and shown != text:
        _say_hint()
    return shown


@cache
def _say_hint() -> None:
    """A warning for the reader of the log, once a process."""
    print(f"[WARN] {HINT}", file=sys.stderr)


@cache
def _drawn(character: str) -> bool:
    from matplotlib import font_manager

    korean = korean_font()
    base = font_manager.findfont(BASE)
    return character.isprintable() and (_has(base, character) or (korean is not None and _has(korean[1], character)))


def _has(file: str, character: str) -> bool:
    from matplotlib import font_manager

    try:
        return bool(font_manager.get_font(file).get_char_index(ord(character)))
    except (OSError, RuntimeError):
        return False
