"""Which of the known formats a grid has, and whether two spellings of a symbol mean one, or plainly two."""

from __future__ import annotations

import re

from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.desk.price_formats import PLAIN, PriceFormat, price_formats
from pyjobs.market.dumps.meaning.plausible import fits
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.grid import Grid
from utils.errors import BadDataError

DOLLARS = ("USDT", "USDC", "BUSD", "FDUSD", "USD")
QUOTES = (*DOLLARS, "KRW", "EUR", "JPY", "GBP", "TRY", "BRL", "AUD", "CAD", "CHF", "BTC", "ETH")
ALIASES = {"XBT": "BTC", "XDG": "DOGE", "GSPC": "SPX"}
LEAST = 2  # letters of a symbol that is looked for inside another one
LONGEST_SMALL = 4  # letters of a code that might be a word: tsla; apple is a name
_BEFORE = r"(?:[A-Z0-9]+:)?"
_SHARE = re.compile(_BEFORE + r"([A-Z]{1,5})(?:\.[A-Z]{1,4})?")
_NUMBER = re.compile(_BEFORE + r"(?:(?:SH|SZ|BJ|HK)\.?|A)?(\d{4,6})(?:\.[A-Z]{1,3})?")


def same_symbol(one: str, other: str) -> bool:
    """Whether two spellings mean one symbol: case, marks, an ending like .US, an A before a Korean code aside."""
    return bool(_spellings(one) & _spellings(other))


def _spellings(symbol: str) -> set[str]:
    upper = symbol.upper().strip()
    found = {re.sub(r"[^A-Z0-9가-힣]", "", upper), re.sub(r"[^A-Z0-9가-힣]", "", re.sub(r"\.[A-Z]{1,3}$", "", upper))}
    found |= {re.sub(r"[^A-Z0-9]", "", upper[2:]) for _ in "x" if re.match(r"[XCI]:", upper)}
    found |= {each.removeprefix("A") for each in found if re.fullmatch(r"A\d{6}", each)}
    return {each.lstrip("0") if each.isdigit() else each for each in found}


def is_another(told: str, wanted: str) -> bool:
    """Whether a file's symbol is plainly another one: TSLA under AAPL, 000660 under 005930, ETH/USDT under BTC/USDT.

    That is a code of one kind with the desk's, of which neither is part of the other. Names, identifiers, indices and
    whatever else cannot be held against the desk's symbol are not.
    """
    told, wanted = told.strip(), wanted.strip().upper()
    if told != told.upper() and not _is_small_code(told):
        return False  # a name
    told = re.sub(r"=[XF]$", "", told.upper())  # Yahoo's rates and futures
    plain, mine = (_plain(each) for each in (told, wanted))
    if len(min(plain, mine, key=len)) >= LEAST and (plain in mine or mine in plain):
        return False
    for kind in (_number, _pair, _share):
        one, other = kind(told), kind(wanted)
        if one and other:
            return one != other
    return False


def _is_small_code(told: str) -> bool:
    """Whether small letters are a code's all the same: tsla, tsla.us, ethusdt."""
    short = len(told) <= LONGEST_SMALL or re.search(r"[^a-z]", told) is not None
    return told == told.lower() and (short or bool(_pair(told.upper())))


def _plain(symbol: str) -> str:
    """Letters and numbers alone, of two spellings of one coin the common one."""
    parts = re.split(r"[^A-Z0-9]+", symbol)
    return "".join(ALIASES.get(part, part) for part in parts)


def _number(symbol: str) -> frozenset[str]:
    match = _NUMBER.fullmatch(symbol)
    return frozenset({match[1].lstrip("0")}) if match else frozenset()


def _pair(symbol: str) -> frozenset[str]:
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


def _named_shapes(instrument: Instrument) -> list[PriceFormat]:
    kinds = {"24/7": ("round",), "FX": ("round",), "CMES": ("futures", "sessions")}
    kind = ("", *kinds.get(instrument.market, ("sessions",)))
    here = [each for each in price_formats() if each.markets in kind]
    if instrument.layout == "auto":
        return [each for each in here if not each.asked]
    named = [each for each in here if each.name == instrument.layout]
    return named or [each for each in price_formats() if each.name == instrument.layout]


def shape_of(grid: Grid, instrument: Instrument) -> PriceFormat | None:
    """The first format of the table that has all its names in the header."""
    names = {column(name) for name in grid.names or ()}
    shapes = [each for each in _named_shapes(instrument) if each.header or instrument.layout != "auto"]
    for each in shapes:
        if not set(each.header) <= names or not _begins(grid, each):
            continue
        if each.preamble and each.preamble not in " ".join(grid.preamble).lower():
            continue
        if not each.zoned or re.search(r"\d\s+(?!UTC$|GMT$|[AP]M$)[A-Za-z]{2,}[A-Za-z_/-]*$", first_cell(grid, 0)):
            return each
    return shapes[0] if instrument.layout not in PLAIN and shapes else None


def _begins(grid: Grid, shape: PriceFormat) -> bool:
    """Whether the header begins, and lacks names, to the letter as the format's does."""
    names = grid.names or []
    return names[: len(shape.exact)] == shape.exact and not set(shape.lacks) & set(names)


def headless_shape(grid: Grid, instrument: Instrument, width: int) -> PriceFormat | None:
    shapes = [each for each in _named_shapes(instrument) if each.width]
    for each in shapes:
        if width in each.width and _looks(grid, each) and fits(grid, each):
            _refuse_twins(grid, each, instrument)
            return each
    if instrument.layout not in PLAIN:
        for each in _named_shapes(instrument):
            if width in each.width:
                return each
        raise BadDataError(
            f"{grid.label}: has {width} columns and no header: not what `layout: {instrument.layout}` is"
        )
    if instrument.layout == "auto" and grid.delimiter == "," and re.fullmatch(LOOKS["daily"], first_cell(grid, 0)):
        what = f"line {int(grid.lines[0])}: {first_cell(grid, 0)!r} begins a row as Lean writes it, in ten-thousandths"
        raise BadDataError(f"{grid.label}: {what}: say `layout: lean`, or `layout: ohlcv` if the prices are plain")
    return None


def _refuse_twins(grid: Grid, shape: PriceFormat, instrument: Instrument) -> None:
    """Two vendors write one shape, hours apart: only the volume decides whose file it is."""
    if instrument.layout == "auto" and shape.name == "ninjatrader" and _is_quiet(grid):
        what = f"line {int(grid.lines[0])}: volume 0 throughout: HistData's (New York's winter time) or NinjaTrader's"
        raise BadDataError(f"{grid.label}: {what} (UTC, ends of bars): say `layout: histdata` or `layout: ninjatrader`")


LOOKS = {
    "epoch": r"-?\d{9,19}(\.\d+)?",
    "compact": r"\d{8} \d{6}",
    "daily": r"\d{8} \d{2}:\d{2}",
    "dotted": r"\d{4}\.\d{2}\.\d{2}",
    "milliseconds": r"\d{1,8}",
}


def _looks(grid: Grid, shape: PriceFormat) -> bool:
    if shape.delimiter and shape.delimiter != grid.delimiter:
        return False
    if shape.quiet and not _is_quiet(grid):
        return False
    return not shape.time or bool(re.fullmatch(LOOKS[shape.time], first_cell(grid, 0)))


def _is_quiet(grid: Grid) -> bool:
    return all(grid.cell(row, 5).strip() in ("0", "0.0") for row in range(0, len(grid), 97))


def first_cell(grid: Grid, place: int) -> str:
    return grid.cell(0, place).strip() if len(grid) else ""
