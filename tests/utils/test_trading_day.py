"""The reader of the calendar files: what it answers, and what it refuses. Expected values are written by hand."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from utils import trading_day
from utils.errors import ConfigError
from utils.exit_codes import ExitCode
from utils.trading_day import CalendarRangeError, load

ROOT = Path(__file__).resolve().parent.parent.parent

HEADER = "# market TEST\n# zone Asia/Seoul\n# covers 2024-01-01 2024-01-10\n# offset 0 32400\n"
ROWS = (
    "2024-01-02\t1704157200\t1704177000\t10:00\t15:30\tlate_open: first session of the year\n"
    "2024-01-03\t1704240000\t1704263400\t09:00\t15:30\tregular\n"
    "2024-01-04\t1704326400\t1704349800\t09:00\t15:30\tregular\n"
)


def whole(text: str) -> str:
    """`text` with the last line that its number of rows asks for."""
    lines = text.splitlines()
    header = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return f"{text}# end {len(lines) - header} sessions\n"


def utc(text: str) -> int:
    """UTC epoch second of `YYYY-MM-DD HH:MM`."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def written(folder: Path, text: str, name: str = "TEST.tsv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_session_has_its_date_its_hours_in_utc_and_a_note() -> None:
    session = load("XKRX").session(day("2026-11-20"))
    assert session == (day("2026-11-20"), utc("2026-11-20 00:00"), utc("2026-11-20 06:30"), "regular")


def test_a_closed_day_is_no_trading_day_and_an_open_one_is() -> None:
    assert trading_day.is_trading_day(day("2026-11-20"))
    assert not trading_day.is_trading_day(day("2026-11-21"))
    assert not trading_day.is_trading_day(day("2026-12-25"), market="XNYS")
    assert trading_day.is_trading_day(day("2026-12-25"), market="24/7")


def test_a_datetime_is_asked_about_by_its_date() -> None:
    assert trading_day.is_trading_day(dt.datetime(2026, 11, 20, 23, 59))  # noqa: DTZ001 - a local wall clock
    assert load("XKRX").next_session(dt.datetime(2026, 11, 20, 1, 0)).date == day("2026-11-23")  # noqa: DTZ001


def test_without_a_day_the_date_at_the_exchange_decides_not_the_one_in_utc() -> None:
    sunday_evening_utc = utc("2026-11-22 23:30")  # Monday 08:30 in Seoul, Sunday 18:30 in New York
    assert trading_day.is_trading_day(now_s=sunday_evening_utc)
    assert not trading_day.is_trading_day(market="XNYS", now_s=sunday_evening_utc)
    assert trading_day.local_date("XKRX", sunday_evening_utc) == day("2026-11-23")
    assert trading_day.local_date("XNYS", sunday_evening_utc) == day("2026-11-22")
    assert trading_day.local_date("24/7", sunday_evening_utc) == day("2026-11-22")


def test_local_midnight_in_new_york_moves_with_summer_time() -> None:
    assert trading_day.local_date("XNYS", utc("2026-03-06 04:59")) == day("2026-03-05")
    assert trading_day.local_date("XNYS", utc("2026-03-06 05:00")) == day("2026-03-06")
    assert trading_day.local_date("XNYS", utc("2026-03-09 03:59")) == day("2026-03-08")
    assert trading_day.local_date("XNYS", utc("2026-03-09 04:00")) == day("2026-03-09")


@pytest.mark.parametrize(
    ("market", "moment", "is_open"),
    [
        ("XKRX", "2026-11-19 00:30", False),  # exam day: 10:00 to 16:30
        ("XKRX", "2026-11-19 00:59", False),
        ("XKRX", "2026-11-19 01:00", True),
        ("XKRX", "2026-11-19 07:29", True),
        ("XKRX", "2026-11-19 07:30", False),
        ("XKRX", "2026-11-20 00:00", True),
        ("XKRX", "2026-11-20 06:30", False),
        ("XNYS", "2026-11-27 17:59", True),  # day after Thanksgiving: until 13:00
        ("XNYS", "2026-11-27 18:00", False),
        ("XTKS", "2026-11-20 03:00", True),  # the lunch break does not count
        ("24/7", "2026-12-25 00:00", True),
        ("24/7", "2026-12-25 23:59", True),
    ],
)
def test_hours_are_half_open_and_know_late_opens_and_half_days(market: str, moment: str, is_open: bool) -> None:
    assert trading_day.in_trading_hours(utc(moment), market) is is_open


def test_the_last_closed_session_is_todays_only_from_its_close_on() -> None:
    assert trading_day.last_closed_session("XKRX", utc("2026-11-20 06:29")).date == day("2026-11-19")
    assert trading_day.last_closed_session("XKRX", utc("2026-11-20 06:30")).date == day("2026-11-20")
    assert trading_day.last_closed_session("XKRX", utc("2026-11-22 12:00")).date == day("2026-11-20")
    assert trading_day.last_closed_session("XKRX", utc("2025-10-09 12:00")).date == day("2025-10-02")
    assert trading_day.last_closed_session("24/7", utc("2026-11-20 13:00")).date == day("2026-11-19")


def test_next_and_previous_sessions_leave_out_the_day_itself() -> None:
    assert trading_day.load("XKRX").next_session(day("2025-10-02")).date == day("2025-10-10")
    assert trading_day.load("XKRX").previous_session(day("2025-10-10")).date == day("2025-10-02")
    assert trading_day.load("XKRX").next_session(day("2025-10-05")).date == day("2025-10-10")
    assert trading_day.load("XKRX").previous_session(day("2025-10-05")).date == day("2025-10-02")


def test_sessions_between_two_days_include_both_ends() -> None:
    found = trading_day.load("XKRX").sessions_between(day("2025-10-02"), day("2025-10-13"))
    assert [session.date.isoformat() for session in found] == ["2025-10-02", "2025-10-10", "2025-10-13"]
    assert trading_day.load("XKRX").sessions_between(day("2025-10-13"), day("2025-10-02")) == []


def test_a_day_outside_the_file_is_refused_with_market_date_range_and_command() -> None:
    with pytest.raises(CalendarRangeError) as raised:
        trading_day.is_trading_day(day("2028-01-03"))
    message = str(raised.value)
    assert raised.value.exit_code == ExitCode.BAD_CONFIG
    for part in ("XKRX", "2028-01-03", "2010-01-01..2027-12-31", "python -m pyjobs.build_calendars"):
        assert part in message
    with pytest.raises(CalendarRangeError, match="2009-12-31"):
        trading_day.is_trading_day(day("2009-12-31"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda: trading_day.local_date("XKRX", utc("2028-01-01 00:00")),
        lambda: trading_day.in_trading_hours(0.0),  # a board without a clock boots in 1970
        lambda: trading_day.in_trading_hours(1e15),
        lambda: trading_day.last_closed_session("XKRX", utc("2010-01-03 00:00")),
        lambda: trading_day.load("XKRX").next_session(day("2027-12-30")),
        lambda: trading_day.load("XKRX").previous_session(day("2010-01-04")),
        lambda: trading_day.load("XKRX").sessions_between(day("2027-12-01"), day("2028-01-31")),
    ],
)
def test_no_question_beyond_the_range_is_answered_with_a_guess(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(CalendarRangeError):
        ask()


def test_days_left_counts_down_and_goes_below_zero_without_an_error() -> None:
    tokyo = trading_day.load("XTKS")
    assert (tokyo.first, tokyo.last) == (day("2010-01-01"), day("2027-12-31"))
    assert trading_day.load("XKRX").days_left(utc("2027-12-01 00:00")) == 30
    assert trading_day.load("XKRX").days_left(utc("2027-12-31 03:00")) == 0
    assert trading_day.load("XKRX").days_left(utc("2028-01-10 00:00")) == -10
    assert trading_day.load("XKRX").days_left(1e15) < 0


@pytest.mark.parametrize("market", ["XWBO", "xkrx", "", "../calendars/XKRX", "24-7"])
def test_an_unknown_market_is_refused_by_naming_the_known_ones(market: str) -> None:
    with pytest.raises(ConfigError, match="24/7, CMES, FX, XAMS, XASX, XBOM") as raised:
        load(market)
    assert repr(market) in str(raised.value)
    assert raised.value.exit_code == ExitCode.BAD_CONFIG


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (HEADER + ROWS[:-20], 7, "cut off"),
        (HEADER + ROWS.replace("\tregular\n", "\n", 1), 6, "columns"),
        (HEADER + "\n" + ROWS, 5, "columns"),
        (HEADER + ROWS + ROWS.splitlines()[2] + "\n", 8, "2024-01-04 is not after 2024-01-04"),
        (HEADER + ROWS + ROWS, 8, "2024-01-02 is not after 2024-01-04"),
        (HEADER + ROWS.splitlines()[0] + "\n" + HEADER + ROWS, 6, "columns"),
        (HEADER, 5, "sessions are missing"),
        ("", 1, "# market"),
        (ROWS, 1, "# market"),
        (HEADER.replace("# zone Asia/Seoul\n", "") + ROWS, 1, "# zone"),
        (HEADER.replace("# offset 0 32400\n", "") + ROWS, 1, "# offset"),
        (HEADER.replace("32400", "nine hours") + ROWS, 4, "offset"),
        (HEADER.replace("TEST", "XKRX") + ROWS, 1, "'XKRX'"),
    ],
)
def test_a_damaged_file_is_refused_with_file_and_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load("TEST", written(tmp_path, whole(text) if text.endswith("\n") else text))
    assert f"{tmp_path / 'TEST.tsv'}:{line}: damaged" in str(raised.value)
    assert what in str(raised.value)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_file_that_lost_a_row_or_its_end_is_refused(tmp_path: Path, lost: int) -> None:
    lines = whole(HEADER + ROWS).splitlines(keepends=True)
    del lines[4 + lost]
    for text in ("".join(lines), "".join(lines[:-1])):
        with pytest.raises(ConfigError, match="sessions are missing, or the last line is not"):
            load("TEST", written(tmp_path, text))


def test_a_header_with_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="covers 2024-01-01 tomorrow"):
        load("TEST", written(tmp_path, whole(HEADER.replace("2024-01-10", "tomorrow") + ROWS)))


@pytest.mark.parametrize(("old", "new"), [("1704240000", "170424oooo"), ("1704240000", "1704263400")])
def test_a_row_with_bad_numbers_is_refused_when_it_is_looked_at(tmp_path: Path, old: str, new: str) -> None:
    calendar = load("TEST", written(tmp_path, whole(HEADER + ROWS.replace(old, new))))
    with pytest.raises(ConfigError, match=r"TEST\.tsv:6: damaged"):
        calendar.session(day("2024-01-03"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "TEST.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load("TEST", tmp_path)


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    folder = written(tmp_path, whole(HEADER + ROWS))
    assert load("TEST", folder).session(day("2024-01-05")) is None
    more = "2024-01-05\t1704412800\t1704436200\t09:00\t15:30\tregular\n"
    assert load("TEST", written(tmp_path, whole(HEADER + ROWS + more))).session(day("2024-01-05")) is not None


def test_everything_works_on_a_box_without_time_zone_data() -> None:
    code = (
        "import zoneinfo\n"
        "try:\n    zoneinfo.ZoneInfo('Asia/Seoul')\n"
        "except zoneinfo.ZoneInfoNotFoundError:\n    print('no tzdata')\n"
        "from utils import trading_day as t\n"
        "print(t.local_date('XKRX', 1795049999), t.in_trading_hours(1795049999), t.in_trading_hours(1795050000))\n"
        "print(t.local_date('XNYS', 1772773199), t.local_date('XNYS', 1772773200))\n"
    )
    # 1795050000 is 2026-11-19 01:00 UTC, 10:00 in Seoul; 1772773200 is 2026-03-06 05:00 UTC, midnight in New York
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],  # -S: the tzdata package from PyPI is out of reach as well
        cwd=ROOT,
        env={"PYTHONTZPATH": "", "TZ": "Asia/Nowhere", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.splitlines() == ["no tzdata", "2026-11-19 False True", "2026-03-05 2026-03-06"]


def test_importing_it_pulls_in_nothing_heavy() -> None:
    heavy = ("pandas", "numpy", "json", "zoneinfo", "yaml", "msgspec", "dataclasses", "inspect", "exchange_calendars")
    code = f"import sys, utils.trading_day; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == "[]"


def test_loading_and_one_lookup_take_at_most_five_milliseconds(tmp_path: Path) -> None:
    copy = tmp_path / "XKRX.tsv"
    shutil.copyfile(ROOT / "config" / "calendars" / "XKRX.tsv", copy)
    times_s = []
    for turn in range(15):
        os.utime(copy, (turn, turn))  # a new modification time: the cache does not help
        begin = time.perf_counter()
        load("XKRX", tmp_path).session(day("2026-11-19"))
        times_s.append(time.perf_counter() - begin)
    assert min(times_s) <= 0.005
