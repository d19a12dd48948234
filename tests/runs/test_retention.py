"""Which runs may go: tables with the verdict written by hand beside each entry."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pyjobs.runs.retention import Entry, decide
from pyjobs.runs.run_folder import started_at

NOW = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
Row = tuple[str, str, str]  # RUN_ID or name, what it is, expected verdict


def entry(name: str, what: str) -> Entry:
    """`ok`, `partial`, `broken`, with `+pin`; `building`, `building+held`; `removing`, `link`, `foreign`."""
    kind, _, extra = what.partition("+")
    if kind in ("link", "foreign"):
        return Entry(name=name, kind=kind)
    if kind in ("building", "removing"):
        return Entry(name=f".{kind}-{name}", kind=kind, run_id=name, held=extra == "held", pinned=extra == "pin")
    return Entry(name=name, kind="run", run_id=name, status=kind, pinned=extra == "pin")


def verdicts(rows: list[Row], *, now: datetime = NOW, keep_days: int = 30, keep_max_runs: int = 120) -> dict[str, str]:
    entries = [entry(name, what) for name, what, _ in rows]
    return {d.entry.name: d.action for d in decide(entries, now=now, keep_days=keep_days, keep_max_runs=keep_max_runs)}


def check(rows: list[Row], *, now: datetime = NOW, keep_days: int = 30, keep_max_runs: int = 120) -> None:
    found = verdicts(rows, now=now, keep_days=keep_days, keep_max_runs=keep_max_runs)
    assert found == {entry(name, what).name: expected for name, what, expected in rows}


def test_age_is_told_by_the_name() -> None:
    check(
        [
            ("20261120T120000Z-0001", "ok", "keep"),
            ("20261021T130000Z-0002", "ok", "keep"),  # exactly thirty days
            ("20261021T125959Z-0003", "ok", "remove"),  # a second more
            ("20260901T130000Z-0004", "partial", "remove"),
            ("20260901T130000Z-0005", "broken", "remove"),
        ]
    )


def test_the_newest_good_run_stays_however_old_and_however_many_bad_ones_follow() -> None:
    check(
        [
            ("20261120T120000Z-0001", "partial", "keep"),
            ("20261119T120000Z-0002", "partial", "keep"),
            ("20261118T120000Z-0003", "broken", "remove"),
            ("20260801T120000Z-0004", "ok", "keep"),
            ("20260731T120000Z-0005", "ok", "remove"),
        ],
        keep_max_runs=2,
    )


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


def test_a_run_that_is_being_built_stays_and_a_dead_one_goes_after_a_day() -> None:
    check(
        [
            ("20261120T120000Z-0001", "ok", "keep"),
            ("20261101T120000Z-0002", "building+held", "keep"),
            ("20261119T130000Z-0003", "building", "keep"),  # exactly a day
            ("20261119T125959Z-0004", "building", "remove"),
            ("20261101T120000Z-0005", "building+pin", "keep"),
            ("20261201T120000Z-0006", "building", "keep"),
            ("20261120T110000Z-0007", "removing", "remove"),
        ]
    )


def test_runs_from_the_future_are_kept_and_push_nobody_out() -> None:
    check(
        [
            ("20380119T031407Z-0001", "ok", "keep"),
            ("20261120T120000Z-0002", "ok", "keep"),
            ("20261119T120000Z-0003", "ok", "keep"),
            ("20261118T120000Z-0004", "ok", "remove"),
        ],
        keep_max_runs=2,
    )


def test_a_run_from_the_future_is_named() -> None:
    rows = decide([entry("20261122T130000Z-0001", "ok")], now=NOW, keep_days=30, keep_max_runs=9)
    assert rows[0].reason == "from the future (by 2.0 days): is the clock right?"


def test_under_a_clock_twelve_years_ahead_nothing_goes_by_age() -> None:
    rows: list[Row] = [
        ("20261120T120000Z-0001", "ok", "keep"),
        ("20261119T120000Z-0002", "ok", "keep"),
        ("20261118T120000Z-0003", "partial", "keep"),
        ("20261117T120000Z-0004", "building", "keep"),
    ]
    check(rows, now=datetime(2038, 1, 19, tzinfo=UTC))
    # a night under that clock has no fresh bars, so it is partial and vouches for nothing
    check([("20380119T000000Z-0005", "partial", "keep"), *rows], now=datetime(2038, 1, 19, 1, tzinfo=UTC))


def test_a_good_run_after_a_long_rest_vouches_for_the_clock() -> None:
    check(
        [
            ("20261120T120000Z-0001", "partial", "keep"),
            ("20261119T120000Z-0002", "ok", "keep"),
            ("20200101T120000Z-0003", "ok", "remove"),
            ("20200101T110000Z-0004", "building", "remove"),
        ]
    )


def test_under_a_clock_that_fell_back_nothing_goes_by_age() -> None:
    check(
        [
            ("20261120T120000Z-0001", "ok", "keep"),
            ("20261001T120000Z-0002", "ok", "keep"),
            ("20260801T120000Z-0003", "ok", "keep"),  # 41 days old by this clock, but this clock is wrong
            ("20260801T120000Z-0004", "building", "keep"),
        ],
        now=datetime(2026, 9, 12, tzinfo=UTC),
    )
    check([("20261120T120000Z-0001", "ok", "keep")], now=datetime(1970, 1, 1, tzinfo=UTC))


def test_a_few_hours_of_clock_trouble_change_nothing() -> None:
    check(
        [
            ("20261120T180000Z-0001", "ok", "keep"),
            ("20261119T120000Z-0002", "ok", "keep"),
            ("20260901T120000Z-0003", "ok", "remove"),
        ]
    )


def test_what_lies_before_a_hole_that_nothing_vouches_for_is_still_counted() -> None:
    check(
        [
            ("20261120T120000Z-0001", "partial", "keep"),
            ("20251201T120000Z-0002", "ok", "keep"),
            ("20251130T120000Z-0003", "ok", "keep"),
            ("20251129T120000Z-0004", "ok", "remove"),
        ],
        keep_max_runs=3,
    )


def test_an_empty_folder_needs_no_decision() -> None:
    assert decide([], now=NOW, keep_days=30, keep_max_runs=120) == []


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
