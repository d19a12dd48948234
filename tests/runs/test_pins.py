"""A pin keeps its run, holds the reason, and ends by later nights, never by a clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs import pin_run
from pyjobs.runs import pins, prune
from pyjobs.runs.pins import Pin
from pyjobs.runs.retention import Entry, decide
from tests.runs.test_run_folder import make_run
from utils.errors import MissingInputError, UsageError


def verdicts(*runs: tuple[str, str, str]) -> dict[str, tuple[str, str]]:
    """By date the verdict on runs (date, status, the end of their pin or `-` for none) where one date is kept."""
    entries = [
        Entry(name=f"{day}T120000Z-0001", kind="run", run_id=f"{day}T120000Z-0001", status=status, group="d",
              pinned=until != "-", pin_reason="why", pin_until=until.removeprefix("-"))
        for day, status, until in runs
    ]  # fmt: skip
    return {d.entry.date: (d.action, d.reason) for d in decide(entries, keep_days=1, keep_max_runs=9)}


def test_a_pin_holds_until_two_later_dates_have_good_runs() -> None:
    pinned, later, latest = ("20261101", "ok", "2026-11-30"), ("20261201", "ok", "-"), ("20261202", "ok", "-")
    assert verdicts(pinned, later)["20261101"] == ("keep", "pinned until 2026-11-30: why")
    assert verdicts(pinned, later, ("20261202", "partial", "-"))["20261101"][0] == "keep"
    assert verdicts(pinned, later, latest)["20261101"][0] == "remove"
    assert verdicts(("20261101", "ok", ""), later, latest)["20261101"] == ("keep", "pinned: why")


def test_one_night_under_a_clock_that_was_years_ahead_ends_no_pin() -> None:
    rows = [("20261101", "ok", "2026-12-31"), ("20261102", "ok", "-"), ("20380119", "ok", "-")]
    assert verdicts(*rows)["20261101"][0] == "keep"


def test_the_last_day_of_a_pin_belongs_to_it() -> None:
    rows = [("20261101", "ok", "2026-11-02"), ("20261102", "ok", "-"), ("20261103", "ok", "-")]
    assert verdicts(*rows)["20261101"][0] == "keep"
    assert verdicts(*rows, ("20261104", "ok", "-"))["20261101"][0] == "remove"


def test_what_was_pinned_by_hand_is_pinned_for_ever(tmp_path: Path) -> None:
    assert pins.read(tmp_path) is None
    for text, reason in (
        ("", ""),
        ("do not touch!\n", "do not touch!"),
        ("until: soon\n", "(until 'soon', which is no date"),
    ):
        (tmp_path / "PINNED").write_text(text)
        found = pins.read(tmp_path)
        assert found is not None and found.until == "" and found.reason.startswith(reason)
    (tmp_path / "PINNED").unlink()
    (tmp_path / "PINNED").mkdir()
    assert pins.read(tmp_path) is not None


def test_the_verb_pins_lists_and_unpins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    name = make_run(tmp_path / "data/server_runs", "20261120T131000Z-0001").name
    assert pin_run.main([name, "--reason", "the baseline", "--until", "2027-03-31"]) == 0
    assert pins.read(tmp_path / "data/server_runs" / name) == Pin("the baseline", "2027-03-31")
    (seen,) = prune.look(tmp_path / "data/server_runs")
    assert (seen.pinned, seen.pin_reason, seen.pin_until) == (True, "the baseline", "2027-03-31")
    capsys.readouterr()
    assert pin_run.main([]) == 0
    assert capsys.readouterr().out == f"{name}  until 2027-03-31  the baseline\n1 pinned\n"
    assert pin_run.main([name, "--unpin"]) == 0
    assert pins.read(tmp_path / "data/server_runs" / name) is None


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["20261120T131000Z-0001"], UsageError),  # no reason
        (["20261120T131000Z-0001", "--reason", "x", "--until", "31.12.2026"], UsageError),
        (["20261120T131000Z-0001", "--reason", "x", "--unpin"], UsageError),
        (["--reason", "x"], UsageError),
        (["20261120T131000Z-9999", "--reason", "x"], MissingInputError),
    ],
)
def test_what_pins_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], error: type[Exception]
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    run = make_run(tmp_path / "data/server_runs", "20261120T131000Z-0001")
    with pytest.raises(error):
        pin_run.main(flags)
    assert pins.read(run) is None
