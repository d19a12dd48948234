"""Whose fault is a failure without a Python traceback: the last lines that curl, git, node and others leave behind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from utils.foreign_errors.error_rules import OURS, Rules
from utils.foreign_errors.exception_verdict import Verdict, blame_provider, blame_us, of_chain
from utils.foreign_errors.final_error import Raised

_MOST_QUIET_LINES = 12
_WINDOW = 8
_CLASS_LINE = re.compile(
    r"^(?:\S+: )?(?:Uncaught |Unhandled |Caused by: |Exception in thread \"[^\"]*\" |\[?cause\]?: )?"
    r"(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout|Exceeded|Unavailable|Failed))(?: \[\w+\])?"
    r"(?::(?: (?P<message>.*))?)?$"
)
_MENTION = re.compile(
    r"^(?:Uncaught )?(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*[a-z]\w*)(?:\((?P<quoted>.*)\)[.;,]?$|:? (?P<message>.*)$|:?$)"
)
_HOLDS_NOTHING = re.compile(r"(?i)\b(0|none|nan|empty)\b|^Columns: \[|^Index: \[\]")
_NODE_END = re.compile(r"^Node\.js v\d")
_NODE_REF = re.compile(r"^(?:<ref \*\d+> )?(?:Uncaught )?")
_NODE_HEADER = re.compile(
    r"^(?:<ref \*\d+> )?(?:Uncaught )?(?:DOMException|\w*(?:Error|Exception))(?: ?\[[\w ]+\])?(?:: .*|$)"
)
_NODE_DETAIL = re.compile(r"^\s+(\[cause\]|code:|\[errors\]|Error: )|^  status: \d")
_NODE_RESPONSE = re.compile(r"undici|Response\.json|IncomingMessage")
_HTML_END = re.compile(r"(?i)</html>[\s'\")\]}.,]*$")
_HTML_START = re.compile(r"(?i)<!doctype html|<html[ >]")
_HTML_BODY = re.compile(
    r"(?i)just a moment|captcha|maintenance|too many requests|service (temporarily )?unavailable|bad gateway|"
    r"gateway time-?out|will be right back|<title>\s*([45]\d\d|log ?in)"
)


def of_text(lines: Sequence[str], rules: Rules) -> Verdict:
    """No Python traceback: go up from the last line, past chatter, to the first line that says what happened.

    An indented line belongs to something above it, an INFO or WARNING line is not an error; any other unknown line is.
    """
    node = _of_node(lines, rules)
    if node:
        return node
    said = _Said()
    for number in range(len(lines) - 1, -1, -1):
        verdict = _of_numbered_line(lines, number, said, rules)
        if verdict:
            return verdict
    return blame_us("no error", "")


@dataclass(slots=True)
class _Said:
    """What the lines below the current one have said."""

    quiet: int = 0
    summary: bool = False
    gave_up: bool = False
    nothing: bool = False


def _of_numbered_line(lines: Sequence[str], number: int, said: _Said, rules: Rules) -> Verdict | None:
    """The verdict on line `number`, or None to go on with the line above it."""
    line = lines[number]
    if not line:
        return None
    before, around = lines[max(0, number - _WINDOW) : number], lines[number : number + _WINDOW]
    if _HTML_END.search(line):
        return _of_html(lines, number, rules)
    warned = bool(rules.quiet.search(line))
    if not _says_a_cause(line, before, rules):
        if said.nothing and _HOLDS_NOTHING.search(line) and not rules.error_words.search(line):
            return None
        if rules.chatter.search(line) or rules.chatter.search(rules.heads(line)[0]):
            said.nothing = said.nothing or bool(rules.nothing.search(line))
            return None
    if not _says_a_cause(line, before, rules) and not _named(line, rules):
        gave_up = bool(rules.gave_up.search(line))
        if not warned and (gave_up or rules.is_summary(line)):
            said.summary, said.gave_up = True, said.gave_up or gave_up
            said.nothing = said.nothing or bool(rules.nothing.search(line))
            return None
    verdict = _of_line(line, before, around, rules, warned, gave_up=said.gave_up, nothing=said.nothing)
    if verdict:
        return verdict
    said.quiet += 1
    looked_past = warned or line[0].isspace() or len(line) < 3
    worked_on = said.summary and warned and not rules.wind_down.search(line)
    if said.quiet > _MOST_QUIET_LINES or not looked_past or worked_on or rules.recovered.search(line):
        return blame_us("no error at the end", line)
    return None


def _says_a_cause(line: str, before: Sequence[str], rules: Rules) -> bool:
    """Whether `line` is a statement that names a known cause, ours or not."""
    if rules.never_external(line):
        return True
    return bool(rules.stated_kind(line, before=before)) and rules.states_an_error(line)


def _of_line(
    line: str,
    before: Sequence[str],
    around: Sequence[str],
    rules: Rules,
    warning: bool,
    *,
    gave_up: bool,
    nothing: bool,
) -> Verdict | None:
    """The verdict on one line; None when it is no error.

    Below a line that gave up or got nothing, a warning is the error: `retrying` in it did not help when it gave up.
    """
    last_attempt = warning and gave_up
    warning = warning and not gave_up and not nothing
    text = rules.stated_kind(line, before=before, warning=warning)
    if text and not warning and not rules.states_an_error(line):
        text = None
    if warning and not text:
        return None
    if rules.recovered.search(line) and not last_attempt:
        return blame_us("recovered", line)
    never = rules.never_external(line)
    if never:
        return blame_us(never.name, line)
    named = _named(line, rules)
    if named and not (text and rules.has_evidence(text[1])):
        return _of_class_line(named[0], named[1], line, around, rules)
    if text and rules.is_our_service("\n".join((line, *(other for other in around if _address(other))))):
        return blame_us("a service of this machine", line)
    if text:
        return blame_us(text[1], line) if text[0] == OURS else blame_provider(text[0], text[1], line)
    return blame_us("error words", line) if rules.error_words.search(line) else None


def _named(line: str, rules: Rules) -> tuple[str, str] | None:
    """(class, message) of a line that names an exception: `Class: message`, `Class('message')`, `Class message`.

    Behind a log prefix or other words only a class that is known counts.
    """
    whole = _CLASS_LINE.match(line)
    if whole:
        return whole["name"], whole["message"] or ""
    for head in rules.heads(line):
        named = _MENTION.match(head)
        if named and (rules.disposition([named["name"]]) or rules.short_disposition(named["name"])):
            return named["name"], named["quoted"] or named["message"] or ""
    return None


def _address(line: str) -> bool:
    return bool(re.search(r"address:|port|connect", line))


def _of_class_line(name: str, message: str, line: str, around: Sequence[str], rules: Rules) -> Verdict:
    """A line `Class: message` without a stack: judged like an exception of which only that is known."""
    raised = Raised(name=name, message=message, frames=(), link="")
    if rules.is_our_service("\n".join((line, *(other for other in around if _address(other))))):
        return blame_us("a service of this machine", line)
    return of_chain([raised], rules)


def _of_node(lines: Sequence[str], rules: Rules) -> Verdict | None:
    """An uncaught error of Node.js, often a dump of hundreds of lines: its header, then its `[cause]` and `code`."""
    block = _node_block(lines, rules)
    if not block:
        return None
    header = block[0]
    fetch_failed = "fetch failed" in header
    if re.match(r"\w*(Type|Range|Reference)Error", header) and not fetch_failed:
        return blame_us("class", header)
    details = [line for line in block[1:] if _NODE_DETAIL.match(line)]
    for line in details if fetch_failed else (header, *details):
        never = rules.never_external(line)
        if never:
            return blame_us(never.name, line)
        text = rules.text_kind(line)
        if text and text[0] == OURS:
            return blame_us(text[1], line)
        if text:
            ours = rules.is_our_service("\n".join(block))
            return blame_us("a service of this machine", line) if ours else blame_provider(text[0], text[1], line)
    cut_json = "JSON" in header and any(_NODE_RESPONSE.search(line) for line in block)
    return blame_provider("schema", "node", header) if cut_json else blame_us("node", header)


def _node_block(lines: Sequence[str], rules: Rules) -> list[str]:
    """The error that ended a Node.js program, from its header on; empty when something else came after it."""
    end = next((number for number in range(len(lines) - 1, -1, -1) if _NODE_END.match(lines[number])), len(lines))
    if any(not rules.chatter.search(line) for line in lines[end + 1 :]):
        return []
    for number in range(end - 2, 0, -1):  # line 0 may be cut in two
        line = lines[number]
        if _NODE_HEADER.match(line) and re.match(r"\s+at ", lines[number + 1]):
            return [_NODE_REF.sub("", line), *lines[number + 1 : end]]
        if line and not line[0].isspace() and line[0] not in "}]" and not re.match("Emitted 'error'|Caused by: ", line):
            return []
    return ["", *lines[:end]] if end < len(lines) else []


def _of_html(lines: Sequence[str], end: int, rules: Rules) -> Verdict:
    """The output ends in a web page: external when what came before it says why, or when the page does."""
    start = next((n for n in range(end, -1, -1) if _HTML_START.search(lines[n])), end)
    start -= start > 0 and bool(_HTML_START.search(lines[start - 1]))
    said_before = _HTML_START.split(lines[start], maxsplit=1)[0]
    head = [line for line in (*lines[max(0, start - 3) : start], said_before) if line]
    never = rules.never_external("\n".join(head))
    if never:
        return blame_us(never.name, lines[end])
    if said_before and rules.states_an_error(said_before):
        said = rules.text_kind(said_before)
        if said and said[0] != OURS:
            return blame_provider(said[0], said[1], said_before)
    page = "\n".join(lines[start : end + 1])
    if not _HTML_BODY.search(page):
        return blame_us("a page", lines[end])
    said = rules.text_kind("\n".join((*head, page)))
    external = said and said[0] != OURS
    return blame_provider(said[0], said[1], lines[start]) if said and external else blame_us("a page", lines[start])
