"""Whose fault is a Python exception, seen from what was printed of it. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from utils.foreign_errors.error_rules import (
    BY_MESSAGE,
    BY_STATUS,
    OURS,
    WIRE,
    DriftRule,
    Rules,
    kind_of_status,
    refined,
    status_in,
)
from utils.foreign_errors.final_error import Frame, Raised

_FETCH_NAME = re.compile(
    r"(?i)(fetch|download|provider|external|upstream|feed|vendor|unavailable|gateway|http|api|remote|scrap\w+|retr(y|ies)|"
    r"request|connection|network)\w*(error|exception|failed|failure|unavailable|exceeded|timeout)?$"
)
_SOCKET_WORDS = re.compile(
    r"^(timed out|The (read|write|handshake) operation timed out|_ssl\.c:\d+: The handshake .*timed out)$"
)
_LIBRARY_FILE = re.compile(r"site-packages/|/lib/python\d|^<frozen|\.pyx$|^[\w/]+\.pxi$")
_COMMENT = re.compile(r"(?:^|\s)#[^\"']*$")
_HTML_START = re.compile(r"(?i)<!doctype html|<html[ >]")
_ASYNCIO = re.compile(r"/lib/python[\d.]+/asyncio/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the provider is to blame; `kind` is set when it is. `rule` and `line` say why, for the log."""

    external: bool
    kind: str | None
    rule: str
    line: str


def blame_provider(kind: str, rule: str, line: str) -> Verdict:
    """The provider's fault."""
    return Verdict(external=True, kind=kind, rule=rule, line=line[:300])


def blame_us(rule: str, line: str) -> Verdict:
    """Not the provider's."""
    return Verdict(external=False, kind=None, rule=rule, line=line[:300])


def of_chain(chain: Sequence[Raised], rules: Rules) -> Verdict:
    """The final exception decides; one that only wraps another is asked what it was raised from."""
    final = chain[-1]
    said = f"{final.name}: {final.message}".strip()
    disposition = _disposition(final, rules)
    never = rules.never_external(final.message, always=True)
    if never:
        return blame_us(never.name, said)
    drift = next((rule for rule in rules.drift if _drifted(rule, final)), None)
    if drift:
        return blame_provider(drift.kind, drift.name, said)
    if _own_service_is_down(chain, rules):
        return blame_us("a service of this machine", said)
    if len(chain) > 1 and _stumbled(chain[-2]):
        origin = of_chain(chain[:-1], rules)
        if origin.external:
            return origin
    if disposition == OURS:
        return blame_us("class", said)
    if disposition == WIRE:
        return _of_wire(chain, rules)
    if disposition == BY_STATUS:
        return _by_status(final, rules)
    if disposition not in (None, BY_MESSAGE):
        return blame_provider(refined(disposition, final.message, rules), "class", said)
    return _by_message(chain, rules, known=disposition is not None)


def _disposition(final: Raised, rules: Rules) -> str | None:
    """What the class means. rich and one-line messages leave the module out; so does CPython, for a class of ours."""
    known = rules.disposition([final.name])
    ours = bool(final.frames) and not _library(final.frames[-1])
    if known == WIRE and not final.frames and final.message and not _SOCKET_WORDS.match(final.message):
        return BY_MESSAGE
    return known if known or ours else rules.short_disposition(final.name)


def _own_service_is_down(chain: Sequence[Raised], rules: Rules) -> bool:
    """Whether a refused connection went to this machine, as a message or a source line of ours says."""
    messages = "\n".join(f"{raised.name}: {raised.message}" for raised in chain)
    sources = "\n".join(frame.source for raised in chain for frame in raised.frames if not _library(frame))
    return bool(rules.refused.search(messages)) and rules.is_our_service(f"{messages}\n{sources}")


def _by_status(final: Raised, rules: Rules) -> Verdict:
    said = f"{final.name}: {final.message}"
    login_drift = re.search(r"\bLOGOUT\b", final.message)
    status = status_in(final.message)
    kind = "auth" if login_drift else kind_of_status(status) if status else None
    if (kind is None and "andshake" in said + final.name) or ("WebSocket connection" in said and not status):
        kind = "schema"  # a handshake answered with a page
    if kind is None or kind == OURS:
        return blame_us("status", said)
    text = rules.text_kind(final.message)
    return blame_provider(text[0] if text and text[0] in ("rate_limit", "blocked") else kind, "status", said)


def _by_message(chain: Sequence[Raised], rules: Rules, *, known: bool) -> Verdict:
    """A class that says nothing: its words, then what it was explicitly raised from."""
    final = chain[-1]
    said = f"{final.name}: {final.message}".strip()
    never = rules.never_external(final.message)
    if never:
        return blame_us(never.name, said)
    if final.name == "ValueError" and not _HTML_START.search(final.message):
        return _of_cause(chain, rules) or blame_us("class", said)
    if _repeats(chain):
        return of_chain(chain[:-1], rules)
    text = rules.stated_kind(final.message)
    if text:
        return blame_us(text[1], said) if text[0] == OURS else blame_provider(text[0], text[1], said)
    return _of_cause(chain, rules) or blame_us("known class" if known else "unknown class", said)


def _repeats(chain: Sequence[Raised]) -> bool:
    """Whether the final exception only repeats, behind words of its own, the message of the one being handled."""
    return len(chain) > 1 and len(chain[-2].message) > 2 and chain[-1].message.endswith(chain[-2].message)


def _of_cause(chain: Sequence[Raised], rules: Rules) -> Verdict | None:
    """The verdict on what a wrapper was raised from; None when it does not wrap or its origin is ours."""
    final = chain[-1]
    if len(chain) < 2:
        return None
    origin = of_chain(chain[:-1], rules)
    quoted = len(chain[-2].message) > 7 and chain[-2].message[:80] in final.message
    deliberate = final.link == "cause" or quoted or bool(_FETCH_NAME.search(final.name))
    return origin if origin.external and deliberate else None


def _of_wire(chain: Sequence[Raised], rules: Rules) -> Verdict:
    """A time-out or a lost connection is the network's only if code that talks to the network raised it."""
    final = chain[-1]
    said = f"{final.name}: {final.message}".strip(": ")
    frames = [frame for raised in chain for frame in raised.frames]
    raised_here = bool(final.frames) and final.frames[-1].source.startswith("raise ") and not _library(final.frames[-1])
    bare_socket = bool(_SOCKET_WORDS.match(final.message)) and not raised_here
    if not (rules.on_the_wire(frame.file for frame in frames if frame.file) or bare_socket) or raised_here:
        return blame_us("not on the wire", said)
    if _only_own_waiting(frames) or any(frame.function == "accept" for frame in frames):
        return blame_us("own time limit", said)
    kind = (
        "timeout" if re.search("Timeout|Cancelled", final.name) or "timed out" in final.message.lower() else "network"
    )
    return blame_provider(refined(kind, final.message, rules), "wire", said)


def _only_own_waiting(frames: Sequence[Frame]) -> bool:
    """asyncio's own loop is on every asyncio stack: alone it does not mean that anything was read from a socket."""
    libraries = [frame for frame in frames if _library(frame) and not _ASYNCIO.search(frame.file)]
    streams = any(re.search(r"/asyncio/(streams|sslproto|selector_events)\.py", frame.file) for frame in frames)
    connects = any(re.search(r"create_connection|open_connection|sock_connect", frame.function) for frame in frames)
    asyncio = any(_ASYNCIO.search(frame.file) for frame in frames)
    return asyncio and not libraries and not streams and not connects


def _library(frame: Frame) -> bool:
    return bool(_LIBRARY_FILE.search(frame.file))


def _stumbled(origin: Raised) -> bool:
    """Whether a client library caught `origin` itself: the first frame of a handled exception caught it.

    What the library then raises, be it an UnboundLocalError, is its way of passing the provider's failure on.
    """
    return bool(origin.frames) and "site-packages/" in origin.frames[0].file


def _drifted(rule: DriftRule, final: Raised) -> bool:
    if not rule.class_.search(final.name) or not rule.message.search(final.message):
        return False
    if rule.code:
        own = [frame for frame in final.frames if not _library(frame)]
        return (
            bool(own)
            and bool(rule.code.search(_COMMENT.sub("", own[-1].source)))
            and _stdlib_only_below(final.frames, own[-1])
        )
    clients = [frame for frame in final.frames if rule.file and rule.file.search(frame.file)]
    below_own = [frame for frame in final.frames if not _library(frame)]
    if not clients or (below_own and final.frames.index(below_own[-1]) > final.frames.index(clients[-1])):
        return False
    if rule.function and not rule.function.search(clients[-1].function):
        return False
    return not rule.through or any(rule.through.search(frame.file) for frame in final.frames)


def _stdlib_only_below(frames: Sequence[Frame], own: Frame) -> bool:
    return all(_library(frame) for frame in frames[frames.index(own) + 1 :])
