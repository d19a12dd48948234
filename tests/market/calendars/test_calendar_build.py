"""Building the calendar files: the committed ones are fresh, corrections do what they say, slips are refused."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from pyjobs import build_calendars
from pyjobs.market.calendars import build as calendar_build
from utils.errors import ConfigError
from utils.exit_codes import ExitCode
from utils.run import run

CALENDARS = Path(__file__).resolve().parents[3] / "config" / "calendars"

OVERLAY = """
covers: {first: 2026-01-01, last: 2026-12-31}
markets:
  XKRX:
    published_to: 2026-12-31
    reasons: {1: first session of the year}
"""
CLOSURE = "    closures: [{date: 2026-06-03, why: elections, source: a notice}]\n"


def overlay(folder: Path, text: str) -> Path:
    (folder / "overlay.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("    closures: [{date: 2026-06-03, why: elections}]\n", "source"),
        ("    closures: [{date: 2026-06-03, why: elections, source: ' '}]\n", "source"),
        ("    closures: [{date: 2026-06-33, why: elections, source: a}]\n", "closures"),
        ("    closures: [{date: 2028-06-03, why: elections, source: a}]\n", "2028-06-03 is outside covers"),
        ("    closure: []\n", "closure"),
        (CLOSURE + "    sessions: [{date: 2026-06-03, why: b, source: b}]\n", "2026-06-03 is given twice"),
        ("    hours: [{date: 2026-11-19, open: 10:00, close: 4:30, why: exam, source: a}]\n", "10:00-4:30 is not"),
        ("    hours: [{date: 2026-11-19, open: 16:30, close: 10:00, why: exam, source: a}]\n", "later close"),
        ("    hours: [{date: 2026-11-19, open: 10:00, close: 10:60, why: exam, source: a}]\n", "10:00-10:60 is not"),
        ("  : : :\n", "overlay.yaml"),
    ],
)
def test_a_slip_in_the_overlay_is_refused_by_name_before_anything_is_written(
    tmp_path: Path, entry: str, what: str
) -> None:
    folder = overlay(tmp_path, OVERLAY + entry)
    with pytest.raises(ConfigError, match=r"overlay\.yaml") as raised:
        build_calendars.main(["--folder", str(folder)])
    assert what in str(raised.value)
    assert [path.name for path in folder.iterdir()] == ["overlay.yaml"]


def schedule(regular: tuple[str, str] = ("09:00", "15:30")) -> calendar_build.Schedule:
    """A library's view of three days."""
    days = (dt.date(2026, 6, 2), dt.date(2026, 6, 3), dt.date(2026, 6, 4))
    return calendar_build.Schedule(
        zone="Asia/Seoul", hours=dict.fromkeys(days, regular), regular_from=((dt.date(2026, 1, 1), regular),)
    )


def compiled(folder: Path, entries: str) -> calendar_build.Compiled:
    loaded = calendar_build.load_overlay(overlay(folder, OVERLAY + entries) / "overlay.yaml")
    return calendar_build.compile_market("XKRX", schedule(), loaded.markets["XKRX"], loaded.covers)


def test_a_correction_changes_the_text_and_is_counted(tmp_path: Path) -> None:
    hours_entry = "    hours: [{date: 2026-06-02, open: 10:00, close: 16:30, why: an exam, source: a notice}]\n"
    result = compiled(tmp_path, CLOSURE + hours_entry)
    assert result.text == (
        "# market XKRX\n# zone Asia/Seoul\n# covers 2026-01-01 2026-12-31\n# offset 0 32400\n"
        "2026-06-02\t1780362000\t1780385400\t10:00\t16:30\tlate_open,late_close: an exam\n"
        "2026-06-04\t1780531200\t1780554600\t09:00\t15:30\tregular\n"
        "# end 2 sessions\n"
    )
    assert (result.sessions, result.special, result.corrected, result.redundant) == (2, 1, 2, ())


def test_a_correction_the_library_has_right_by_now_is_reported(tmp_path: Path) -> None:
    result = compiled(
        tmp_path,
        "    closures: [{date: 2026-06-05, why: a, source: a}]\n"
        "    sessions: [{date: 2026-06-03, why: a, source: a}]\n"
        "    hours: [{date: 2026-06-04, open: 09:00, close: 15:30, why: a, source: a}]\n",
    )
    assert [what.split(":")[0] for what in result.redundant] == [
        "XKRX closures 2026-06-05",
        "XKRX sessions 2026-06-03",
        "XKRX hours 2026-06-04",
    ]
    assert result.corrected == 0


def test_hours_for_a_day_without_a_session_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2026-06-06"):
        compiled(tmp_path, "    hours: [{date: 2026-06-06, open: 10:00, close: 16:30, why: a, source: a}]\n")


def test_special_hours_that_nothing_explains_are_refused(tmp_path: Path) -> None:
    loaded = calendar_build.load_overlay(overlay(tmp_path, OVERLAY) / "overlay.yaml")
    odd = calendar_build.Schedule(
        zone="Asia/Seoul",
        hours={dt.date(2026, 6, 2): ("09:00", "12:00")},
        regular_from=((dt.date(2026, 1, 1), ("09:00", "15:30")),),
    )
    with pytest.raises(ConfigError, match=r"reasons: 2026-06-02 is 09:00-12:00"):
        calendar_build.compile_market("XKRX", odd, loaded.markets["XKRX"], loaded.covers)


def test_check_names_the_first_line_that_differs_and_leaves_the_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    markets = "covers: {first: 2026-01-01, last: 2026-12-31}\nmarkets:\n  24/7: {published_to: 2026-12-31}\n"
    folder = overlay(tmp_path, markets)
    assert run(build_calendars.main, ["--folder", str(folder)]) == ExitCode.OK
    assert run(build_calendars.main, ["--folder", str(folder), "--check"]) == ExitCode.OK
    built = (folder / "24-7.tsv").read_text(encoding="utf-8")
    shutil.copyfile(CALENDARS / "XTKS.tsv", folder / "24-7.tsv")
    assert run(build_calendars.main, ["--folder", str(folder), "--check"]) == ExitCode.BAD_CONFIG
    assert "24-7.tsv:1: has '# market XTKS', a fresh build gives '# market 24/7'" in capsys.readouterr().err
    (folder / "24-7.tsv").write_text(built + "\n", encoding="utf-8")
    assert run(build_calendars.main, ["--folder", str(folder), "--check"]) == ExitCode.BAD_CONFIG
    assert (folder / "24-7.tsv").read_text(encoding="utf-8") == built + "\n"
