"""Whether a name or an identifier is that of a desk's instrument: Apple Inc under AAPL, KR7005930003 under 005930."""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate
from typing import Literal

from pyjobs.market.desk.instrument import Instrument
from pyjobs.market.dumps.identity.symbols import bases_of, compared, is_of_coins, pair_of

Verdict = Literal["one", "two", "asked", ""]
"""`asked`: a name, of which nothing shows that it is the instrument's. "": nothing that could be held against it."""
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")
_CODE_IN = {"KR": (slice(3, 9), r"[0-9A-Z]{6}"), "TW": (slice(5, 9), r"\d{4}"), "AU": (slice(8, 11), r"[A-Z0-9]{3}")}
"""Where a country's identifiers hold the code that its exchange trades by, and what such a code is."""
_FORMS = frozenset((
    *("inc", "incorporated", "corp", "corporation", "co", "company", "companies", "ltd", "limited", "plc", "ag", "sa"),
    *("se", "nv", "spa", "ab", "asa", "oyj", "kgaa", "the", "class", "common", "stock", "ordinary", "shares", "share"),
    *("adr", "ads", "del", "new", "com", "group", "holding", "holdings", "trust", "etf", "fund"),
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
    if by_code := compared(code_in(text), symbol):
        return "one" if by_code == "asked" and alike(text, instrument.name) else by_code
    if text in (text.upper(), text.lower()) and pair_of(text.upper()):
        return "asked" if is_of_coins(text.upper(), symbol) and not alike(text, instrument.name) else ""
    if text == text.upper() and re.fullmatch(r"[\w.:^/=@-]+", text) and not alike(text, instrument.name):
        return "asked" if re.search(r"\d", text) or _goes_on(text, symbol) else _by_name(text, instrument)
    return _by_name(text, instrument)


def code_in(text: str) -> str:
    """The code in what Bloomberg calls an instrument (`SAP GY Equity`); else the text."""
    listed = _LISTED.fullmatch(text)
    return listed[1] if listed else text


def is_plain_name(text: str) -> bool:
    """Whether it is a name, an ISIN or a bare number, which a file's own name may tie to a symbol, and no code."""
    return is_isin(text) or text.isdigit() or not re.fullmatch(r"[A-Z0-9.:^_/=@!-]+", text)


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
    if len(base) <= WORDLESS:
        return words[0].startswith(base) or "".join(word[0] for word in words).startswith(base)
    once = re.sub(r"(.)\1", r"\1", base)
    pattern = re.compile(".*?".join(map(re.escape, once)))
    return any(pattern.match(re.sub(r"(.)\1", r"\1", " ".join(words[at:]))) for at in range(len(words)))
