"""The same verdict where locks, logs, clocks, disks and files have the say; and a property: health and `why` agree."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.market.bars import SeriesKey
from pyjobs.market.providers.asking.circuit_breaker import State as ProviderState
from pyjobs.runs import log_retention
from pyjobs.runs.job_history import JobPlan, JobRun
from pyjobs.runs.verdict import findings, look, places, records, series
from pyjobs.runs.verdict.findings import LOOKED_AT, Check
from pyjobs.runs.verdict.job import Seen, judge
from tests.runs.verdict.support.worlds import World, a_record, seoul
from tests.runs.verdict.test_verdict import FRI, MON, NEXT, NIGHTS, ROWS, SAT, SUN, THU, a_world, home
from utils import trading_day
from utils.errors import ConfigError
from utils.history import append

__all__ = ["home"]
XKRX, ROUND_THE_CLOCK = trading_day.load("XKRX"), trading_day.load("24/7")
RAN = f"nightly {FRI} 22:10 ok"
START, END = f"{FRI} 22:10:00 [START] x (pid 7, UTC+9)", f"{FRI} 22:10:20 [END] ok: exit 0 after 1 try, 20.0 s"
FAILED = f"{FRI} 22:10:20 [END] fail: exit 65 after 1 try, 20.0 s"
LOG = f"nightly_{FRI}.log"
EVENING = f"{FRI} 23:40"
Does = Callable[[World], Any]

# (what it is), name, now, what is there, state, what the sentence has
WORLDS: list[tuple[str, str, str, list[Does], str, str]] = [
    ("it runs", "nightly", f"{FRI} 22:30", [lambda w: w.with_history(*NIGHTS), lambda w: w.held_by_us("nightly", f"{FRI} 22:10")], "OK", "running since 22:10:00 UTC+9"),
    ("it runs past midnight", "nightly", f"{SAT} 00:10", [lambda w: w.with_history(*NIGHTS), lambda w: w.held_by_us("nightly", f"{FRI} 22:10")], "WARN", "running since 22:10:00 UTC+9"),
    ("it runs for seven hours", "nightly", f"{FRI} 19:10", [lambda w: w.with_history(*NIGHTS), lambda w: w.held_by_us("nightly", f"{FRI} 12:10")], "WARN", "7 h"),
    ("it runs again after a failure", "nightly", EVENING, [lambda w: w.with_history(*NIGHTS, f"nightly {FRI} 22:10 fail=1"), lambda w: w.held_by_us("nightly", f"{FRI} 23:00")], "FAIL", "before: failed: exit 1"),
    ("a log without an end is no killed one while it runs", "nightly", f"{FRI} 22:30", [lambda w: w.with_history(*NIGHTS), lambda w: w.with_log(LOG, START), lambda w: w.held_by_us("nightly", f"{FRI} 22:10")], "OK", "running"),
    ("another job runs", "nightly", EVENING, [lambda w: w.with_history(RAN), lambda w: w.held_by_us("scanner", f"{FRI} 22:10")], "OK", "ended well"),
    ("the pid lives again as another process", "nightly", EVENING, [lambda w: w.with_history(*NIGHTS), lambda w: w.left_by("nightly", os.getpid(), f"{FRI} 22:10")], "FAIL", "killed"),
    ("the pid is dead", "nightly", EVENING, [lambda w: w.with_history(*NIGHTS), lambda w: w.left_by("nightly", 4_000_000, f"{FRI} 22:10")], "FAIL", "killed"),
    ("killed, and a later run ended well", "nightly", EVENING, [lambda w: w.with_history(*NIGHTS, f"nightly {FRI} 23:00 ok"), lambda w: w.left_by("nightly", 4_000_000, f"{FRI} 22:10")], "OK", "ended well"),
    ("a torn holder", "nightly", EVENING, [lambda w: w.with_history(RAN), lambda w: w.left_by("nightly", 0, f"{FRI} 22:10"), lambda w: (w.home / ".locks/nightly.holder").write_text("12")], "OK", "ended well"),
    ("a log that never ended", "nightly", EVENING, [lambda w: w.with_log(LOG, START)], "FAIL", f"see logs/{LOG}"),
    ("killed in its first night, before it was due", "nightly", f"{FRI} 22:20", [lambda w: w.with_log(LOG, START)], "FAIL", "killed"),
    ("killed after nights that were good", "nightly", f"{SAT} 08:00", [lambda w: w.with_history(*NIGHTS), lambda w: w.with_log(LOG, START)], "FAIL", "killed"),
    ("the second of two was killed", "nightly", EVENING, [lambda w: w.with_history(RAN), lambda w: w.with_log(LOG, START, END, START)], "FAIL", "killed"),
    ("a log that lost its end, the history has it", "nightly", EVENING, [lambda w: w.with_history(RAN), lambda w: w.with_log(LOG, START)], "OK", "ended well"),
    ("the history lost the run, the log has it", "nightly", EVENING, [lambda w: w.with_history(*NIGHTS), lambda w: w.with_log(LOG, START, END)], "OK", "ended well"),
    ("the history lost the failure", "nightly", EVENING, [lambda w: w.with_history(*NIGHTS), lambda w: w.with_log(LOG, START, FAILED)], "FAIL", "exit 65"),
    ("a log from the future", "nightly", f"{FRI} 12:00", [lambda w: w.with_history(*NIGHTS), lambda w: w.with_log("nightly_2027-06-01.log", START)], "OK", f"{THU}: ran"),
    ("yesterday killed, today well", "nightly", EVENING, [lambda w: w.with_history(RAN), lambda w: w.with_log(f"nightly_{THU}.log", START), lambda w: w.with_log(LOG, START, END)], "OK", "ended well"),
    ("a log of nothing but noise", "nightly", EVENING, [lambda w: w.with_history(RAN), lambda w: (w.home / "logs" / LOG).write_bytes(b"\0\xff" * 99)], "OK", "ended well"),
    ("an instance that was killed", "ingest@BTCUSD-1m", EVENING, [lambda w: w.with_history(f"ingest@BTCUSD-1m {FRI} 23:00 ok"), lambda w: w.with_log(f"ingest@BTCUSD-1m_{FRI}.log", f"{FRI} 14:00:00 [START] x", f"{FRI} 14:00:01 [END] ok: exit 0 after 1 try, 1.0 s", f"{FRI} 14:39:00 [START] x")], "FAIL", "killed"),
    ("a house of today", "nightly", EVENING, [lambda w: w.made(f"{FRI} 12:00")], "WARN", "never started"),
    ("a house made on Saturday", "nightly", f"{SUN} 10:00", [lambda w: w.made(f"{SAT} 12:00")], "OK", f"not started yet; not due before 23:30 UTC+9 on {NEXT}"),
    ("a house made after today's was due", "report_watchlist", EVENING, [lambda w: w.made(f"{FRI} 12:00")], "OK", "not started yet; not due before 09:15 UTC+9 on 2026-11-21"),
    ("a house made on Saturday, the scanner", "scanner", f"{SUN} 10:00", [lambda w: w.made(f"{SAT} 12:00")], "OK", "not started yet"),
    ("a house made on Saturday, on Monday night", "nightly", f"{NEXT} 23:40", [lambda w: w.made(f"{SAT} 12:00")], "WARN", "never started"),
    ("a house made on Saturday, only sent home since", "report_eod", f"{NEXT} 20:00", [lambda w: w.with_history(f"report_eod {NEXT} 03:10 skip:outside-hours"), lambda w: w.made(f"{SAT} 12:00")], "WARN", "never ran"),
    ("a house of last week", "nightly", EVENING, [lambda w: w.made(f"{MON} 12:00")], "FAIL", "missed 5 times"),
    ("a house of last week, every day", "report_watchlist", EVENING, [lambda w: w.made(f"{MON} 12:00")], "FAIL", "missed 4 times"),
    ("an instance made just now", "ingest", EVENING, [lambda w: w.with_instances("BTCUSD", since=f"{FRI} 23:30")], "OK", "not started yet"),
    ("an instance that was never fetched", "ingest", EVENING, [lambda w: w.with_instances("BTCUSD", since=f"{MON} 12:00")], "FAIL", "never started"),
    ("all instances by one line of the crontab", "ingest", EVENING, [lambda w: w.with_instances("BTCUSD", "ETHUSD", since=f"{MON} 12:00"), lambda w: w.with_history(f"ingest {FRI} 23:39 ok")], "OK", "every 60 s"),
    ("the line is gone", "ingest", EVENING, [lambda w: w.with_instances("BTCUSD", since=f"{MON} 12:00"), lambda w: w.with_history(f"ingest {MON} 23:39 ok")], "FAIL", "last ran 4 days ago"),
    ("nine days, and only busy since", "ingest", "2026-11-29 12:00", [lambda w: w.with_instances("BTCUSD", since=f"{MON} 12:00"), lambda w: w.with_history(f"ingest {FRI} 12:00 ok", *(f"ingest 2026-11-{d} 12:00 skip:busy" for d in range(24, 29)))], "FAIL", "5 skip:busy"),
    ("one of two has its own timer", "ingest", EVENING, [lambda w: w.with_instances("BTCUSD", "ETHUSD", since=f"{MON} 12:00"), lambda w: w.with_history(f"ingest@BTCUSD-1m {FRI} 23:39 ok")], "FAIL", "never started"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "now", "does", "state", "has"), [w[1:] for w in WORLDS], ids=[w[0] for w in WORLDS])
def test_what_locks_logs_and_the_age_of_the_house_say(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, now: str, does: list[Does], state: str, has: str
) -> None:
    world = a_world(home, now, monkeypatch)
    kept = [each(world) for each in does]
    found, sentence, code, why = world.says(name)
    assert (found, has in sentence, code == 3) == (state, True, state == "FAIL"), sentence
    assert why == f"{name} {sentence}"
    assert kept


def a_run(line: str) -> JobRun:
    from pyjobs.runs.job_history import to_run

    return to_run(a_record(line))


def state_of(**given: Any) -> ProviderState:
    return ProviderState(provider="krx", **given)


def clock(lines: list[str], now: str, states: list[ProviderState] | None = None) -> Check:
    now_s = float(seoul(now))
    return look.check_clock(records.sorted_out([a_record(line) for line in lines], now_s), states or [], now_s)


NOW_S = float(seoul(EVENING))
AHEAD = "nightly 2027-06-01 22:10 ok"
KEY = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")

# (what it is), what is asked, state, what the sentence has
CHECKS: list[tuple[str, Callable[[], Check], str, str]] = [
    ("a clock that agrees", lambda: clock([RAN], EVENING), "OK", "2026-11-20 14:40 UTC"),
    ("a run of next year", lambda: clock([RAN, AHEAD], EVENING), "WARN", "is the clock right?"),
    ("a run of next year, set right two days ago", lambda: clock([AHEAD, *NIGHTS, RAN], EVENING), "OK", "UTC"),
    ("a provider's answer of tomorrow", lambda: clock([RAN], EVENING, [state_of(last_ok_s=NOW_S + 86_400)]), "WARN", "is the clock right?"),
    ("a minute ahead is no riddle", lambda: clock([f"nightly {FRI} 23:40 ok +30"], EVENING), "OK", "UTC"),
    ("a machine that woke in 1970", lambda: look.check_calendar("XKRX", XKRX, 86_400.0), "FAIL", "is the clock right? It shows 1970-01-02"),
    ("past the calendar's end", lambda: look.check_calendar("XKRX", XKRX, seoul("2028-02-01 12:00")), "FAIL", "is the clock right"),
    ("in the calendar's last month", lambda: look.check_calendar("XKRX", XKRX, seoul("2027-12-10 12:00")), "WARN", "update nightdesk"),
    ("a calendar for years", lambda: look.check_calendar("XKRX", XKRX, NOW_S), "OK", "days left"),
    ("health's own FAIL", lambda: look.check_recent_errors([a_run(f"healthcheck {FRI} 23:00 fail=3")], NOW_S), "OK", "none"),
    ("a mistyped backtest", lambda: look.check_recent_errors([a_run(f"run_bt@ma_cross {FRI} 12:00 fail=64")], NOW_S), "OK", "none"),
    ("a backtest that broke", lambda: look.check_recent_errors([a_run(f"run_bt@ma_cross {FRI} 12:00 fail=1")], NOW_S), "WARN", "run_bt exit 1"),
    ("a failure made good", lambda: look.check_recent_errors([a_run(f"nightly {THU} 22:10 fail=65"), a_run(RAN)], NOW_S), "WARN", "exit 65"),
    ("a failure of two weeks ago", lambda: look.check_recent_errors([a_run("nightly 2026-11-05 22:10 fail=65")], NOW_S), "OK", "none"),
    ("an expired password, the pause over", lambda: look.check_providers([state_of(kind="auth", detail="the password has expired", failures=1, last_failure_s=NOW_S - 90_000, blocked_until_s=NOW_S - 60_000)], NOW_S)[0], "WARN", "the password has expired"),
    ("an answer has come", lambda: look.check_providers([state_of(last_ok_s=NOW_S - 60)], NOW_S)[0], "OK", "last answer"),
    ("one outage", lambda: look.check_providers([state_of(kind="outage", failures=1, last_failure_s=NOW_S - 90)], NOW_S)[0], "OK", "outage"),
    ("three outages", lambda: look.check_providers([state_of(kind="outage", failures=3, last_failure_s=NOW_S - 90)], NOW_S)[0], "WARN", "3 failures"),
    ("a series of the session", lambda: series.by_session("KRX:005930:1d", dt.date(2026, 11, 20), XKRX, NOW_S), "OK", "last bar"),
    ("a series one session behind", lambda: series.by_session("KRX:005930:1d", dt.date(2026, 11, 19), XKRX, NOW_S), "WARN", "1 session behind"),
    ("a series two sessions behind", lambda: series.by_session("KRX:005930:1d", dt.date(2026, 11, 18), XKRX, NOW_S), "FAIL", "2 sessions behind"),
    ("a series without bars", lambda: series.by_session("KRX:005930:1d", None, XKRX, NOW_S), "FAIL", "no bars"),
    ("minutes up to date", lambda: series.by_the_minute(KEY, int(NOW_S * 1000) - 120_000, ROUND_THE_CLOCK, NOW_S), "OK", "last bar"),
    ("minutes two hours old", lambda: series.by_the_minute(KEY, int(NOW_S * 1000) - 7_200_000, ROUND_THE_CLOCK, NOW_S), "WARN", "budget 60 min"),
    ("minutes nine days old", lambda: series.by_the_minute(KEY, int(NOW_S * 1000) - 9 * 86_400_000, ROUND_THE_CLOCK, NOW_S), "FAIL", "9 days old"),
    ("a full disk", lambda: places.room(100_000_000, "/data"), "FAIL", "0.1 GB"),
    ("a disk that runs full", lambda: places.room(1_900_000_000, "/data"), "WARN", "1.9 GB"),
    ("room enough", lambda: places.room(3_000_000_000, "/data"), "OK", "3.0 GB"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "state", "has"), [row[1:] for row in CHECKS], ids=[row[0] for row in CHECKS])
def test_what_the_other_lines_say(asked: Callable[[], Check], state: str, has: str) -> None:
    found = asked()
    assert (found.state, has in found.detail) == (state, True), found
    assert found.kind in LOOKED_AT


def test_the_tables_have_more_than_120_rows() -> None:
    assert len(ROWS) + len(WORLDS) + len(CHECKS) >= 120


def test_what_nothing_schedules_is_one_line_and_judged_by_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_world(home, EVENING, monkeypatch)
    world.with_history(
        f"run_bt@ma_cross {FRI} 12:00 fail=64", f"prune {SUN} 04:00 fail=1", f"healthcheck {THU} 23:00 fail=3"
    )
    found = world.checks()
    assert {"run_bt", "prune", "healthcheck", "ingest", "gap_repair", "bt_postprocess"} & set(found) == set()
    assert found["not scheduled"] == (
        "not scheduled",
        "OK",
        "look_again, ingest, gap_repair, live, live_reboot, live_heartbeat, live_check, prune, backup, drill, update_from_git, healthcheck, run_bt, bt_postprocess",
        "not scheduled",
    )


def all_of(home: Path, now: str = EVENING, desk: str | None = None) -> dict[str, Check]:
    assert home.is_dir()
    return {check.name: check for check in look.look(look.House(float(seoul(now)), desk))}


def test_a_broken_file_is_a_failure_that_leaves_the_other_checks_standing(home: Path) -> None:
    desk, path = home / "desk.yaml", home / "secret/jobs.yaml"
    desk.write_text("name: [\n")
    path.parent.mkdir()
    path.write_text("jobs: {nightly: {market: XKRX, every: fortnight, skip_budget: 1}}\n")
    (home / "config/instances").mkdir(parents=True)
    (home / "config/instances/x.env").write_text("CT_SYMBOL\n")
    found = all_of(home, desk=str(desk))
    assert {name for name, check in found.items() if check.state == "FAIL"} >= {
        "config desk",
        "config jobs.yaml",
        "config instances",
    }
    assert {"clock", "write", "disk", "history", "locks", "providers"} <= set(found)


def test_what_cannot_be_written_and_a_queue_that_is_none_are_failures(home: Path) -> None:
    (home / "data/queue").mkdir(parents=True)
    (home / "data/queue/mine.sqlite").write_bytes(b"not a database" * 99)
    sqlite3.connect(home / "data/queue/well.sqlite").execute("CREATE TABLE x (y)").connection.close()
    (home / ".locks").write_text("a file where a folder should be")
    found = all_of(home)
    assert (found["write .locks"].state, found["database mine.sqlite"].state) == ("FAIL", "FAIL")
    assert found["write"].detail == "written, synced and renamed in logs/, data/, data/server_runs/"
    assert list(home.glob("**/.health*")) == []


def test_an_interpreter_that_is_gone_says_make_setup(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONBIN", str(home / "nowhere/bin/python"))
    found = places.check_python(Path(look.paths.ROOT), home)
    assert (found.state, "make setup" in found.detail) == ("FAIL", True)


def test_five_hundred_healthy_series_are_one_line() -> None:
    well = [Check(f"data KRX:{n:06d}:1d", "OK", f"last bar {n}", "data") for n in range(500)]
    lines = findings.as_lines([*well, Check("data KRX:999999:1d", "WARN", "late", "data")])
    assert lines == ["[OK  ] data                500 are well", "[WARN] data KRX:999999:1d  late"]
    (row,) = json.loads(json.dumps(findings.as_json(well)))["checks"]
    assert (row["name"], row["state"], row["detail"], len(row["names"])) == ("data", "OK", "500 are well", 500)


def test_a_database_that_never_answers_costs_its_limit_and_one_that_refuses_says_why() -> None:
    def refuses() -> None:
        raise ConfigError("there is no candles table")

    hangs = threading.Event()
    assert places.check_mirror(lambda: None) == Check("mirror", "OK", "answers, and has the tables", "mirror")
    assert places.check_mirror(refuses)[1:3] == ("FAIL", "there is no candles table")
    assert places.check_mirror(lambda: bool(hangs.wait()) and None, 0.05).detail.endswith("no answer in 0.05 s")
    hangs.set()


def test_health_looks_at_the_database_only_where_one_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(look.check_mirror()) == []
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:pass-word-7@127.0.0.1:1/none")
    (found,) = look.check_mirror()
    assert (found.state, "pass-word-7" in found.detail) == ("FAIL", False)
    assert home.is_dir()


EOD = JobPlan(market="XKRX", every="session", due="18:45", skip_budget=2)
SESSIONS = [s.date for s in XKRX.sessions_between(dt.date(2026, 11, 9), dt.date(2026, 11, 27))]
OUTCOMES = ["ok", "fail", "skip:rate_limit", "skip:busy", "skip:not-a-session", "none"]
WELL = {"ok", "skip:rate_limit"}


@settings(max_examples=400)
@given(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=len(SESSIONS)), st.integers(0, 5))
def test_whatever_the_history_health_is_never_ok_while_a_due_job_has_not_ended_well(
    outcomes: list[str], later: int
) -> None:
    """One start each session; judged in the evening of the last, or of one a few sessions later."""
    runs = []
    for day, outcome in zip(SESSIONS, outcomes, strict=False):
        if outcome != "none":
            at = int(seoul(f"{day} 18:10"))
            runs.append(
                JobRun("report_eod", "", str(day), at, at + 9, 1, 1 if outcome == "fail" else 0, outcome, "", "")
            )
    last = SESSIONS[min(len(outcomes) - 1 + later, len(SESSIONS) - 1)]
    found = judge(Seen(plan=EOD, calendar=XKRX, runs=runs, now_s=float(seoul(f"{last} 19:00")), anchor_s=0.0))
    told = dict(zip(SESSIONS, outcomes, strict=False)).get(last, "none")
    in_a_row = len(
        list(
            itertools.takewhile(
                lambda o: o == "skip:rate_limit",
                reversed([o for o in outcomes if o in ("ok", "fail", "skip:rate_limit")]),
            )
        )
    )
    if told == "ok":
        assert found.state == "OK"
    if told == "skip:rate_limit":
        assert found.state == ("OK" if in_a_row <= 2 else "WARN" if in_a_row <= 4 else "FAIL")
    if told not in WELL:
        assert found.state != "OK"


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing"])
def test_a_history_in_which_no_run_can_be_recorded_is_a_failure(home: Path, kind: str) -> None:
    history = home / "logs/history.jsonl"
    history.parent.mkdir(exist_ok=True)
    {
        "folder": history.mkdir,
        "pipe": lambda: os.mkfifo(history),
        "link to nothing": lambda: history.symlink_to("gone/away"),
    }[kind]()
    found = all_of(home)
    assert (found["write history"].state, str(history) in found["write history"].detail) == ("FAIL", True)
    with pytest.raises(OSError, match=r"directory|is a pipe"):
        append(str(history), {"job": "nightly"})
    assert log_retention.set_history_aside(history, today=dt.date(2026, 11, 20)) is None


def test_a_history_that_can_be_added_to_is_no_line(home: Path) -> None:
    assert "write history" not in all_of(home)
    append(str(home / "logs/history.jsonl"), {"job": "nightly"})
    assert "write history" not in all_of(home)


def test_a_night_of_1970_does_not_make_the_house_that_old(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_world(home, EVENING, monkeypatch)
    world.with_history("nightly 1970-01-12 22:10 fail=78")
    world.made(f"{FRI} 12:00")
    assert world.checks()["report_watchlist"].state == "OK"
