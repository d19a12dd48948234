"""Whatever the history: an interval's series, several instances at once, and that `why` and health never disagree.

What is expected is counted here from the outcomes alone, minute by minute, and knows nothing of the code that judges.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyjobs import why
from pyjobs.runs.job_history import JobPlan, JobRun
from pyjobs.runs.verdict.job import Seen, judge
from tests.runs.verdict.support.worlds import seoul
from tests.runs.verdict.test_verdict import FRI, MON, THU, a_world, home
from utils import trading_day
from utils.run import run

__all__ = ["home"]
ROUND_THE_CLOCK = trading_day.load("24/7")
BUDGET_MIN = 30
INGEST = JobPlan(market="24/7", every="never", interval="60s", skip_budget=BUDGET_MIN)
OUTCOMES = ["ok", "ok", "fail", "skip:outage", "skip:busy", "none"]
FROM_S = seoul(f"{FRI} 12:00")
STRETCHES = st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(1, 40)), min_size=1, max_size=6)


def minute_by_minute(stretches: list[tuple[str, int]]) -> list[str]:
    """One outcome a minute, from stretches of (outcome, minutes)."""
    return [outcome for outcome, minutes in stretches for _ in range(minutes)]


def a_run(minute: int, outcome: str, instance: str = "") -> JobRun:
    at = FROM_S + 60 * minute
    code = 1 if outcome == "fail" else 0
    return JobRun("ingest", instance, FRI, at, at, 0 if outcome == "skip:busy" else 1, code, outcome, "", "")


@settings(max_examples=400)
@given(STRETCHES, st.integers(0, 90))
def test_a_series_by_the_minute_is_ok_only_while_it_is_well_and_never_failed_while_it_is(
    stretches: list[tuple[str, int]], later_min: int
) -> None:
    outcomes = minute_by_minute(stretches)
    last_min = len(outcomes) - 1
    now_min = last_min + later_min
    runs = [a_run(minute, outcome) for minute, outcome in enumerate(outcomes) if outcome != "none"]
    seen = Seen(
        plan=INGEST, calendar=ROUND_THE_CLOCK, runs=runs, now_s=FROM_S + 60 * now_min, anchor_s=FROM_S - 86_400.0
    )
    found = judge(seen)

    worked = [(minute, outcome) for minute, outcome in enumerate(outcomes) if outcome not in ("none", "skip:busy")]
    well = [minute for minute, outcome in worked if outcome != "fail"]
    skips = next((n for n, (_, outcome) in enumerate(reversed(worked)) if outcome != "skip:outage"), len(worked))
    in_time = bool(well) and now_min - well[-1] <= BUDGET_MIN
    if skips > BUDGET_MIN:
        assert found.state == ("FAIL" if skips > 2 * BUDGET_MIN else "WARN")
    elif in_time and worked[-1][1] != "fail":
        assert found.state == "OK"
    elif in_time or (well and worked[-1][1] != "fail" and now_min - well[-1] <= 2 * BUDGET_MIN):
        assert found.state == "WARN"
    else:
        assert found.state == "FAIL"


def line(job: str, day: str, at: str, outcome: str) -> str:
    return f"{job} {day} {at} {'fail=1' if outcome == 'fail' else outcome}"


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_why_and_health_never_disagree_with_instances_and_an_instance_never_hides_another(
    home: Path, data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = a_world(home, f"{FRI} 23:40", patch)
        (home / "config").mkdir(exist_ok=True)
        lines, last = [], {}
        for name in ("ingest@BTCUSD-1m", "ingest@ETHUSD-1m", "gap_repair@BTCUSD-1m"):
            for at in sorted(data.draw(st.lists(st.integers(11, 39), max_size=5, unique=True))):
                outcome = data.draw(st.sampled_from(OUTCOMES[1:-1]))
                lines.append(line(name, FRI, f"23:{at:02d}", outcome))
                last[name] = outcome if outcome != "skip:busy" else last.get(name)
        for job, at in (("nightly", "22:10"), ("nightly@us", "22:20"), ("report_eod", "18:10"), ("scanner", "14:00")):
            for day in (THU, FRI):
                outcome = data.draw(st.sampled_from(OUTCOMES))
                if outcome != "none":
                    lines.append(line(job, day, at, outcome))
        world.with_history(*lines)
        world.with_instances("BTCUSD", "ETHUSD", since=f"{MON} 12:00")
        checks = world.checks()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert run(why.main, []) == 0
        told = dict(each.split(" ", 1) for each in out.getvalue().splitlines() if not each.startswith("    "))
        judged = {name: check for name, check in checks.items() if name != "not scheduled"}
        assert judged
        assert {name: told[name] for name in judged} == {name: check.detail for name, check in judged.items()}
        assert {name for name in told if name not in judged} == set(
            checks["not scheduled"].detail.split(", ") if "not scheduled" in checks else []
        )
        for name, outcome in last.items():
            if outcome == "fail":
                assert judged[name].state in ("WARN", "FAIL"), (name, judged[name])
            if outcome == "ok":
                assert judged[name].state == "OK", (name, judged[name])
