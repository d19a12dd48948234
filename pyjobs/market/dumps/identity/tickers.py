"""Columns that name a field and a ticker, as pandas' tables of two levels do, also where the two were run together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.identity.issuers import code_in, is_isin, is_known, is_known_name, is_spelling, verdict
from pyjobs.market.dumps.identity.symbols import QUOTES, bases_of, compared, pair_of, same_symbol, spellings
from pyjobs.market.dumps.meaning.names import FIELD_OF
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.grid import Grid
from utils.errors import BadDataError

UNITS = frozenset(
    {"USD", "EUR", "GBP", "GBX", "JPY", "KRW", "CNY", "CHF", "$", "€", "SHARES", "UNITS", "COUNT", "원", "주"}
)
WORDS = frozenset(
    {"DATA", "DAY", "DAYS", "DAILY", "PRICE", "OHLC", "OHLCV", "BARS", "HIST", "TABLE", "CHART", "EOD", "CSV"}
)
NO_SYMBOLS = frozenset((
    *("price", "prices", "value", "val", "rate", "close", "last", "px", "nav", "index", "level", "yield", "mid"),
    *("bid", "ask", "adj", "adjusted", "avg", "average", "fix", "mark", "spot", "sett", "settle", "settlement"),
    *("pct", "percent", "exchange", "market", "closing", "final", "end", "daily", "day", "unit", "per", "of", "in"),
    *("the", "p", "x", "net", "asset", "share", "points", "quote", "observation", "data", "series", "total", "return"),
    *("kurs", "wert", "schluss", "schlusskurs", "prix", "cours", "valeur", "precio", "valor", "prezzo", "preço"),
    *("종가", "가격", "금리", "환율", "기준가", "기준가격", "매매기준율", "지수"),
    *("終値", "値", "価格", "基準価額", "收盘", "收盘价"),
    *("0", "gross", "stock", "fund", "etf", "koers", "净值", "淨值", "单位净值", "цена", "курс", "значение"),
))  # fmt: skip
"""What a column of one value is called that says nothing of whose it is."""
PRICES = frozenset({"open", "high", "low", "close"})
_FIELD = r"adj[ _]?close|adjusted|open|high|low|close|volume|dividends|stock[ _]splits|capital[ _]gains"
_FIRST = re.compile(rf"(?P<field>{_FIELD})[ _./|-]+(?P<ticker>[A-Z0-9^][A-Z0-9.^=/-]*)", re.IGNORECASE)
_LAST = re.compile(rf"(?P<ticker>[A-Z0-9^][A-Z0-9.^=/-]*)[ _./|-]+(?P<field>{_FIELD})", re.IGNORECASE)
_ABOVE = re.compile(
    r"[#\s\"]*(symbol|ticker|isin|security|instrument|name|code|종목코드|단축코드|종목명|종목|銘柄コード|证券代码|股票代码)"
    r"\"?\s*[:=,;\t]\s*\"?([^\",;]*[^\s\",;])[\s\",;]*",
    re.IGNORECASE,
)
_FIELDS_ABOVE = {"종목명": "name", "종목": "name"} | dict.fromkeys(
    ("code", "종목코드", "단축코드", "銘柄コード", "证券代码", "股票代码"), "symbol"
)
_TOLD_ABOVE = {"symbol", "ticker", "isin", "instrument", "security", "name"}
_CODE = re.compile(r"[A-Z0-9^][A-Z0-9.^=/:-]*")
_IN_BRACKETS = re.compile(r"\(([A-Z0-9^][A-Z0-9.^=/:-]*)\)")
_PIECES = re.compile(r"\s+[-–—|]\s+|[,;|\t()]|\"")
_LENGTH = re.compile(r"\d{1,3}|\d{1,4} ?(?:s|sec|m|min|mins|h|hr|d|w|mo|mn|분|일)|[mhdw]\d{1,3}|mn")
_OF_OTHER_THINGS = re.compile(r"\b(?:by|from|via|source|provider|broker|exchange|currency|unit|units|zone)\b", re.I)
_COMMON = frozenset((
    *("daily", "weekly", "monthly", "hourly", "intraday", "eod", "historical", "history", "price", "prices", "data"),
    *("quotes", "quote", "chart", "export", "bars", "candles", "ohlc", "ohlcv", "table", "report", "time", "series"),
    *("for", "of", "the", "in", "and", "adjusted", "unadjusted", "raw", "stock", "share", "shares", "ticker", "symbol"),
    *("perpetual", "perp", "futures", "spot", "equity", "index", "day", "days", "week", "month", "hour", "minute"),
    *("minutes", "open", "high", "low", "close", "volume", "values", "file", "name", "security", "instrument"),
    *("stocks", "일별", "일별시세", "일봉", "분봉", "주봉", "월봉", "시세", "주가", "가격", "데이터", "종목"),
    *("日足", "時系列", "日线", "前复权"),
    *("后复权", "不复权", "tagesdaten", "kurse", "historische"),
))  # fmt: skip
"""Words of a line above a table that are nobody's."""
NO_CODES = frozenset((
    *("NYSE", "AMEX", "ARCA", "BATS", "OTC", "LSE", "TSX", "ASX", "NSE", "BSE", "KRX", "HKEX", "SGX", "CME", "ICE"),
    *("UTC", "GMT", "EST", "EDT", "CET", "JST", "KST", "ET", "CT", "ETF", "FUND", "INDEX", "STOCK", "SHARE", "FX"),
    *("TITLE", "SHEET", "TRADE", "QUOTE", "BAR", "TICK", "ADJ", "RAW", "ALL", "NEW", "LIST", "FILE", "NAME", "INFO"),
    *("NOTE", "SPOT", "NAV", "CLOSE", "OPEN", "HIGH", "LOW", "LAST", "VALUE", "WEEK", "MONTH", "YEAR", "HOUR", "MIN"),
))  # fmt: skip
"""Capitals above a table that are no code."""
_PAIR = re.compile(r"\(\s*'([^']*)'\s*,\s*'([^']*)'\s*\)")


def told_above(grid: Grid, instrument: Instrument) -> None:
    """Note the symbol that a line before the table gives (`Symbol: MSFT`), or the ISIN that one is (Euronext's).

    A title that has a code or a known name (`AAPL 1D`, `Apple Inc. (AAPL)`) is noted where it is another one's, and
    neither the file's name nor another line says that the file is the instrument's.
    """
    for line in grid.preamble:
        text = line.strip(' \t",;#')
        if match := _ABOVE.fullmatch(line.strip()):
            name = match[1].lower()
            grid.about.setdefault(_FIELDS_ABOVE.get(name, name), match[2])
        elif is_isin(text):
            grid.about.setdefault("isin", text)
    if {*grid.about} & _TOLD_ABOVE or is_named(grid.label, instrument.symbol):
        return
    titles = [each for line in grid.preamble for each in _titles(line)]
    others = [each for each in titles if _is_anothers(each, instrument)]
    if others and all(verdict(each, instrument) != "one" for each in titles):
        grid.about["title"] = others[0]


def _titles(line: str) -> list[str]:
    """The codes and the known names that a line above a table has, and the words that are no symbol's."""
    if _OF_OTHER_THINGS.search(line):
        return []
    found = _IN_BRACKETS.findall(line) + [
        each for each in re.findall(r"\b[A-Z]{2}[A-Z0-9]{9}\d\b", line) if is_isin(each)
    ]
    for piece in () if _IN_BRACKETS.search(line) else _PIECES.split(line):
        words = [word for word in code_in(piece.strip()).split() if not _is_nobodys(word)]
        text = " ".join(words)
        if (len(words) == 1 and _CODE.fullmatch(text)) or (words and is_known_name(text)):
            found.append(text)
    return [each for each in found if len(each) > 1 and each not in WORDS | UNITS | NO_CODES]


def _is_nobodys(word: str) -> bool:
    plain = word.strip(".:,#()").lower()
    return not plain or plain in _COMMON or plain.upper() in WORDS | NO_CODES or bool(_LENGTH.fullmatch(plain))


def _is_anothers(title: str, instrument: Instrument) -> bool:
    """Whether a title is plainly of another instrument: of a known one, a pair or a number also of another kind."""
    whose = verdict(title, instrument)
    sure = bool(pair_of(title) or re.fullmatch(r"A?\d{6}", title)) or is_known(title) or is_known_name(title)
    return whose == "two" or (sure and (whose == "asked" or (whose == "" and is_known(instrument.symbol))))


def one_ticker(grid: Grid, instrument: Instrument) -> None:
    """Reduce a grid with columns named by field and ticker to those of the instrument, by their field's name.

    Raises BadDataError when it holds several tickers and none of them is the instrument.
    """
    names = grid.names = _apart(grid.names or [])
    tickers = list(dict.fromkeys(name.partition("@")[2] for name in names if "@" in name))
    if not tickers or all(each.upper() in UNITS for each in tickers):
        grid.names = [name.partition("@")[0] for name in names]  # a line of units below the names
        return
    mine = [each for each in tickers if is_spelling(each, instrument)]
    if not mine and len(tickers) > 1:
        listed = ", ".join(tickers[:6])
        what = f"holds {len(tickers)} symbols ({listed}), none of them {instrument.symbol!r}: `symbol:` chooses one"
        raise BadDataError(f"{grid.label}: {what}")
    wanted = mine[0] if mine else tickers[0]
    if not mine:
        grid.about["ticker"] = wanted
    keep = [i for i, name in enumerate(names) if "@" not in name or name.endswith(f"@{wanted}")]
    grid.names = [names[i].partition("@")[0] for i in keep]
    grid.columns = [grid.columns[i] for i in keep]


def of_the_symbol(grids: list[Grid], symbol: str) -> tuple[list[Grid], Finding | None]:
    """The files, and a workbook's sheets, that are named after the symbol, where some are and some are not; else all
    files, and of a workbook the first sheet. A finding names the others.

    Raises BadDataError for a workbook with every sheet named as another symbol.
    """
    mine = [each for each in grids if is_named(each.label, symbol)]
    if not mine:
        return _first_sheets(grids, symbol), None
    if len(mine) == len(grids):
        return grids, None
    others = [re.split(r"[/!]", each.label)[-1] for each in grids if not is_named(each.label, symbol)]
    for each in mine:
        each.about.pop("sheets", None)
    what = "files named otherwise: left out"
    return mine, Finding(what=what, count=len(others), first="", example=", ".join(others[:3]))


def _first_sheets(grids: list[Grid], symbol: str) -> list[Grid]:
    kept: list[Grid] = []
    for each in grids:
        book = each.about.get("book", "")
        sheets = [str(other.about["sheet"]) for other in grids if other.about.get("book") == book] if book else []
        if book and all(_is_code(name) and compared(name, symbol) == "two" for name in sheets):
            what = f"its sheets are called {', '.join(sheets[:6])}, none of them {symbol!r}: `symbol:` chooses one"
            raise BadDataError(f"{book}: {what}")
        if not book or all(other.about.get("book") != book for other in kept):
            kept.append(each)
    return kept


def named_after_another(grids: list[Grid], instrument: Instrument, others: Mapping[str, str]) -> Finding | None:
    """A note where all files, by their names, are another instrument's: ETHUSDT-1h.csv under BTCUSDT.

    Where the name is that of one of the `others` (`spelt` symbols of the desk), or of a well-known one, each grid has
    it as its `file`, which is held against the desk's symbol where nothing in the file says whose it is.
    """
    stems = [re.split(r"[/!]", grid.label)[-1].partition(".")[0] for grid in grids]
    symbol = instrument.symbol
    known = [_known_symbol(grid.label, instrument, others) for grid in grids]
    for grid, other, stem in zip(grids, known, stems, strict=True):
        grid.about.pop("file", None)
        if all(known) or instrument.symbol_column == "file":
            grid.about["file"] = other or stem
    codes = [stem for stem in stems if _is_code(stem) and compared(re.split("[-_]", stem)[0], symbol) == "two"]
    if all(known) or not codes or len(codes) < len(stems):
        return None
    return Finding(what="file named after another symbol", count=len(codes), first="", example=codes[0])


def _known_symbol(label: str, instrument: Instrument, others: Mapping[str, str]) -> str:
    """The symbol that a file is named after, if it is one of `others` or a well-known one and not its own; or "".

    The whole name may be it, or its first word; capitals may stand anywhere (BINANCE_ETHUSDT, 60). A pair is one
    with its money: BTC-EUR is not BTC-USD, though it has BTC.
    """
    symbol, stem = instrument.symbol, re.split(r"[/!]", label)[-1].partition(".csv")[0]
    words = [word for word in re.split(r"[^A-Za-z0-9가-힣]+", stem) if word]
    if not words or is_named(label, symbol):
        return ""
    if other := next((each for each in (stem, "-".join(words[:2])) if _is_other_money(each.upper(), symbol)), ""):
        return other
    if any(compared(each, symbol) == "one" for each in (stem, *words)):
        return ""
    places = [stem, words[0], *(word for word in words[1:] if len(word) > 2 and word == word.upper())]
    for each in places:
        if each.lower() not in _COMMON and (mine := next((others[s] for s in spellings(each) if s in others), "")):
            return mine
    for each in dict.fromkeys((stem, *(word for word in words if word == words[0] or len(word) > 2))):
        sure = pair_of(each) or re.fullmatch(r"A?\d{6}", each) or (len(each) > 1 and is_known(each))
        if each == each.upper() and sure and each not in WORDS | NO_CODES and compared(each, symbol) == "two":
            return each
    return _known_name(stem, instrument)


def _is_other_money(pair: str, symbol: str) -> bool:
    """Whether a pair is of what the desk's is of, for another money."""
    sides = pair_of(pair)
    other = sides - pair_of(symbol.upper())
    return bool(sides & {*bases_of(symbol)}) and other <= {*QUOTES} and compared(pair, symbol) == "two"


def _known_name(stem: str, instrument: Instrument) -> str:
    """The name of another known symbol that a file's name has among words of no meaning (Tesla Stock Price History)."""
    titles = [each for each in _titles(stem.replace("_", " ")) if is_known_name(each) and not each.islower()]
    found = (each for each in titles if each != stem or not each.isascii())  # Target.csv may be a target
    return next((each for each in found if verdict(each, instrument) == "two"), "")


def _is_code(stem: str) -> bool:
    """Whether a file's name begins with a code that is no word: a pair, a number, or letters before a mark."""
    first = re.split("[-_]", stem)[0]
    plain = first == first.upper() and first not in WORDS
    return plain and bool(pair_of(first) or re.fullmatch(r"A?\d{6}", first) or re.fullmatch(r"[A-Z]{2,5}", first))


def is_named(label: str, symbol: str) -> bool:
    """Whether a file is named after a symbol: AAPL.csv, 005930_daily.csv."""
    stem = re.split(r"[/!]", label)[-1].partition(".csv")[0]
    return any(same_symbol(part, symbol) for part in (stem, *re.split(r"[^A-Za-z0-9가-힣]+", stem)) if part)


def _apart(names: Sequence[str]) -> list[str]:
    """`field@ticker` for `('Close', 'AAPL')`, `Close_AAPL` and `AAPL Close`, where all four prices are named so."""
    plain = [column(name) for name in names]
    if (
        PRICES & set(plain)
        or {FIELD_OF.get(name, ("", 0))[0] for name in plain} >= PRICES
        or any("@" in n for n in names)
    ):
        return list(names)
    for read in (_pair, _first, _last):
        lines = [read(name) for name in names]
        tickers = {ticker for _, ticker in lines if ticker}
        if tickers and all({column(field) for field, each in lines if each == ticker} >= PRICES for ticker in tickers):
            return [
                f"{field}@{ticker}" if ticker else field or name
                for name, (field, ticker) in zip(names, lines, strict=True)
            ]
    return list(names)


def _pair(name: str) -> tuple[str, str]:
    match = _PAIR.fullmatch(name.strip())
    if match is None:
        return "", ""
    one, two = match.groups()
    return (two, one) if column(two) in PRICES | {"volume", "adjclose"} else (one, two)


def _first(name: str) -> tuple[str, str]:
    match = _FIRST.fullmatch(name.strip())
    return (match["field"], match["ticker"]) if match else ("", "")


def _last(name: str) -> tuple[str, str]:
    match = _LAST.fullmatch(name.strip())
    return (match["field"], match["ticker"]) if match else ("", "")
