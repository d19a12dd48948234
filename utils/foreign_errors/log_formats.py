"""Tracebacks as rich, loguru and JSON loggers print them, rewritten the way CPython does. Standard library only.

One reader of tracebacks is enough: what these libraries draw differently is brought into its form first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_HEADER = "Traceback (most recent call last):"
_BOX_TITLE = " Traceback (most recent call last) "
_BOX_TOP = re.compile(r"^(?P<before>.*?)[╭+][─-]+ Traceback \(most recent call last\) [─-]+[╮+]$")
_BOX_END = re.compile(r"^\s*[╰+][─-]+[╯+]$")
_BOX_FRAME = re.compile(r"^(?P<file>(?:/|<|[A-Za-z]:\\).*?):(?P<line>\d+) in ?(?P<function>\S*)$")
_BOX_SOURCE = re.compile(r"^(?:❱|>) +\d+ (?P<source>.*)$")
_BOX_RULER = re.compile(r"^[\s│|]*")
_LINK = re.compile(r"^(The above exception was the direct cause|During handling of the above exception)")
_STAMPED = re.compile(r"\[?\d\d[\d:-]{6}")
_LEVELLED = re.compile(r"\W{0,2}(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\b")
_MARKED_FRAME = re.compile(r'^> File "')
_TRACES = ("exception", "exc_info", "traceback", "exc_text", "stack_trace", "text")
_LEVELS = ("level", "levelname", "severity", "log_level")
_WRAPPED_LINES = 12
_LONGEST_LINE = 4000


def as_cpython_prints(lines: Sequence[str]) -> list[str]:
    """`lines`, with every boxed, marked or JSON-encoded traceback as CPython would have printed it."""
    plain: list[str] = []
    at = 0
    while at < len(lines):
        box = _BOX_TOP.match(lines[at]) if _BOX_TITLE in lines[at] else None
        if box:
            written, at = _unboxed(lines, at, box["before"])
            plain += written
            continue
        line = lines[at]
        decoded = _from_json(line) if line.startswith("{") and line.endswith("}") else None
        plain += [line] if decoded is None else decoded
        at += 1
    return [_MARKED_FRAME.sub('  File "', _cut(line)) for line in plain]


def _cut(line: str) -> str:
    """A line of 64 KiB would keep the patterns busy for seconds: its two ends say what it is."""
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE // 2]} ... {line[-_LONGEST_LINE // 2 :]}"


def _unboxed(lines: Sequence[str], at: int, before: str) -> tuple[list[str], int]:
    """The traceback in the box that opens on line `at`, and the number of the line after its exception."""
    end = next((n for n in range(at + 1, len(lines)) if _BOX_END.match(lines[n])), None)
    if end is None:
        return [lines[at]], at + 1
    written = [*([before.rstrip()] if before.strip() else []), _HEADER]
    inside = [re.sub(r"^\s*[│|] ?|\s*[│|]$", "", line) for line in lines[at + 1 : end]]
    written += _frames(inside)
    after = end + 1
    message: list[str] = []
    while after < len(lines) and lines[after] and len(message) < _WRAPPED_LINES and not _starts_anew(lines[after]):
        message.append(lines[after].strip())
        after += 1
    return [*written, " ".join(message)], after


def _starts_anew(line: str) -> bool:
    """Whether `line` cannot be the rest of a wrapped message: another traceback, link, log record or stamped line."""
    return line.startswith((_HEADER, "{")) or any(new.match(line) for new in (_BOX_TOP, _LINK, _STAMPED, _LEVELLED))


def _frames(inside: Sequence[str]) -> list[str]:
    """Frame and source lines of a box, whose long paths are wrapped at its width."""
    written: list[str] = []
    at = 0
    while at < len(inside):
        source = _BOX_SOURCE.match(inside[at])
        if source:
            written.append("    " + _BOX_RULER.sub("", source["source"]))
        elif re.match(r"/|<|[A-Za-z]:\\", inside[at]):
            for width in (1, 2, 3):
                frame = _BOX_FRAME.match("".join(inside[at : at + width]).rstrip())
                if frame and (frame["function"] or width > 1):
                    written.append(f'  File "{frame["file"]}", line {frame["line"]}, in {frame["function"]}')
                    at += width - 1
                    break
        at += 1
    return written


def _from_json(line: str) -> list[str] | None:
    """A JSON log record: its traceback's lines, or `LEVEL: message: error`. None when it is no log record."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    traces = (record.get(name) for name in _TRACES)
    traced = next((trace for trace in traces if isinstance(trace, str) and _HEADER in trace), None)
    if traced:
        return as_cpython_prints(traced.splitlines())
    structured = record.get("exception")
    if isinstance(structured, list) and structured and isinstance(structured[0], dict):
        return [line for part in reversed(structured) for line in _from_structured(part)]
    level = next((str(record[name]) for name in _LEVELS if isinstance(record.get(name), str)), None)
    if level is None:
        return None
    said = [record.get(name) for name in ("event", "message", "msg", "error", "err", "reason", "detail")]
    return [": ".join([level.upper(), *(str(part) for part in said if part)])]


def _from_structured(part: Mapping[str, Any]) -> list[str]:
    """One exception of structlog's `dict_tracebacks`."""
    frames = [frame for frame in part.get("frames", ()) if isinstance(frame, dict)]
    return [
        _HEADER,
        *(f'  File "{f.get("filename")}", line {f.get("lineno")}, in {f.get("name")}' for f in frames),
        f"{part.get('exc_type')}: {part.get('exc_value')}",
    ]
