"""Whose fault is a Python exception, seen from what was printed of it: its class first, its message last."""

from __future__ import annotations

import re
from collections.abc import Sequence

from utils.exception_classes import BY_STATUS, BY_WORDS, OURS, WIRE, kind_of_status, status_in

from .printed import Frame, Raised
from .rules import Rules, TextRule, Verdict, verdict

_SOCKET_WORDS = re.compile(r"^(timed out|The (read|write|handshake) operation timed out|_ssl\.c:\d+: The hand.*)$")
_HANDSHAKE = re.compile("[Hh]andshake|WebSocket connection")  # answered with a page
_LOOP = re.compile(  # an event loop, and time limits around whatever runs in it
    r"/lib/python[\d.]+/asyncio/|/anyio/_core/_(tasks|eventloop)\.py|/anyio/_backends/_\w+\.py (run|wrapper|_run_\w+)$"
)
_PLUMBING = re.compile(r"/lib/python[\d.]+/contextlib\.py$")
_STREAMS = re.compile(r"/asyncio/(streams|sslproto|selector_events)\.py|(create|open)_connection$|sock_connect$")


def of_chain(chain: Sequence[Raised], rules: Rules) -> Verdict:
    """The final exception decides; one that only wraps another is asked what it was raised from."""
    final, text = chain[-1], str(chain[-1])
    if rules.classes.waits_for_us(final.name) or any(_waited(raised, rules) for raised in chain):
        return verdict(OURS, "waits for this program itself", text)
    never = rules.never_external(text, always=True)
    if never or _own_service_is_down(chain, rules):
        return verdict(OURS, never or "a service of this machine", text)
    drift = next((rule for rule in rules.drift if _drifted(rule, final)), None)
    if drift:
        return verdict(drift.kind, drift.name, text)
    if len(chain) > 1 and chain[-2].frames and "site-packages/" in chain[-2].frames[0].file:
        origin = of_chain(chain[:-1], rules)  # a client library caught it, and raised what it makes of it
        if origin.external:
            return origin
    disposition = _disposition(final, rules)
    if disposition == WIRE:
        return _of_wire(chain, rules)
    if disposition == BY_STATUS:
        return _by_status(final, rules)
    if disposition in (None, BY_WORDS):
        return _by_words(chain, rules)
    return verdict(rules.refined(disposition, final.message), "class", text)


def _disposition(final: Raised, rules: Rules) -> str | None:
    """What the class means. One-line messages leave the module out; so does CPython, for a class of the script."""
    known = rules.classes.disposition([final.name])
    if known == WIRE and not final.frames and final.message and not _SOCKET_WORDS.match(final.message):
        return BY_WORDS
    whole = "." in final.name or (bool(final.frames) and not final.frames[-1].library)
    return known if known or whole else rules.classes.short_disposition(final.name)


def _waited(raised: Raised, rules: Rules) -> bool:
    """Whether it was raised where a library waits for a pool, a queue, a future or a lock of this program."""
    frames = [frame for frame in raised.frames if not _of_loop(frame)]
    return bool(frames) and rules.is_("waits", f"{frames[-1].file} {frames[-1].function}")


def _own_service_is_down(chain: Sequence[Raised], rules: Rules) -> bool:
    """Whether a refused connection went to this machine, as a message or a source line of the script shows."""
    messages = "\n".join(str(raised) for raised in chain)
    sources = "\n".join(frame.source for raised in chain for frame in raised.frames if not frame.library)
    return rules.is_("refused", messages) and rules.is_our_service(f"{messages}\n{sources}")


def _by_status(final: Raised, rules: Rules) -> Verdict:
    status = status_in(final.message)
    kind = kind_of_status(status) if status else "schema" if _HANDSHAKE.search(str(final)) else OURS
    if "LOGOUT" in final.message:
        kind = "auth"  # data.krx.co.kr answers 400 LOGOUT without a login
    text = rules.text_kind(final.message) if kind != OURS else None
    return verdict(text[0] if text and text[0] in ("rate_limit", "blocked") else kind, "status", str(final))


def _by_words(chain: Sequence[Raised], rules: Rules) -> Verdict:
    """The verdict where the class decides nothing: by its words, then by what it was explicitly raised from."""
    final, words = chain[-1], str(chain[-1])
    never = rules.never_external(final.message)
    before = chain[-2] if len(chain) > 1 else None
    if before and len(before.message) > 2 and final.message.endswith(before.message) and not never:
        return of_chain(chain[:-1], rules)
    text = None if never else rules.text_kind(final.message)
    if never or text:
        return verdict(*(text or (OURS, str(never))), words)
    quoted = before and len(before.message) > 7 and before.message[:80] in final.message
    if before and (final.link == "cause" or quoted):
        return of_chain(chain[:-1], rules)
    return verdict(OURS, "class", words)


def _of_wire(chain: Sequence[Raised], rules: Rules) -> Verdict:
    """A time-out or a lost connection is the network's only if code that talks to the network raised it."""
    final, text = chain[-1], str(chain[-1])
    frames = [frame for raised in chain for frame in raised.frames]
    last = final.frames[-1] if final.frames else None
    raised_here = last is not None and not last.library and last.source.startswith("raise ")
    from_socket = bool(_SOCKET_WORDS.match(final.message)) or rules.classes.on_the_wire(f.file for f in frames)
    if raised_here or not from_socket or any(frame.function == "accept" for frame in frames) or _own_waiting(frames):
        return verdict(OURS, "not on the wire", text)
    timed_out = "Timeout" in final.name or "timed out" in final.message.lower()
    return verdict(rules.refined("timeout" if timed_out else "network", final.message), "wire", text)


def _own_waiting(frames: Sequence[Frame]) -> bool:
    """The loop is on every stack of asyncio or anyio: alone it does not mean that anything was read from a socket."""
    clients = any(frame.library and not _of_loop(frame) and not _PLUMBING.search(frame.file) for frame in frames)
    streams = any(_STREAMS.search(text) for frame in frames for text in (frame.file, frame.function))
    return any(_of_loop(frame) for frame in frames) and not (clients or streams)


def _of_loop(frame: Frame) -> bool:
    return bool(_LOOP.search(f"{frame.file} {frame.function}"))


def _drifted(rule: TextRule, final: Raised) -> bool:
    """Whether a client met an answer that changed: raised inside it, or by the script's line that reads the answer."""
    if not rule.class_.search(final.name) or not rule.pattern.search(final.message):
        return False
    own = max((number for number, frame in enumerate(final.frames) if not frame.library), default=-1)
    read_by = [final.frames[own].source.partition(" # ")[0]] if own >= 0 else []
    return any(rule.where.search(f) for f in (*read_by, *(f"{f.file} {f.function}" for f in final.frames[own + 1 :])))
