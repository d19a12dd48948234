"""Sending: in a child with a hard time limit, because an address may never answer, and health must."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Literal, NamedTuple

from utils import paths

LONGEST_S = 60.0


class Message(NamedTuple):
    """The message to one address: `well` after a recovery."""

    kind: Literal["apprise", "ping", "heartbeat"]
    address: str
    title: str
    body: str
    well: bool


def all_of(messages: Sequence[Message], timeout_s: float) -> list[str]:
    """Send them all; one text for each: empty when it went, else why not. Never raises, never waits longer."""
    if not messages:
        return []
    limit_s = min(max(timeout_s, 1.0), LONGEST_S)
    child = subprocess.Popen(
        [sys.executable, "-m", "pyjobs.runs.alerts.child"], cwd=paths.ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0,
    )  # fmt: skip
    asked = json.dumps([message._asdict() for message in messages]).encode()
    try:
        out, _ = child.communicate(asked, timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, _ = child.communicate()
    found = dict[int, str]()
    for line in out.splitlines():
        try:
            number, problem = json.loads(line)
            found[int(number)] = str(problem)
        except (ValueError, TypeError, RecursionError):
            continue
    return [found.get(number, f"no answer in {limit_s:.0f} s") for number in range(len(messages))]
