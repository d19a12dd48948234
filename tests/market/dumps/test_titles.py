"""A line above the table: a title, also one that a spreadsheet made as wide as the table."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from pyjobs.market.calendars.hours import MarketHours
from tests.market.dumps.support.formats import hours, read  # noqa: F401 - a fixture
from utils.errors import NightdeskError

TABLE = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,13,9,12,5\n2024-01-03,12,14,11,13,5\n"


@pytest.mark.parametrize(
    "title", ["AAPL", "AAPL,,,,,", "Apple Inc. (AAPL)", '"Apple, Inc. (AAPL)",,,,,', "Symbol,AAPL,,,,"]
)
def test_a_title_that_is_another_ones_code_is_refused(
    hours: dict[str, MarketHours], tmp_path: Path, title: str
) -> None:
    path, named = tmp_path / "x.csv", tmp_path / "MSFT.csv"
    for each in (path, named):
        each.write_text(f"{title}\n{TABLE}", encoding="utf-8")
    with pytest.raises(NightdeskError, match=r"the file is of 'AAPL' \((title|symbol)\), the desk's symbol is 'MSFT'"):
        read(path, hours, symbol="MSFT")
    assert len(read(path, hours, symbol="AAPL").bars) == 2
    if "Symbol" not in title:
        assert len(read(path, hours, symbol="MSFT", symbol_column="title").bars) == 2
        assert len(read(named, hours, symbol="MSFT").bars) == 2  # its own name says more than a line


@pytest.mark.parametrize(
    "title", ["DAILY", "NYSE", "Prices (USD)", "2024 REPORT", "Historical Data,,,,,", "Times (EST),,,,,"]
)
def test_a_title_that_is_no_code_is_left_out(hours: dict[str, MarketHours], tmp_path: Path, title: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{title}\n{TABLE}", encoding="utf-8")
    dump = read(path, hours, symbol="MSFT")
    assert len(dump.bars) == 2
    assert [found.what for found in dump.cleaned] == ["line before the table: left out"]


def test_the_title_of_a_sheet_is_looked_at_as_that_of_a_text_is(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    book, path = openpyxl.Workbook(), tmp_path / "x.xlsx"
    for row in (["AAPL"], [], *(line.split(",") for line in TABLE.splitlines())):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(path)
    with pytest.raises(NightdeskError, match=r"the file is of 'AAPL' \(title\), the desk's symbol is 'MSFT'"):
        read(path, hours, symbol="MSFT")
    dump = read(path, hours, symbol="AAPL")
    assert [(found.what, found.first) for found in dump.cleaned] == [("line before the table: left out", "row 1")]
