"""Ten jobs at once against a provider that bans for a day: together they send at most one request more in that day.

Each is a process of its own, each round of them as new as after a restart; time is simulated on both sides. Each
further request would make the ban longer. `make torture` takes the shipped jobs, the chain around them included.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from tests.fakemarket.faults import Ban
from tests.fakemarket.server import FakeMarket
from tests.verbs.support.outage import CLIENTS, Ended, Machine

T0_S = 1_795_176_000  # 2026-11-20 12:00 UTC, a Friday
DAY_S = 86_400
ALLOWED = 4  # requests before the ban: the first job has its bars by then, or is in the middle of asking
AFTER_THE_MINUTE = 1200  # a limit without Retry-After is first taken for a minute or two; jobs may start slowly
ROUNDS = (0, AFTER_THE_MINUTE, DAY_S - 300)


def at_once(machine: Machine, at_s: int) -> list[Ended]:
    """How the ten jobs of a machine went that were started together, `at_s` after the first round."""
    machine.fake.clock.set((T0_S + at_s) * 1000)
    env = {"NIGHTDESK_NOW": str(T0_S + at_s), "RETRY_BUDGET_S": "600"}  # a busy machine starts ten clients slowly
    jobs = [machine.start(number, **env) for number in range(10)]
    for job in jobs:
        job.communicate(timeout=1200)
    return [machine.ended(number, job.returncode) for number, job in enumerate(jobs)]


def forks_at_once(machine: Machine, at_s: int) -> list[Ended]:
    """The same of their verbs, as forks; JOB is what the chain names, so that none waits past its next start."""
    machine.fake.clock.set((T0_S + at_s) * 1000)
    env = {"NIGHTDESK_NOW": str(T0_S + at_s), "RETRY_BUDGET_S": "600", "JOB": "ingest"}
    with ThreadPoolExecutor(10) as threads:
        return list(threads.map(lambda number: machine.fork(number, **env), range(10)))


def banned_for_a_day(
    machine: Machine, rounds: tuple[int, ...], ten: Callable[[Machine, int], list[Ended]] = at_once, **options: Any
) -> tuple[Ban, list[list[Ended]]]:
    ban = machine.fake.ban(machine.client.served_by, ALLOWED, ban_s=DAY_S, extends=True, **options)
    return ban, [ten(machine, at_s) for at_s in rounds]


def check(ban: Ban, ended: list[list[Ended]], kind: str) -> None:
    assert 1 <= ban.refused <= 2  # the one that began it, and one more
    for jobs in ended:
        outcomes = [one.said["outcome"] for one in jobs]
        assert outcomes.count("ok") <= ALLOWED
        assert set(outcomes) <= {
            "ok",
            f"skip:{kind}",
            "skip:timeout",
        }  # the last: a busy machine, too long in the queue
        assert all(one.bars for one in jobs if one.said["outcome"] == "ok")  # before the ban, or kept from then


def test_ten_yahoo_jobs_that_meet_a_bare_429_send_one_request_more_in_a_day(
    fakemarket: FakeMarket, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "home", fakemarket, "yfinance")
    ban, ended = banned_for_a_day(machine, (0, AFTER_THE_MINUTE), forks_at_once)
    check(ban, ended, "rate_limit")
    assert ban.refused == 2  # and from now on nobody asks before the ban is over:
    assert ProviderStates(machine.home / "data/providers/state").read("yahoo").blocked_until_s * 1000 > ban.until_ms


@pytest.mark.torture
@pytest.mark.parametrize(
    ("options", "kind"),
    [({}, "rate_limit"), ({"tell": True}, "rate_limit"), ({"kind": "418"}, "blocked")],
    ids=["bare 429", "429 with Retry-After", "418"],
)
@pytest.mark.parametrize("name", list(CLIENTS))
def test_ten_jobs_that_meet_a_ban_send_at_most_one_request_more_in_a_day_and_go_on_after_it(
    fakemarket: FakeMarket, tmp_path: Path, name: str, options: dict[str, Any],
    kind: str,
) -> None:  # fmt: skip
    machine = Machine(tmp_path / "home", fakemarket, name)
    ban, ended = banned_for_a_day(machine, ROUNDS, **options)
    jobs = sum(map(len, ended))
    print(f"\n{name}, {options or 'bare 429'}: {ban.refused - 1} requests in the ban's 24 h by {jobs} jobs")
    check(ban, ended, kind)
    ban.allowed = 10_000
    later_s = T0_S + DAY_S + AFTER_THE_MINUTE + 600
    machine.fake.clock.set(later_s * 1000)
    free = machine.run(NIGHTDESK_NOW=str(later_s))
    assert free.said["outcome"] == "ok" and free.bars > 10
    assert ban.refused <= 2
