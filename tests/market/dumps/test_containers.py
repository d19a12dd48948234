"""Archives, folders, typed files and workbooks as the containers of a price file."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from pyjobs.market.calendars.hours import MarketHours
from tests.market.dumps.support.formats import (
    HOURLY,
    D,
    first_bar,
    hours,  # noqa: F401  # the fixture
    read,
)
from utils.errors import BadDataError, ConfigError

PLAIN = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,13,9,12,5\n2024-01-03,12,13,9,12,6\n"


def test_archives_folders_and_patterns_stand_for_their_files(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    later = PLAIN.replace("2024-01-", "2024-02-0").replace("-002", "-01").replace("-003", "-02")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "2024-01.csv").write_text(PLAIN)
    (tmp_path / "m" / "2024-02.csv.gz").write_bytes(gzip.compress(later.encode()))
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        archive.writestr("2024-02.csv", later)
        archive.writestr("2024-01.csv", PLAIN)
    (tmp_path / "nested.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    for file in ("m", "m/2024-*", "both.zip"):
        assert [read(tmp_path / file, hours).bars.close.size] == [4], file
    assert len(read(tmp_path / "nested.csv.gz", hours).bars) == 2
    (tmp_path / "m" / "2024-02.csv.gz").write_bytes(gzip.compress(later.replace("13,9", "1,9").encode()))
    with pytest.raises(BadDataError, match=r"2024-02\.csv\.gz: line 2: high is below low"):
        read(tmp_path / "m", hours)


def test_typed_files_are_read_with_their_index_and_times(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    import pandas as pd

    index = pd.to_datetime(["2024-01-02", "2024-01-03"])
    frame = pd.DataFrame(
        {"Open": [10, 12], "High": [13, 13], "Low": [9, 9], "Close": [12, 12], "Volume": [5, 6]}, index
    )
    frame.to_parquet(tmp_path / "a.parquet")
    frame.rename_axis("date").reset_index().to_feather(tmp_path / "b.feather")
    stamped = frame.set_axis(pd.to_datetime(["2024-01-02 00:00", "2024-01-02 01:00"], utc=True)).rename_axis("date")
    stamped.reset_index().to_feather(tmp_path / "c.feather")
    assert first_bar(read(tmp_path / "a.parquet", hours)) == (D, 10, 13, 9, 12, 5)
    assert first_bar(read(tmp_path / "b.feather", hours)) == (D, 10, 13, 9, 12, 5)
    coin = read(tmp_path / "c.feather", hours, **HOURLY, layout="ohlcv_start")
    assert first_bar(coin) == ("2024-01-02T01:00", 10, 13, 9, 12, 5)


def workbook(path: Path, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for at, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet {at}", at)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


NAMES = ["Date", "Open", "High", "Low", "Close", "Volume"]


def test_the_first_sheet_of_a_workbook_is_read(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    rows = [NAMES, [dt.date(2024, 1, 2), 10, 13, 9, 12, 5], [dt.date(2024, 1, 3), 12, 13, 9, 12, "N/A"]]
    dump = read(workbook(tmp_path / "a.xlsx", [["History of X"], [], *rows], [["a note"]]), hours)
    assert first_bar(dump) == (D, 10, 13, 9, 12, 5)
    assert len(dump.bars) == 2
    assert ("other sheets: not read", "Sheet 1") in [(each.what, each.example) for each in dump.oddities]


def test_levels_of_names_in_a_workbook_are_those_of_yfinance(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    merged = [["", "Close", "", "High", "", "Low", "", "Open", "", "Volume", ""], ["", *["AAPL", "MSFT"] * 5], ["Date"]]
    rows = [*merged, [dt.date(2024, 1, 2), 22, 12, 23, 13, 19, 9, 20, 10, 6, 5]]
    assert first_bar(read(workbook(tmp_path / "a.xlsx", rows), hours, symbol="MSFT")) == (D, 10, 13, 9, 12, 5)
    one = [["Price", *NAMES[1:]], ["Ticker", *["X"] * 5], ["Date"], [dt.date(2024, 1, 2), 10, 13, 9, 12, 5]]
    assert first_bar(read(workbook(tmp_path / "b.xlsx", one), hours)) == (D, 10, 13, 9, 12, 5)


def test_midnight_is_a_time_in_a_column_of_times(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    rows = [
        NAMES,
        *([dt.datetime(2024, 1, 2, hour, tzinfo=dt.UTC).replace(tzinfo=None), 10, 13, 9, 12, 5] for hour in range(24)),
    ]
    dump = read(workbook(tmp_path / "a.xlsx", rows), hours, **HOURLY, zone="+00:00")
    assert first_bar(dump) == ("2024-01-02T01:00", 10, 13, 9, 12, 5)
    assert len(dump.bars) == 24


def test_what_is_no_table_in_a_workbook_is_refused_by_its_row(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", [NAMES, [dt.date(2024, 1, 2), 10, 13, 9, "twelve", 5]])
    with pytest.raises(BadDataError, match=r"a.xlsx: row 2: close: 'twelve' is not a number"):
        read(whole, hours)
    (tmp_path / "b.xlsx").write_bytes(whole.read_bytes()[:-300])
    with pytest.raises(BadDataError, match=r"b.xlsx: not a readable Excel workbook: .*is it cut off"):
        read(tmp_path / "b.xlsx", hours)
    far = openpyxl.load_workbook(whole)
    far.worksheets[0]["XFD1048576"] = 1
    far.save(whole)
    with pytest.raises(BadDataError, match="has cells in row 1,048,576 and column 16,384: not a table of prices"):
        read(whole, hours)


def test_lean_minutes_take_their_date_from_the_name_of_the_file(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    path = tmp_path / "20240102_trade.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "20240102_aapl_minute_trade.csv",
            "34200000,100000,130000,90000,120000,5\n34260000,120000,130000,90000,120000,6\n",
        )
    dump = read(path, hours, timeframe="1m", layout="lean")
    assert first_bar(dump) == ("2024-01-02T14:31", 10, 13, 9, 12, 5)


def test_what_cannot_be_told_is_asked_for_by_its_key(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"

    def refusal(text: str, **told: Any) -> str:
        path.write_text(text)
        with pytest.raises((BadDataError, ConfigError)) as caught:
            read(path, hours, **told)
        return str(caught.value)

    assert "set `dates: dmy` or `dates: mdy`" in refusal(PLAIN.replace("2024-01-0", "03/04/200"))
    assert "`layout: ohlcv_start` or `layout: ohlcv_close`" in refusal(
        PLAIN.replace("-02", "-02T15:00Z"), timeframe="1h"
    )
    assert "set `columns: {close: NAME}`" in refusal(PLAIN.replace("Close", "Zzz"))
    assert "set `zone:`" in refusal(PLAIN.replace("-02,", "-02 05:00:00,"), market="24/7")
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(BadDataError, match="not a price file: a PDF"):
        read(path, hours)


def test_times_of_a_place_know_its_summer_time_and_an_hour_that_comes_twice(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    rows = ["2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 03:00"]
    path.write_text("time,open,high,low,close,volume\n" + "".join(f"{row},10,13,9,12,5\n" for row in rows))
    dump = read(path, hours, market="24/7", timeframe="30m", zone="Europe/Berlin", layout="ohlcv_start")
    half_hours = np.diff(dump.bars.ts_ms) // 1_800_000
    assert half_hours.tolist() == [1, 1, 1, 1]  # 00:00Z, 00:30Z, 01:00Z, 01:30Z, 02:00Z
    assert first_bar(dump)[0] == "2024-10-27T00:30"
    path.write_text("time,open,high,low,close,volume\n2024-03-31 02:30,10,13,9,12,5\n2024-03-31 03:00,10,13,9,12,5\n")
    with pytest.raises(BadDataError, match="never was in Europe/Berlin"):
        read(path, hours, market="24/7", timeframe="30m", zone="Europe/Berlin", layout="ohlcv_start")


def test_a_file_is_dated_by_its_newest_part(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(PLAIN)
    (tmp_path / "b.csv").write_text(PLAIN)
    os.utime(tmp_path / "a.csv", (0, 1_000_000_000))
    assert read(tmp_path / "*.csv", hours).written_ms == (tmp_path / "b.csv").stat().st_mtime_ns // 1_000_000
