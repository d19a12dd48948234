"""Whether two spellings of a symbol mean one, or plainly two."""

from __future__ import annotations

import re
from typing import Literal

DOLLARS = ("USDT", "USDC", "BUSD", "FDUSD", "USD")
COINS = ("BTC", "ETH")  # that others are paid with
QUOTES = (*DOLLARS, "KRW", "EUR", "JPY", "GBP", "TRY", "BRL", "AUD", "CAD", "CHF", *COINS)
ALIASES = {"XBT": "BTC", "XDG": "DOGE", "GSPC": "SPX"}
LEAST = 2  # letters of a symbol that is looked for inside another one
LONGEST_SMALL = 4  # letters of a code that might be a word: tsla; apple is a name
_BEFORE = r"(?:[A-Z0-9]+:)?"
_CLASS = re.compile(_BEFORE + r"([A-Z]{1,5})[./ -]([A-Z])(?:\.[A-Z]{1,4})?")
_PLAIN_SHARE = re.compile(r"[A-Z]{1,5}")
_SHARE = re.compile(_BEFORE + r"([A-Z]{1,5})(?:\.[A-Z]{1,4})?")
_NUMBER = re.compile(_BEFORE + r"(?:(?:SH|SZ|BJ|HK)\.?|A)?(\d{3,6})(?:\.[A-Z]{1,3})?")
_SETTLED = re.compile(r"(/[A-Z0-9]+):[A-Z0-9]+(?:-\d+)?")
"""ccxt's swaps and futures: BTC/USDT:USDT."""
_CONTRACT = re.compile(r"PERP|PERPETUAL|SWAP|SPOT|\d{6}|\d{8}")  # the days are those of delivery
_MARKED = re.compile(r"([A-Z0-9]+)=[XF]")
"""Yahoo's rates and futures; KRW=X is won for a dollar."""


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
    text, wanted = _without_mark(text.upper()), _without_mark(wanted)
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


def _without_mark(symbol: str) -> str:
    """A symbol of Yahoo's without its mark; one currency alone is against the dollar."""
    match = _MARKED.fullmatch(symbol)
    if match is None:
        return symbol
    return f"USD{match[1]}" if symbol.endswith("=X") and len(match[1]) == len("KRW") else match[1]


def _are_shares(text: str, wanted: str) -> bool:
    """Whether they are two shares by their letters (GOOGL.US, GOOG); a coin's letters may begin its pair's."""
    share = _SHARE.fullmatch(text)
    if share is None or not _PLAIN_SHARE.fullmatch(wanted) or len(wanted) < LEAST or _plain(text) in QUOTES:
        return False
    if wanted in re.split("[.:]", text):
        return False  # Futu's US.AAPL, AAPL:XNAS
    short, long = sorted((share[1], wanted), key=len)
    return short != long and not (long.startswith(short) and short in pair_of(long))


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
    symbol = _SETTLED.sub(r"\1", symbol).rpartition(":")[2]
    parts = [ALIASES.get(part, part) for part in re.split(r"[^A-Z0-9]+", symbol) if part]
    parts = [part for part in parts if not _CONTRACT.fullmatch(part)]
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
    coins = [part for part in pair if part not in QUOTES] or [part for part in pair if part in COINS]
    return sorted(coins or pair) or [re.sub(r"[^A-Z0-9]", "", re.sub(r"\.[A-Z]{1,4}$", "", symbol.upper()))]


def is_of_coins(pair: str, wanted: str) -> bool:
    """Whether a pair is of coins, or `wanted` a money: XAU_USD may be GOLD, BTCUSDT no DOGE, EURUSD no CHF."""
    if not _PLAIN_SHARE.fullmatch(wanted.upper()) or len(wanted) < LEAST:
        return False
    return wanted.upper() in QUOTES or bool(pair_of(pair) & {*COINS}) or any(each in pair for each in DOLLARS[:-1])
