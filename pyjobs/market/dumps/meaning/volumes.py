"""Which column is the volume, and in what it counts: what is traded, thousands of it, money, price changes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.identity.symbols import ALIASES, QUOTES, bases_of, pair_of
from pyjobs.market.dumps.meaning.basis import MONEYS
from pyjobs.market.dumps.meaning.plausible import counts_what_money_pays
from pyjobs.market.dumps.meaning.shapes import first_cell
from pyjobs.market.dumps.reading.fields import SCALES, column
from pyjobs.market.dumps.reading.grid import Grid
from utils.errors import BadDataError

MONEY = ("quotevolume", "quoteassetvolume")
QUANTITIES = ("quantity", "qty", "quantidade", "tradedquantity")
UNKNOWN = frozenset({"lot", "lots", "contract", "contracts", "hands", "blocks", "packets"})
FUTURES = "CMES"
HAND = 100  # shares, in China
_WORD = r"(?:total\s+)?(?:volumen?|vol|umsatz|stücke?|거래량|成交量|出来高|売買高|成交股數)"
_COUNTED = re.compile(
    rf"\s*{_WORD}\.?\s*[\s_,(\[]+\s*(?:in\s+)?([^\s()\[\]]+?)\.?"
    r"(?:\s+(?:stk|stücke?|shares|shs|units)\.?)?\s*[)\]]?\s*",
    re.IGNORECASE,
)
_AT_ONCE = re.compile(rf"\s*{_WORD}(k|1000|000s?|천주|만주|千株|万股|手|万手)\s*", re.IGNORECASE)
_NAMED = re.compile(r"\s*volume[\s_(]+([A-Za-z0-9]+)\)?\s*", re.IGNORECASE)
_TAIL = re.compile(rf"\s*{_WORD}\b(.*)", re.IGNORECASE)
_NO_UNITS = frozenset(
    {"MA", "SMA", "EMA", "AVG", "AVERAGE", "OSC", "DELTA", "CHANGE", "CHG", "PROFILE", "24H", "RATIO"}
)
_HANDS = ("总手", "總手")
_HOW_MANY = {
    "000": 1e3,
    "000s": 1e3,
    "1000": 1e3,
    "1000s": 1e3,
    "천주": 1e3,
    "千株": 1e3,
    "만주": 1e4,
    "万股": 1e4,
    "手": HAND,
    "万手": 1e4 * HAND,
    "total": 1.0,
    "traded": 1.0,
}


def volume_of(grid: Grid, instrument: Instrument, places: dict[str, int]) -> tuple[list[Finding], float]:
    """Put the column that counts what is traded into `places`; notes on the choice, and what its numbers count each.

    Raises BadDataError for a volume in units of unknown size.
    """
    if "volume" in instrument.columns:
        taken = instrument.columns["volume"] != ""
        return ([] if taken else [_none(grid, "no volume taken, because of `columns`", "")]), 1.0
    money = next((at for at, name in enumerate(grid.names or ()) if column(name) == "volccyquote"), None)
    if money is not None:
        return _counted(grid, places, money), 1.0
    if "volume" in places:
        return _of_contracts(grid, places), 1.0
    if (found := _by_its_unit(grid, instrument)) is not None:
        places["volume"], times = found
        name = (grid.names or [])[places["volume"]]
        note = Finding(what=f"volume times {times:,.0f}, as its name shows", count=len(grid), first="", example=name)
        return ([note] if times != 1 else []), times
    return _by_money(grid, instrument, places), 1.0


def _none(grid: Grid, what: str, example: str) -> Finding:
    return Finding(what=what, count=len(grid), first="", example=example)


def _by_its_unit(grid: Grid, instrument: Instrument) -> tuple[int, float] | None:
    """(column, how many each of its numbers is) of the first one named like `Volume (mio)`; None without one."""
    for place, name in enumerate(grid.names or ()):
        text = unicodedata.normalize("NFKC", name)
        if text.strip() in _HANDS:
            return place, HAND
        match = _AT_ONCE.fullmatch(text) or _COUNTED.fullmatch(text)
        unit = match[1].lower().rstrip(".") if match else ""
        times = _HOW_MANY.get(unit, SCALES.get(unit, 0.0))
        if times and unit != "t":
            return place, times
        if unit in UNKNOWN:
            if unit.startswith("contract") and instrument.market == FUTURES:
                return place, 1.0
            what = f"line {grid.header_line or 1}: {name!r} counts {unit}, a unit of unknown size"
            cure = f"`columns: {{volume: {name}}}` takes the numbers as they are, `columns: {{volume: ''}}` none"
            raise BadDataError(f"{grid.label}: {what}: {cure}")
    return None


def _by_money(grid: Grid, instrument: Instrument, places: dict[str, int]) -> list[Finding]:
    named = {}
    for place, name in enumerate(grid.names or ()):
        if match := _NAMED.fullmatch(name):
            named[match[1].upper()] = place
    symbol = first_cell(grid, places["symbol"]) if "symbol" in places else instrument.symbol
    if base := _base(symbol, named):
        places["volume"] = named[base]
        return []
    plain = [column(name) for name in grid.names or ()]
    if {"up", "down"} <= set(plain):  # TradeStation's
        places |= {"volume": plain.index("up"), "down_volume": plain.index("down")}
        return [_none(grid, "volume: Up and Down together", "TradeStation's")]
    if "ticks" in places:
        places["volume"] = places["ticks"]
        return [_none(grid, "volume: the number of price changes", "tick volume")]
    _refuse_of_another(grid, symbol, named)
    _refuse_money(grid)
    if named:
        what = f"no volume taken: none of {', '.join(named)} is what {symbol} counts"
        return [_none(grid, what, "`columns: {volume: NAME}` chooses one")]
    return [_none(grid, "no column for volume: taken as 0", ", ".join(grid.names or ())[:80])]


def _refuse_of_another(grid: Grid, symbol: str, named: dict[str, int]) -> None:
    """Raise BadDataError where the volumes are of other coins (Volume BTC, Volume USDT) than the desk's symbol."""
    others = [unit for unit in named if unit not in MONEYS and unit not in QUOTES[:-2] and unit not in _NO_UNITS]
    if others and (pair_of(symbol.upper()) or set(named) - set(others)):
        what = f"its volumes are of {' and '.join(named)}, the desk's symbol is {symbol!r}: `file` or `symbol` is wrong"
        raise BadDataError(f"{grid.label}: line {grid.header_line or 1}: {what}; where not, set {_cures(grid, named)}")


def _refuse_money(grid: Grid) -> None:
    """Raise BadDataError where what is called the volume is money, and nothing else counts what was traded."""
    for place, name in enumerate(grid.names or ()):
        match = _TAIL.fullmatch(unicodedata.normalize("NFKC", name))
        words = re.findall(r"[^\W\d_]+|[$€£¥₩]", match[1].upper()) if match else []
        if any(word in MONEYS or word in QUOTES[:-2] or word in "$€£¥₩" for word in words):
            what, cures = f"{name!r} counts money, not what was traded", _cures(grid, {name: place}, none_first=True)
            raise BadDataError(f"{grid.label}: line {grid.header_line or 1}: {what}: set {cures}")


def _cures(grid: Grid, named: dict[str, int], *, none_first: bool = False) -> str:
    name = (grid.names or [])[next(iter(named.values()))]
    none, taken = "`columns: {volume: ''}` for a series without", f"`columns: {{volume: {name}}}` to take it as it is"
    return f"{none}, or {taken}" if none_first else f"{taken}, or {none}"


def _base(symbol: str, units: Iterable[str]) -> str:
    """Which of the units is what a symbol counts: BTC of BTC/USD, of KRW-BTC too; "" for none."""
    symbol, bases, pair = symbol.upper(), bases_of(symbol), pair_of(symbol.upper())
    for unit in units:
        first, own = symbol.startswith(unit), ALIASES.get(unit, unit) in bases
        if (own and (first or len(bases) == 1)) or (first and not pair):
            return unit
    return ""


def _of_contracts(grid: Grid, places: dict[str, int]) -> list[Finding]:
    """A note where the money in the file is no price's worth of its volume, as of contracts (Binance's COIN-M).

    Where the volume is the money for a quantity, as in Brazil, the quantity is the volume.
    """
    counted = next((at for at, name in enumerate(grid.names or ()) if column(name) in QUANTITIES), places["volume"])
    known = counted != places["volume"] and {"low", "high"} <= places.keys() and len(grid) > 0
    if known and counts_what_money_pays(grid, places, counted, places["volume"]):
        places["volume"] = counted
        return []
    money = next((at for at, name in enumerate(grid.names or ()) if column(name) in MONEY), None)
    if money is None or not {"low", "high"} <= places.keys():
        return []
    if not len(grid) or counts_what_money_pays(grid, places, places["volume"], money):
        return []
    what = f"volume: the file's {(grid.names or [])[money]} is not a price's worth of it: contracts, or another unit?"
    return [_none(grid, what, "`columns: {volume: NAME}` chooses another")]


def _counted(grid: Grid, places: dict[str, int], money: int) -> list[Finding]:
    """OKX has three volumes; the one in coins is taken: for each of them the money is a price."""
    columns = [at for at, name in enumerate(grid.names or ()) if column(name) in ("vol", "volume", "volccy")]
    for place in columns:
        if counts_what_money_pays(grid, places, place, money):
            places["volume"] = place
            return []
    places.pop("volume", None)
    what = "no volume taken: of none a price's worth is the money in volCcyQuote"
    return [_none(grid, what, "`columns: {volume: NAME}` chooses one")]
