"""What others wrote is data: the one way in which it gets into a message, a log, a history or a page.

A provider's message, a field of a dump, a label or a symbol may hold line ends that look like lines of ours, escapes
that rewrite a terminal, marks that turn reading around, or 20 kB. Only the standard library, and none of it that costs
time: the supervisor imports this on every run.
"""

from __future__ import annotations

LONGEST = 500
LONGEST_MESSAGE = 4000


def quoted(text: object, longest: int = LONGEST) -> str:
    """`text` as one printable line of at most `longest` characters.

    What is cut off is told by an ellipsis. Spaces of all kinds become a space; what cannot be printed (control
    characters, line ends, marks that change the direction, half characters) is written as an escape: `\\n`, `\\x1b`.
    """
    whole = str(text)
    line = whole[: longest + 1]
    if not line.isprintable():
        line = "".join(map(_visible, line))
    return line if len(whole) <= longest and len(line) <= longest else line[: max(longest - 1, 0)] + "…"


def printable(text: str) -> str:
    """`text` with its line ends and tabs, and everything else as `quoted` has it; of any length."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(char if char in "\n\t" else _visible(char) for char in text)


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if char.isspace() and char > "\x20":
        return " "
    return char.encode("unicode_escape").decode("ascii")
