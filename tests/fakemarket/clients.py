"""A real client in a process of its own that knows of fakemarket by its environment alone.

The client is imported once (that is the slow part) and each case runs in a fork of it, as new as after the import.
A case is a piece of code that leaves `rows`; what comes back is those, or the error, or that it never ended.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakemarket.server import FakeMarket

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`code` runs after the imports for `limit_s` at most, with `fault` (fields of Fault, or none) in force."""

    code: str
    fault: dict[str, object] = field(default_factory=dict)
    limit_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`rows` of a case that ended well; else the error's class, its bases and its text, or `hung`."""

    rows: Any = None
    error: str = ""
    bases: tuple[str, ...] = ()
    text: str = ""
    hung: bool = False


def need(module: str) -> None:
    """Skip the test when an optional client is not installed."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: make setup-providers")


def run_cases(fake: FakeMarket, env: dict[str, str], imports: str, cases: dict[str, Case]) -> dict[str, Outcome]:
    """What became of each case, run one after the other in one process."""
    job = {"imports": imports, "port": fake.port, "cases": {name: asdict(case) for name, case in cases.items()}}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.fakemarket.clients"],
        input=json.dumps(job), env=env, cwd=ROOT, capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    told = json.loads(ended.stdout.splitlines()[-1])
    return {name: Outcome(**outcome | {"bases": tuple(outcome.get("bases", ()))}) for name, outcome in told.items()}


def _main() -> None:
    job = json.load(sys.stdin)
    names: dict[str, object] = {}
    exec(job["imports"], names)
    told = {}
    for name, case in job["cases"].items():
        _control(job["port"], "clear", {})
        if case["fault"]:
            _control(job["port"], "fault", case["fault"])
        told[name] = _forked(case["code"], names, case["limit_s"])
    print("\n" + json.dumps(told))


def _control(port: int, what: str, given: dict[str, object]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", f"/__control/{what}", body=json.dumps(given))
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()


def _forked(code: str, names: dict[str, object], limit_s: float) -> dict[str, object]:
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = _outcome(code, names)
            with os.fdopen(write_end, "w") as out:
                json.dump(told, out, default=str)
        finally:
            os._exit(0)
    os.close(write_end)
    received = b""
    with os.fdopen(read_end, "rb") as answer:
        if select.select([answer], [], [], limit_s)[0]:
            received = answer.read()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return json.loads(received) if received else {"hung": True}


def _outcome(code: str, names: dict[str, object]) -> dict[str, object]:
    try:
        exec(code, names)
    except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
        kind = type(error)
        return {"error": kind.__name__, "bases": [base.__name__ for base in kind.__mro__], "text": str(error)[:500]}
    return {"rows": names["rows"]}


if __name__ == "__main__":
    _main()
