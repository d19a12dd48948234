"""Columns that name a field and a ticker, as pandas' tables of two levels do, also where the two were run together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.identity.issuers import is_isin
from pyjobs.market.dumps.identity.symbols import compared, pair_of, same_symbol
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
    *("price", "value", "val", "rate", "close", "last", "px", "nav", "index", "level", "yield", "mid", "bid", "ask"),
    *("adj", "avg", "fix", "mark", "spot", "sett"),
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
_TITLE = re.compile(r"([A-Z0-9^][A-Z0-9.^=/:-]*)|.*\(([A-Z0-9^][A-Z0-9.^=/:-]*)\)")
NO_CODES = frozenset((
    *("NYSE", "AMEX", "ARCA", "BATS", "OTC", "LSE", "TSX", "ASX", "NSE", "BSE", "KRX", "HKEX", "SGX", "CME", "ICE"),
    *("UTC", "GMT", "EST", "EDT", "CET", "JST", "KST", "ET", "CT", "ETF", "FUND", "INDEX", "STOCK", "SHARE", "FX"),
    *("TITLE", "SHEET", "TRADE", "QUOTE", "BAR", "TICK", "ADJ", "RAW", "ALL", "NEW", "LIST", "FILE", "NAME", "INFO"),
    *("NOTE", "SPOT", "CLOSE", "OPEN", "HIGH", "LOW", "LAST", "VALUE", "WEEK", "MONTH", "YEAR", "HOUR", "MIN"),
))  # fmt: skip
"""Capitals above a table that are no code."""
_PAIR = re.compile(r"\(\s*'([^']*)'\s*,\s*'([^']*)'\s*\)")


def told_above(grid: Grid, symbol: str) -> None:
    """Note the symbol that a line before the table gives (`Symbol: MSFT`), or the ISIN that one is (Euronext's).

    A title that is a code (`AAPL`, `Apple Inc. (AAPL)`) is noted where it is plainly another symbol's, and neither the
    file's name nor another line names the symbol.
    """
    for line in grid.preamble:
        text = line.strip(' \t",;#')
        if match := _ABOVE.fullmatch(line.strip()):
            name = match[1].lower()
            grid.about.setdefault(_FIELDS_ABOVE.get(name, name), match[2])
        elif is_isin(text):
            grid.about.setdefault("isin", text)
    if {*grid.about} & _TOLD_ABOVE or is_named(grid.label, symbol):
        return
    titles = [match[1] or match[2] for each in grid.preamble if (match := _TITLE.fullmatch(each.strip(' \t",;#')))]
    codes = [each for each in titles if each not in WORDS | UNITS | NO_CODES and compared(each, symbol) == "two"]
    if codes and len(codes) == len(titles):
        grid.about["title"] = codes[0]


def one_ticker(grid: Grid, instrument: Instrument) -> None:
    """Reduce a grid with columns named by field and ticker to those of the instrument, by their field's name.

    Raises BadDataError when it holds several tickers and none of them is the instrument.
    """
    names = grid.names = _apart(grid.names or [])
    tickers = list(dict.fromkeys(name.partition("@")[2] for name in names if "@" in name))
    if not tickers or all(each.upper() in UNITS for each in tickers):
        grid.names = [name.partition("@")[0] for name in names]  # a line of units below the names
        return
    mine = [each for each in tickers if same_symbol(each, instrument.symbol)]
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


def named_after_another(grids: list[Grid], symbol: str) -> Finding | None:
    """A note where all files, by their names, are another instrument's: ETHUSDT-1h.csv under BTCUSDT."""
    stems = [re.split(r"[/!]", grid.label)[-1].partition(".")[0] for grid in grids]
    others = [stem for stem in stems if _is_code(stem) and compared(re.split("[-_]", stem)[0], symbol) == "two"]
    if not others or len(others) < len(stems):
        return None
    return Finding(what="file named after another symbol", count=len(others), first="", example=others[0])


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
