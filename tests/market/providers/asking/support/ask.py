"""What the tests of ask share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.providers import BarRequest, Fetched, Refused
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from tests.market.providers.asking.support.made_up import QUESTIONS

ROOT = Path(__file__).resolve().parents[5]
T0 = 1_790_000_000.0
REQUEST = QUESTIONS["bitfinex"]
ONE_BAR = {name: np.array([1.0]) for name in ("open", "high", "low", "close", "volume")}


class Clock:
    """Simulated UTC seconds; sleeping moves it."""

    def __init__(self) -> None:
        self.now_s = T0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    def budget(self, budget_s: float, **more: Any) -> RetryBudget:
        return RetryBudget(
            deadline_s=T0 + budget_s, now=lambda: self.now_s, sleep=self.sleep, jitter=lambda: 1.0, **more
        )


class Scripted:
    """A provider that fails with the given errors, one a request, then answers."""

    network = True

    def __init__(self, *errors: Exception, took: Callable[[], None] = lambda: None) -> None:
        self.errors, self.asked, self.took = list(errors), 0, took
        self.limits_s: list[float] = []
        self.name = "scripted"

    def rate_limit_group(self, request: BarRequest) -> str:  # noqa: ARG002 - the interface
        return self.name

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:  # noqa: ARG002 - the interface
        return None

    def prepare(self) -> None: ...

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = 0.0) -> Fetched:
        self.asked += 1
        self.limits_s.append(limit_s)
        self.took()
        if self.errors:
            raise self.errors.pop(0)
        bars = Bars(ts_ms=np.array([request.end_ms]), **ONE_BAR)
        return Fetched(bars=bars, provider=self.name, symbol="X", adjusted="raw", fetched_at_ms=now_ms, last_final=True)


def refused(kind: Any, retry_after_s: float | None = None) -> Refused:
    return Refused(kind, provider="scripted", detail="told so", retry_after_s=retry_after_s)


@pytest.fixture
def states(tmp_path: Path) -> ProviderStates:
    return ProviderStates(tmp_path / "state", locks=tmp_path / "locks")


def jobs(env: dict[str, str], folder: Path, start_s: float, *, hours: int, count: int = 10) -> list[list[str]]:
    """What `count` jobs of their own processes, started at once, were told every five minutes of `hours`."""
    command = [
        sys.executable,
        "-m",
        "tests.market.providers.asking.support.made_up",
        str(folder),
        str(start_s),
        str(hours),
        "300",
    ]
    running = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE) for _ in range(count)
    ]
    return [json.loads(process.communicate(timeout=1200)[0]) for process in running]
