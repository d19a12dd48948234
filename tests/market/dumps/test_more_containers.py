"""What files are packed in, in which letters, and what is no price file at all."""

from __future__ import annotations

import bz2
import datetime as dt
import io
import lzma
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.explain import explained
from pyjobs.market.dumps.read_dump import Dump, read_dump
from tests.market.dumps.support.more_dialects import NOW_MS, PLAIN, closes, read, rows
from utils.errors import NightdeskError

TEXT = PLAIN + "2024-01-02,10,13,9,12,5\n2024-01-03,10,13,9,12,5\n"
Put = Callable[[bytes], Dump]


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XNYS", "24/7")}


@pytest.fixture
def put(hours: dict[str, MarketHours], tmp_path: Path) -> Put:
    def read_bytes(content: bytes) -> Dump:
        (tmp_path / "x").write_bytes(content)
        mine = Instrument(symbol="X", exchange="T", market="XNYS", timeframe="1d", currency="USD")
        return read_dump(tmp_path / "x", mine, hours["XNYS"], now_ms=NOW_MS)

    return read_bytes


def test_packed_texts_and_wide_letters_are_read(put: Put) -> None:
    quoted = "\n".join(",".join(f"'{cell}'" for cell in line.split(",")) for line in TEXT.splitlines()) + "\n"
    again = PLAIN + TEXT.splitlines()[1] + "\n" + PLAIN + TEXT.splitlines()[2] + "\n"
    kinds = [bz2.compress(TEXT.encode()), lzma.compress(TEXT.encode()), quoted.encode(), again.encode()]
    for content in kinds + [TEXT.encode(each) for each in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")]:
        assert closes(put(content)) == ["2024-01-02T21:00", "2024-01-03T21:00"]
    assert [each.what for each in put(again.encode()).cleaned] == ["the header again: left out"]


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x.csv"))
    return packed.getvalue()


def opened() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    return packed.getvalue()


OTHERS = {
    "a pickle, which may run anything": pickle.dumps({"a": 1}),
    "a tar archive: unpack it": tarred(),
    "an OpenDocument sheet": opened(),
    "a numpy array": b"\x93NUMPY\x01\x00",
    "an lz4 archive": b"\x04\x22\x4d\x18\x00",
    "not a readable bzip2 file": bz2.compress(TEXT.encode())[:40],
    "not a readable xz file": lzma.compress(TEXT.encode())[:40],
}


@pytest.mark.parametrize("words", OTHERS)
def test_what_is_no_price_file_is_named(put: Put, words: str) -> None:
    with pytest.raises(NightdeskError, match=words):
        put(OTHERS[words])


def test_midnight_as_24_ends_its_day(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    hourly = {"market": "24/7", "timeframe": "1h", "zone": "UTC", "layout": "ohlcv_close"}
    for text in (
        rows(["2024-01-02 23:00", "2024-01-02 24:00", "2024-01-03 01:00"]),
        "date,time,open,high,low,close,volume\n2024-01-02,23:00,10,13,9,12,5\n2024-01-02,24:00,10,13,9,12,5\n",
    ):
        assert closes(read(tmp_path / "x.csv", hours, text, **hourly))[:2] == ["2024-01-02T23:00", "2024-01-03T00:00"]


def test_an_array_a_line_is_a_row_and_counts_of_days_are_named(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    lines = "[1704153600000,10,13,9,12,5]\n[1704240000000,10,13,9,12,5]\n"
    dump = read(tmp_path / "x", hours, lines, market="24/7", layout="ohlcv_start")
    assert closes(dump) == ["2024-01-03T00:00", "2024-01-04T00:00"]
    for first, second, words in (
        ("45293.0", "45294.0", "Excel's number of a day"),
        ("739253", "739254", "MATLAB's number of a day"),
        ("2460311.5", "2460312.5", "a Julian day"),
        ("19724", "19725", "Excel's number of a day"),
    ):
        with pytest.raises(NightdeskError, match=rf"is no epoch \({words}\?\)"):
            read(tmp_path / "x", hours, rows([first, second]))


def workbook(**sheets: float) -> bytes:
    """A workbook of one sheet for each name, three days at that price, and a sheet of words before them."""
    book, packed = openpyxl.Workbook(), io.BytesIO()
    for title, price in {"Read me": 0.0, **sheets}.items():
        sheet = book.create_sheet(title)
        sheet.append(["Date", "Open", "High", "Low", "Close", "Volume"] if price else ["prices", "made up"])
        for day in (2, 3, 4) if price else ():
            sheet.append([dt.datetime(2024, 1, day), *[price] * 4, 9])  # noqa: DTZ001 - Excel's have no zone
    book.remove(book.worksheets[0])
    book.worksheets[1].sheet_state = "hidden" if len(sheets) > 2 else "visible"
    book.save(packed)
    return packed.getvalue()


def test_of_a_workbook_the_sheet_named_as_the_symbol_is_read(tmp_path: Path) -> None:
    told = {"exchange": "T", "market": "XNYS", "timeframe": "1d", "currency": "USD"}

    def price(content: bytes, symbol: str) -> float:
        (tmp_path / "b.xlsx").write_bytes(content)
        mine = Instrument(symbol=symbol, **told)  # type: ignore[arg-type]
        dump = read_dump(tmp_path / "b.xlsx", mine, hours_of("XNYS"), now_ms=NOW_MS)
        assert len(explained(tmp_path / "b.xlsx", mine, now_ms=NOW_MS)[0]) > 5
        return float(dump.bars.close[0])

    assert [price(workbook(AAPL=100, MSFT=300), each) for each in ("AAPL", "MSFT")] == [100, 300]
    with pytest.raises(NightdeskError, match=r"its sheets are called AAPL, MSFT, none of them 'NVDA'"):
        price(workbook(AAPL=100, MSFT=300), "NVDA")
    assert price(workbook(old=50, new=70, more=90), "X") == 70
    assert price(workbook(Prices=50), "X") == 50
