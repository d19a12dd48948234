"""Whether two spellings of a symbol mean one, or plainly two."""

from __future__ import annotations

import re
from typing import Literal

DOLLARS = ("USDT", "USDC", "BUSD", "FDUSD", "USD")
QUOTES = (*DOLLARS, "KRW", "EUR", "JPY", "GBP", "TRY", "BRL", "AUD", "CAD", "CHF", "BTC", "ETH")
ALIASES = {"XBT": "BTC", "XDG": "DOGE", "GSPC": "SPX"}
LEAST = 2  # letters of a symbol that is looked for inside another one
LONGEST_SMALL = 4  # letters of a code that might be a word: tsla; apple is a name
_BEFORE = r"(?:[A-Z0-9]+:)?"
_CLASS = re.compile(_BEFORE + r"([A-Z]{1,5})[./ -]([A-Z])")
_PLAIN_SHARE = re.compile(r"[A-Z]{1,5}")
_SHARE = re.compile(_BEFORE + r"([A-Z]{1,5})(?:\.[A-Z]{1,4})?")
_NUMBER = re.compile(_BEFORE + r"(?:(?:SH|SZ|BJ|HK)\.?|A)?(\d{4,6})(?:\.[A-Z]{1,3})?")


def same_symbol(one: str, other: str) -> bool:
    """Whether two spellings mean one symbol: case, marks, an ending like .US, an A before a Korean code aside."""
    return not _of_other_classes(one, other) and bool(_spellings(one) & _spellings(other))


def _of_other_classes(one: str, other: str) -> bool:
    """Whether two codes are of one company's other shares: BRK.A and BRK-B."""
    first, second = (_CLASS.fullmatch(each.strip().upper()) for each in (one, other))
    return bool(first and second and first[1] == second[1] and first[2] != second[2])


def _spellings(symbol: str) -> set[str]:
    upper = symbol.upper().strip()
    found = {re.sub(r"[^A-Z0-9가-힣]", "", upper), re.sub(r"[^A-Z0-9가-힣]", "", re.sub(r"\.[A-Z]{1,3}$", "", upper))}
    found |= {re.sub(r"[^A-Z0-9]", "", upper[2:]) for _ in "x" if re.match(r"[XCI]:", upper)}
    found |= {each.removeprefix("A") for each in found if re.fullmatch(r"A\d{6}", each)}
    return {each.lstrip("0") if each.isdigit() else each for each in found}


def compared(text: str, wanted: str) -> Literal["one", "two", ""]:
    """Whether a file's code and the desk's are one, or plainly two: TSLA under AAPL, ETH/USDT under BTC/USDT.

    Only codes of one kind are compared, of which neither is part of the other; "": names, identifiers, indices and
    whatever else cannot be held against the desk's symbol.
    """
    text, wanted = re.sub("^t(?=[A-Z:]{6,}$)", "", text.strip()), wanted.strip().upper()  # Bitfinex's tBTCUSD
    if same_symbol(text, wanted):
        return "one"
    if text != text.upper() and not _is_small_code(text):
        return ""  # a name
    text = re.sub(r"=[XF]$", "", text.upper())  # Yahoo's rates and futures
    plain, mine = (_plain(each) for each in (text, wanted))
    if _of_other_classes(text, wanted) or (plain != mine and _are_shares(text, wanted)):
        return "two"  # GOOG is not GOOGL
    if len(min(plain, mine, key=len)) >= LEAST and (plain in mine or mine in plain):
        return "one"
    for kind in (_number, pair_of, _share):
        one, other = kind(text), kind(wanted)
        if one and other:
            return "one" if one == other else "two"
    return ""


def _are_shares(text: str, wanted: str) -> bool:
    """Whether both are letters alone, as the codes of American shares; a coin's may stand in its pair's."""
    letters = all(_PLAIN_SHARE.fullmatch(each) for each in (text, wanted))
    return letters and len(wanted) >= LEAST and _plain(text) not in QUOTES


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
    return frozenset({match[1].lstrip("0")}) if match else frozenset()


def pair_of(symbol: str) -> frozenset[str]:
    """What is paid for and with what, in any order (KRW-BTC); all dollars are one."""
    parts = [ALIASES.get(part, part) for part in re.split(r"[^A-Z0-9]+", symbol.rpartition(":")[2]) if part]
    parts = [part for part in parts if part not in ("PERP", "PERPETUAL", "SWAP", "SPOT")]
    if len(parts) == 1 and (krakens := re.fullmatch(r"X([A-Z]{3})Z([A-Z]{3})", parts[0])):
        parts = [ALIASES.get(part, part) for part in krakens.groups()]
    if len(parts) == 1:
        quote = next((each for each in QUOTES if parts[0].endswith(each) and len(parts[0]) > len(each) + 1), "")
        parts = [ALIASES.get(part, part) for part in (parts[0].removesuffix(quote), quote)]
    if len(parts) != 2 or not all(parts) or not set(parts) & set(QUOTES):
        return frozenset()
    return frozenset("USD" if part in DOLLARS else part for part in parts)


def _share(symbol: str) -> frozenset[str]:
    match = _SHARE.fullmatch(symbol)
    return frozenset({ALIASES.get(match[1], match[1])}) if match and len(match[1]) >= LEAST else frozenset()


def bases_of(symbol: str) -> list[str]:
    """The letters and numbers of a symbol that stand for what is traded: of a pair either side but the money."""
    pair = pair_of(symbol.upper())
    coins = sorted(part for part in pair if part not in QUOTES) or sorted(pair)
    return coins or [re.sub(r"[^A-Z0-9]", "", re.sub(r"\.[A-Z]{1,4}$", "", symbol.upper()))]
