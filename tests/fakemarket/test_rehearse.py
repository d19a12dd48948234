"""The user's command and the control endpoint: an outage to order, from outside the process."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakemarket import oracle
from tests.fakemarket.clients import ROOT
from tests.fakemarket.conftest import NOW
from tests.fakemarket.control import ACTIONS
from tests.fakemarket.faults import KINDS
from tests.support.runbook import RUNBOOK

CANDLES = "https://api-pub.bitfinex.com/v2/candles/trade:1m:tBTCUSD/hist?limit=1"


def start(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """The command, running, and the environment that its first lines say to export."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakemarket", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    exported: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("#"):
            break
        name, _, value = line.removeprefix("export ").strip().partition("=")
        exported[name] = shlex.split(value)[0] if value != "''" else ""
    return process, exported


@pytest.fixture
def rehearsal() -> Iterator[dict[str, str]]:
    process, exported = start("--fault", "yahoo=429,retry_after=60", "--fault", "bitfinex=503,times=1")
    yield exported
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    assert not Path(exported["SSL_CERT_FILE"]).exists()


def with_environment(exported: dict[str, str], code: str) -> str:
    env = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | exported
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout.strip()


def control(exported: dict[str, str], what: str, given: dict[str, object] | None = None) -> Any:
    url = f"{exported['HTTP_PROXY']}/__control/{what}"
    with requests.Session() as session:
        session.trust_env = False
        return (session.get(url) if given is None else session.post(url, data=json.dumps(given))).json()


def test_the_printed_environment_is_all_a_program_needs_to_meet_the_ordered_faults(rehearsal: dict[str, str]) -> None:
    code = f"""if True:
        import requests
        crumb = requests.get("https://query1.finance.yahoo.com/v1/test/getcrumb")
        print(crumb.status_code, crumb.headers["Retry-After"])
        print([requests.get("{CANDLES}").status_code for _ in range(2)])"""
    assert with_environment(rehearsal, code).splitlines() == ["429 60", "[503, 200]"]
    told = [(one["provider"], one["fault"], one["status"]) for one in control(rehearsal, "requests")]
    assert told == [("yahoo", "429", 429), ("bitfinex", "503", 503), ("bitfinex", "", 200)]
    assert len(control(rehearsal, "requests?provider=bitfinex")) == 2


def test_everything_can_be_ordered_over_the_control_endpoint(rehearsal: dict[str, str]) -> None:
    fetch = f"import requests; print(requests.get({CANDLES.replace('limit=1', f'limit=1&end={NOW - 1}')!r}).text)"
    control(rehearsal, "reset", {})
    assert control(rehearsal, "clock", {"now_ms": NOW}) == {"now_ms": NOW}
    row = oracle.bar("BTCUSD", NOW - 60_000, 1) or []
    assert json.loads(with_environment(rehearsal, fetch))[0] == [NOW - 60_000, row[0], row[3], row[1], row[2], row[4]]
    control(rehearsal, "revise", {"symbol": "BTCUSD", "start_ms": NOW - 60_000, "factor": 2})
    assert json.loads(with_environment(rehearsal, fetch))[0][2] == pytest.approx(2 * row[3], abs=2)
    control(rehearsal, "halt", {"symbol": "BTCUSD", "start_ms": NOW - 60_000, "end_ms": NOW})
    assert json.loads(with_environment(rehearsal, fetch))[0][0] == NOW - 120_000
    control(rehearsal, "fault", {"provider": "bitfinex", "kind": "418"})
    assert json.loads(with_environment(rehearsal, fetch))[0] == "error"
    control(rehearsal, "clear", {})
    control(rehearsal, "ban", {"provider": "bitfinex", "allowed": 1, "kind": "html"})
    assert [with_environment(rehearsal, fetch)[0] for _ in range(2)] == ["[", "<"]
    control(rehearsal, "clear", {})
    control(rehearsal, "split", {"symbol": "ETHUSD", "session": "2026-11-20", "ratio": 10})
    control(rehearsal, "dividend", {"symbol": "ETHUSD", "session": "2026-11-20", "amount": 1})
    eth = "https://query1.finance.yahoo.com/v8/finance/chart/ETH-USD?range=5d"
    events = f"import requests; print(list(requests.get('{eth}').json()['chart']['result'][0]['events']))"
    assert with_environment(rehearsal, events) == "['splits', 'dividends']"
    assert control(rehearsal, "krx", {"login_code": "CD010"}) == {"login_code": "CD010", "publish": ""}
    assert control(rehearsal, "yahoo", {}) == {"crumb": "fake.crumb2"}
    assert control(rehearsal, "clock", {"advance_s": 60}) == {"now_ms": NOW + 60_000}
    assert set(control(rehearsal, "kinds")) == set(KINDS)


@pytest.mark.parametrize(
    ("what", "given", "words"),
    [
        ("fault", {"provider": "yahoo", "kind": "430"}, "unknown fault '430'"),
        ("fault", {"provider": "yahoo", "kind": "429", "colour": "red"}, "colour"),
        ("nothing", {}, "POST one of fault, ban"),
        ("revise", {"symbol": "NOPE", "start_ms": 0, "factor": 1}, "NOPE"),
    ],
)
def test_a_wrong_order_is_told_so(rehearsal: dict[str, str], what: str, given: dict[str, object], words: str) -> None:
    assert words in control(rehearsal, what, given)["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "yahoo=430"], "unknown fault '430'"),
        (["--fault", "yahoo"], "expected PROVIDER=KIND"),
        (["--fault", "nobody=429"], "unknown provider 'nobody': one of yahoo, bitfinex, krx, naver, alpaca, kraken, *"),
        (["--fault", "yahoo=429,times=often"], "often"),
        (["--fault", "yahoo=429,colour=red"], "colour"),
        (["--ban", "krx=many"], "many"),
    ],
)
def test_wrong_use_ends_with_64_and_says_what_was_wrong(arguments: list[str], words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fakemarket", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 64
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_named(rehearsal: dict[str, str]) -> None:
    port = rehearsal["HTTP_PROXY"].rpartition(":")[2]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fakemarket", "--port", port], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 64
    assert f"127.0.0.1:{port}" in ended.stderr


def test_the_kinds_are_listed() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fakemarket", "--kinds"], cwd=ROOT, capture_output=True, text=True
    )
    assert [line.split()[0] for line in ended.stdout.splitlines()] == list(KINDS)


def test_the_runbook_names_every_kind_every_flag_and_every_action() -> None:
    assert [word for word in [*KINDS, *ACTIONS] if f"`{word}`" not in RUNBOOK] == []
    assert [flag for flag in ("--port", "--fault", "--ban", "--kinds") if f"`{flag}" not in RUNBOOK] == []
