"""Health says WARN and FAIL although cron saw 0: skips past a budget, jobs that never came, data that stands still."""

from __future__ import annotations

import datetime as dt

import pytest

from pyjobs.runs import health
from pyjobs.runs.health import Check
from pyjobs.runs.jobs import Holder, JobPlan, Run, last_due, skips_in_a_row
from utils import trading_day

XKRX = trading_day.load("XKRX")
SEOUL = dt.timezone(dt.timedelta(hours=9))
EOD = JobPlan(market="XKRX", every="session", due="18:45", skip_budget=2)


def seoul(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SEOUL).timestamp()


def a_run(session: str, outcome: str = "ok", code: int = 0, job: str = "report_eod") -> Run:
    end = int(seoul(f"{session} 18:12"))
    return Run(job, "", session, end - 3, end, 1, code, outcome, f"logs/report_{session}.log", "")


MONDAY, TUESDAY, WEDNESDAY = "2026-11-09", "2026-11-10", "2026-11-11"


def check(runs: list[Run], now: str) -> tuple[str, str]:
    found = health.check_job("report_eod", EOD, runs, XKRX, seoul(now))
    return found.state, found.detail


def test_a_job_that_ran_on_the_session_that_was_due_is_ok() -> None:
    assert check([a_run(MONDAY), a_run(TUESDAY)], f"{TUESDAY} 20:00")[0] == "OK"


def test_before_it_is_due_yesterday_s_run_is_enough() -> None:
    assert check([a_run(MONDAY)], f"{TUESDAY} 18:44")[0] == "OK"
    assert check([a_run(MONDAY)], f"{TUESDAY} 18:46") == ("WARN", f"due for {TUESDAY}, but last seen for {MONDAY}")


def test_two_sessions_missed_are_a_failure_and_a_weekend_is_none() -> None:
    assert check([a_run(MONDAY)], f"{WEDNESDAY} 19:00")[0] == "FAIL"
    assert check([a_run("2026-11-13")], "2026-11-15 23:00")[0] == "OK"  # Friday's run, asked on Sunday


@pytest.mark.parametrize(("skips", "state"), [(1, "OK"), (2, "OK"), (3, "WARN"), (4, "WARN"), (5, "FAIL")])
def test_skips_in_a_row_past_the_budget_warn_and_past_twice_of_it_fail(skips: int, state: str) -> None:
    days = [d.date.isoformat() for d in XKRX.sessions_between(dt.date(2026, 11, 2), dt.date(2026, 11, 10))]
    runs = [a_run(days[0])] + [a_run(day, "skip:rate_limit") for day in days[1 : 1 + skips]]
    assert check(runs, f"{days[skips]} 20:00")[0] == state


def test_a_success_resets_the_count_and_guards_and_busy_locks_do_not_count() -> None:
    skip, ok = a_run(MONDAY, "skip:outage"), a_run(MONDAY)
    assert skips_in_a_row([skip, skip, ok]) == 0
    assert skips_in_a_row([ok, skip, a_run(MONDAY, "skip:not-a-session"), skip, a_run(MONDAY, "skip:busy")]) == 2


def test_a_network_that_the_user_forbids_is_no_outage_and_hides_none() -> None:
    outage, forbidden = a_run(MONDAY, "skip:outage"), a_run(TUESDAY, "skip:network-forbidden")
    assert skips_in_a_row([forbidden] * 9) == 0
    assert skips_in_a_row([a_run(MONDAY), outage, outage, forbidden]) == 2
    state, detail = check([forbidden] * 9, f"{TUESDAY} 20:00")
    assert (state, "ALLOW_NET_FETCH=0" in detail) == ("OK", True)
    state, detail = check([outage] * 3 + [forbidden], f"{TUESDAY} 20:00")
    assert (state, "3 skips in a row (skip:outage)" in detail) == ("WARN", True)


def test_a_job_that_is_only_ever_sent_home_is_not_well() -> None:
    runs = [a_run(day, "skip:outside-hours") for day in (MONDAY, TUESDAY)]
    state, detail = check(runs, f"{TUESDAY} 20:00")
    assert (state, "sent home 2 times" in detail) == ("WARN", True)


def test_a_last_run_that_failed_is_a_failure_and_an_older_one_a_warning() -> None:
    now = seoul(f"{TUESDAY} 20:00")
    assert check([a_run(MONDAY), a_run(TUESDAY, "fail", 65)], f"{TUESDAY} 20:00")[0] == "FAIL"
    assert health.check_recent_errors([a_run(MONDAY, "fail", 65), a_run(TUESDAY)], now).state == "WARN"
    assert health.check_recent_errors([a_run("2026-11-02", "fail", 65)], now).state == "OK"


@pytest.mark.parametrize(
    ("every", "due", "now", "day"),
    [
        ("session", "18:45", "2026-11-19 18:00", "2026-11-18"),
        ("session", "18:45", "2026-11-19 18:45", "2026-11-19"),
        ("session", "18:45", "2026-11-22 12:00", "2026-11-20"),  # Sunday
        ("day", "09:15", "2026-11-22 09:14", "2026-11-21"),
        ("open", "", "2026-11-20 15:29", "2026-11-19"),
        ("open", "", "2026-11-20 15:30", "2026-11-20"),
        ("open", "", "2026-11-19 16:00", "2026-11-18"),  # exam day: it closes at 16:30
    ],
)
def test_when_a_job_was_last_due(every: str, due: str, now: str, day: str) -> None:
    plan = JobPlan(market="XKRX", every=every, due=due, skip_budget=1)  # type: ignore[arg-type]  # one of the four
    assert last_due(plan, XKRX, seoul(now)) == dt.date.fromisoformat(day)


@pytest.mark.parametrize(
    ("last_bar", "state"), [("2026-11-20", "OK"), ("2026-11-19", "WARN"), ("2026-11-18", "FAIL"), (None, "FAIL")]
)
def test_data_one_session_old_is_a_warning_and_older_a_failure(last_bar: str | None, state: str) -> None:
    last = dt.date.fromisoformat(last_bar) if last_bar else None
    assert health.check_data("KRX:005930:1d", last, XKRX, seoul("2026-11-21 12:00")).state == state


@pytest.mark.parametrize(("days", "state"), [(400, "OK"), (30, "OK"), (29, "WARN"), (0, "WARN"), (-1, "FAIL")])
def test_a_calendar_warns_in_its_last_30_days_and_fails_after(days: int, state: str) -> None:
    assert health.check_calendar("XKRX", days).state == state


@pytest.mark.parametrize(("free", "state"), [(3e9, "OK"), (1.9e9, "WARN"), (1e8, "FAIL")])
def test_a_disk_that_runs_full_is_told_in_time(free: float, state: str) -> None:
    assert health.check_disk(int(free), "/data").state == state


def test_a_lock_held_for_long_is_worth_a_look() -> None:
    young, old = Holder("a", 1, 10_000, "x"), Holder("b", 2, 10_000 - 7 * 3600, "y")
    assert [c.state for c in health.check_locks([young, old], 10_060)] == ["OK", "WARN"]


def test_the_worst_check_is_the_state_of_the_whole() -> None:
    assert health.worst([Check("a", "OK", ""), Check("b", "FAIL", ""), Check("c", "WARN", "")]) == "FAIL"
    assert health.worst([]) == "OK"
