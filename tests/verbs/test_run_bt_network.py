"""run_bt through the whole chain, its benchmarks from the network: found, refused in every way, or forbidden."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakemarket.server import FakeMarket
from tests.support.walks import walk
from tests.verbs.support.run_bt_desk import DESK, LAST, put
from utils import paths, trading_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """How a run ended: what cron saw, the line of the history, the log, and its folder's metrics when there is one."""

    code: int
    said: dict[str, Any]
    log: str
    metrics: dict[str, Any] | None


class Bench:
    """A desk of generated prices whose benchmarks are asked for at fakemarket, by the shipped job."""

    def __init__(self, home: Path, desk: Path, env: dict[str, str], fake: FakeMarket) -> None:
        self.home, self.desk, self.fake = home, desk, fake
        self.env = {**env, "NIGHTDESK_HOME": str(home), "PYTHONBIN": sys.executable, "ALLOW_NET_FETCH": "1"}

    def shell(self, script: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [paths.ROOT / script, *args]
        return subprocess.run(
            command, cwd="/", env=self.env | env, capture_output=True, text=True, timeout=600, check=False
        )

    def run(self, benchmarks: str = "KOSPI,S&P500", **env: str) -> Backtest:
        job = ["--strategy", "ma_cross", "--desk", str(self.desk), "--account", "krw", "--benchmarks", benchmarks]
        done = self.shell("jobs/run_bt.sh", *job, **env)
        said = json.loads((self.home / "logs" / "history.jsonl").read_text().splitlines()[-1])
        kept = sorted((self.home / "backtests").glob("*_ma_cross/metrics.json"))
        metrics = json.loads(kept[-1].read_text()) if kept else None
        return Backtest(code=done.returncode, said=said, log=(self.home / said["log"]).read_text(), metrics=metrics)


@pytest.fixture
def bench(tmp_path: Path, client_env: dict[str, str], fakemarket: FakeMarket, monkeypatch: pytest.MonkeyPatch) -> Bench:
    home = tmp_path / "home"
    monkeypatch.setenv("NIGHTDESK_HOME", str(home))
    sessions = [s for s in trading_day.load("XKRX").sessions() if "2023-06-01" <= s.date.isoformat() <= LAST]
    ts_ms = np.array([session.close_utc_s * 1000 for session in sessions], dtype=np.int64)
    for seed, symbol in enumerate(("AAA", "BBB", "CCC", "IDX")):
        put(symbol, walk(ts_ms, seed, begins=30_000, decimals=0, reach=100))
    desk = tmp_path / "desk.yaml"
    desk.write_text(DESK)
    return Bench(home, desk, client_env, fakemarket)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("429", "rate_limit"),
        ("login", "auth"),
        ("renamed", "schema"),
        *(
            pytest.param(fault, kind, marks=pytest.mark.torture)
            for fault, kind in [
                ("block403", "blocked"), ("503", "outage"), ("html", "outage"), ("empty", "outage"),
                ("reset", "network"), ("cut_json", "network"), ("bad_cert", "network"), ("hang", "timeout"),
                ("drip", "timeout"),
            ]
        ),
    ],
)  # fmt: skip
def test_without_the_required_benchmark_the_run_is_skipped_and_the_history_has_the_kind(
    bench: Bench, fault: str, kind: str
) -> None:
    bench.fake.fault("yahoo", fault)
    done = bench.run()
    assert (done.code, done.said["outcome"], done.said["kind"]) == (0, f"skip:{kind}", kind), done.log
    assert f"[SKIP] required benchmark unavailable: KOSPI ({kind}: " in done.log
    assert done.said["symbol"] == "KOSPI"
    assert done.metrics is None and not (bench.home / "backtests").exists()
    assert done.said["end"] - done.said["start"] <= 60


def test_the_required_benchmark_is_fetched_and_without_another_the_run_goes_on_with_a_warning(bench: Bench) -> None:
    bench.fake.fault("yahoo", "renamed", match="GSPC")
    done = bench.run()
    assert (done.code, done.said["outcome"]) == (0, "ok"), done.log
    assert "[WARN] benchmark unavailable: S&P500 (skipped)" in done.log
    assert done.metrics is not None and list(done.metrics["benchmarks"]) == ["KOSPI"]
    assert list(done.metrics["benchmarks_missing"]) == ["S&P500"]
    assert {line.path.rpartition("/")[2] for line in bench.fake.requests()} == {"^KS11", "^GSPC"}


def test_a_network_that_is_forbidden_is_a_setting_and_no_outage(bench: Bench) -> None:
    done = bench.run(ALLOW_NET_FETCH="0")
    assert (done.code, done.said["outcome"]) == (0, "skip:network_forbidden"), done.log
    assert "[SKIP] required benchmark unavailable: KOSPI" in done.log
    assert "ALLOW_NET_FETCH=0 forbids the network" in done.log
    assert bench.fake.requests() == []
    assert "skipped because ALLOW_NET_FETCH=0 forbids the network" in bench.shell("jobs/why.sh", "run_bt").stdout
    health = subprocess.run(
        [sys.executable, "-m", "pyjobs.healthcheck", "--json", "1"],
        cwd=paths.ROOT, env={**os.environ, **bench.env}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = {check["name"]: check for check in json.loads(health.stdout)["checks"]}
    assert told["not scheduled"]["state"] == "OK" and "run_bt" in told["not scheduled"]["detail"]
