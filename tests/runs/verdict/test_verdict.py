"""One verdict, from one function: the state of the world, and what health, `why` and the exit code say of it.

The rows are written from what operators told, not from the code. Times are Seoul's; 2026-11-20 is a Friday.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.verdict.support.worlds import World

MON, TUE, WED, THU, FRI, SAT, SUN, NEXT = (f"2026-11-{day}" for day in (16, 17, 18, 19, 20, 21, 22, 23))
MINUTES = [f"23:{minute:02d}" for minute in range(10, 40)]
NIGHTS = [f"nightly {day} 22:10 ok" for day in (MON, TUE, WED, THU)]
EOD = [f"report_eod {day} 18:12 ok" for day in (MON, TUE, WED, THU)]
SKIPS = [f"report_eod {day} 18:12 skip:rate_limit" for day in (MON, TUE, WED, THU, FRI)]
SCANS = [f"scanner {FRI} {hour}:00 ok" for hour in range(10, 15)]
WATCH = [f"report_watchlist {day} 09:00 ok" for day in (MON, TUE, WED, THU, FRI)]
ETH = [f"ingest@ETHUSD-1m {FRI} {at} fail=1" for at in MINUTES]
BTC = [f"ingest@BTCUSD-1m {FRI} {at} ok" for at in MINUTES]

# (what it is), name, now, history, state, what the sentence has
ROWS: list[tuple[str, str, str, list[str], str, str]] = [
    # a job that is due once a session
    ("the night ran", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok"], "OK", "ended well"),
    ("asked in the morning", "nightly", f"{FRI} 07:30", NIGHTS, "OK", "not due before 23:30 UTC+9 today"),
    ("asked ten past midnight", "nightly", f"{FRI} 00:10", NIGHTS, "OK", f"{THU}: ran"),
    ("asked on Sunday of Friday's", "nightly", f"{SUN} 10:00", [f"nightly {FRI} 22:10 ok"], "OK", f"{FRI}: ran"),
    ("on Sunday the next is Monday's", "nightly", f"{SUN} 10:00", [f"nightly {FRI} 22:10 ok"], "OK", f"23:30 UTC+9 on {NEXT}"),
    ("a minute before it is due", "nightly", f"{FRI} 23:29", NIGHTS, "OK", f"{THU}: ran"),
    ("a minute after", "nightly", f"{FRI} 23:31", NIGHTS, "WARN", f"due 23:30 UTC+9 on {FRI}"),
    ("still missing the next morning", "nightly", f"{SAT} 08:00", NIGHTS, "WARN", "never started"),
    ("the second time due", "nightly", f"{NEXT} 23:40", NIGHTS, "FAIL", "missed 2 times"),
    ("the third", "nightly", "2026-11-24 23:40", NIGHTS, "FAIL", "missed 3 times"),
    ("months later", "nightly", "2027-02-26 23:40", NIGHTS, "FAIL", "is its line in the crontab"),
    ("it says when it was last there", "nightly", f"{NEXT} 23:40", NIGHTS, "FAIL", f"last seen for {THU}"),
    ("it ended after midnight", "nightly", f"{SAT} 01:00", [f"nightly {FRI} 22:10 ok +9000"], "OK", "ended well"),
    ("made good after midnight", "nightly", f"{SAT} 08:00", [*NIGHTS, f"nightly {SAT} 00:40 ok"], "OK", "ended well"),
    ("what was made good at night is not tonight's", "nightly", f"{FRI} 23:40", [*NIGHTS[:3], f"nightly {FRI} 00:40 ok"], "WARN", f"on {FRI}"),
    ("it failed", "nightly", f"{FRI} 23:40", [*NIGHTS, f"nightly {FRI} 22:10 fail=65"], "FAIL", "exit 65"),
    ("it failed, and that is Sunday's answer too", "nightly", f"{SUN} 12:00", [*NIGHTS, f"nightly {FRI} 22:10 fail=65"], "FAIL", "exit 65"),
    ("it failed and was made good", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 fail=1", f"nightly {FRI} 22:50 ok"], "OK", "2 runs: 1 fail, 1 ok"),
    ("it ran and then failed", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", f"nightly {FRI} 22:50 fail=1"], "FAIL", "exit 1"),
    ("retries used up", "report_eod", f"{FRI} 20:00", [*EOD, f"report_eod {FRI} 18:10 retry=2"], "FAIL", "exit 2"),
    ("it timed out", "nightly", f"{SAT} 03:00", [*NIGHTS, f"nightly {FRI} 22:10 fail=124 +14400"], "FAIL", "exit 124"),
    ("killed by a signal", "nightly", f"{SAT} 03:00", [*NIGHTS, f"nightly {FRI} 22:10 fail=137"], "FAIL", "exit 137"),
    ("no calendar, before it started", "nightly", f"{SAT} 03:00", [*NIGHTS, f"nightly {FRI} 22:10 fail=78"], "FAIL", "exit 78"),
    ("tonight's failed before it was due", "nightly", f"{FRI} 23:00", [*NIGHTS, f"nightly {FRI} 22:10 fail=73"], "FAIL", "exit 73"),
    # by hand
    ("a person mistyped an option at noon", "nightly", f"{FRI} 12:30", [*NIGHTS, f"nightly {FRI} 12:00 fail=64"], "OK", "ended well"),
    ("mistyped after it ran", "report_eod", f"{FRI} 20:00", [f"report_eod {FRI} 18:12 ok", f"report_eod {FRI} 19:00 fail=64"], "OK", "ended well"),
    ("the crontab line itself is mistyped", "report_eod", f"{FRI} 20:00", [*EOD, f"report_eod {FRI} 18:10 fail=64"], "FAIL", "exit 64"),
    ("mistyped for days", "report_eod", f"{FRI} 20:00", [f"report_eod {day} 18:10 fail=64" for day in (WED, THU, FRI)], "FAIL", "exit 64"),
    # skips
    ("one skip is within the budget", "report_eod", f"{FRI} 20:00", [*EOD, SKIPS[4]], "OK", "outside data failed: rate_limit"),
    ("two skips", "report_eod", f"{FRI} 20:00", [*EOD[:3], *SKIPS[3:]], "OK", "skipped because"),
    ("three skips", "report_eod", f"{FRI} 20:00", [*EOD[:2], *SKIPS[2:]], "WARN", "3 skips in a row, budget 2"),
    ("four skips", "report_eod", f"{FRI} 20:00", [*EOD[:1], *SKIPS[1:]], "WARN", "4 skips in a row"),
    ("five skips", "report_eod", f"{FRI} 20:00", SKIPS, "FAIL", "5 skips in a row"),
    ("skips that have ended", "report_eod", f"{FRI} 20:00", [*SKIPS[:4], f"report_eod {FRI} 18:12 ok"], "OK", "ended well"),
    ("a sent-home start ends no row of skips", "report_eod", f"{FRI} 20:00", [*SKIPS, f"report_eod {FRI} 19:00 skip:outside-hours"], "FAIL", "5 skips"),
    ("the user forbids the network", "report_eod", f"{FRI} 20:00", [*EOD, f"report_eod {FRI} 18:10 skip:network_forbidden"], "OK", "ALLOW_NET_FETCH=0"),
    ("forbidden for a week is no outage", "report_eod", f"{FRI} 20:00", [f"report_eod {day} 18:10 skip:network_forbidden" for day in (MON, TUE, WED, THU, FRI)], "OK", "ALLOW_NET_FETCH=0"),
    ("forbidden hides no row of outages", "report_eod", f"{FRI} 20:00", [*SKIPS[:4], f"report_eod {FRI} 18:10 skip:network_forbidden"], "WARN", "4 skips"),
    ("a skip made good nothing of yesterday's failure, but ran", "report_eod", f"{FRI} 20:00", [f"report_eod {THU} 18:10 fail=1", SKIPS[4]], "OK", "skipped"),
    ("skipped yesterday, never started today", "report_eod", f"{FRI} 20:00", [*EOD[:3], SKIPS[3]], "WARN", "never started"),
    # sent home
    ("only ever sent home", "report_eod", f"{FRI} 20:00", [f"report_eod {day} 03:10 skip:outside-hours" for day in (THU, FRI)], "FAIL", "time zone"),
    ("holidays do not count", "report_eod", f"{SUN} 20:00", [f"report_eod {FRI} 18:12 ok", f"report_eod {SAT} 18:10 skip:not-a-session", f"report_eod {SUN} 18:10 skip:not-a-session"], "OK", f"{FRI}: ran"),
    ("busy behind a run that ended well", "report_eod", f"{FRI} 20:00", [*EOD[:3], f"report_eod {THU} 18:10 ok +87000", f"report_eod {FRI} 18:10 skip:busy"], "OK", "ran"),
    ("busy after today's ended well", "report_eod", f"{FRI} 20:00", [f"report_eod {FRI} 18:10 ok", f"report_eod {FRI} 18:20 skip:busy"], "OK", "ended well"),
    ("busy, and nobody ran", "report_eod", f"{FRI} 20:00", [*EOD, f"report_eod {FRI} 18:10 skip:busy"], "WARN", "busy"),
    ("busy for days, and nobody ran", "report_eod", f"{FRI} 20:00", [EOD[0], *(f"report_eod {day} 18:10 skip:busy" for day in (TUE, WED, THU, FRI))], "FAIL", "busy"),
    # before the market opens: due 09:00 and 09:15
    ("precache of today", "precache_benchmarks", f"{FRI} 09:30", [f"precache_benchmarks {FRI} 08:20 ok"], "OK", "ended well"),
    ("precache before it is due", "precache_benchmarks", f"{FRI} 08:30", [f"precache_benchmarks {THU} 08:20 ok"], "OK", "09:00 UTC+9 today"),
    ("precache missed once", "precache_benchmarks", f"{FRI} 09:30", [f"precache_benchmarks {THU} 08:20 ok"], "WARN", "due 09:00 UTC+9"),
    ("precache over a weekend", "precache_benchmarks", f"{SUN} 12:00", [f"precache_benchmarks {FRI} 08:20 ok"], "OK", f"on {NEXT}"),
    ("precache that runs in the night after by mistake", "precache_benchmarks", f"{FRI} 23:00", [f"precache_benchmarks {FRI} 22:20 ok"], "OK", "ended well"),
    ("every day also on Sunday", "report_watchlist", f"{SUN} 10:00", [*WATCH, f"report_watchlist {SAT} 09:00 ok"], "WARN", f"on {SUN}"),
    ("every day, done", "report_watchlist", f"{SUN} 10:00", [f"report_watchlist {SUN} 09:00 ok"], "OK", "ended well"),
    ("every day, not yet due today", "report_watchlist", f"{SUN} 09:14", [f"report_watchlist {SAT} 09:00 ok"], "OK", "09:15 UTC+9 today"),
    ("every day, two missed", "report_watchlist", f"{SUN} 10:00", WATCH, "FAIL", "missed 2 times"),
    ("every day, four skips", "report_watchlist", f"{FRI} 10:00", [f"report_watchlist {day} 09:00 skip:outage" for day in (TUE, WED, THU, FRI)], "WARN", "4 skips in a row, budget 3"),
    # while the market is open
    ("the scanner in the session", "scanner", f"{FRI} 20:00", SCANS, "OK", "5 runs: 5 ok"),
    ("the scanner, the session still open", "scanner", f"{FRI} 12:00", [f"scanner {THU} 14:00 ok"], "OK", f"{THU}: ran"),
    ("the scanner, the session closed without it", "scanner", f"{FRI} 15:31", [f"scanner {THU} 14:00 ok"], "WARN", f"on {FRI}"),
    ("the scanner, two sessions without it", "scanner", f"{FRI} 15:31", [f"scanner {WED} 14:00 ok"], "FAIL", "missed 2 times"),
    ("the scanner after hours", "scanner", f"{FRI} 20:00", [*SCANS, f"scanner {FRI} 18:00 skip:outside-hours"], "OK", "ended well"),
    ("the scanner's last word is a failure", "scanner", f"{FRI} 20:00", [*SCANS, f"scanner {FRI} 15:00 fail=66"], "FAIL", "exit 66"),
    ("the scanner failed and went on", "scanner", f"{FRI} 20:00", [f"scanner {FRI} 09:30 fail=66", *SCANS], "OK", "1 fail"),
    ("twelve skips of the scanner", "scanner", f"{FRI} 20:00", [*SCANS[:1], *(f"scanner {FRI} 13:{m:02d} skip:outage" for m in range(0, 60, 5))], "OK", "skipped"),
    ("thirteen", "scanner", f"{FRI} 20:00", [*(f"scanner {FRI} 13:{m:02d} skip:outage" for m in range(0, 60, 5)), f"scanner {FRI} 14:00 skip:outage"], "WARN", "13 skips"),
    ("on the exam day it closes later", "scanner", f"{THU} 16:00", [f"scanner {WED} 14:00 ok"], "OK", f"{WED}: ran"),
    ("and then it is due", "scanner", f"{THU} 16:31", [f"scanner {WED} 14:00 ok"], "WARN", f"on {THU}"),
    # instances
    ("a healthy instance hides none that failed 30 times", "ingest@ETHUSD-1m", f"{FRI} 23:40", [*BTC, *ETH], "FAIL", "exit 1"),
    ("and is itself well", "ingest@BTCUSD-1m", f"{FRI} 23:40", [*BTC, *ETH], "OK", "every 60 s"),
    ("one failure within the budget", "ingest@BTCUSD-1m", f"{FRI} 23:41", [*BTC, f"ingest@BTCUSD-1m {FRI} 23:40 fail=1"], "WARN", "last well"),
    ("and made good", "ingest@BTCUSD-1m", f"{FRI} 23:42", [*BTC, f"ingest@BTCUSD-1m {FRI} 23:40 fail=1", f"ingest@BTCUSD-1m {FRI} 23:41 ok"], "OK", "ended well"),
    ("thirty minutes of silence", "ingest@BTCUSD-1m", f"{SAT} 00:08", BTC, "OK", "ended well"),
    ("more than thirty", "ingest@BTCUSD-1m", f"{SAT} 00:12", BTC, "WARN", "last ran 33 min ago"),
    ("more than an hour", "ingest@BTCUSD-1m", f"{SAT} 00:45", BTC, "FAIL", "the schedule starts it every 60 s"),
    ("thirty skips", "ingest@BTCUSD-1m", f"{FRI} 23:41", [f"ingest@BTCUSD-1m {FRI} {at} skip:outage" for at in MINUTES], "OK", "skipped because"),
    ("thirty-one", "ingest@BTCUSD-1m", f"{FRI} 23:42", [f"ingest@BTCUSD-1m {FRI} {at} skip:outage" for at in [*MINUTES, "23:40"]], "WARN", "31 skips"),
    ("nothing but busy", "ingest@BTCUSD-1m", f"{SAT} 03:00", [*BTC, *(f"ingest@BTCUSD-1m {SAT} 0{h}:00 skip:busy" for h in range(3))], "FAIL", "3 skip:busy"),
    ("a gap repair an instance", "gap_repair@BTCUSD-1m", f"{FRI} 23:40", [f"gap_repair@BTCUSD-1m {FRI} 21:17 ok"], "OK", "every 6 h"),
    ("a gap repair a day old", "gap_repair@BTCUSD-1m", f"{FRI} 23:40", [f"gap_repair@BTCUSD-1m {THU} 21:17 ok"], "WARN", "26 h ago"),
    ("a gap repair two days old", "gap_repair@BTCUSD-1m", f"{FRI} 23:40", [f"gap_repair@BTCUSD-1m {WED} 21:17 ok"], "FAIL", "2 days ago"),
    ("an instance of a job that is due", "report_eod@small", f"{FRI} 20:00", [f"report_eod {FRI} 18:10 ok", f"report_eod@small {FRI} 18:10 fail=1"], "FAIL", "exit 1"),
    ("beside the job itself", "report_eod", f"{FRI} 20:00", [f"report_eod {FRI} 18:10 ok", f"report_eod@small {FRI} 18:10 fail=1"], "OK", "ended well"),
    # a clock that ran ahead
    ("a night from the future is no night", "nightly", f"{FRI} 23:40", [*NIGHTS, "nightly 2027-06-01 22:10 ok"], "WARN", f"on {FRI}"),
    ("and hides no failure", "nightly", f"{FRI} 23:40", [*NIGHTS, f"nightly {FRI} 22:10 fail=1", "nightly 2027-06-01 22:10 ok"], "FAIL", "exit 1"),
    ("and is no failure itself", "nightly", f"{FRI} 23:40", [*NIGHTS, f"nightly {FRI} 22:10 ok", "nightly 2027-06-01 22:10 fail=1"], "OK", "ended well"),
    ("nor does it hide skips", "report_eod", f"{FRI} 20:00", [*SKIPS, "report_eod 2027-06-01 18:12 ok"], "FAIL", "5 skips"),
    ("nor that two were missed", "nightly", f"{NEXT} 23:40", [*NIGHTS, "nightly 2027-06-01 22:10 ok"], "FAIL", "missed 2 times"),
    ("a series of minutes alike", "ingest@BTCUSD-1m", f"{SAT} 03:00", [*BTC, "ingest@BTCUSD-1m 2027-06-01 22:10 ok"], "FAIL", "last ran"),
    # foreign and absurd lines
    ("no JSON", "nightly", f"{FRI} 23:40", ["{{{", f"nightly {FRI} 22:10 ok"], "OK", "ended well"),
    ("a list", "nightly", f"{FRI} 23:40", ["[1, 2]", f"nightly {FRI} 22:10 ok"], "OK", "ended well"),
    ("a start in words", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", '{"job":"nightly","start":"soon","end":1,"outcome":"fail"}'], "OK", "ended well"),
    ("a code that is none", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", '{"job":"nightly","start":1,"end":2,"code":[1],"outcome":"fail"}'], "OK", "ended well"),
    ("an end without end", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", '{"job":"nightly","start":1,"end":1e999,"outcome":"fail"}'], "OK", "ended well"),
    ("a job that is a number", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", '{"job":7,"start":1,"end":2,"outcome":"fail"}'], "OK", "ended well"),
    ("negative times", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", '{"job":"nightly","start":-9,"end":-2,"outcome":"fail"}'], "OK", "ended well"),
    ("an end before the start", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", '{"job":"nightly","start":9,"end":2,"outcome":"fail"}'], "OK", "ended well"),
    ("a torn piece before a whole line", "nightly", f"{FRI} 23:40", ['{"job":"nightly","inst', f"nightly {FRI} 22:10 ok"], "OK", "ended well"),
    ("no session: the day it began", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok for=-"], "OK", f"{FRI}: ran"),
    ("another job's failure is another's", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", f"scanner {FRI} 14:00 fail=1"], "OK", "ended well"),
    ("what somebody's own job does", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:10 ok", f"fx {FRI} 23:00 fail=1"], "OK", "ended well"),
    ("the order of the lines is not the order of the ends", "nightly", f"{FRI} 23:40", [f"nightly {FRI} 22:50 ok", f"nightly {FRI} 22:10 fail=1"], "OK", "ended well"),
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    return tmp_path


def a_world(home: Path, now: str, monkeypatch: pytest.MonkeyPatch) -> World:
    from tests.runs.verdict.support.worlds import seoul

    monkeypatch.setenv("NIGHTDESK_NOW", str(seoul(now)))
    return World(home, now)


@pytest.mark.parametrize(
    ("name", "now", "history", "state", "has"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_what_health_why_and_the_exit_code_say(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, now: str, history: list[str], state: str, has: str
) -> None:
    world = a_world(home, now, monkeypatch)
    world.with_history(*history)
    world.made(MON + " 00:00")
    found, sentence, code, why = world.says(name)
    assert (found, has in sentence) == (state, True), sentence
    assert code == (3 if state == "FAIL" else 0)
    assert why == f"{name} {sentence}"  # the two never disagree, to the letter
