"""One GET with a limit on its whole length, returned as an `Answer`: a failing transport is a kind, not a class."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pyjobs.market.providers.wire.http_answer import Answer
from pyjobs.market.providers.wire.scrub import scrub

if TYPE_CHECKING:
    import requests

LONGEST_BODY = 64_000_000
_PROXIES = ("https_proxy", "http_proxy", "all_proxy", "no_proxy")
ENVIRONMENT = (*_PROXIES, *(name.upper() for name in _PROXIES), "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def get(url: str, params: Mapping[str, str | int], *, limit_s: float, pause_s: float) -> Answer:
    """The whole answer within `limit_s`; a server that is silent for `pause_s`, or drips, has timed out."""
    import requests
    import urllib3

    started = time.monotonic()
    try:
        way = _way(url[: url.index("/", 8)], tuple(os.environ.get(name) for name in ENVIRONMENT))
        with _session().get(url, params=dict(params), timeout=(pause_s, pause_s), **way) as response:
            body = bytearray()
            while piece := response.raw.read1(1 << 16, decode_content=True):
                body += piece
                if time.monotonic() - started > limit_s:
                    return Answer(url, failed="timeout", detail=f"still sending after {limit_s:g} s, {len(body)} bytes")
                if len(body) > LONGEST_BODY:
                    return Answer(url, failed="network", detail=f"endless answer, more than {LONGEST_BODY} bytes")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(url, response.status_code, headers, bytes(body))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        return failed(url, error)


def failed(url: str, error: BaseException) -> Answer:
    """The Answer for an exception of requests, urllib3, curl_cffi or a socket: `timeout` or `network`."""
    chain = list(_causes(error))
    names = [type(e).__name__ for e in chain]
    slow = any("Timeout" in name or name == "timeout" for name in names)
    return Answer(url, failed="timeout" if slow else "network", detail=_reason(chain))


def _reason(chain: list[BaseException]) -> str:
    """The class and the innermost message, without addresses: a URL may hold a key."""
    name, text = type(chain[0]).__name__, ""
    for error in reversed(chain):
        text = str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error)
        if text and "host=" not in text:
            break
    return f"{name}: {re.sub(r'https?://[^ ]+', '(address)', scrub(text))[:160]}"


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 20:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found


@cache
def _way(origin: str, _environment: tuple[str | None, ...]) -> dict[str, Any]:
    """The proxy and the certificates for `origin`; requests would work them out for every single request."""
    import requests

    return dict(requests.Session().merge_environment_settings(origin, {}, True, None, None))


@cache
def _session() -> requests.Session:
    """One session for the process: connections are kept open between requests."""
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = "nightdesk"
    session.trust_env = False  # see _way; and no password out of a .netrc
    return session
