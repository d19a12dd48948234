"""Files of few rows, whose distances show little; and folders of files that do not answer."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.dumps import changed, import_desk, unreachable
from pyjobs.market.store.bar_store import BarStore
from tests.market.dumps.support.more_dialects import NOW_MS, read, rows
from utils.errors import NightdeskError

COIN, KRX, SHANGHAI = {"market": "24/7"}, {"market": "XKRX"}, {"market": "XSHG"}


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XNYS", "XKRX", "XSHG", "24/7")}


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ("2024-01-02 2024-01-13 2024-01-30", COIN),  # 11 and 17 days: no fortnights
        ("2024-01-02 2024-01-16 2024-01-31", {}),
        ("2024-01-10 2024-02-12 2024-03-08", {}),  # 33 and 25 days, on no one day of a month
        ("2025-10-02 2025-10-10 2025-10-13", KRX),  # Chuseok
        ("2019-09-30 2019-10-08 2019-10-09", SHANGHAI),  # the golden week
        ("2020-01-23 2020-02-03", SHANGHAI),
    ],
)
def test_few_days_with_holes_and_holidays_between_them_are_days(
    hours: dict[str, MarketHours], tmp_path: Path, days: str, told: dict[str, str]
) -> None:
    assert len(read(tmp_path / "x.csv", hours, rows(days.split()), **told).bars) == len(days.split())


@pytest.mark.parametrize(
    ("days", "what"),
    [
        ("2024-01-05 2024-01-19 2024-02-02", "fortnights"),
        ("2024-01-05 2024-01-12 2024-01-19", "weeks"),
        ("2024-01-02 2024-02-01 2024-03-01", "months"),  # their first sessions
        ("2024-01-31 2024-02-29 2024-03-28", "months"),  # their last ones
        ("2024-02-01 2024-03-01", "one month"),
    ],
)
def test_few_rows_at_the_distances_of_a_rule_are_no_days(
    hours: dict[str, MarketHours], tmp_path: Path, days: str, what: str
) -> None:
    with pytest.raises(NightdeskError, match=f"its rows are {what} apart, not bars of 1d"):
        read(tmp_path / "x.csv", hours, rows(days.split()))


@pytest.mark.parametrize(
    ("word", "timeframe"), [("15M", "15m"), ("1M", "1m"), ("1M", "1mo"), ("60M", "1h"), ("3M", "15m")]
)
def test_an_interval_of_a_capital_m_is_of_minutes_or_months(
    hours: dict[str, MarketHours], tmp_path: Path, word: str, timeframe: str
) -> None:
    start = {"1mo": ["2024-01-01", "2024-02-01", "2024-03-01"]}.get(timeframe, ["2024-01-02T15:00Z"])
    text = rows(start).replace("\n", f",{word}\n").replace(f"volume,{word}", "volume,interval")
    if word == "3M":
        with pytest.raises(NightdeskError, match=r"its column interval says 3M \(3mo\), but the instrument is 15m"):
            read(tmp_path / "x.csv", hours, text, timeframe=timeframe, layout="ohlcv_start", **COIN)
        return
    layout = "auto" if timeframe == "1mo" else "ohlcv_start"
    assert read(tmp_path / "x.csv", hours, text, timeframe=timeframe, layout=layout, **COIN).bars


def test_a_year_and_its_day_are_no_seconds_of_1970(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match=r"2024002 is no epoch \(a year and its day\?\)"):
        read(tmp_path / "x.csv", hours, rows(["2024002"]), **COIN)
    assert len(read(tmp_path / "x.csv", hours, rows(["9936000", "10022400"]), **COIN).bars) == 2


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    def one(name: str) -> Instrument:
        path = tmp_path / "files" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rows(["2024-01-02"]), encoding="utf-8")
        given = {"exchange": "T", "market": "XNYS", "timeframe": "1d", "currency": "USD"}
        return Instrument(symbol=2 * name[-1], file=f"{name}.csv", **given)

    instruments = list(map(one, ("gone/A", "gone/B", "gone/C", "here/D")))
    return Desk(name="many", market="XNYS", dumps="files", accounts={}, setups={}, instruments=instruments)


def test_of_a_folder_that_does_not_answer_one_file_is_waited_for(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat, waited = unreachable.os.stat, []

    def hangs(path: Path, **more: bool) -> object:
        if "gone" in str(path):
            waited.append(str(path))
            time.sleep(0.3)
        return stat(path, **more)

    monkeypatch.setattr("pyjobs.market.dumps.read_dump.PATIENCE_S", 0.05)
    monkeypatch.setattr(unreachable, "LISTS_S", 0.05)
    monkeypatch.setattr(unreachable.os, "stat", hangs)
    store = BarStore(tmp_path / "raw", locks=tmp_path / ".locks")
    results = import_desk.import_desk(desk, tmp_path / "files", store, now_ms=NOW_MS)
    assert [bool(each.error) for each in results] == [True, True, True, False]
    assert "A.csv: has not answered for 0 s" in (results[0].error or "")
    assert "C.csv: not asked for: " in (results[2].error or "")
    assert "gone has not answered for A.csv" in (results[2].error or "")
    assert not [path for path in waited if path.endswith(("B.csv", "C.csv"))]


def test_a_desk_whose_folder_does_not_answer_is_told_of_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed, "PATIENCE_S", 0.05)
    monkeypatch.setattr(changed, "_state", lambda *_: time.sleep(0.3))
    store = BarStore(tmp_path / "raw", locks=tmp_path / ".locks")
    (told,) = changed.import_changed(desk, tmp_path / "files", store, now_ms=NOW_MS)
    assert (told.error or "").endswith(": has not answered for 0 s")


def test_the_third_slow_file_of_a_folder_that_answers_is_not_waited_for(tmp_path: Path) -> None:
    gone = unreachable.Unreachable(tmp_path)
    for name in ("A.csv", "B.csv"):
        gone.refuse(tmp_path / name)
        gone.note(tmp_path / name)
    with pytest.raises(TimeoutError, match=r"has not answered for B\.csv") as raised:
        gone.refuse(tmp_path / "C.csv")
    assert raised.value.errno == errno.ETIMEDOUT
