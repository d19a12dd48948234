"""The first rows of files of more vendors: each is one bar, or two, of the same prices in that vendor's words."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import read_dump
from tests.market.dumps.support.more_dialects import COIN, NOW_MS, closes, read
from tests.market.dumps.test_more_dialects import MINUTES
from utils.errors import NightdeskError

BAR = [100.5, 103.25, 99.75, 102.0, 12345.0]
MARKETS = ("XKRX", "24/7", "XNYS", "XPAR", "XETR", "XTKS", "XTAI", "XSHG", "XBOM", "XSTO")
NY = {"zone": "America/New_York", "layout": "ohlcv_close", "dates": "mdy"} | MINUTES


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in MARKETS}


# What the head is, what the desk says, when its first bar closes.
HEADS: dict[str, tuple[str, dict[str, Any], str]] = {
    "TradeStation, minutes": ('"Date","Time","Open","High","Low","Close","Up","Down"\n01/02/2024,09:31,100.5,103.25,99.75,102,12000,345\n', NY, "2024-01-02T14:31"),
    "AmiBroker": ("$TICKER,$DATE_YMD,$OPEN,$HIGH,$LOW,$CLOSE,$VOLUME\nX,20240102,100.5,103.25,99.75,102,12345\n", {}, "2024-01-02T21:00"),
    "MultiCharts": ("<Date>, <Time>, <Open>, <High>, <Low>, <Close>, <TotalVolume>\n01/02/2024,16:00:00,100.5,103.25,99.75,102,12345\n", {"dates": "mdy"}, "2024-01-02T21:00"),
    "Forex Tester": ("<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\nX,20240102,000000,100.5,103.25,99.75,102,12345\n", COIN | MINUTES | {"zone": "UTC", "layout": "ohlcv_start"}, "2024-01-02T00:01"),
    "Futu": ("code,name,time_key,open,close,high,low,volume,turnover\nUS.AAPL,苹果,2024-01-02 00:00:00,100.5,102,103.25,99.75,12345,1250000.0\n", {"symbol": "AAPL"}, "2024-01-02T21:00"),
    "eBest": ("date,open,high,low,close,jdiff_vol,value,jongchk,rate\n20240102,100.5,103.25,99.75,102,12345,1250,0,0.00\n", {"market": "XKRX"}, "2024-01-02T06:30"),
    "data.go.kr": ("basDt,srtnCd,isinCd,itmsNm,mrktCtg,clpr,vs,fltRt,mkp,hipr,lopr,trqu,trPrc\n20240102,005930,KR7005930003,삼성전자,KOSPI,102,5,0.5,100.5,103.25,99.75,12345,1\n", {"market": "XKRX", "symbol": "005930"}, "2024-01-02T06:30"),
    "Deribit": ('{"result":{"volume":[12345],"ticks":[1704153600000],"status":"ok","open":[100.5],"low":[99.75],"high":[103.25],"cost":[1254000],"close":[102]}}', COIN, "2024-01-03T00:00"),
    "OANDA": ('{"instrument":"X_USD","granularity":"M1","candles":[{"complete":true,"volume":12345,"time":"2024-01-02T00:00:00.000000000Z","mid":{"o":"100.5","h":"103.25","l":"99.75","c":"102"}}]}', COIN | MINUTES, "2024-01-02T00:01"),
    "Gate, history": ("1704153600,12345,102,103.25,99.75,100.5\n1704240000,23456,103.5,104,101,102.5\n", COIN | {"layout": "gate-history"}, "2024-01-03T00:00"),
    "Hyperliquid": ('[{"T":1704239999999,"c":"102","h":"103.25","i":"1d","l":"99.75","n":5,"o":"100.5","s":"X","t":1704153600000,"v":"12345"}]', COIN | {"columns": {"time": "t"}}, "2024-01-03T00:00"),
    "Databento, text": ("ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n2024-01-02T14:30:00.000000000Z,33,2,32,100.500000000,103.250000000,99.750000000,102.000000000,12345,X\n", MINUTES, "2024-01-02T14:31"),
    "Databento, billionths": ("ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n1704205800000000000,33,2,32,100500000000,103250000000,99750000000,102000000000,12345,X\n", MINUTES, "2024-01-02T14:31"),
    "CRSP": ("PERMNO,date,TICKER,COMNAM,BIDLO,ASKHI,PRC,VOL,RET,OPENPRC,CFACPR\n14593,2024-01-02,X,APPLE INC,99.75,103.25,102,12345,0.01,100.5,1\n", {}, "2024-01-02T21:00"),
    "Compustat": ("gvkey,iid,datadate,tic,conm,cshtrd,prccd,prchd,prcld,prcod\n001690,01,20240102,X,APPLE INC,12345,102,103.25,99.75,100.5\n", {}, "2024-01-02T21:00"),
    "Bloomberg": ("Security,X US Equity\n\nDates,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n2024-01-02,100.5,103.25,99.75,102,12345\n", {}, "2024-01-02T21:00"),
    "Euronext": ('"Historical Data"\nFR0000121014\nDate;Open;High;Low;Last;Close;"Number of Shares";Turnover\n02/01/2024;100.5;103.25;99.75;101.9;102;12345;1250000\n', {"market": "XPAR", "dates": "dmy"}, "2024-01-02T16:30"),
    "ARIVA": ("Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen\n2024-01-02;100,5;103,25;99,75;102;12.345;1.250.000\n", {"market": "XETR"}, "2024-01-02T16:30"),
    "Nasdaq Nordic": ("sep=;\nDate;Bid;Ask;Opening price;High price;Low price;Closing price;Average price;Total volume;Turnover;Trades;\n2024-01-02;101.9;102.1;100.5;103.25;99.75;102;101.2;12345;1250000;500;\n", {"market": "XSTO"}, "2024-01-02T16:30"),
    "BSE": ("Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares,No. of Trades\n2-January-2024,100.50,103.25,99.75,102.00,101.2,12345,500\n", {"market": "XBOM"}, "2024-01-02T10:00"),
    "NSE, one day": ("SYMBOL, SERIES, DATE1, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, CLOSE_PRICE, TTL_TRD_QNTY\nX, EQ, 02-Jan-2024, 100.5, 103.25, 99.75, 102, 12345\nTCS, EQ, 02-Jan-2024, 3, 4, 3, 3, 5\n", {"market": "XBOM"}, "2024-01-02T10:00"),
    "Tushare, lots": ("ts_code,trade_date,open,high,low,close,pre_close,vol,amount\n600519.SH,20240102,100.5,103.25,99.75,102,101,123.45,1250.0\n", {"market": "XSHG", "symbol": "600519"}, "2024-01-02T07:00"),
    "AkShare, lots": ("日期,股票代码,开盘,收盘,最高,最低,成交量,成交额\n2024-01-02,600519,100.5,102,103.25,99.75,123.45,1250000\n", {"market": "XSHG", "symbol": "600519"}, "2024-01-02T07:00"),
    "BaoStock, shares": ("date,code,open,high,low,close,volume,amount\n2024-01-02,sh.600519,100.5,103.25,99.75,102,12345,1250000\n", {"market": "XSHG", "symbol": "600519"}, "2024-01-02T07:00"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_head_of_a_vendor_is_the_bar_that_it_means(hours: dict[str, MarketHours], tmp_path: Path, name: str) -> None:
    text, told, close = HEADS[name]
    dump = read(tmp_path / "x.csv", hours, text, **told)
    bars = dump.bars
    assert closes(dump)[0] == close
    assert [float(getattr(bars, field)[0]) for field in ("open", "high", "low", "close", "volume")] == BAR


ENCODED = {
    "cp950": ("XTAI", '"日期","成交股數","成交金額","開盤價","最高價","最低價","收盤價"\n"113/01/02","12,345","1,250,000","100.50","103.25","99.75","102.00"\n'),
    "cp932": ("XTKS", "日付,始値,高値,安値,終値,売買高(株)\n2024/01/04,100.5,103.25,99.75,102,12345\n"),
    "gb18030": ("XSHG", "日期,开盘,收盘,最高,最低,成交量\n2024-01-02,100.5,102,103.25,99.75,12345\n"),
    "cp1252": ("XETR", "Datum;Eröffnung;Hoch;Tief;Schluss;Stücke\n02.01.2024;100,5;103,25;99,75;102,0;12345\n"),
}  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_text_in_its_countrys_encoding_is_read(hours: dict[str, MarketHours], tmp_path: Path, encoding: str) -> None:
    market, text = ENCODED[encoding]
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode(encoding))
    instrument = Instrument(symbol="X", exchange="T", market=market, timeframe="1d", currency="", dates="dmy")
    bars = read_dump(path, instrument, hours[market], now_ms=NOW_MS).bars
    assert [float(getattr(bars, field)[0]) for field in ("open", "high", "low", "close", "volume")] == BAR


WIKI = "Date,Open,High,Low,Close,Volume,Split Ratio,Adj. Close,Adj. Volume\n2024-01-02,100.5,103.25,99.75,102,12345,1,51,24690\n"


def test_adjusted_prices_have_the_adjusted_volume_that_the_file_gives(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    assert read(tmp_path / "x.csv", hours, WIKI, prices="adjusted").bars.volume.tolist() == [24690]
    assert read(tmp_path / "x.csv", hours, WIKI).bars.volume.tolist() == [12345]


UPBIT = "market,candle_date_time_utc,opening_price,high_price,low_price,trade_price,candle_acc_trade_volume\nKRW-ETH,2024-01-02T00:00:00,10,13,9,12,5\n"
KIS = '{"output1":{"hts_kor_isnm":"SK하이닉스","stck_shrn_iscd":"000660"},"output2":[{"stck_bsop_date":"20240103","stck_clpr":"12","stck_oprc":"10","stck_hgpr":"13","stck_lwpr":"9","acml_vol":"5"}]}'
BITSTAMP = '{"data":{"pair":"ETH/USD","ohlc":[{"high":"13","timestamp":"1704153600","volume":"5","low":"9","close":"12","open":"10"}]}}'
AV = '{"Meta Data":{"2. Symbol":"MSFT"},"Time Series (Daily)":{"2024-01-02":{"1. open":"10","2. high":"13","3. low":"9","4. close":"12","5. volume":"5"}}}'

YAHOO = '{"chart":{"result":[{"meta":{"symbol":"MSFT","currency":"USD"},"timestamp":[1704205800],"indicators":{"quote":[{"open":[10],"high":[13],"low":[9],"close":[12],"volume":[5]}]}}]}}'

TRADERMADE = '{"base_currency":"ETH","quote_currency":"USD","quotes":[{"date":"2024-01-02","open":10,"high":13,"low":9,"close":12}]}'


@pytest.mark.parametrize(
    ("text", "symbol", "market"),
    [
        (YAHOO, "AAPL", "XNYS"),
        (TRADERMADE, "BTC/USD", "24/7"),
        (UPBIT, "KRW-BTC", "24/7"),
        (KIS, "005930", "XKRX"),
        (BITSTAMP, "BTC/USD", "24/7"),
        (AV, "AAPL", "XNYS"),
    ],
)
def test_a_vendors_own_word_for_the_symbol_is_held_against_the_desks(
    hours: dict[str, MarketHours], tmp_path: Path, text: str, symbol: str, market: str
) -> None:
    with pytest.raises(NightdeskError, match=rf"the desk's symbol is '{symbol}'"):
        read(tmp_path / "x.csv", hours, text, symbol=symbol, market=market)


def test_one_value_called_by_a_word_or_its_money_is_a_price(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    plain = [("USD", "GOLD"), ("EUR", "SAP"), ("val", "AAPL"), ("SETT", "AAPL"), ("EUR", "EURUSD")]
    plain += [("Price (USD)", "BTC-USD"), ("PriceUSD", "BTC-USDT"), ("Price (KRW)", "KRW-BTC"), ("Stock Price", "AAPL")]
    for name, symbol in plain:
        assert read(tmp_path / "x.csv", hours, f"Date,{name}\n2024-01-02,10\n", symbol=symbol).bars.close[0] == 10
    for name, symbol in (("MSFT", "AAPL"), ("GBPUSD", "EURUSD"), ("Price (EUR)", "BTC-USD"), ("MSFT Price", "AAPL")):
        with pytest.raises(NightdeskError, match=re.escape(f"its one value is called '{name}'")):
            read(tmp_path / "x.csv", hours, f"Date,{name}\n2024-01-02,10\n", symbol=symbol)


@pytest.mark.parametrize(
    ("columns", "symbol", "right"),
    [
        ("Volume ($),n", "X", None),
        ("Volume BTC,Volume $", "BTC/USD", 5),
        ("Volume,Volume %", "X", 5),
        ("$VOLUME,n", "X", 5),
        ("Volume (shares),n", "X", 5),
        ("Volume (KRW),n", "KRW-BTC", None),
        ("Volume (KRW),Volume (BTC)", "KRW-BTC", 7),
        ("Volume BTC,Volume ETH", "ETHBTC", 7),
        ("Volume XBT,Volume USD", "BTC/USD", 5),
    ],
)
def test_money_and_parts_are_no_volume(
    hours: dict[str, MarketHours], tmp_path: Path, columns: str, symbol: str, right: float | None
) -> None:
    text = f"Date,Open,High,Low,Close,{columns}\n2024-01-02,10,13,9,12,5,7\n"
    if right is None:
        with pytest.raises(NightdeskError, match=r"counts money, not what was traded: set `columns: \{volume: ''\}`"):
            read(tmp_path / "x.csv", hours, text, symbol=symbol, market="24/7")
        return
    assert read(tmp_path / "x.csv", hours, text, symbol=symbol, market="24/7").bars.volume[0] == right
