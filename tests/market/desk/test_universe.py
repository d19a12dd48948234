"""A desk that names symbols: what is left out comes from the exchange, blocks are spelled out, mistakes named."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

from pyjobs.market.desk.desk_file import load_desk, wanted_listings
from pyjobs.market.desk.listings import Listed, write_listing
from utils.errors import ConfigError, MissingInputError

HEAD = """\
name: mine
market: XNYS
accounts:
  usd: {currency: USD, cash: 1000, max_positions: 2, max_weight: 0.5}
setups: {}
"""
EXCHANGES = """\
exchanges:
  YAHOO: {provider: yf_etf, market: XNYS, currency: USD, prices: adjusted, page_bars: 5000}
  BITFINEX: {provider: bitfinex, market: "24/7", currency: USD, prices: raw, page_bars: 10000}
  KRX: {provider: pykrx_index, market: XKRX, currency: KRW, prices: raw, page_bars: 500}
"""
NOV_17 = dt.datetime(2026, 11, 17, 12, tzinfo=dt.UTC).timestamp()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "exchanges.yaml").write_text(EXCHANGES, encoding="utf-8")
    return tmp_path


def desk(home: Path, rest: str, head: str = HEAD) -> Path:
    path = home / "desk.yaml"
    path.write_text(head + rest, encoding="utf-8")
    return path


def refused(home: Path, rest: str, head: str = HEAD) -> str:
    path = desk(home, rest, head)
    with pytest.raises(ConfigError) as caught:
        load_desk(path, now_s=NOV_17)
    return str(caught.value).replace(f"{home}/", "")


def test_an_instrument_without_a_file_takes_everything_else_from_its_exchange(home: Path) -> None:
    rest = "instruments: [{symbol: AAPL, exchange: YAHOO}, {symbol: BTCUSD, exchange: BITFINEX, timeframe: 1h}]\n"
    apple, coin = load_desk(desk(home, rest)).instruments
    assert (apple.market, apple.currency, apple.timeframe, apple.prices) == ("XNYS", "USD", "1d", "adjusted")
    assert (coin.market, coin.currency, coin.timeframe, coin.prices) == ("24/7", "USD", "1h", "raw")
    assert apple.fetched and coin.fetched and not apple.file


def test_one_share_in_two_spellings_is_refused_where_a_provider_takes_both_for_the_same(home: Path) -> None:
    twins = "universe: [{exchange: YAHOO, symbols: [AAPL]}, {exchange: YAHOO, symbols: [B, aapl], timeframe: 1h}]\n"
    assert len(load_desk(desk(home, twins)).instruments) == 3  # of two timeframes they are two series
    told = refused(home, twins.replace(", timeframe: 1h", ""))
    assert told.startswith("desk.yaml:6: universe[1].symbols[1]: 'aapl' is 'AAPL' in other letters")


def test_two_symbols_that_nobody_can_tell_apart_are_refused(home: Path) -> None:
    two = 'instruments: [{symbol: "Caf\u00e9", exchange: YAHOO}, {symbol: "Cafe\u0301", exchange: YAHOO}]\n'
    assert "is written in the letters of another one" in refused(home, two)
    assert len(load_desk(desk(home, two.replace("Caf\u00e9", "Caf\u00e8"))).instruments) == 2
    blank = 'instruments: [{symbol: " AAPL", exchange: YAHOO}]\n'
    assert "' AAPL' begins or ends with a blank" in refused(home, blank)


def test_a_file_is_gone_on_from_only_where_the_desk_is_about_today_and_both_are_of_one_basis(home: Path) -> None:
    def fetched(extra: str, session: str = "last_closed") -> bool:
        rest = f"session: {session}\ninstruments: [{{symbol: X, exchange: YAHOO, file: x.csv{extra}}}]\n"
        return load_desk(desk(home, rest)).instruments[0].fetched

    assert fetched(", prices: adjusted")
    assert not fetched(", prices: adjusted, fetch: false")
    assert not fetched(", prices: adjusted", session="last_bar")
    assert not fetched("")  # a file is raw where it does not say: it goes on alone, as it always did


def test_one_on_another_basis_that_is_to_be_fetched_is_refused_with_the_key_to_set(home: Path) -> None:
    rest = "instruments:\n  - {symbol: X, exchange: YAHOO, file: x.csv, fetch: true}\n"
    assert refused(home, rest) == (
        "desk.yaml:7: instruments[0].prices: YAHOO has adjusted prices, these are raw: the two never mix; "
        "set `fetch: false`, or give the file another exchange"
    )


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("instruments:\n  - {symbol: X, exchange: YAHO}\n",
         "desk.yaml:7: instruments[0].file: no file is named, and config/exchanges.yaml has no exchange 'YAHO'; "
         "did you mean 'YAHOO'?"),
        ("instruments:\n  - {symbol: X, exchange: YAHOO, market: XKRX}\n",
         "desk.yaml:7: instruments[0].market: the bars of YAHOO are those of XNYS; leave the key out"),
        ("instruments:\n  - {symbol: X, exchange: YAHOO, fetch: false}\n",
         "desk.yaml:7: instruments[0].fetch: no file is named, so its bars can only be fetched"),
        ("instruments:\n  - {symbol: X, exchange: OWN, file: x.csv, market: XNYS}\n",
         "desk.yaml:7: instruments[0].currency: no currency is named"),
        ("universe:\n  - {exchange: YAHOO}\n",
         "desk.yaml:7: universe[0]: it names no symbols: name one of symbols, csv, listing"),
        ("universe:\n  - {exchange: YAHOO, symbols: [A], csv: u.csv}\n",
         "desk.yaml:7: universe[0].csv: symbols and csv cannot be combined: name one of symbols, csv, listing"),
        ("universe:\n  - {exchange: KRY, symbols: [A]}\n",
         "desk.yaml:7: universe[0].exchange: unknown exchange 'KRY' (config/exchanges.yaml has YAHOO, BITFINEX, KRX); "
         "did you mean 'KRX'?"),
        ("universe:\n  - {exchange: YAHOO, symbols: [A], min_price: 3}\n",
         "desk.yaml:7: universe[0].min_price: is for a listing only: a list of symbols is taken as it is"),
        ("universe:\n  - {exchange: YAHOO, symbols: [A], timeframe: 2h}\n",
         "desk.yaml:7: universe[0].timeframe: unknown timeframe '2h'"),
        ("universe:\n  - exchange: YAHOO\n    symbols:\n      - A\n      - B\n      - A\n",
         "desk.yaml:11: universe[0].symbols[2]: YAHOO:A:1d is already universe[0].symbols[0]"),
        ("universe:\n  - {exchange: YAHOO, symbols: ['A ']}\n",
         "desk.yaml:7: universe[0].symbols[0]: 'A ' is no symbol"),
        ("universe:\n  - {exchange: YAHOO, csv: no.csv}\n", "desk.yaml:7: universe[0].csv: no such file: no.csv"),
        ("universe:\n  - {exchange: YAHOO, symbols: [A], colour: red}\n",
         "desk.yaml:7: universe[0].colour: no such key"),
        ("", "desk.yaml: instruments: the universe is empty: name at least one instrument"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_where_it_stands(home: Path, rest: str, expected: str) -> None:
    assert refused(home, rest).startswith(expected)


def test_one_symbol_on_two_exchanges_is_two_series_and_an_instrument_wins_over_a_block(home: Path) -> None:
    rest = (
        "instruments: [{symbol: SPY, exchange: YAHOO, role: benchmark}]\n"
        "universe:\n  - {exchange: YAHOO, symbols: [SPY, AAPL]}\n  - {exchange: KRX, symbols: [AAPL], role: watch}\n"
    )
    found = [(i.exchange, i.symbol, i.role) for i in load_desk(desk(home, rest)).instruments]
    assert found == [("YAHOO", "SPY", "benchmark"), ("YAHOO", "AAPL", "trade"), ("KRX", "AAPL", "watch")]


def test_a_csv_may_be_as_other_programs_write_it(home: Path) -> None:
    header = "\ufeffSymbol;Name;Group;Role;Lot;Kind\r\n\r\n"
    text = header + "005930;삼성전자;chips;;10;\r\nAAPL;Apple; ;watch;;etf\r\n;;;;;\r\n"
    (home / "u.csv").write_bytes(text.encode())
    loaded = load_desk(desk(home, "universe: [{exchange: YAHOO, csv: u.csv, group: rest, lot: 1}]\n"))
    first, second = loaded.instruments
    assert (first.symbol, first.name, first.group, first.role, first.lot, first.kind) == (
        "005930", "삼성전자", "chips", "trade", 10.0, "",
    )  # fmt: skip
    assert (second.symbol, second.group, second.role, second.lot, second.kind) == ("AAPL", "rest", "watch", 1.0, "etf")
    assert loaded.lists == (home / "u.csv",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("symbol,name\n", "u.csv: holds no symbol: only a header"),
        ("", "u.csv: holds no symbol: the file is empty"),
        ("symbol\nA\nB\n\nA\n", "u.csv:5: symbol: 'A' is already on line 2"),
        ("symbol,nmae\nA,x\n", "u.csv:1: unknown column 'nmae' (the columns are symbol, name, group, role, lot, kind); "
         "did you mean 'name'?"),
        ("AAPL\nMSFT\n", "u.csv:1: the first line names no column `symbol`, it is 'AAPL'"),
        ("symbol,name\nA,x,y\n", "u.csv:2: 3 cells, but the first line names 2 columns"),
        ("symbol,lot\nA,ten\n", "u.csv:2: lot: 'ten' is not a number"),
        ("symbol,lot\nA,-1\n", "u.csv:2: lot: is a quantity, 0 for the market's own; is -1"),
        ("symbol,role\nA,fx\n", "u.csv:2: role: unknown 'fx' (known: trade, watch, benchmark)"),
        ("symbol,name\n,x\n", "u.csv:2: symbol: is empty"),
        ("symbol\nA\x01B\n", "u.csv:2: symbol: 'A\\x01B' is no symbol"),
        ("symbol\n" + "A" * 67 + "\n", "u.csv:2: symbol: '" + "A" * 66),
    ],
)  # fmt: skip
def test_a_mistake_in_a_csv_is_named_with_its_line(home: Path, text: str, expected: str) -> None:
    (home / "u.csv").write_text(text, encoding="utf-8")
    assert refused(home, "universe: [{exchange: YAHOO, csv: u.csv}]\n").startswith(expected)


def test_a_csv_that_is_not_text_is_refused(home: Path) -> None:
    (home / "u.csv").write_bytes("symbol\n삼성\n".encode("cp949"))
    assert refused(home, "universe: [{exchange: YAHOO, csv: u.csv}]\n") == "u.csv: not UTF-8 text (byte 7)"


def test_one_symbol_in_two_files_is_refused_naming_both_places(home: Path) -> None:
    (home / "u.csv").write_text("symbol\nA\nB\n")
    (home / "v.csv").write_text("symbol\nC\nB\n")
    rest = "universe: [{exchange: YAHOO, csv: u.csv}, {exchange: YAHOO, csv: v.csv}]\n"
    assert refused(home, rest) == "v.csv:3: symbol: YAHOO:B:1d is already u.csv:3"


def test_a_hundred_thousand_rows_take_seconds(home: Path) -> None:
    rows = "".join(f"S{n},Name {n}\n" for n in range(100_000))
    (home / "u.csv").write_text("symbol,name\n" + rows)
    began_s = time.process_time()
    assert len(load_desk(desk(home, "universe: [{exchange: YAHOO, csv: u.csv}]\n")).instruments) == 100_000
    assert time.process_time() - began_s < 5


KRW = HEAD.replace("USD", "KRW").replace("XNYS", "XKRX")


def listed(symbol: str, board: str = "KOSPI", *, close: float = 1000.0, turnover: float = 1e9) -> Listed:
    return Listed(symbol, f"Name of {symbol}", board, close, turnover, 1e6)


def test_a_listing_gives_the_shares_of_its_boards_that_pass(home: Path) -> None:
    shares = [
        listed("000001"),
        listed("000002", close=499.0),
        listed("000003", turnover=1e6),
        listed("000004", board="KOSDAQ"),
        listed("000005", board="KONEX"),
        listed("000006", turnover=float("nan")),
        listed("000007", close=90_000.0),
    ]
    path = write_listing("KRX", dt.date(2026, 11, 16), shares)
    rest = (
        "universe: [{exchange: KRX, listing: [KOSPI, KOSDAQ], min_turnover: 100000000, min_price: 500, "
        "max_price: 50000, group: all}]\n"
    )
    loaded = load_desk(desk(home, rest, KRW), now_s=NOV_17)
    assert [(i.symbol, i.name, i.currency, i.group) for i in loaded.instruments] == [
        ("000001", "Name of 000001", "KRW", "all"),
        ("000004", "Name of 000004", "KRW", "all"),
    ]
    assert loaded.lists == (path,)


def test_a_whole_market_is_read_in_a_few_hundredths_of_a_second(home: Path) -> None:
    write_listing("KRX", dt.date(2026, 11, 16), [listed(f"{n:06d}") for n in range(2_700)])
    path = desk(home, "universe: [{exchange: KRX, listing: [KOSPI], min_turnover: 1, min_sessions: 60}]\n", KRW)
    load_desk(path, now_s=NOV_17)  # calendars are read once
    best_s = 9.0
    for _ in range(3):
        began_s = time.process_time()
        assert len(load_desk(path, now_s=NOV_17).instruments) == 2_700
        best_s = min(best_s, time.process_time() - began_s)
    assert best_s < 0.06


def test_a_share_is_old_enough_by_the_sessions_since_it_was_first_seen(home: Path) -> None:
    write_listing("KRX", dt.date(2026, 11, 11), [listed("000001")])
    write_listing("KRX", dt.date(2026, 11, 12), [listed("000001"), listed("000002")])
    write_listing("KRX", dt.date(2026, 11, 16), [listed("000001"), listed("000002"), listed("000003")])

    def old_enough(sessions: int) -> list[str]:
        rest = f"universe: [{{exchange: KRX, listing: [KOSPI], min_sessions: {sessions}}}]\n"
        return [i.symbol for i in load_desk(desk(home, rest, KRW), now_s=NOV_17).instruments]

    assert old_enough(1) == ["000001", "000002", "000003"]
    assert old_enough(2) == ["000001", "000002"]
    assert old_enough(3) == ["000001", "000002"]  # Thursday the 12th, Friday the 13th, Monday the 16th
    assert old_enough(4) == ["000001"]  # in the first listing that was kept: nobody knows since when, so long enough


def test_the_listing_of_a_day_to_come_is_not_read(home: Path) -> None:
    write_listing("KRX", dt.date(2026, 11, 16), [listed("000001")])
    write_listing("KRX", dt.date(2026, 11, 18), [listed("000009")])
    rest = "universe: [{exchange: KRX, listing: [KOSPI]}]\n"
    assert [i.symbol for i in load_desk(desk(home, rest, KRW), now_s=NOV_17).instruments] == ["000001"]


def test_what_a_listing_has_not_is_named(home: Path) -> None:
    rest = "universe:\n  - {exchange: KRX, listing: [KOSPI, NASDAQ], min_price: 5000}\n"
    with pytest.raises(MissingInputError, match=r"listings/KRX: no listing of KRX was kept yet"):
        load_desk(desk(home, rest, KRW), now_s=NOV_17)
    assert wanted_listings(desk(home, rest, KRW)) == {"KRX": ["KOSPI", "NASDAQ"]}
    write_listing("KRX", dt.date(2026, 11, 16), [listed("000001")])
    assert refused(home, rest, KRW) == (
        "desk.yaml:7: universe[0].listing: data/listings/KRX/2026-11-16.csv has no board 'NASDAQ' (it has KOSPI)"
    ).replace("data", str(home / "data").replace(f"{home}/", ""))
    assert refused(home, rest.replace(", NASDAQ", ""), KRW) == (
        "desk.yaml:7: universe[0].listing: none of the 1 shares in data/listings/KRX/2026-11-16.csv passes"
    )
