"""The last Python exception in a program's output, as CPython prints it, with its chain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_HEADER = re.compile(r"^(?P<before>.*?)Traceback \(most recent call last\):$")
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line \d+(?:, in (?P<function>.+))?$')
_EXCEPTION = re.compile(r"^(?P<name>[A-Za-z_][\w.<>]*?)(?:: ?(?P<message>.*))?$")
_LINKS = {
    "During handling of the above exception, another exception occurred:": "context",
    "The above exception was the direct cause of the following exception:": "cause",
}
_ASIDE = re.compile(r"^(?:Exception ignored in|Error in atexit|Task exception was never retrieved|future: <Task)")
_MESSAGE_LINES = 40
_LONGEST_LINE = 4000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LIBRARY = re.compile(r"site-packages/|/lib/python\d|^<frozen|\.pyx$|^[\w/]+\.pxi$")


class Frame(NamedTuple):
    """One level of the call stack; `source` is the printed source line, empty when there was none."""

    file: str
    function: str
    source: str = ""

    @property
    def library(self) -> bool:
        """Whether it lies in the standard library or an installed package."""
        return bool(_LIBRARY.search(self.file))


class Raised(NamedTuple):
    """One exception as printed. `link` is how it follows the one before it: '', 'context' or 'cause'."""

    name: str
    message: str = ""
    frames: tuple[Frame, ...] = ()
    link: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.message}".rstrip(": ")


class Traceback(NamedTuple):
    """A traceback with its chain, oldest first: the lines `start` to `end`, without the last; `before` is above it."""

    start: int
    end: int
    chain: tuple[Raised, ...]
    before: str = ""


def clean_lines(output: bytes) -> list[str]:
    """Text lines without colour codes; each redrawing of a line is a line, and a line of 64 KiB is its two ends."""
    lines = re.split(r"\r\n|\n|\r", _ANSI.sub("", output.decode("utf-8", "replace")))
    return [line.rstrip() if len(line) <= _LONGEST_LINE else f"{line[:2000]} ... {line[-2000:]}" for line in lines]


def last_traceback(lines: Sequence[str]) -> Traceback | None:
    """The last traceback that was printed on purpose. Those of `__del__`, atexit and lost tasks count only when
    alone.
    """
    found: Traceback | None = None
    at = 0
    while at < len(lines):
        traceback = _chain_at(lines, at)
        if traceback:
            aside = found is not None and _ASIDE.match(traceback.before)
            found = found._replace(end=traceback.end) if found and aside else traceback
        at = max(at + 1, traceback.end if traceback else 0)
    return found


def _chain_at(lines: Sequence[str], start: int) -> Traceback | None:
    """The traceback, with its chain, that begins at header line `start`; None without one."""
    chain: list[Raised] = []
    at, end, link = start, start, ""
    while at < len(lines) and _HEADER.match(lines[at]):
        raised, end = _raised_at(lines, at + 1, link)
        if raised is None:
            break
        chain.append(raised)
        near = [line.strip(" |") for line in lines[end : end + _MESSAGE_LINES]]
        linked = next((number for number, line in enumerate(near) if line in _LINKS or _HEADER.match(line)), 0)
        link = _LINKS.get(near[linked], "") if near else ""
        at = end + linked + 2 if link else len(lines)
    if not chain:
        return None
    above = [_HEADER.sub(r"\g<before>", lines[start]), *reversed(lines[max(0, start - 2) : start])]
    return Traceback(start, end, tuple(chain), next(filter(None, above), ""))


def _raised_at(lines: Sequence[str], at: int, link: str) -> tuple[Raised | None, int]:
    """Frames, then the line that names the exception; with the number of the line after its message."""
    frames: list[Frame] = []
    while at < len(lines) and (not lines[at] or lines[at][0].isspace()):
        frame = _FRAME.match(lines[at])
        if frame:
            frames.append(Frame(frame["file"], frame["function"] or ""))
        elif frames and lines[at] and not frames[-1].source:
            frames[-1] = frames[-1]._replace(source=lines[at].strip())
        at += 1
    named = _EXCEPTION.match(lines[at]) if at < len(lines) else None
    if named is None:
        return None, at
    message = [named["message"] or ""]  # it goes on over indented lines and over the page that it began to quote
    for line in lines[at + 1 : at + _MESSAGE_LINES]:
        in_page = "<" in message[0] and "</html>" not in message[-1].lower() and line.startswith("<")
        if not line or not (line[0].isspace() or in_page) or _HEADER.match(line):
            break
        message.append(line)
    return Raised(named["name"], "\n".join(message), tuple(frames), link), at + len(message)
