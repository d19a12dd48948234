"""Whose fault is a failure without a Python traceback: the last lines that curl, wget, git, node and others leave."""

from __future__ import annotations

import re
from collections.abc import Sequence

from utils.exception_classes import OURS

from .exceptions import of_chain
from .printed import Raised
from .rules import Rules, Verdict, heads, verdict

_MOST_QUIET_LINES = 12
_CLASS_LINE = re.compile(
    r"^(?:\S+: )?(?:Uncaught |Unhandled |\[?cause\]?: )?"
    r"(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout|Exceeded|Unavailable))(?:: (?P<message>.*))?$"
)
_MENTION = re.compile(
    r"^(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*[a-z]\w*)(?:\((?P<quoted>.*)\)[.;,]?$|:? (?P<message>.*)$|:?$)"
)
_HTML_LINE = re.compile(r"(?i)^\s*<|^[^<]*</html>")
_HTML_START = re.compile(r"(?i)<!doctype html|<html[ >]")
_NODE_HEADER = re.compile(r"^(?:Uncaught )?(?:DOMException|\w*(?:Error|Exception))(?: ?\[[\w ]+\])?(?:: .*|$)")
_NODE_DETAIL = re.compile(r"^\s+(\[cause\]|code:|\[errors\]|Error: )|^  status: \d")
_NODE_RESPONSE = re.compile(r"undici|Response\.json|IncomingMessage")


def of_text(lines: Sequence[str], rules: Rules) -> Verdict:
    """Go up from the last line, past chatter, to the first line that reports an error; an unknown line is ours.

    An indented line belongs to something above it. An INFO or WARNING line is no error, unless the lines below it only
    report that all attempts were used up: then the last warning is the cause.
    """
    node = _of_node(lines, rules)
    if node:
        return node
    quiet, gave_up, summed_up, page = 0, False, False, False
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if not line or _HTML_LINE.search(line):
            page = page or bool(line)
            continue
        if page and not _HTML_START.search(line):
            return verdict(OURS, "a page", line)
        page = False
        found = _of_line(line, lines[number : number + 3], rules, gave_up=gave_up)
        if found:
            return found
        gave_up = gave_up or rules.is_("gave_up", line)
        warned = rules.is_("quiet", line)
        if rules.looked_past(line) and not warned:
            summed_up = True
            continue
        quiet += 1
        if quiet > _MOST_QUIET_LINES or not (warned or line[0].isspace()) or (summed_up and warned and not gave_up):
            break
    return verdict(OURS, "no error at the end", line)


def _of_line(line: str, around: Sequence[str], rules: Rules, *, gave_up: bool) -> Verdict | None:
    """The verdict on one line; None when it names no cause."""
    recovered = rules.is_("recovered", line) and not gave_up
    if rules.is_("quiet", line) and not gave_up:
        return verdict(OURS, "recovered", line) if recovered else None
    never = "recovered" if recovered else rules.never_external(line)
    if never or rules.is_our_service("\n".join(around)):
        return verdict(OURS, never or "a service of this machine", line)
    named = _named(line, rules)
    if named:
        return of_chain([named], rules)
    text = rules.text_kind(line) if rules.states_an_error(line) else None
    if text:
        return verdict(*text, line)
    is_error = rules.is_("error_words", line) and not rules.looked_past(line)
    return verdict(OURS, "error words", line) if is_error else None


def _named(line: str, rules: Rules) -> Raised | None:
    """The exception that a line names: `Class: message` alone; behind other words only a class that is known."""
    if line.startswith("['"):  # yfinance 1.7.0 lists its symbols so, each with its error
        return None
    whole = _CLASS_LINE.match(line)
    if whole:
        return Raised(name=whole["name"], message=whole["message"] or "")
    for head in heads(line):
        named = _MENTION.match(head)
        if named and rules.classes.short_disposition(named["name"]):
            return Raised(name=named["name"], message=named["quoted"] or named["message"] or "")
    return None


def _of_node(lines: Sequence[str], rules: Rules) -> Verdict | None:
    """An uncaught or logged error of Node.js, a dump of many lines: its header, then its `[cause]` and `code`."""
    block = _node_block(lines, rules)
    if not block:
        return None
    header, fetch_failed = block[0], "fetch failed" in block[0]
    if re.match(r"(Uncaught )?\w*(Type|Range|Reference)Error", header) and not fetch_failed:
        return verdict(OURS, "class", header)
    if "SyntaxError" in header:  # whose text was cut or no JSON is seen by what parsed it: an answer, or a file of ours
        of_answer = "JSON" in header and any(_NODE_RESPONSE.search(line) for line in block)
        return verdict("schema" if of_answer else OURS, "node", header)
    details = [line for line in block[1:] if _NODE_DETAIL.match(line)]
    for line in details if fetch_failed else (header, *details):
        never = rules.never_external(line) or ("node" if rules.is_our_service("\n".join(block)) else None)
        text = rules.text_kind(line)
        if text or never:
            return verdict(OURS, never, line) if never else text and verdict(*text, line)
    return verdict(OURS, "node", header)


def _node_block(lines: Sequence[str], rules: Rules) -> list[str]:
    """The error that ended a Node.js program, from its header on; empty when something else came after it."""
    end = next((n for n in range(len(lines) - 1, -1, -1) if lines[n].startswith("Node.js v")), len(lines))
    if any(line and not rules.looked_past(line) for line in lines[end + 1 :]):
        return []
    for number in range(end - 2, -1, -1):
        line = lines[number]
        if _NODE_HEADER.match(line) and re.match(r"\s+at ", lines[number + 1]):
            return list(lines[number:end])
        if line and not line[0].isspace() and line[0] not in "}]" and not line.startswith("Emitted 'error'"):
            break
    return ["", *lines[:end]] if end < len(lines) else []
