"""The child that sends: messages as JSON on stdin, and for each a line [number, problem] on stdout."""

from __future__ import annotations

import importlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

ONE_S = 10.0
MOST_AT_ONCE = 32


def main() -> None:
    """Send them all at once: one that never answers delays no other.

    No answer holds an address, because it is a secret.
    """
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        for done in as_completed([pool.submit(send, *each) for each in enumerate(json.load(sys.stdin))]):
            print(json.dumps(done.result()), flush=True)


def send(number: int, message: dict[str, Any]) -> tuple[int, str]:
    """One message: its number, and what went wrong; empty when it went."""
    try:
        return number, by_apprise(message) if message["kind"] == "apprise" else by_ping(message)
    except Exception as error:  # noqa: BLE001 - whatever ails one address, the others are told
        return number, type(error).__name__


def by_apprise(message: dict[str, Any]) -> str:
    """Through the package `apprise`, when it is installed."""
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        return "the package apprise is not installed (.venv/bin/python -m pip install apprise)"
    bell = apprise.Apprise()
    if not bell.add(message["address"]):
        return "apprise does not understand the address"
    kind = apprise.NotifyType.SUCCESS if message["well"] else apprise.NotifyType.FAILURE
    return (
        ""
        if bell.notify(title=message["title"], body=message["body"], notify_type=kind)
        else "apprise could not deliver it"
    )


def by_ping(message: dict[str, Any]) -> str:
    """One POST: to the address when all is well, to …/fail when not, as healthchecks.io and its like have it."""
    parts = urllib.parse.urlsplit(message["address"])
    if parts.scheme not in ("http", "https"):
        return "not an http or https address"
    path = parts.path.rstrip("/") + ("" if message["well"] else "/fail")
    body = f"{message['title']}\n{message['body']}\n".encode()
    request = urllib.request.Request(parts._replace(path=path or "/").geturl(), data=body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=ONE_S):
            return ""
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except urllib.error.URLError as error:
        return str(getattr(error.reason, "strerror", None) or error.reason)


if __name__ == "__main__":
    main()
