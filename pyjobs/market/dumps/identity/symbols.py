"""Whether two spellings of a symbol mean one, or plainly two."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from pyjobs.market.dumps.identity.contracts import by_month, is_option, without_contract, without_kind

DOLLARS = ("USDT", "USDC", "BUSD", "FDUSD", "USD")
COINS = ("BTC", "ETH")  # that others are paid with
QUOTES = (*DOLLARS, "KRW", "EUR", "JPY", "GBP", "TRY", "BRL", "AUD", "CAD", "CHF", *COINS)
ALIASES = {"XBT": "BTC", "XDG": "DOGE", "GSPC": "SPX", "INX": "SPX", "GDAXI": "DAX", "N225": "NI225"} | {
    "KS11": "KOSPI",
    "KQ11": "KOSDAQ",
    "KS200": "KOSPI200",
    "1001": "KOSPI",
    "2001": "KOSDAQ",
    "1028": "KOSPI200",
}
LEAST = 2  # letters of a symbol that is looked for inside another one
LONGEST_SMALL = 4  # letters of a code that might be a word: tsla; apple is a name
LONGEST_VENUE = 8  # letters of an exchange, a country, a broker's mark: NASDAQ, HK, EQ, m
_BEFORE = r"(?:[A-Z0-9]+:)?"
_CLASS = re.compile(_BEFORE + r"([A-Z]{1,5})[./ -]([A-Z])(?:\.[A-Z]{1,4})?")
_PAPERS = {
    "warrant": re.compile(_BEFORE + r"([A-Z]{1,5})[./ -]W[ST]([A-Z]?)"),
    "preferred": re.compile(_BEFORE + r"([A-Z]{1,5})(?:-P|[./ $-]PR[./ -]?|\$)([A-Z])"),
    "right": re.compile(_BEFORE + r"([A-Z]{1,5})[/-]R[TI]()"),
}
"""The other papers of a company, as exchanges and vendors write it: GME.WS, BAC-PL, BAC.PRL, BAC$L."""
_SHARE = re.compile(_BEFORE + r"([A-Z]{1,5})(?:\.[A-Z]{1,4})?")
_NUMBER = re.compile(_BEFORE + r"(?:(?:SH|SZ|BJ|HK|KRX)\.?|[AQ])?(\d{1,6}[A-Z]?)(?:[. ][A-Z]{1,4})?")
_GERMAN = re.compile(r"([A-Z0-9]{2,4})GN?\.(?:DE|F|BE|MU|SG|HM|DU)")  # Reuters': SAPG.DE, SIEGn.DE
_LOCAL = 5  # digits of Japan's codes that end in 0, as its exchange writes them: 72030
_SETTLED = re.compile(r"(/[A-Z0-9]+):[A-Z0-9]+(?:-\d+)?")
"""ccxt's swaps and futures: BTC/USDT:USDT."""
_MARKED = re.compile(r"([A-Z0-9]+)=[XF]")
"""Yahoo's rates and futures; KRW=X is won for a dollar."""


def same_symbol(one: str, other: str) -> bool:
    """Whether two spellings mean one symbol: case, marks, an ending like .US, an A before a Korean code aside."""
    return (
        _papers(one, other) != "two" and not _of_other_classes(one, other) and bool(spellings(one) & spellings(other))
    )


def _of_other_classes(one: str, other: str) -> bool:
    """Whether two codes are of one company's other shares: BRK.A and BRK-B."""
    first, second = (_CLASS.fullmatch(each.strip().upper()) for each in (one, other))
    return bool(first and second and first[1] == second[1] and first[2] != second[2])


def _papers(one: str, other: str) -> Literal["one", "two", ""]:
    """Whether two codes, of which one is that of a warrant, a preferred share or a right, are of one paper."""
    first, second = _paper(one), _paper(other)
    if not (first or second):
        return ""
    return "one" if first == second else "two"


def _paper(code: str) -> tuple[str, ...]:
    """(kind, company, series) of a code of a company's other papers; nothing for a code of anything else."""
    for kind, pattern in _PAPERS.items():
        if match := pattern.fullmatch(code.strip().upper()):
            return kind, *match.groups()
    return ()


def spelt(symbols: Iterable[str]) -> dict[str, str]:
    """Symbols by each of their spellings, for a name of a file to be looked up in."""
    return {spelling: symbol for symbol in symbols for spelling in spellings(symbol)}


def spellings(symbol: str) -> set[str]:
    """What a symbol is without its marks, without an ending like .US, and without an A before a Korean code."""
    upper = symbol.upper().strip()
    found = {re.sub(r"[^A-Z0-9가-힣]", "", upper), re.sub(r"[^A-Z0-9가-힣]", "", re.sub(r"\.[A-Z]{1,3}$", "", upper))}
    found |= {re.sub(r"[^A-Z0-9]", "", upper[2:]) for _ in "x" if re.match(r"[XCI]:", upper)}
    found |= {each.removeprefix("A") for each in found if re.fullmatch(r"A\d{6}", each)}
    return {each.lstrip("0") if each.isdigit() else each for each in found}


def compared(text: str, wanted: str) -> Literal["one", "two", "asked", ""]:
    """Whether a file's code and the desk's are one, or plainly two: TSLA under AAPL, ETH/USDT under BTC/USDT.

    Only codes of one kind are compared. `asked`: a future of another root; "": names, identifiers, indices and
    whatever else cannot be held against the desk's symbol.
    """
    text, wanted = re.sub("^t(?=[A-Z:]{6,}$)", "", text.strip()), wanted.strip().upper()  # Bitfinex's tBTCUSD
    if is_option(text) != is_option(wanted):
        return "two"
    if papers := _papers(text, wanted):
        return papers
    if same_symbol(text, wanted) or ((match := _GERMAN.fullmatch(text.upper())) and match[1] == wanted.split(".")[0]):
        return "one"
    if text != text.upper() and not _is_small_code(text):
        return ""  # a name
    if told := by_month(_aliased(text.upper()), wanted):
        return told
    text, wanted = _without_mark(text.upper()), _without_mark(wanted)
    if _plain(text) == _plain(wanted) or wanted in re.split("[.:]", text):
        return "one"
    if _of_other_classes(text, wanted):
        return "two"
    if (codes := _number(text)) and (mine := _number(wanted)):
        return "one" if codes & mine else "two"
    if (pair := pair_of(text)) and (own := pair_of(wanted)):
        return "one" if pair == own and _due(text, wanted) else "two"
    if _is_base(text, wanted) or _is_base(wanted, text) or _beside_a_venue(text, wanted):
        return "one"
    one, other = _share(text), _share(wanted)
    if one and other:
        return "asked" if len(wanted) < LEAST and text.startswith(wanted) else "two"  # GOOG is not GOOGL
    return ""


def _aliased(code: str) -> str:
    """BitMEX's XBTU24 as BTCU24."""
    return "BTC" + code[3:] if re.fullmatch(r"XBT[A-Z]\d{2}", code) else code


def _due(text: str, wanted: str) -> bool:
    """Whether two pairs may be due at one time; where one has no date, they may."""
    one, other = (without_contract(_parts(each))[1] for each in (text, wanted))
    return one == other or not one or not other


def _is_base(pair: str, single: str) -> bool:
    """Whether `single` is what is traded in `pair`: BTC in BTCUSDT."""
    return bool(pair_of(pair)) and not pair_of(single) and _plain(single) in bases_of(pair)


def _beside_a_venue(text: str, wanted: str) -> bool:
    """Whether `text` is `wanted` with an exchange, a country or a broker's mark added: RELIANCE-EQ, SAP GY."""
    parts, mine = re.findall(r"[A-Z0-9]+", text), re.findall(r"[A-Z0-9]+", wanted)
    if len(parts) != len(mine) + 1 or not mine:
        return False
    for own, other in ((parts[:-1], parts[-1]), (parts[1:], parts[0])):
        if own == mine and other.isalpha() and len(other) <= LONGEST_VENUE:
            return True
    return False


def _without_mark(symbol: str) -> str:
    """A symbol of Yahoo's without its mark; one currency alone is against the dollar."""
    match = _MARKED.fullmatch(symbol)
    if match is None:
        return symbol
    return f"USD{match[1]}" if symbol.endswith("=X") and len(match[1]) == len("KRW") else match[1]


def _is_small_code(text: str) -> bool:
    """Whether small letters are a code's all the same: tsla, tsla.us, ethusdt."""
    short = len(text) <= LONGEST_SMALL or re.search(r"[^a-z]", text) is not None
    return text == text.lower() and (short or bool(pair_of(text.upper())))


def _plain(symbol: str) -> str:
    """Letters and numbers alone, of two spellings of one coin the common one."""
    parts = re.split(r"[^A-Z0-9]+", symbol)
    return "".join(ALIASES.get(part, part) for part in parts)


def _number(symbol: str) -> frozenset[str]:
    match = _NUMBER.fullmatch(symbol)
    if match is None:
        return frozenset()
    code = match[1]
    local = {code[:-1]} if len(code) == _LOCAL and code.endswith("0") and not code.startswith("0") else set()
    return frozenset({code.lstrip("0")} | local)


def pair_of(symbol: str) -> frozenset[str]:
    """The two sides of a pair, in any order (KRW-BTC); all dollars are one, and a contract is paid in them."""
    parts, due = without_contract(_parts(symbol))
    if len(parts) == 1 and (krakens := re.fullmatch(r"X([A-Z]{3})Z([A-Z]{3})", parts[0])):
        parts = [ALIASES.get(part, part) for part in krakens.groups()]
    if len(parts) == 1:
        quote = next((each for each in QUOTES if parts[0].endswith(each) and len(parts[0]) > len(each) + 1), "")
        quote, base = (quote, parts[0].removesuffix(quote)) if quote or not due else ("USD", parts[0])
        parts = [ALIASES.get(part, part) for part in (base, quote)]
    if len(parts) != 2 or not all(parts) or not set(parts) & set(QUOTES):
        return frozenset()
    return frozenset("USD" if part in DOLLARS else part for part in parts)


def _parts(symbol: str) -> list[str]:
    symbol = without_kind(re.sub(r"^[A-Z0-9]+:(?=[A-Z])", "", _SETTLED.sub(_settled, symbol)))
    return [ALIASES.get(part, part) for part in re.split(r"[^A-Z0-9]+", symbol) if part]


def _settled(match: re.Match[str]) -> str:
    day = re.search(r"-\d+$", match[0])
    return match[1] + (day[0] if day else "")


def _share(symbol: str) -> str:
    match = _SHARE.fullmatch(symbol)
    return ALIASES.get(match[1], match[1]) if match else ""


def bases_of(symbol: str) -> list[str]:
    """The letters and numbers of a symbol that stand for what is traded: of a pair either side but the money."""
    pair = pair_of(symbol.upper())
    coins = [part for part in pair if part not in QUOTES] or [part for part in pair if part in COINS]
    return sorted(coins or pair) or [re.sub(r"[^A-Z0-9]", "", re.sub(r"\.[A-Z]{1,4}$", "", symbol.upper()))]


def is_of_coins(pair: str, wanted: str) -> bool:
    """Whether a pair is of coins, or `wanted` a money: XAU_USD may be GOLD, BTCUSDT no DOGE, EURUSD no CHF."""
    if not re.fullmatch("[A-Z]{1,5}", wanted.upper()) or len(wanted) < LEAST:
        return False
    return wanted.upper() in QUOTES or bool(pair_of(pair) & {*COINS}) or any(each in pair for each in DOLLARS[:-1])
