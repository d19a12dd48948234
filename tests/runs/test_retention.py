"""Which runs may go: tables with the verdict written by hand after each entry; no clock appears in any of them."""

from __future__ import annotations

import inspect
import random
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest

from pyjobs.runs import log_retention, retention
from pyjobs.runs.retention import Entry, decide
from pyjobs.runs.run_folder import started_at

Row = tuple[str, str, str]  # RUN_ID or name, what it is, expected verdict


def entry(name: str, what: str) -> Entry:
    """`ok`, `partial`, `broken`, with `+pin`; `building`, `building+held`; `removing`, `link`, `foreign`; `@desk`."""
    what, _, desk = what.partition("@")
    kind, _, extra = what.partition("+")
    if kind in ("link", "foreign"):
        return Entry(name=name, kind=kind)
    if kind in ("building", "removing"):
        return Entry(name=f".{kind}-{name}", kind=kind, run_id=name, held=extra == "held", pinned=extra == "pin")
    return Entry(name=name, kind="run", run_id=name, status=kind, pinned=extra == "pin", group=desk)


def verdicts(entries: Iterable[Entry], keep_days: int = 30, keep_max_runs: int = 120) -> dict[str, str]:
    return {d.entry.name: d.action for d in decide(entries, keep_days=keep_days, keep_max_runs=keep_max_runs)}


def check(rows: list[Row], *, keep_days: int = 30, keep_max_runs: int = 120) -> None:
    found = verdicts([entry(name, what) for name, what, _ in rows], keep_days, keep_max_runs)
    assert found == {entry(name, what).name: expected for name, what, expected in rows}


def test_keep_days_counts_dates_that_have_a_good_run_and_no_days_of_the_calendar() -> None:
    check(
        [
            ("20261120T120000Z-0001", "ok", "keep"),
            ("20261120T110000Z-0002", "ok", "keep"),  # the same date again
            ("20261119T120000Z-0003", "partial", "keep"),  # no good run: takes nobody's place
            ("20260701T120000Z-0004", "ok", "keep"),  # the second date, after a long rest
            ("20260701T000000Z-0005", "partial", "keep"),
            ("20260630T235959Z-0006", "partial", "remove"),
            ("20260630T120000Z-0007", "ok", "remove"),
            ("20200101T120000Z-0008", "broken", "remove"),
        ],
        keep_days=2,
    )


def test_with_no_more_dates_than_are_kept_nothing_is_old() -> None:
    check(
        [
            ("20261120T120000Z-0001", "ok", "keep"),
            ("20160101T120000Z-0002", "ok", "keep"),
            ("20000101T120000Z-0003", "broken", "keep"),
        ],
        keep_days=2,
    )


def test_each_desk_has_its_own_dates() -> None:
    check(
        [
            ("20261120T120000Z-0001", "ok@daily", "keep"),
            ("20261119T120000Z-0002", "ok@daily", "keep"),
            ("20261118T120000Z-0003", "ok@daily", "remove"),
            ("20261101T120000Z-0004", "ok@weekly", "keep"),
            ("20261025T120000Z-0005", "ok@weekly", "keep"),
            ("20261018T120000Z-0006", "ok@weekly", "remove"),
            ("20261026T120000Z-0007", "broken", "keep"),  # of whom? a date that some desk keeps
            ("20261024T120000Z-0008", "broken", "remove"),
        ],
        keep_days=2,
    )


def test_the_newest_good_run_of_each_desk_stays_however_many_others_there_are() -> None:
    check(
        [
            ("20261120T120000Z-0001", "partial", "remove"),
            ("20261119T120000Z-0002", "partial", "remove"),
            ("20261118T120000Z-0003", "ok@a", "keep"),
            ("20261117T120000Z-0004", "ok@a", "keep"),
            ("20260731T120000Z-0005", "ok@b", "keep"),
        ],
        keep_max_runs=2,
    )


def test_beyond_the_number_broken_runs_go_first_then_partial_then_the_oldest_good_ones() -> None:
    rows = [
        ("20261120T120000Z-0001", "broken"),
        ("20261119T120000Z-0002", "partial"),
        ("20261118T120000Z-0003", "ok"),
        ("20261117T120000Z-0004", "partial"),
        ("20261116T120000Z-0005", "ok"),
    ]
    order = ["0003", "0005", "0002", "0004", "0001"]
    for kept in range(1, 6):
        left = {name for name, action in verdicts([entry(*row) for row in rows], 30, kept).items() if action == "keep"}
        assert {name[-4:] for name in left} == set(order[:kept])


def test_a_pinned_run_stays_and_takes_nobodys_place() -> None:
    check(
        [
            ("20261120T120000Z-0001", "ok", "keep"),
            ("20261119T120000Z-0002", "ok+pin", "keep"),
            ("20261118T120000Z-0003", "ok", "keep"),
            ("20261117T120000Z-0004", "ok", "remove"),
            ("20200101T120000Z-0005", "partial+pin", "keep"),
        ],
        keep_max_runs=2,
    )
    check(
        [
            ("20261120T120000Z-0001", "ok+pin", "keep"),
            ("20261119T120000Z-0002", "ok", "keep"),
            ("20261118T120000Z-0003", "ok", "remove"),
        ],
        keep_days=1,
    )


def test_what_is_not_ours_is_left_alone() -> None:
    check(
        [
            ("@eaDir", "foreign", "keep"),
            ("#recycle", "foreign", "keep"),
            ("20200101", "foreign", "keep"),
            ("20200101T000000Z-000g", "foreign", "keep"),
            ("latest", "link", "keep"),
            ("20200101T000000Z-0001", "link", "keep"),
        ]
    )


def test_a_run_that_is_being_built_stays_and_a_dead_one_goes_when_a_newer_one_is_there() -> None:
    check(
        [
            ("20261120T120000Z-0001", "ok", "keep"),
            ("20261101T120000Z-0002", "building+held", "keep"),
            ("20261120T115959Z-0003", "building", "remove"),
            ("20261101T120000Z-0005", "building+pin", "keep"),
            ("20261201T120000Z-0006", "building", "keep"),  # nothing is newer
            ("20261120T110000Z-0007", "removing", "remove"),
        ]
    )


def test_backtests_are_told_apart_by_strategy_and_ordered_by_the_time_in_their_name() -> None:
    def backtest(name: str) -> Entry:
        return Entry(name=name, kind="run", run_id=name, status="ok", group=name.split("Z_")[1])

    found = verdicts(
        [
            backtest("20261120T131000123Z_breakout"),
            backtest("20261120T131000124Z_breakout"),
            backtest("20261119T131000123Z_breakout"),
            backtest("20250101T131000123Z_ma_cross"),
        ],
        keep_days=1,
    )
    assert list(found.values()) == ["keep", "remove", "keep", "keep"]


def test_the_decision_asks_no_clock() -> None:
    source = inspect.getsource(retention) + inspect.getsource(log_retention.old_logs)
    assert not {"now", "today", "time(", "mtime("} & set(source.replace(" no mtime:", "").split())
    assert "clock." not in source and "import time" not in source


CLOCKS = {
    "60 days ahead": timedelta(days=60),
    "a year ahead": timedelta(days=365),
    "2038": timedelta(days=4100),
    "1970": -timedelta(days=20_700),
    "a month back": -timedelta(days=31),
    "summer time": timedelta(hours=1),
    "winter time": -timedelta(hours=1),
}


def _history(random_: random.Random) -> tuple[list[Entry], set[str]]:
    """Nights of a desk, some under a wrong clock; and the names of those whose clock was right."""
    began = datetime(2026, 1, 1, 13, 10, tzinfo=UTC) + timedelta(days=random_.randrange(400))
    entries, true = [], set()
    for night in range(random_.randrange(1, 60)):
        wrong = random_.random() < 0.1
        moment = began + timedelta(days=night) + (random_.choice(list(CLOCKS.values())) if wrong else timedelta(0))
        run_id = f"{moment:%Y%m%dT%H%M%SZ}-{night:04x}"
        status = "ok" if random_.random() < 0.8 else random_.choice(("partial", "broken"))
        entries.append(Entry(name=run_id, kind="run", run_id=run_id, status=status, group="d"))
        if not wrong:
            true.add(run_id)
    return entries, true


@pytest.mark.parametrize("histories", [500, pytest.param(10_000, marks=pytest.mark.torture)])
def test_in_many_histories_no_run_goes_that_has_not_so_many_newer_dates(histories: int) -> None:
    random_ = random.Random(12)
    lost = 0
    for _ in range(histories):
        entries, true = _history(random_)
        keep = random_.choice((3, 7, 30))
        kept = {name for name, action in verdicts(entries, keep).items() if action == "keep"}
        wrong_dates = {each.name[:8] for each in entries if each.name not in true}
        true_good = sorted({each.name[:8] for each in entries if each.name in true and each.status == "ok"})
        # a wrong clock takes at most one place for each date that it made up
        safe = set(true_good[-max(1, keep - len(wrong_dates)) :])
        good = sorted({each.name[:8] for each in entries if each.status == "ok"})
        for each in entries:
            if each.name in true and each.status == "ok" and each.name[:8] in safe and len(wrong_dates) < keep:
                lost += each.name not in kept
            newer = len(good) - bisect_right(good, each.name[:8])
            assert (each.name in kept) == (newer < keep or len(good) <= keep)
    assert lost == 0


@pytest.mark.parametrize("shift", CLOCKS.values(), ids=CLOCKS)
def test_one_night_under_a_wrong_clock_removes_no_night_and_no_log(shift: timedelta) -> None:
    today = datetime(2026, 11, 20, 13, 10, tzinfo=UTC)
    nights = [today - timedelta(days=age) for age in range(6)]
    entries = [entry(f"{night:%Y%m%dT%H%M%SZ}-0001", "ok@d") for night in nights]
    wrong = entry(f"{today + shift:%Y%m%dT%H%M%SZ}-0002", "ok@d")
    assert set(verdicts([*entries, wrong]).values()) == {"keep"}
    logs = [f"nightly_{night:%Y-%m-%d}.log" for night in [*nights, today + shift]]
    assert log_retention.old_logs(logs, keep_days=30) == []


def test_logs_of_each_name_keep_their_newest_dates() -> None:
    days = [date(2026, 1, 1) + timedelta(days=age) for age in range(10)]
    daily = [f"scanner_{day}.log" for day in days]
    rare = ["compare_ma_cross_2019-01-01.log", "compare_breakout_2018-01-01.log", "history-2017-01-01.jsonl"]
    assert log_retention.old_logs([*daily, *rare], keep_days=4) == daily[:6]


def test_an_empty_folder_needs_no_decision() -> None:
    assert decide([], keep_days=30, keep_max_runs=120) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20261120T131000Z-9f3c", datetime(2026, 11, 20, 13, 10, tzinfo=UTC)),
        ("20261120T131000Z-9F3C", None),
        ("20261120T131000Z", None),
        ("20261320T131000Z-9f3c", None),
        ("20261120T251000Z-9f3c", None),
        ("20261120T131000Z-9f3c ", None),
        ("20261120T131000Z-9f3c\n", None),
        ("٢0261120T131000Z-9f3c", None),
        ("", None),
    ],
)
def test_a_run_id_is_one_exact_shape(name: str, expected: datetime | None) -> None:
    assert started_at(name) == expected
