"""A request as it arrived and the reply to it, both plain data: what the providers see of HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`params` holds the query and, over it, the form; `headers` have lower-case names."""

    method: str
    host: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    secure: bool
    at_s: float
    now_ms: int

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";") if "=" in part)
        return {name: value for name, _, value in pairs}


@dataclass(slots=True, kw_only=True)
class Reply:
    """Status, body bytes and the headers beyond Content-Length."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Served:
    """One line of the record: who asked what, and what was served. Never a key, password or cookie."""

    at_s: float
    now_ms: int
    provider: str
    host: str
    method: str
    path: str
    params: dict[str, str]
    status: int = 0
    fault: str = ""
    bytes: int = 0
    retry_after: str = ""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


SECRET_PARAMS = frozenset({"mbrid", "pw", "password", "apikey", "secret"})


def parse_target(target: str) -> tuple[str, str, dict[str, str]]:
    """Host (empty when the target names none), path and query of a request line's target."""
    parts = urlsplit(target)
    return parts.hostname or "", unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))


def target(path: str, params: Mapping[str, str]) -> str:
    """`path?name=value&…`, query and form together: what rules and searches are matched against."""
    return f"{path}?" + "&".join(f"{name}={value}" for name, value in params.items())


def recordable(params: Mapping[str, str]) -> dict[str, str]:
    return {name: "***" if name.lower() in SECRET_PARAMS else value for name, value in params.items()}


def replaced(body: bytes, *pairs: tuple[bytes, bytes]) -> bytes:
    """`body` with the first of each pair written as the second."""
    for old, new in pairs:
        body = body.replace(old, new)
    return body


def json_reply(value: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-").title(): text for name, text in headers.items()}
    return Reply(status=status, body=json.dumps(value, ensure_ascii=False).encode(), headers=named)


def text_reply(text: str, status: int = 200, kind: str = "text/plain; charset=utf-8") -> Reply:
    return Reply(status=status, body=text.encode(), kind=kind)


def html_reply(title: str, status: int = 200, body: str = "") -> Reply:
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>\n"
    return text_reply(page, status, "text/html; charset=utf-8")
