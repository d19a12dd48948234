"""Whether a name or an identifier is that of a desk's instrument: Apple Inc under AAPL, KR7005930003 under 005930."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import accumulate
from typing import Literal

from pyjobs.market.desk.instrument import Instrument
from pyjobs.market.dumps.identity.known_names import known_names
from pyjobs.market.dumps.identity.listings import dotted, is_elsewhere
from pyjobs.market.dumps.identity.symbols import ALIASES, bases_of, compared, is_of_coins, pair_of, same_symbol

Verdict = Literal["one", "two", "asked", ""]
"""`asked`: a name, of which nothing shows that it is the instrument's. "": nothing that could be held against it."""
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")
_CODE_IN = {"KR": (slice(3, 9), r"[0-9A-Z]{6}"), "TW": (slice(5, 9), r"\d{4}"), "AU": (slice(8, 11), r"[A-Z0-9]{3}")}
"""Where a country's identifiers hold the code that its exchange trades by, and what such a code is."""
_FORMS = frozenset((
    *("inc", "incorporated", "corp", "corporation", "co", "company", "companies", "ltd", "limited", "plc", "ag", "sa"),
    *("se", "nv", "spa", "ab", "asa", "oyj", "kgaa", "the", "class", "common", "stock", "ordinary", "shares", "share"),
    *("adr", "ads", "del", "new", "com", "group", "holding", "holdings", "trust", "etf", "fund", "index", "shares"),
))  # fmt: skip
KINDS = frozenset((
    *("equity", "equities", "stock", "stocks", "share", "common stock", "etf", "fund", "index", "crypto", "coin"),
    *("forex", "fx", "future", "futures", "spot", "swap", "perpetual", "option", "bond", "adr", "reit"),
))  # fmt: skip
SYMBOLS_TOO = frozenset({"COIN", "SPOT", "BOND"})  # Coinbase's, Spotify's, a fund's
_LISTED = re.compile(r"(\S+)(?: [A-Z]{2})? (?:Equity|Index|Curncy|Comdty)", re.IGNORECASE)  # Bloomberg's
_KOREAN = re.compile(r"\(주\)|㈜|주식회사|보통주|\s+")
LONGEST_CODE = 6  # letters
WORDLESS = 2  # letters of a symbol that stand in too many names


def verdict(text: str, instrument: Instrument) -> Verdict:
    """Whether what a file calls its rows is the instrument: by code, by identifier, by name."""
    text, symbol = unicodedata.normalize("NFC", text).strip(), instrument.symbol
    if is_isin(text):
        return _by_identifier(text, symbol)
    if text.lower() in KINDS and text not in SYMBOLS_TOO:
        return ""
    text, symbol = (dotted(each, instrument.market) for each in (text, symbol))
    by_code = compared(code_in(text), symbol)
    if by_code == "one" and is_elsewhere(text, symbol, instrument.market):
        return "two"
    if by_code != "one" and (by_name := _by_known_name(text, instrument)):
        return by_name
    if by_code:
        return by_code
    if text in (text.upper(), text.lower()) and pair_of(text.upper()):
        return "asked" if is_of_coins(text.upper(), symbol) or (is_known(text) and is_known(symbol)) else ""
    if text == text.upper() and re.fullmatch(r"[\w.:^/=@-]+", text):
        return "asked" if re.search(r"\d", text) or _goes_on(text, symbol) else _by_name(text, instrument)
    return _by_name(text, instrument)


def is_spelling(code: str, instrument: Instrument) -> bool:
    """Whether a code is the instrument's symbol, marks aside, at the instrument's exchange."""
    code = dotted(code, instrument.market)
    return same_symbol(code, instrument.symbol) and not is_elsewhere(code, instrument.symbol, instrument.market)


def code_in(text: str) -> str:
    """The code in what Bloomberg calls an instrument (`SAP GY Equity`); else the text."""
    listed = _LISTED.fullmatch(text)
    return listed[1] if listed else text


def is_plain_name(text: str) -> bool:
    """Whether it is a name, an ISIN or a bare number, which a file's own name may tie to a symbol, and no code."""
    return is_isin(text) or text.isdigit() or not re.fullmatch(r"[A-Z0-9.:^_/=@!-]+", text)


@lru_cache(maxsize=1)
def _known() -> tuple[frozenset[str], dict[str, list[str]]]:
    """The well-known symbols, and by the words of a name together those that have it."""
    named: dict[str, list[str]] = {}
    for symbol, names in known_names().items():
        for name in names:
            named.setdefault("".join(_words(name)), []).append(symbol)
    return frozenset(known_names()), named


def is_known(code: str) -> bool:
    """Whether a code is a symbol that many have, or a pair of two that are traded for one another."""
    plain = re.sub(r"^[A-Z]+:|^\^", "", code.upper())
    return any(each in _known()[0] for each in (plain, ALIASES.get(plain, plain), *bases_of(plain)))


def is_known_name(text: str) -> bool:
    """Whether it is a name that a symbol is known by."""
    return bool(_named(text))


def _by_known_name(text: str, instrument: Instrument) -> Verdict:
    """By the desk's own name for it, and by the names that everybody has for well-known symbols; "" for another one."""
    symbols, of_symbol, of_name = (_named(each) for each in (text, instrument.symbol, instrument.name))
    if instrument.name and (_is_name(text, instrument.name) or symbols & of_name):
        return "one"
    foreign = of_name and not set(_words(text)) & set(_words(instrument.name))
    if any(compared(each, instrument.symbol) == "one" for each in symbols if not foreign):
        return "one"
    if any(compared(text, each) == "one" for each in of_symbol):
        return "one"
    return "two" if symbols and not instrument.name and is_known(instrument.symbol) else ""


def _named(name: str) -> frozenset[str]:
    """The well-known symbols that have a name."""
    return frozenset(_known()[1].get("".join(_words(name)), ())) if name else frozenset()


def _goes_on(text: str, symbol: str) -> bool:
    """Whether a code begins as the desk's and goes on: GSPTSE is not GSP, nor APPLE APP; ETHEREUM is a name."""
    text = re.sub(r"\W", "", text)
    return len(text) <= LONGEST_CODE and any(
        text.startswith(base) and text != base for base in bases_of(symbol) if base
    )


def _by_name(text: str, instrument: Instrument) -> Verdict:
    if instrument.name and _letters(instrument.name) == _letters(text):
        return "one" if _is_name(text, instrument.name) else "two"
    return "one" if any(_suggests(text, base) for base in bases_of(instrument.symbol)) else "asked"


def alike(one: str, other: str) -> bool:
    """Whether two names differ in spelling alone (Apple Inc, APPLE INC.)."""
    return _words(one) == _words(other)


def is_isin(text: str) -> bool:
    """Whether it is an ISIN, by its check digit (ISO 6166)."""
    if not _ISIN.fullmatch(text):
        return False
    digits = [int(each) for each in "".join(str(int(letter, 36)) for letter in text)]
    twice = [digit * 2 if at % 2 else digit for at, digit in enumerate(reversed(digits))]
    return sum(digit // 10 + digit % 10 for digit in twice) % 10 == 0


def _by_identifier(isin: str, symbol: str) -> Verdict:
    if is_isin(symbol.upper()):
        return "one" if isin == symbol.upper() else "two"
    where, code = _CODE_IN.get(isin[:2], (slice(0), ""))
    mine = re.search(rf"(?<![0-9A-Z])A?({code})(?![0-9A-Z])", symbol.upper()) if code else None
    if mine is None:
        return "asked"
    return "one" if isin[where] == mine[1] else "two"


def _letters(text: str) -> str:
    """The alphabet of a text, as far as it matters here: SK하이닉스 is Korean."""
    found = [unicodedata.name(each, "").split(" ")[0] for each in text if each.isalpha()]
    return next((each for each in found if each != "LATIN"), "".join(found[:1]))


def _words(name: str) -> list[str]:
    if re.search("[가-힣]", name):
        return [_KOREAN.sub("", name).upper()]
    plain = unicodedata.normalize("NFKD", name.lower().replace("&", " and "))
    words = re.findall(r"\w+", "".join(each for each in plain if not unicodedata.combining(each)).replace("'", ""))
    return [word for word in words if word not in _FORMS] or words


def _is_name(text: str, wanted: str) -> bool:
    """Whether one name has the other's words, from the first on, however they are put apart (S&P500)."""
    one, other = _words(text), _words(wanted)
    return "".join(one) in accumulate(other) or "".join(other) in accumulate(one)


def _suggests(name: str, base: str) -> bool:
    """Whether the letters of a symbol stand in a name, in their order, from the start of a word on."""
    words = re.findall(r"[A-Z0-9]+", unicodedata.normalize("NFKD", name).upper().replace("'", ""))
    if not base or not words:
        return False
    if len(base) < WORDLESS:
        return False  # each letter begins hundreds of names
    if len(base) == WORDLESS:
        return words[0].startswith(base) or "".join(word[0] for word in words).startswith(base)
    once = re.sub(r"(.)\1", r"\1", base)
    pattern = re.compile(".*?".join(map(re.escape, once)))
    return any(pattern.match(re.sub(r"(.)\1", r"\1", " ".join(words[at:]))) for at in range(len(words)))
