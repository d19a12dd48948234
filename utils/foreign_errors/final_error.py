"""The last Python exception in a program's output: its class, its message, its frames and what it was raised from.

Reads what CPython prints: chained tracebacks, exception groups, tracebacks behind a log prefix. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from utils.foreign_errors.log_formats import as_cpython_prints

_HEADER = re.compile(r"^(?P<prefix>.*?)(?P<group>Exception Group )?Traceback \(most recent call last\):\s*$")
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line \d+(?:, in (?P<function>.+))?$')
_EXCEPTION = re.compile(r"^(?P<name>[A-Za-z_][\w.<>]*?)(?:: ?(?P<message>.*))?$")
_LINKS = {
    "During handling of the above exception, another exception occurred:": "context",
    "The above exception was the direct cause of the following exception:": "cause",
}
_MARGIN = re.compile(r"^\s*(?:[|+] ?)+")
_PART = re.compile(r"^\s*(?:\| )*\+[-+]+ (?:\d+|\.\.\.) -+$")
_GROUP_END = re.compile(r"^\s*\+-{30,}$")
_ASIDE = re.compile(r"^(?:Exception ignored in|Error in atexit|Task exception was never retrieved|future: <Task)")
_CLASS_LINE = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z_]\w*(?::|$)")
_MESSAGE_LINES = 40
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One level of the call stack; `source` is the printed source line, empty when there was none."""

    file: str
    function: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """One exception as printed. `link` says how it follows the one before it: '', 'context' or 'cause'."""

    name: str
    message: str
    frames: tuple[Frame, ...]
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traceback:
    """A traceback and everything chained to it, oldest first; `parts` are the members of an exception group.

    `start` and `end` are line numbers; lines from `end` on belong to something else. `introduced_by` is the line before
    it.
    """

    start: int
    end: int
    chain: tuple[Raised, ...]
    parts: tuple[Traceback, ...]
    introduced_by: str

    @property
    def final(self) -> Raised:
        """The exception that ended it."""
        return self.chain[-1]


def clean_lines(output: bytes) -> list[str]:
    """Text lines without colour codes; a line that was redrawn with carriage returns becomes one line per drawing."""
    text = _ANSI.sub("", output.decode("utf-8", "replace"))
    return as_cpython_prints([line.rstrip() for line in re.split(r"\r\n|\n|\r", text)])


def last_traceback(lines: Sequence[str]) -> Traceback | None:
    """The last traceback that somebody meant. Those of `__del__`, atexit and lost tasks count only when alone."""
    found: Traceback | None = None
    at = 0
    while at < len(lines):
        traceback = traceback_at(lines, at)
        if traceback is None:
            at += 1
            continue
        if found is None or not _ASIDE.match(traceback.introduced_by):
            found = traceback
        elif found is not None:
            found = replace(found, end=traceback.end)
        at = max(traceback.end, at + 1)
    return found


def traceback_at(lines: Sequence[str], at: int) -> Traceback | None:
    """The traceback, with its chain, whose header is line `at`."""
    header = _HEADER.match(lines[at])
    if header is None:
        return None
    if header["group"]:
        return _group_at(lines, at)
    prefix = header["prefix"]
    chain: list[Raised] = []
    link, start = "", at
    while True:
        raised, at = _raised_at(lines, at + 1, prefix, link)
        if raised is None:
            break
        chain.append(raised)
        link, after = _link_at(lines, at, prefix)
        if not link:
            break
        at = after
        if lines[at].endswith("Exception Group Traceback (most recent call last):"):
            group = _group_at(lines, at)
            return group and replace(group, start=start, chain=(*chain, *group.chain))
    introduced_by = prefix or next((line for line in reversed(lines[max(0, start - 2) : start]) if line), "")
    if not chain:
        return None
    return Traceback(start=start, end=at, chain=tuple(chain), parts=(), introduced_by=introduced_by)


def _raised_at(lines: Sequence[str], at: int, prefix: str, link: str) -> tuple[Raised | None, int]:
    """Frames, then the line that names the exception; returns it and the number of the line after its message."""
    frames: list[Frame] = []
    while at < len(lines):
        line = lines[at].removeprefix(prefix) if prefix else lines[at]
        frame = _FRAME.match(line)
        if frame:
            frames.append(Frame(file=frame["file"], function=frame["function"] or "", source=""))
        elif line[:1].isspace() or not line:
            if frames and not frames[-1].source and line.strip():
                frames[-1] = replace(frames[-1], source=line.strip())
        else:
            break
        at += 1
    if at >= len(lines):
        return None, at
    named = _EXCEPTION.match(line)
    if named is None:
        return None, at
    message, end = _message_from(lines, at, named["message"] or "", prefix)
    return Raised(name=named["name"], message=message, frames=tuple(frames), link=link), end


def _message_from(lines: Sequence[str], at: int, first: str, prefix: str) -> tuple[str, int]:
    """A message may go on for lines: those that are indented, and an HTML or JSON body that started on the first."""
    message, at = [first], at + 1
    while at < len(lines) and len(message) < _MESSAGE_LINES:
        line = lines[at].removeprefix(prefix) if prefix else lines[at]
        in_page = "<" in message[0] and "</html>" not in message[-1].lower() and re.match(r"\s*<", line)
        listed = " validation error" in message[0] and lines[at + 1 : at + 2] and lines[at + 1].startswith("  ")
        in_body = bool(in_page or listed)
        if not line.strip() or not (line[0].isspace() or in_body) or _HEADER.match(line):
            break
        message.append(line)
        at += 1
    return "\n".join(message), at


def _link_at(lines: Sequence[str], at: int, prefix: str) -> tuple[str, int]:
    """How the next traceback is chained to the one that ended before `at`, and where its header is."""
    link = ""
    for number in range(at, min(at + _MESSAGE_LINES, len(lines))):
        line = lines[number].removeprefix(prefix) if prefix else lines[number]
        if not link:
            link = _LINKS.get(line.strip(" |"), "")
            if not link and (_HEADER.match(line) or _CLASS_LINE.match(line)):
                return "", at
        elif _HEADER.match(line):
            return link, number
    return "", at


def _group_at(lines: Sequence[str], at: int) -> Traceback | None:
    """An exception group: its members, flattened, are `parts`."""
    start = at
    head: list[str] = []
    members: list[list[str]] = []
    at += 1
    while at < len(lines) and re.match(r"^\s*[|+]", lines[at]):
        if _PART.match(lines[at]):
            members.append([])
        elif not _GROUP_END.match(lines[at]):
            (members[-1] if members else head).append(_MARGIN.sub("", lines[at], count=1))
        at += 1
    name = next((line for line in head if "ExceptionGroup" in line), "ExceptionGroup")
    leaves = [member for member in members if not any("ExceptionGroup" in line for line in member)]
    parts = [_member(leaf) for leaf in leaves]
    chain = (Raised(name="ExceptionGroup", message=name, frames=(), link=""),)
    return Traceback(start=start, end=at, chain=chain, parts=tuple(parts), introduced_by="")


def _member(lines: Sequence[str]) -> Traceback:
    """One member of a group: a traceback, or only `Class: message` when it was never raised."""
    found = last_traceback(lines)
    if found is not None:
        return found
    named = next((match for line in lines if line and (match := _EXCEPTION.match(line))), None)
    name, message = (named["name"], named["message"] or "") if named else ("", "\n".join(lines))
    raised = Raised(name=name, message=message, frames=(), link="")
    return Traceback(start=0, end=0, chain=(raised,), parts=(), introduced_by="")
