"""What others wrote is data: this is the one way in which it gets into a message, a log, a history or a page.

A provider's message, a field of a dump, a label or a symbol may hold line ends that look like lines of ours, escapes
that rewrite a terminal, marks that turn reading around, or 20 kB. Only the standard library, and none of it that costs
time: the supervisor imports this on every run.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing for the real one costs 5 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 500
LONGEST_MESSAGE = 4000
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
LONGEST_LINE = 4096
TEXTS = {"kind": 40, "provider": 80, "symbol": 80, "detail": 500}
FLAGS = ("guarded", "code")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyz-_")


def quoted(text: object, longest: int = LONGEST) -> str:
    """`text` as one printable line of at most `longest` characters.

    An ellipsis marks what is cut off. Spaces of all kinds become a space; what cannot be printed (control
    characters, line ends, marks that change the direction, half characters) is written as an escape: `\\n`, `\\x1b`.
    """
    whole = str(text)
    line = whole[: longest + 1]
    if not line.isprintable():
        line = "".join(map(_visible, line))
    return line if len(whole) <= longest and len(line) <= longest else line[: max(longest - 1, 0)] + "…"


def is_plain(text: str) -> bool:
    """Whether a name holds nothing that cannot be printed; spaces of all widths may stand in it, line ends may not."""
    return text.isprintable() or all(char.isprintable() or char in _SPACES for char in text)


def printable(text: str) -> str:
    """`text` with its line ends and tabs, and everything else as `quoted` has it; of any length."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(char if char in "\n\t" else _visible(char) for char in text)


def outcome_of(received: bytes) -> dict[str, str | int]:
    """What a job reports of its own outcome through a pipe: the keys of its lines of JSON, later ones winning.

    Known keys, a known alphabet and a known length; anything else in there is passed over.
    """
    note: dict[str, str | int] = {}
    if not received:
        return note
    import json

    for line in received.split(b"\n"):
        if not line or len(line) > LONGEST_LINE:
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            note |= _known(record)
    return note


def _known(record: Mapping[str, object]) -> dict[str, str | int]:
    """The keys of a line that are known and hold what they should."""
    found: dict[str, str | int] = {}
    for key, longest in TEXTS.items():
        value = record.get(key)
        if isinstance(value, str) and value and (key != "kind" or _WORD.issuperset(value)):
            found[key] = quoted(value, longest)
    for key in FLAGS:
        number = record.get(key)
        if isinstance(number, int) and 0 <= number <= 255:
            found[key] = int(number)
    return found


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if char.isspace() and char > "\x20":
        return " "
    return char.encode("unicode_escape").decode("ascii")
