"""An HTTP answer and its meaning: a failure is named here, from the bytes, not from a traceback.

Only the standard library: the subprocess that runs other people's clients judges with the same code.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyjobs.market.providers.wire.scrub import scrub
from utils.errors import ExternalKind

LONGEST_HOLD_S = 7 * 86_400.0
AGREES_S, CLOCK_MARGIN_S = 1.5, 0.2  # two clocks that are kept right differ by less than the margin
# Pages that stand where data should: whole phrases, because a news page may well say "blocked".
_LOGIN = re.compile(r"""type\s*=\s*["']?password|<title>[^<]*(log ?in|sign ?in|로그인)""", re.I)
_BLOCK = re.compile(
    r"access denied|been blocked|ip (address )?(is |has been )?(blocked|banned)|captcha|cf-chl|unusual traffic"
    r"|<title>[^<]*(blocked|forbidden|denied)|접근이? ?(차단|제한)|차단되|비정상적인 접근",
    re.I,
)
_REPAIR = re.compile(r"maintenance|right back|temporarily|unavailable|점검", re.I)


@dataclass(frozen=True, slots=True)
class Answer:
    """One exchange. `url` has no query (it may hold keys); header names are in small letters.

    `failed` is set when there was no whole answer: `timeout`, or `network` with what went wrong in `detail`.
    """

    url: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failed: ExternalKind | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure with its kind. `retry_after_s`: how long the provider forbids requests; 0: others may ask at once.

    `final`: the client must not send anything more. A non-final fault is reported only if no data comes in the end.
    """

    kind: ExternalKind
    detail: str
    retry_after_s: float | None = None
    final: bool = True


class Stopped(BaseException):
    """Ends a client at once; not an Exception, because the clients catch those."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


def fault_of(answer: Answer, now_s: float) -> Fault | None:
    """The fault of an answer before its data is read: transport, status, an empty body, a page."""
    if answer.failed:
        return Fault(answer.failed, answer.detail)
    retry_after_s = hold_of(answer, now_s)
    text = answer.body[:100_000].decode("utf-8", "replace")
    kind, what = _by_status(answer.status, text)
    if kind:
        return Fault(kind, f"HTTP {answer.status}: {what}", retry_after_s)
    if answer.status >= 300:
        return None
    if not answer.body.strip():
        return Fault("outage", f"HTTP {answer.status} with nothing in it", retry_after_s)
    if is_page(text):
        kind, what = _by_page(text)
        return Fault(kind, f"HTTP {answer.status}: {what}", retry_after_s)
    return None


def page_fault(answer: Answer, now_s: float) -> Fault | None:
    """Like `fault_of`, for an address that answers with a page (or nothing that matters): only refusals count."""
    fault = fault_of(answer, now_s)
    is_fine = answer.status == 200 and not _BLOCK.search(answer.body[:100_000].decode("utf-8", "replace"))
    return None if fault and is_fine and not answer.failed else fault


def json_of(answer: Answer) -> tuple[Any, Fault | None]:
    """The JSON in the body, or the fault: cut short is `network` (a second try may help), nonsense is `schema`."""
    text = answer.body.decode("utf-8", "replace")
    try:
        return json.loads(text), None
    except (ValueError, RecursionError) as error:
        at = getattr(error, "pos", 0)
        if text.lstrip()[:1] in ("{", "[") and (at >= len(text.rstrip()) - 1 or "Unterminated" in str(error)):
            return None, Fault("network", f"the answer ends in the middle, after {len(answer.body)} bytes")
        return None, Fault("schema", f"not JSON: {excerpt(text)}")


def excerpt(text: str) -> str:
    """The beginning of a text as one printable line, for a message; without the secrets of this process."""
    line = " ".join(re.sub(r"<[^>]{0,300}>", " ", scrub(text[:20_000])[:2000]).split())
    return ascii(line[:120] + ("…" if len(line) > 120 else "")) if not line.isprintable() else repr(line[:120])


def is_page(text: str) -> bool:
    """Whether this is HTML."""
    return re.match(r"\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", text[:2000], re.I | re.S) is not None


def hold_of(answer: Answer, now_s: float) -> float | None:
    """Seconds of its Retry-After: a number, or a date. None without one.

    A date is measured by our clock where that agrees with the answer's own Date, which has no fractions; else by that.
    """
    text = answer.headers.get("retry-after", "").strip()
    if not text:
        return None
    if re.fullmatch(r"\d{1,12}(\.\d+)?", text):
        return min(float(text), LONGEST_HOLD_S)
    until, sent = _http_date_s(text), _http_date_s(answer.headers.get("date", ""))
    if until is None:
        return None
    if sent is None:
        sent = now_s
    elif 0.0 <= now_s - sent < AGREES_S:
        sent = now_s - CLOCK_MARGIN_S
    return min(max(until - sent, 0.0), LONGEST_HOLD_S)


def sent_s(answer: Answer) -> float | None:
    """When it was sent, UTC seconds by the sender's clock, which may be a second on; None without a date."""
    sent = _http_date_s(answer.headers.get("date", ""))
    return None if sent is None else sent + 1.0


def _http_date_s(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _by_status(status: int, text: str) -> tuple[ExternalKind | None, str]:
    if status == 429:
        return "rate_limit", "too many requests"
    if status in (418, 451):
        return "blocked", "this address is banned" if status == 418 else "not served to this place"
    if status == 401:
        return "auth", excerpt(text)
    if status == 407:
        return "network", "the proxy asks for a login"
    if status == 403:
        blocked = is_page(text) and not _LOGIN.search(text)
        return ("blocked", "a block page") if blocked or _BLOCK.search(text) else ("auth", excerpt(text))
    if status == 408:
        return "timeout", "the server gave up waiting"
    if status >= 500:
        return "outage", excerpt(text)
    if status >= 400:
        return "schema", excerpt(text)
    return None, ""


def _by_page(text: str) -> tuple[ExternalKind, str]:
    if _LOGIN.search(text):
        return "auth", "a login page instead of data"
    if _BLOCK.search(text):
        return "blocked", "a block page instead of data"
    if _REPAIR.search(text):
        return "outage", f"a page instead of data: {excerpt(text)}"
    return "schema", f"a page instead of data: {excerpt(text)}"
