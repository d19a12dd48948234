"""Codes that hold another one in their letters, contracts, vendors' endings, names; volumes and their units."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.identity.issuers import verdict
from tests.market.dumps.support.more_dialects import COIN, read
from tests.market.dumps.test_whose_rows import table
from utils.errors import NightdeskError

DAYS = ("02", "03", "04")


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XNYS", "24/7", "XPAR")}


TWO = ["ESH25 ESZ24", "MES=F ES=F", "MES ES", "BTC-27SEP24 ETH-PERPETUAL", "BTC-27SEP24 BTC-PERPETUAL", "1101 110"]
TWO += ["BTC-27SEP24-60000-C BTC", "PF_XBTUSD PF_ETHUSD", "FI_XBTUSD_240927 ETHUSD", "XBTU24 ETHU24", "BTC BTCB"]
TWO += [
    "1000SHIBUSDT SHIBUSDT",
    "WBTCUSDT BTCUSDT",
    "BTCUPUSDT BTCUSDT",
    "SOL_USDC BTC-PERPETUAL",
    "110 11",
    "BTC WBTC",
]
TWO += [
    "1101B 1101",
    "00593K 005930",
    "0700.HK 70",
    "600000 60000",
    "AAPL240119C00190000 AAPL",
    "SPX SPXL",
    "AAPLW AAPL",
]
TWO += ["O:AAPL240119C00190000 AAPL", "BTC-USDT-240927 BTC-USDT-SWAP", "1101.TW 110"]
TWO += [
    "BAC-PL BAC",
    "BAC BAC-PL",
    "BAC.PRL BAC",
    "BAC$L BAC",
    "BAC-PL BAC-PK",
    "GME-WT GME",
    "GME.WS GME",
    "XYZ-RI XYZ",
]
ASKED = [
    "MESZ4 ES",
    "MNQZ24 NQ",
    "M2KZ4 RTY",
    "/MES ES",
    "MES1! ES",
    "CME_MINI:MES1! ES",
    "VIX9D VIX",
    "KOSPI200 KOSPI",
]
ASKED += ["^GSPTSE ^GSP", "TSLA1 TSLA", "2781 BTC", "005930 SAMSUNG", "500325 RELIANCE", "PETR3 PETR4", "KS200 KS11"]
ASKED += ["ESZ4 005930", "US0378331006 AAPL"]
ONE = [
    "BAC.PRL BAC-PL",
    "GME.WS GME-WT",
    "SAPG.DE SAP",
    "SIEGn.DE SIE",
    "SAP.DE SAP",
    "7203.T 7203",
    "72030 7203",
    "BRK/B BRK-B",
    "BRKb.N BRK.B",
    "AAPL.OQ AAPL",
]
ONE += [
    "SHSE.600519 600519",
    "NSE:RELIANCE-EQ RELIANCE",
    "D05.SI D05",
    "PETR4.SA PETR4",
    "ES1! ES",
    "/ES ES",
    "ES_F ES",
]
ONE += [
    "ESZ4-CME ES",
    "6EZ4 6E",
    "ETH-PERPETUAL ETH-USD",
    "PF_XBTUSD XBT/USD",
    "C:EURUSD EUR/USD",
    "$SPX.X SPX",
    "^KS11 KOSPI",
]


@pytest.mark.parametrize(("pairs", "right"), [(TWO, "two"), (ASKED, "asked"), (ONE, "one")])
def test_a_code_is_another_one_although_it_holds_its_letters(pairs: list[str], right: str) -> None:
    def told(one: str, other: str) -> str:
        return verdict(one, Instrument(symbol=other, exchange="T", market="24/7", timeframe="1d", currency="USD"))

    assert [each for each in pairs if told(*each.split(" ")) != right] == []


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("SAP GY Equity", "SAP"),
        ("700 HK Equity", "0700"),
        ("ES 12-24", "ES"),
        ("BRK/B US Equity", "BRK.B"),
        ("7203 JP", "7203"),
    ],
)
def test_codes_of_two_words_are_one(text: str, symbol: str) -> None:
    mine = Instrument(symbol=symbol, exchange="T", market="24/7", timeframe="1d", currency="USD")
    assert verdict(text, mine) == "one"


def of(*names: str) -> str:
    return table("symbol", *((day, name, 100 + 50 * at) for at, name in enumerate(names) for day in DAYS))


MANY = [
    ("SAP US Equity", "SIE US Equity", "SAP", ""),
    ("72030", "67580", "7203", ""),
    ("US.AAPL", "US.TSLA", "AAPL", ""),
]
MANY += [("삼성전자", "SK하이닉스", "005930", "삼성전자"), ("ESZ4", "MESZ4", "ES", "")]


@pytest.mark.parametrize(("mine", "other", "symbol", "name"), MANY)
def test_of_many_the_only_one_that_can_be_the_instrument_is_it(
    hours: dict[str, MarketHours], tmp_path: Path, mine: str, other: str, symbol: str, name: str
) -> None:
    assert read(tmp_path / "x.csv", hours, of(mine, other), symbol=symbol, name=name).bars.close.tolist() == [100] * 3
    with pytest.raises(NightdeskError, match="none of them 'NONE': `symbol:` chooses one, or `name:` does"):
        read(tmp_path / "x.csv", hours, of(mine, other), symbol="NONE")


def test_a_file_named_by_the_symbol_ties_a_name_or_an_isin_to_it_but_no_code(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    for text, symbol in (("Tracker of 500", "SPY"), ("삼성", "005930"), ("US0378331005", "AAPL")):
        assert len(read(tmp_path / f"{symbol}_1d.csv", hours, of(text), symbol=symbol).bars) == 3
        with pytest.raises(NightdeskError, match=r"nothing shows that this is the desk's .*: where it is, set"):
            read(tmp_path / "other.csv", hours, of(text), symbol=symbol)
    with pytest.raises(NightdeskError, match="of 'MESZ4'"):
        read(tmp_path / "ES.csv", hours, of("MESZ4"), symbol="ES")


EURONEXT = """"Historical Data"
FR0000121014
Date;Open;High;Low;Last;Close;"Number of Shares"
02/01/2024;10;13;9;11;12;5
"""


def test_an_isin_above_a_table_is_held_against_the_desks(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    told = {"market": "XPAR", "dates": "dmy"}
    with pytest.raises(NightdeskError, match=r"'FR0000121014' \(isin\), and nothing .*set `symbol_column: isin`"):
        read(tmp_path / "x.csv", hours, EURONEXT, symbol="MC", **told)
    with pytest.raises(NightdeskError, match="the desk's symbol is 'FR0000120271'"):
        read(tmp_path / "x.csv", hours, EURONEXT, symbol="FR0000120271", **told)
    assert len(read(tmp_path / "x.csv", hours, EURONEXT, symbol="MC", symbol_column="isin", **told).bars) == 1


ROWS = '[1704153600000,"10","13","9","12","5"],[1704240000000,"10","13","9","12","5"]'
BESIDE = ['"s":"ETHUSDT"', '"ch":"market.ethusdt.kline.1day"', '"topic":"kline.D.ETHUSDT"', '"market":"ETHUSDT"']
BESIDE += [
    '"asset":"ETH"',
    '"base":"ETH","quote":"USDT"',
    '"tickers":["ETHUSDT"]',
    '"currencyPair":"USDT_ETH"',
    '"id":"ethereum"',
]
HEADLESS = ["{},{},10,13,9,12,5\n", "{1},10,13,9,12,5,{0}\n", "{},D,{},10,13,9,12,5\n"]


def test_arrays_are_of_the_symbol_that_the_document_or_a_column_gives(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    told = COIN | {"layout": "ohlcv_start", "symbol": "BTCUSDT"}
    for each in BESIDE:
        with pytest.raises(NightdeskError, match=r"the file is of 'ETH|the file is of '(ethereum|USDT_ETH)'"):
            read(tmp_path / "x.json", hours, f'{{{each},"data":[{ROWS}]}}', **told)
    assert len(read(tmp_path / "x.json", hours, f'{{"s":"ok","data":[{ROWS}]}}', **told).bars) == 2
    for row in HEADLESS:
        text = "".join(row.format("ETHUSDT", f"2024-01-{day}") for day in DAYS)
        with pytest.raises(NightdeskError, match="the file is of 'ETHUSDT'"):
            read(tmp_path / "x.csv", hours, text, **told)
        assert len(read(tmp_path / "x.csv", hours, text, **told | {"symbol": "ETHUSDT"}).bars) == 3


VOLUMES = {
    "3.2 mio": 3.2e6,
    "1.2 Mrd.": 1.2e9,
    "12 345 주": 12345,
    "1.5만": 15000,
    '"3,2M"': 3.2e6,
    "1.234.567": 1234567,
}


def test_a_volume_with_its_unit_is_read_or_refused_with_a_key(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    head = "date,open,high,low,close,volume\n"
    for text, volume in VOLUMES.items():
        dump = read(tmp_path / "x.csv", hours, f"{head}2024-01-02,10,13,9,12,{text}\n")
        assert dump.bars.volume[0] == pytest.approx(volume, rel=1e-12)
    lots = f'{head}2024-01-02,10,13,9,12,"1,234 lots"\n'
    with pytest.raises(NightdeskError, match=r"volume: '1,234 lots' is not a number; `columns: \{volume: ''\}` leaves"):
        read(tmp_path / "x.csv", hours, lots)
    assert read(tmp_path / "x.csv", hours, lots, columns={"volume": ""}).bars.volume.tolist() == [0]


NAMES = {
    "Volume (mio)": 1e6,
    "Vol. (000s)": 1e3,
    "거래량(천주)": 1e3,
    "成交量（手）": 100,
    "出来高(株)": 1,
    "Umsatz (Stk.)": 1,
    "Qty": 1,
}


def test_a_volume_counts_what_its_name_says(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    for name, times in NAMES.items():
        dump = read(tmp_path / "x.csv", hours, f"date,open,high,low,close,{name}\n2024-01-02,10,13,9,12,5\n")
        assert dump.bars.volume.tolist() == [5 * times]
    lots = "date,open,high,low,close,Volume (lots)\n2024-01-02,10,13,9,12,5\n"
    with pytest.raises(NightdeskError, match=r"line 1: 'Volume \(lots\)' counts lots, .*`columns: \{volume: Volume"):
        read(tmp_path / "x.csv", hours, lots)
    assert read(tmp_path / "x.csv", hours, lots, columns={"volume": "Volume (lots)"}).bars.volume.tolist() == [5]


PAIRS = {
    "2024-01-02 2024-04-02": "one quarter apart",
    "2023-12-29 2024-03-28": "one quarter apart",
    "2023-01-03 2024-01-03": "one year apart",
    "2024-01-31 2024-02-29": "one month apart",
    "2024-01-02 2024-07-02": "one half-year apart",
}


@pytest.mark.parametrize("days", PAIRS)
def test_two_rows_a_period_apart_are_no_days(hours: dict[str, MarketHours], tmp_path: Path, days: str) -> None:
    text = "date,open,high,low,close,volume\n" + "".join(f"{day},10,13,9,12,5\n" for day in days.split(" "))
    with pytest.raises(NightdeskError, match=PAIRS[days]):
        read(tmp_path / "x.csv", hours, text)
    with pytest.raises(NightdeskError, match=PAIRS[days]):
        read(tmp_path / "x.csv", hours, text, timeframe="1w")
