"""Which fonts a picture may use: the one that matplotlib brings, then one that has Korean, where there is one."""

from __future__ import annotations

import sys
from functools import cache

BASE = "DejaVu Sans"
KOREAN = (
    *("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "NanumBarunGothic", "Nanum Gothic", "Malgun Gothic"),
    *("Apple SD Gothic Neo", "AppleGothic", "Baekmuk Gulim", "UnDotum", "Noto Sans CJK JP", "Noto Sans CJK SC"),
)
HINT = "no font here has Korean: names in pictures show '?'; install one (apt-get install fonts-nanum)"
SAMPLE = "가"


@cache
def families() -> list[str]:
    """The families a text is looked up in, one after the other, glyph by glyph."""
    korean = korean_font()
    return [BASE, korean[0]] if korean else [BASE]


@cache
def korean_font() -> tuple[str, str] | None:
    """(family, file) of a font that has Korean: one of those that are known, else any whose name says so."""
    from matplotlib import font_manager

    known = {each.name: each.fname for each in font_manager.fontManager.ttflist}
    hangul = [name for name in sorted(known) if any(word in name for word in ("Nanum", "CJK", "Hangul", "KR"))]
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
    """Once a process, for whoever reads the log."""
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
