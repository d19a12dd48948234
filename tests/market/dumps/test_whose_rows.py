"""Whose a file's rows are: another share's, another series of the share, several symbols in a column of any name."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps import read_dump
from pyjobs.market.dumps.identity.issuers import verdict
from pyjobs.market.dumps.identity.symbols import spelt
from tests.market.dumps.support.more_dialects import read
from utils.errors import NightdeskError

OHLCV = "open,high,low,close,volume"


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XNYS", "XBOM", "24/7")}


def table(column: str, *rows: tuple[str, str, int]) -> str:
    return f"date,{column},{OHLCV}\n" + "".join(f"2024-01-{day},{who},{p},{p},{p},{p},9\n" for day, who, p in rows)


def test_a_column_called_series_that_holds_symbols_is_asked_for(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    one_after_the_other = table("series", ("02", "AAPL", 100), ("03", "AAPL", 101), ("04", "MSFT", 110))
    with pytest.raises(NightdeskError, match="column 'series' holds 'AAPL' and 1 others: set `symbol_column: series`"):
        read(tmp_path / "x.csv", hours, one_after_the_other, symbol="AAPL")
    on_one_date = table("series", ("02", "A1", 100), ("02", "A2", 108), ("03", "A1", 101), ("04", "A1", 101))
    with pytest.raises(NightdeskError, match=r"lines 2 and 3: .*'series' separates them"):
        read(tmp_path / "x.csv", hours, on_one_date, symbol="AAPL")


def test_the_bonds_of_a_company_are_not_its_share_before_it_had_one(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    rows = table("SERIES", ("02", "N1", 1000), ("03", "EQ", 25), ("03", "N1", 1000), ("04", "BE", 26))
    dump = read(tmp_path / "x.csv", hours, rows, market="XBOM", symbol="IRFC")
    assert dump.bars.close.tolist() == [25, 26]
    assert [(each.count, each.example) for each in dump.cleaned if "another series" in each.what] == [(2, "N1")]


POLYGON = '{"ticker":"TSLA","results":[{"v":5,"o":10,"c":12,"h":13,"l":9,"t":1712548800000,"n":4}]}'
TWO_LEVELS = "Date,Close_TSLA,High_TSLA,Low_TSLA,Open_TSLA,Volume_TSLA\n2024-01-02,12,13,9,10,5\n"


@pytest.mark.parametrize(
    ("text", "name"), [(table("Ticker", ("02", "TSLA", 9)), "Ticker"), (POLYGON, "ticker"), (TWO_LEVELS, "ticker")]
)
def test_a_file_of_another_share_is_refused_until_the_desk_names_where_it_says_so(
    hours: dict[str, MarketHours], tmp_path: Path, text: str, name: str
) -> None:
    with pytest.raises(NightdeskError, match=rf"of 'TSLA' .* is 'AAPL': .*`symbol_column: {name}`"):
        read(tmp_path / "x.csv", hours, text, symbol="AAPL")
    dump = read(tmp_path / "x.csv", hours, text, symbol="AAPL", symbol_column=name)
    assert len(dump.bars) == 1
    assert "the file calls it 'TSLA'" in [each.what for each in dump.oddities]


OTHERS = ["TSLA AAPL", "tsla AAPL", "TSLA.US AAPL", "NASDAQ:TSLA AAPL", "000660 005930", "A000660 005930"]
OTHERS += ["000660.KS 005930.KS", "sh.600000 600519", "ETH/USDT BTC/USDT", "ETHUSDT BTCUSD", "KRW-ETH KRW-BTC"]
OTHERS += ["BTC-USD BTC-KRW", "EURUSD GBPUSD", "ethusdt BTCUSDT", "KR7000660001 005930", "TW0002317005 2330"]
OTHERS += ["GOOG GOOGL", "GOOGL GOOG", "A AA", "T TSLA", "BRK.A BRK.B", "BRK-A BRK.B", "BRK/A BRK-B"]
OTHERS += ["AU000000CBA7 BHP", "US0378331005 US5949181045", "GOOGL.US GOOG", "NASDAQ:GOOGL GOOG", "AMD.US AM"]
OTHERS += [
    "9988.HK 700",
    "BTC/USDT:USDT ETH/USDT",
    "EURJPY JPY=X",
    "COIN AAPL",
    "SPOT AAPL",
    "BTCUSD_240927 ETH/USD",
    "BRK-A.US BRK.B",
]
SAME = ["XBT/USD BTC/USD", "XBTUSD BTCUSD", "XXBTZUSD BTCUSD", "KRW-BTC BTC/KRW", "USDT_BTC BTCUSDT", "BTCUSDT BTC"]
SAME += ["BTCUSDT BTC-USD", "BINANCE:BTCUSDT BTCUSDT", "X:BTCUSD BTC/USD", "BTC-PERPETUAL BTC-USD", "tBTCUSD BTCUSD"]
SAME += [
    "AAPL.O AAPL",
    "AAPL AAPL.US",
    "^GSPC SPX",
    "GSPC SPX",
    "1001 KOSPI",
    "KS11 KOSPI",
    "ESZ4 ES",
    "HK.00700 700",
    "00700 0700",
    "KRW=X USDKRW",
]
SAME += ["KR7005930003 005930", "KR7005930003 005930.KS", "TW0002330008 2330.TW", "AU000000BHP4 BHP", "EURUSD.m EURUSD"]
SAME += ["RELIANCE-EQ RELIANCE", "BRK-B BRK.B", "bitcoin BTC", "Bitcoin KRW-BTC", "Ethereum ETHUSDT"]
SAME += ["72030 7203", "Microsoft MSFT", "Visa V", "Ford F", "OPUSD OP", "OP OPUSD", "USDKRW KRW=X", "ESZ4 ES=F"]
SAME += [
    "BTC/USDT:USDT BTC/USDT",
    "BTC/USDT BTC/USDT:USDT-241227",
    "Euro/Dollar EUR/USD",
    "Bitcoin/USD BTC-USD",
    "AAPL:XNAS AAPL",
    "BRK-B.US BRK.B",
]
ASKED = [
    "Zendesk AAPL",
    "애플 AAPL",
    "삼성전자우 005930",
    "Samsung 005930",
    "US0378331005 AAPL",
    "Fortinet F",
    "Citrix C",
]
ASKED += ["Microlise MS", "SAMSUNG 005930", "Bitcoin/USD ETH-USD", "Solana/USD BTC/USD"]
ASKED += ["BTCUSDT ETH", "BTCUSDT DOGE", "ethusdt AAPL", "KRW-BTC XRP", "BTC-USD ETH", "EURUSD CHF"]
OTHERS += ["Tesla AAPL", "Facebook F", "Verizon V", "Tesla F.US", "Microsoft MS", "Alphabet META"]
SAME += [
    "삼성전자 005930",
    "Alphabet GOOGL",
    "XAU_USD GOLD",
    "DEXKOUS USDKRW",
    "DGS10 US10Y",
    "SP500 ^GSPC",
    "Ripple XRP-USD",
]
UNKNOWN = ["BTC/USD X", "EQUITY AAPL", "Stock 005930"]


@pytest.mark.parametrize(("pairs", "right"), [(OTHERS, "two"), (SAME, "one"), (ASKED, "asked"), (UNKNOWN, "")])
def test_codes_of_one_kind_are_compared_and_names_must_suggest_the_symbol(pairs: list[str], right: str) -> None:
    def told(one: str, other: str) -> str:
        return verdict(one, Instrument(symbol=other, exchange="T", market="24/7", timeframe="1d", currency="USD"))

    assert [each for each in pairs if told(*each.split(" ")) != right] == []


def test_another_future_of_a_month_is_asked_for() -> None:
    given = {"exchange": "T", "market": "CMES", "timeframe": "1d", "currency": "USD"}
    right = {"ES": "asked", "ES=F": "two", "NQ": "one", "NQ=F": "one", "NQ1!": "one", "NQH25": "two"}
    assert {each: verdict("NQZ24", Instrument(symbol=each, **given)) for each in right} == right
    assert verdict("NQZ24", Instrument(symbol="MINI", name="NQZ24", **given)) == "one"


NAMES = [("Apple Inc.", "APPLE", "one"), ("Apple Inc.", "Microsoft Corp", "two"), ("삼성전자", "(주)삼성전자", "one")]
NAMES += [
    ("삼성전자우", "삼성전자", "two"),
    ("Meta Platforms, Inc. Class A", "Meta Platforms", "one"),
    ("애플", "Apple", "asked"),
]
NAMES += [("애플", "Apple", "asked"), ("MSFT US Equity", "", "two"), ("AAPL US Equity", "Anything", "one")]
NAMES += [("Nestlé S.A.", "Nestle", "one"), ("SK하이닉스", "SK hynix", "one")]
NAMES += [("S&P500", "S&P 500", "one"), ("KODEX 200", "KODEX200", "one")]
NAMES += [("JPMorgan Chase & Co.", "JP Morgan Chase", "one"), ("Applebee", "Apple", "two")]


@pytest.mark.parametrize(("told", "name", "right"), NAMES)
def test_a_name_is_held_against_the_one_that_the_desk_gives(told: str, name: str, right: str) -> None:
    mine = Instrument(symbol="AAPL", exchange="T", market="XNYS", timeframe="1d", currency="USD", name=name)
    assert verdict(told, mine) == right


ZENDESK = table("Security", ("02", "Zendesk Corporation", 100), ("03", "Zendesk Corporation", 101))


def test_a_file_of_a_name_that_may_be_anothers_asks_the_desk(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    with pytest.raises(NightdeskError, match=r"of 'Zendesk Corporation' \(Security\), and nothing shows .* 'AAPL'"):
        read(tmp_path / "x.csv", hours, ZENDESK, symbol="AAPL")
    for key in ({"symbol": "ZEN"}, {"symbol": "X", "name": "Zendesk"}, {"symbol": "X", "symbol_column": "Security"}):
        assert read(tmp_path / "x.csv", hours, ZENDESK, **key).bars.close.tolist() == [100, 101]
    with pytest.raises(NightdeskError, match=r"the desk's symbol is 'AAPL' \(Apple Inc\): `file` or `symbol` is wrong"):
        read(tmp_path / "x.csv", hours, ZENDESK, symbol="AAPL", name="Apple Inc")
    with pytest.raises(
        NightdeskError, match=r"of 'Microsoft Corp' \(Security\), the desk's symbol is 'AAPL': `file` or"
    ):
        read(tmp_path / "x.csv", hours, ZENDESK.replace("Zendesk Corporation", "Microsoft Corp"), symbol="AAPL")
    assert len(read(tmp_path / "x.csv", hours, ZENDESK, symbol="AAPL", role="benchmark").bars) == 2


def test_a_code_of_another_exchanges_listing_is_another_one(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    for there in ("AAPL.DE", "ETR:AAPL", "AAPL GY Equity", "AAPL-DE", "AAPL.MI", "AAPL.MX", "BCBA:AAPL"):
        rows = table("symbol", ("02", there, 100), ("03", there, 101))
        with pytest.raises(NightdeskError, match=f"the file is of '{there}'"):
            read(tmp_path / "x.csv", hours, rows, symbol="AAPL")
        assert len(read(tmp_path / "x.csv", hours, rows, symbol="AAPL", symbol_column="symbol").bars) == 2
    for here in ("AAPL.US", "NASDAQ:AAPL", "AAPL US Equity", "AAPL-US", "AAPL.O", "US.AAPL"):
        assert len(read(tmp_path / "x.csv", hours, table("symbol", ("02", here, 9)), symbol="AAPL").bars) == 1


def test_names_that_follow_one_another_at_one_price_are_one_share_and_others_are_several(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    renamed = [("02", "Facebook Inc", 100), ("03", "FACEBOOK INC.", 101), ("04", "Meta Platforms Inc", 103)]
    dump = read(tmp_path / "x.csv", hours, table("Company", *renamed), symbol="META")
    assert dump.bars.close.tolist() == [100, 101, 103]
    told = next(each for each in dump.oddities if "renamed?" in each.what)
    assert (told.first, told.example) == ("line 4", "'Facebook Inc', then 'Meta Platforms Inc'")
    at_once = [("02", "Facebook Inc", 100), ("02", "Meta", 101)]
    for several in (
        at_once,
        [*renamed[:2], ("04", "Meta", 150)],
        [renamed[0], ("03", "Meta", 100), ("04", "Facebook", 100)],
    ):
        with pytest.raises(NightdeskError, match=r"holds 2 symbols \(Facebook Inc, Meta\), none of them 'META1'"):
            read(tmp_path / "x.csv", hours, table("Company", *several), symbol="META1")


def test_a_share_has_not_had_many_names(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    rows = [(f"{day:02}", f"Name {day}", 100) for day in range(2, 32)]
    with pytest.raises(NightdeskError, match=r"holds 30 symbols .*, none of them 'META'"):
        read(tmp_path / "x.csv", hours, table("Company", *rows), symbol="META", market="24/7")


def test_a_name_or_an_isin_that_some_rows_lack_is_none_beside_a_symbol_that_all_have(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    rows = table("Ticker,Company", ("02", "META,Facebook", 9), ("02", "A,", 8), ("03", "META,", 9), ("04", "META,M", 9))
    assert len(read(tmp_path / "x.csv", hours, rows, symbol="META").bars) == 3
    with pytest.raises(NightdeskError, match="line 3: no symbol in 'Company', in a file of 2 symbols"):
        read(tmp_path / "x.csv", hours, rows.replace("Ticker", "Other"), symbol="META")
    headless = {"columns": {name: str(at) for at, name in enumerate(("time", "symbol", *OHLCV.split(",")), 1)}}
    text = "".join(f"2024-01-0{2 + at},{each},9,9,9,9,5\n" for at, each in enumerate("ABC"))
    dump = read(tmp_path / "x.csv", hours, text, symbol="META", **headless)
    assert [each.what for each in dump.oddities][:1] == ["column 2 changes in the middle: one share, renamed?"]
    with pytest.raises(NightdeskError, match="no symbol in 'column 2', in a file of 2 symbols"):
        read(tmp_path / "x.csv", hours, text.replace("B", ""), symbol="META", **headless)


ALPACA = '{"bars":{"TSLA":[{"t":"2024-01-02T05:00:00Z","o":10,"h":13,"l":9,"c":12,"v":5,"n":3,"vw":10.5}]}}'
KRAKEN = (
    '{"result":{"XETHZUSD":[[1704153600,"10","13","9","12","11","5",9],[1704240000,"10","13","9","12","11","5",9]]}}'
)
ABOVE = f"Symbol: TSLA\ndate,{OHLCV}\n2024-01-02,10,13,9,12,5\n"


@pytest.mark.parametrize(
    ("text", "symbol"), [(ALPACA, "TSLA"), (ABOVE, "TSLA"), (KRAKEN, "ETH/USD"), ("Date,TSLA\n2024-01-02,12\n", "TSLA")]
)
def test_whose_a_file_is_may_stand_beside_its_rows(
    hours: dict[str, MarketHours], tmp_path: Path, text: str, symbol: str
) -> None:
    market = "24/7" if "/" in symbol else "XNYS"
    assert read(tmp_path / "x.csv", hours, text, symbol=symbol, market=market).bars.close[0] == 12
    with pytest.raises(NightdeskError, match=r"desk's symbol is '(AAPL|BTC/USD)': "):
        read(tmp_path / "x.csv", hours, text, symbol="AAPL" if market == "XNYS" else "BTC/USD", market=market)


def test_of_a_table_of_closes_the_column_named_as_the_symbol_is_taken(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    closes = "Date,MSFT,AAPL\n2024-01-02,370.5,185.5\n2024-01-03,371.5,184.5\n"
    assert read(tmp_path / "x.csv", hours, closes, symbol="AAPL").bars.close.tolist() == [185.5, 184.5]


NAMED = [
    ("ETHUSDT-1d.csv", "BTCUSDT", "refused"),
    ("BINANCE_ETHUSDT, 60.csv", "BTCUSDT", "refused"),
    ("MSFT.csv", "AAPL", "refused"),
    ("Download Data - STOCK_US_XNAS_MSFT.csv", "AAPL", "refused"),
    ("000660.csv", "005930", "refused"),
    ("qqq_d.csv", "AAPL", 0),
    ("desks_d.csv", "AAPL", "refused"),
    ("WORD.csv", "AAPL", 1),
    ("prices.csv", "AAPL", 0),
]
NAMED += [
    ("BTC-EUR.csv", "BTC-USD", "refused"),
    ("btc_eur_daily.csv", "BTC-USD", "refused"),
    ("BTC_1h.csv", "BTC-USD", 0),
]
NAMED += [("Tesla Stock Price History.csv", "AAPL", "refused"), ("SK하이닉스.csv", "005930", "refused")]
NAMED += [("Apple Stock Price History.csv", "AAPL", 0), ("target_prices.csv", "AAPL", 0), ("Target.csv", "AAPL", 0)]
NAMED += [("BTCUSDT-1d-2024.csv", "BTC/USDT", 0), ("AAPL_daily.csv", "AAPL", 0), ("DATA.csv", "AAPL", 0)]
NAMED += [("BRK-B.csv", "BRK.B", 0), ("KRW-BTC.csv", "BTC/KRW", 0), ("BTC_USD.csv", "BTC/USD", 0)]


def test_a_file_named_after_a_known_symbol_or_one_of_the_desk_is_refused_and_after_a_word_noted(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    text, others = f"date,{OHLCV}\n2024-01-02,10,13,9,12,5\n", spelt(["DESKS", "AAPL"])

    def noted(name: str, symbol: str) -> int | str:
        try:
            told = read(tmp_path / name, hours, text, symbol=symbol, others=others).oddities
        except NightdeskError as error:
            assert "it is named after" in str(error)
            named = read(tmp_path / name, hours, text, symbol=symbol, others=others, symbol_column="file")
            assert len(named.bars) == 1
            return "refused"
        return sum(each.what == "file named after another symbol" for each in told)

    assert [(name, symbol, noted(name, symbol)) for name, symbol, _ in NAMED] == NAMED


def test_a_line_of_units_below_the_names_is_no_line_of_symbols(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    text = f"date,{OHLCV}\n,USD,USD,USD,USD,shares\n2024-01-02,1'010.5,1'013.0,1'009.0,1'012.0,1'000'005\n"
    bars = read(tmp_path / "x.csv", hours, text).bars
    assert [bars.open[0], bars.volume[0]] == [1010.5, 1_000_005]
    with pytest.raises(NightdeskError, match='"112\'165" is not a number'):  # a bond's 112 and 16.5 thirty-seconds
        read(tmp_path / "x.csv", hours, text.replace("1'010.5", "112'165"))


def test_a_server_that_does_not_even_say_how_old_a_file_is_ends_the_wait(
    hours: dict[str, MarketHours], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_dump, "PATIENCE_S", 0.05)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: time.sleep(0.3))
    with pytest.raises(OSError, match="has not answered for 0 s") as raised:
        read(tmp_path / "x.csv", hours, table("who", ("02", "AAPL", 9)))
    assert raised.value.errno == errno.ETIMEDOUT
