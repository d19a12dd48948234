"""What an outage does to the jobs as they ship: every client at every fault, one after the other and mixed.

Each ends within a minute, in the kind of what happened, and never well without bars.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.fakemarket.server import FakeMarket, running
from tests.market.providers.asking.support.made_up import KIND_OF
from tests.verbs.support.outage import CLIENTS, SKIPPED, Ended, Machine

Rule = tuple[str, dict[str, Any]]
"""A fault's kind, and fields of Fault."""

LONGEST_S = 60
MIXED: dict[str, list[Rule]] = {
    "reset, 503, hang": [("reset", {"times": 1}), ("503", {"times": 1}), ("hang", {})],
    "hang, cut_json, drip": [("hang", {"times": 1}), ("cut_json", {"times": 1}), ("drip", {})],
    "everything slow": [("drip", {"pause_s": 0.04})],
    "503, 503, then slow": [("503", {"times": 2}), ("drip", {"pause_s": 0.04})],
    "slow, then hang": [("drip", {"pause_s": 0.04, "times": 1}), ("hang", {})],
}
"""Rules in order: each is served `times` times, the last for ever."""
MIXED_KINDS = {"timeout", "network", "outage"}


def fault_of(kind: str, machine: Machine) -> Rule:
    """A changed field or a cut answer is one of the data, not of the login before it."""
    return kind, {"match": machine.client.data} if kind in ("renamed", "cut_json") else {}


def spoiled(machine: Machine, rules: Sequence[Rule]) -> Ended:
    for kind, options in rules:
        machine.fake.fault(machine.client.served_by, kind, **options)
    return machine.run()


def told_wrong(ended: Ended, kinds: set[str]) -> str:
    """What is wrong with how a job ended; empty when nothing is."""
    if ended.code == 0 and ended.said["outcome"] == "ok":
        return "" if ended.bars and not kinds else "ended well"
    if (ended.code, SKIPPED in ended.log, ended.said["outcome"]) != (0, True, f"skip:{ended.kind}"):
        return f"no guarded skip: {ended.code}, {ended.said}"
    if ended.kind not in kinds:
        return f"expected {' or '.join(sorted(kinds))}: {ended.said.get('detail')}"
    if "desk-" in ended.log or "Traceback" in ended.log:
        return "a secret or a traceback in the log"
    return "too late" if ended.seconds > LONGEST_S else ""


def column(name: str, folder: Path, cells: dict[str, Callable[[Machine], tuple[list[Rule], set[str]]]]) -> list[str]:
    """A line for each fault at one client; what is wrong stands last, after `WRONG`."""
    lines = []
    for number, (title, of) in enumerate(cells.items()):
        with running() as fake:
            machine = Machine(folder / f"{name}{number}", fake, name)
            rules, kinds = of(machine)
            ended = spoiled(machine, rules)
            wrong = told_wrong(ended, kinds)
            line = f"{name:10}{title:24}{ended.kind or 'ok':12}{ended.seconds:5.1f} s{machine.asked():5}"
            lines.append(line + (f"  WRONG {wrong}" if wrong else ""))
    return lines


def single(kind: str) -> Callable[[Machine], tuple[list[Rule], set[str]]]:
    return lambda machine: ([fault_of(kind, machine)], {KIND_OF[kind]})


def mixed(rules: list[Rule]) -> Callable[[Machine], tuple[list[Rule], set[str]]]:
    return lambda _: (rules, MIXED_KINDS)


@pytest.mark.torture
def test_every_client_at_every_fault_ends_in_its_kind_within_a_minute(tmp_path: Path) -> None:
    cells = {
        "none": lambda _: ([], set()),
        **{kind: single(kind) for kind in KIND_OF},
        "429 Retry-After 1": lambda _: ([("429", {"retry_after": "1"})], {"rate_limit"}),
        **{title: mixed(rules) for title, rules in MIXED.items()},
    }
    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        columns = list(pool.map(lambda name: column(name, tmp_path, cells), CLIENTS))
    lines = [line for one in columns for line in one]
    print("\nclient    fault                   kind         wall    requests", *lines, sep="\n")
    assert [line for line in lines if "WRONG" in line] == []


@pytest.mark.parametrize("name", list(CLIENTS))
def test_a_job_of_each_client_brings_bars(fakemarket: FakeMarket, tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path / "home", fakemarket, name)
    if not machine.ready():
        pytest.skip(f"{machine.client.package} is not installed: make setup-providers")
    ended = machine.run()
    assert (ended.code, ended.said["outcome"]) == (0, "ok")
    assert ended.bars > 10
