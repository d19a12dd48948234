"""Turning a right reply into a wrong one, and sending it the wrong way."""

from __future__ import annotations

import base64
import html
import socket
import struct
import threading
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import quote

from tests.fakemarket.faults import MIXED_KINDS, STATUS_KINDS, Fault
from tests.fakemarket.mix_up import mixed_up
from tests.fakemarket.provider import Provider
from tests.fakemarket.wire import Reply, Request, html_reply, text_reply

BLOCK_PAGE = "<p>Your IP address has been blocked because of abnormal traffic. 비정상적인 접근으로 차단되었습니다.</p>"
TELLING = ("secret", "pw", "key")  # what of it comes first: clients quote the beginning of a page
LOGIN_FORM = '<form action="/login" method="post"><input name="id"><input name="password" type="password"></form>'


def spoiled(right: Callable[[], Reply], fault: Fault | None, provider: Provider, request: Request) -> Reply:
    """What `fault` makes of the right reply, worked out only if it is used: a failed login logs nobody in."""
    if fault is not None and fault.kind in MIXED_KINDS:
        reply = right()
        reply.body = mixed_up(reply.body, fault.kind)
        return reply
    if fault is None or fault.kind in ("drip", "short_body", "cut_json", "renamed"):
        return cut_or_renamed(right(), fault.kind if fault else "", provider)
    if fault.kind in STATUS_KINDS:
        failed = provider.failure(int(fault.kind), fault.variant)
        if fault.retry_after is not None:
            failed.headers["Retry-After"] = retry_after(fault.retry_after, request.now_ms)
        return failed
    pages: dict[str, Callable[[], Reply]] = {
        "html": lambda: html_reply("We'll be back soon", body="<p>Scheduled maintenance</p>"),
        "empty": Reply,
        "null": lambda: Reply(body=b"null"),
        "null_bars": lambda: Reply(body=provider.null_bars),
        "block200": lambda: html_reply("Access Denied", body=BLOCK_PAGE),
        "block403": lambda: html_reply("Access Denied", 403, BLOCK_PAGE),
        "echo": lambda: echo(request, int(fault.variant or 400)),
        "login": lambda: html_reply("Login", body=LOGIN_FORM),
    }
    return pages.get(fault.kind, Reply)()


def echo(request: Request, status: int) -> Reply:
    """What a proxy's or a framework's error page shows of a request: each value plain and in eight encodings."""
    lines = []
    named = {**request.headers, **request.params}
    for name, value in sorted(named.items(), key=lambda each: not any(word in each[0].lower() for word in TELLING)):
        raw = value.encode()
        forms = [value, repr(value), quote(value, safe=""), base64.b64encode(raw).decode(), raw.hex()]
        forms += spellings(value)
        lines.append(f"{name}: {' '.join(forms)}")
    return text_reply("\n".join([*lines, f"{request.method} {request.path}"]), status)


def spellings(value: str) -> list[str]:
    """As pages have a text that was escaped more than once, or letter by letter."""
    letter_by_letter = ["".join(form % ord(each) for each in value) for form in ("\\u%04x", "&#%d;")]
    return [*letter_by_letter, quote(quote(value, safe=""), safe=""), html.escape(html.escape(value))]


def retry_after(told: str, now_ms: int) -> str:
    """The header's value: `told` as it is, or for `date+N` the first whole second that is N seconds away."""
    seconds = told.removeprefix("date+")
    return told if seconds == told else formatdate(-(-now_ms // 1000) + int(seconds), usegmt=True)


def cut_or_renamed(reply: Reply, kind: str, provider: Provider) -> Reply:
    """The right reply, or its first half, or with other names for its fields."""
    if kind == "cut_json":
        reply.body = reply.body[: len(reply.body) // 2]
    if kind == "renamed":
        reply.body = provider.rename(reply.body)
    return reply


def send(
    write: Callable[[bytes], object], head: bytes, body: bytes, fault: Fault | None, released: threading.Event
) -> bool:
    """Send a reply as `fault` has it; whether the connection is still good for another request.

    `released` ends what would go on for ever, when the server is reset or stopped.
    """
    if fault is None or fault.kind not in ("hang", "drip", "short_body", "reset"):
        write(head + body)
        return True
    if fault.kind == "hang":
        released.wait()
    elif fault.kind == "short_body":
        write(head + body[: len(body) // 2])
    elif fault.kind == "drip":
        write(head)
        for at in range(len(body)):
            write(body[at : at + 1])
            if released.wait(fault.pause_s):
                return False
        return True
    return False


def reset(connection: socket.socket) -> None:
    """Close so that the other side gets a reset, not an end: nothing is sent, also no TLS goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket(fileno=connection.detach()).close()
