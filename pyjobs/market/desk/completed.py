"""A desk's instruments complete: universe blocks spelled out, what was left out taken from exchange and desk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk import listings
from pyjobs.market.desk.instrument import Described, Instrument
from pyjobs.market.desk.mistakes import of_instrument, of_member
from pyjobs.market.desk.universe_csv import read_universe
from pyjobs.market.desk.written import Block, Entry, WrittenDesk
from pyjobs.market.exchanges import Exchange, load_exchanges, prices_at, symbol_at
from utils import paths, trading_day
from utils.errors import ConfigError
from utils.settings import config
from utils.settings.config import Key, dotted, nearest, wrong
from utils.wording import first_of

_DESCRIBED = Described.__struct_fields__
BOUNDS = ("min_turnover", "min_price", "max_price", "min_sessions")  # a listing's shares must pass them
SHOWN = 10


class Place(NamedTuple):
    """Where an instrument is named: by `keys` of the desk's file, or on a `line` of another one."""

    keys: tuple[Key, ...]
    file: Path | None = None
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else dotted(list(self.keys))

    def error(self, desk: Path, field: str, what: str) -> ConfigError:
        """`what` about `field` of the instrument here."""
        if self.file:
            return ConfigError(f"{self.file}:{self.line}: {field}: {what}")
        return wrong(desk, [*self.keys, field] if self.keys[0] == "instruments" else list(self.keys), what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The instruments with their places, those of `instruments:` first; and the files they were read from."""

    instruments: list[Instrument]
    places: list[Place]
    lists: tuple[Path, ...]


def complete(written: WrittenDesk, path: Path, *, now_s: float) -> Completed:
    """Every instrument of the desk at `path`; one of `instruments:` stands in place of the same series in a block.

    Raises ConfigError naming the place of what cannot be, MissingInputError when a listing was never kept.
    """
    exchanges = _exchanges(written)
    instruments, places, lists = list[Instrument](), list[Place](), list[Path]()
    for at, entry in enumerate(written.instruments):
        places.append(Place(("instruments", at)))
        instruments.append(_instrument(entry, written, exchanges, places[-1], path))
    known: dict[SeriesKey, Place | None] = {}
    markets = trading_day.known_markets()
    for instrument, place in zip(instruments, places, strict=True):
        if instrument.key in known:
            raise place.error(path, "symbol", f"{instrument.key} is already {known[instrument.key]}")
        known[instrument.key] = place
        for field, what in of_instrument(instrument, markets):
            raise place.error(path, field, what)
    known = dict.fromkeys(known)  # without a place: the same series in a block is no mistake
    for at, block in enumerate(written.universe):
        shared = _shared(block, at, written, exchanges, path)
        for member, place in _members(block, at, shared, path, lists, now_s):
            symbol = symbol_at(exchanges[block.exchange], member.symbol)
            instrument = member if symbol == member.symbol else msgspec.structs.replace(member, symbol=symbol)
            key, wrong_here = instrument.key, of_member(instrument)
            if wrong_here:
                raise place.error(path, *wrong_here)
            if key not in known:
                known[key] = place
                instruments.append(instrument)
                places.append(place)
            elif (earlier := known[key]) is not None:
                raise place.error(path, "symbol", f"{key} is already {earlier}")
    return Completed(instruments=instruments, places=places, lists=tuple(lists))


def _exchanges(written: WrittenDesk) -> dict[str, Exchange]:
    """config/exchanges.yaml, where anything in the desk may depend on it."""
    by_file_alone = written.session == "last_bar" and all(
        each.file and each.market and each.currency for each in written.instruments
    )
    return {} if by_file_alone and not written.universe else load_exchanges(config.own_or_default("exchanges.yaml"))


def _instrument(
    entry: Entry, written: WrittenDesk, exchanges: dict[str, Exchange], place: Place, path: Path
) -> Instrument:
    exchange = exchanges.get(entry.exchange)
    timeframe = entry.timeframe or written.timeframe
    for field, what in _without_bars(entry, exchange, exchanges, timeframe):
        raise place.error(path, field, what)
    basis = prices_at(exchange, timeframe) if exchange and not entry.file else ""
    fetched = _is_fetched(entry, exchange, written)
    return Instrument(
        symbol=symbol_at(exchange, entry.symbol) if exchange and fetched else entry.symbol,
        exchange=entry.exchange,
        market=entry.market or (exchange.market if exchange else written.market),
        timeframe=timeframe,
        currency=entry.currency or (exchange.currency if exchange else "") or written.currency,
        prices=entry.prices or basis or "raw",
        fetched=fetched,
        **{field: getattr(entry, field) for field in _DESCRIBED},
    )


def _without_bars(
    entry: Entry, exchange: Exchange | None, exchanges: dict[str, Exchange], timeframe: str
) -> Iterator[tuple[str, str]]:
    """(key, what) when neither a file nor an exchange can bring the bars that the desk needs."""
    if exchange is None:
        unknown = f"config/exchanges.yaml has no exchange {entry.exchange!r}{nearest(entry.exchange, exchanges)}"
        if not entry.file:
            yield "file", f"no file is named, and {unknown}"
        elif entry.fetch:
            yield "fetch", unknown
    elif not entry.file and entry.fetch is False:
        yield "fetch", "no file is named, so its bars can only be fetched"
    elif not entry.file or entry.fetch:
        yield from _unlike(entry, exchange, timeframe)


def _unlike(entry: Entry | Block, exchange: Exchange, timeframe: str) -> Iterator[tuple[str, str]]:
    """(key, what) for what an exchange's bars are not."""
    if entry.market not in ("", exchange.market):
        yield "market", f"the bars of {entry.exchange} are those of {exchange.market}; leave the key out"
    basis = entry.prices or ("raw" if isinstance(entry, Entry) and entry.file else "")
    theirs = prices_at(exchange, timeframe)
    of_such = f" in bars of {timeframe}" if theirs != exchange.prices else ""
    if theirs and basis not in ("", theirs):
        yield (
            "prices",
            (
                f"{entry.exchange} has {theirs} prices{of_such}, these are {basis}: the two never mix"
                + ("; set `fetch: false`, or give the file another exchange" if isinstance(entry, Entry) else "")
            ),
        )


def _is_fetched(entry: Entry, exchange: Exchange | None, written: WrittenDesk) -> bool:
    """A file that is on another basis, or of another market, than what its exchange has, goes on alone, as ever."""
    if exchange is None or entry.fetch is False:
        return False
    if not entry.file or entry.fetch:
        return True
    return written.session == "last_closed" and not any(_unlike(entry, exchange, entry.timeframe or written.timeframe))


def _shared(block: Block, at: int, written: WrittenDesk, exchanges: dict[str, Exchange], path: Path) -> Instrument:
    """The fields that all instruments of a block share. Raises ConfigError for what cannot be."""
    exchange = exchanges.get(block.exchange)
    if exchange is None:
        known = f"unknown exchange {block.exchange!r} (config/exchanges.yaml has {', '.join(exchanges)})"
        raise wrong(path, ["universe", at, "exchange"], known + nearest(block.exchange, exchanges))
    timeframe = block.timeframe or written.timeframe
    for field, what in (*_unlike(block, exchange, timeframe), *_unclear(block)):
        raise wrong(path, ["universe", at, field] if field else ["universe", at], what)
    shared = Instrument(
        symbol="?",
        exchange=block.exchange,
        market=exchange.market,
        timeframe=timeframe,
        currency=block.currency or exchange.currency or written.currency,
        prices=block.prices or prices_at(exchange, timeframe) or "raw",
        fetched=True,
        start=block.start,
        role=block.role,
        kind=block.kind,
        group=block.group,
        lot=block.lot,
    )
    for field, what in of_instrument(shared, trading_day.known_markets()):
        raise wrong(path, ["universe", at, field], what)
    return shared


def _unclear(block: Block) -> Iterator[tuple[str, str]]:
    given = [field for field in ("symbols", "csv", "listing") if getattr(block, field)]
    if len(given) != 1:
        what = f"{' and '.join(given)} cannot be combined" if given else "it names no symbols"
        yield given[1] if given else "", f"{what}: name one of symbols, csv, listing"
    for field in BOUNDS:
        value = getattr(block, field)
        if not 0 <= value < float("inf"):
            yield field, f"must be 0 or more, is {value:g}"
        elif value and not block.listing:
            yield field, "is for a listing only: a list of symbols is taken as it is"
    if 0 < block.max_price < block.min_price:
        yield "max_price", f"is below min_price ({block.min_price:g}): {block.max_price:g}"


def _members(
    block: Block, at: int, shared: Instrument, path: Path, lists: list[Path], now_s: float
) -> Iterator[tuple[Instrument, Place]]:
    replace = msgspec.structs.replace
    if block.symbols:
        for number, symbol in enumerate(block.symbols):
            yield replace(shared, symbol=symbol), Place(("universe", at, "symbols", number))
    elif block.csv:
        file = _found(block.csv, path, at)
        lists.append(file)
        for line, row in read_universe(file):
            yield replace(shared, **row), Place(("universe", at, "csv"), file, line)
    else:
        listing = listings.newest(block.exchange, market=shared.market, now_s=now_s)
        lists.append(listing.path)
        place = Place(("universe", at, "listing"))
        for listed in _passing(listing, block, shared.market, place, path):
            yield replace(shared, symbol=listed.symbol, name=listed.name), place


def _passing(
    listing: listings.Listing, block: Block, market: str, place: Place, path: Path
) -> Sequence[listings.Listed]:
    boards = sorted({each.board for each in listing.rows})
    for board in block.listing:
        if board not in boards:
            raise place.error(path, "listing", f"{listing.path} has no board {board!r} (it has {', '.join(boards)})")
    found = passing(listing, block, market)
    if not found:
        raise place.error(path, "listing", f"none of the {len(listing.rows)} shares in {listing.path} passes")
    return found


def _found(name: str, desk: Path, at: int) -> Path:
    """The block's CSV file: in the folder of the desk's file, else under the home."""
    for folder in (desk.parent, paths.root()):
        if (folder / name).is_file():
            return folder / name
    places = ", ".join(dict.fromkeys(str(folder / name) for folder in (desk.parent, paths.root())))
    raise wrong(desk, ["universe", at, "csv"], f"no such file: {places}")


def passing(listing: listings.Listing, block: Block, market: str) -> list[listings.Listed]:
    """The shares of a listing that a block of a desk takes, in the listing's order."""
    bounds = {name: getattr(block, name) for name in BOUNDS}
    return listings.passing(listing.rows, boards=block.listing, session=listing.session, market=market, **bounds)


def members_moved(path: Path, *, now_s: float) -> dict[str, list[str]]:
    """A line by exchange for each filtered block of the desk at `path` whose members changed with the newest listing.

    A block without a bound has none: its members are the listing's own. Raises as `load_desk`.
    """
    blocks = [(at, each) for at, each in enumerate(config.load_yaml(path, WrittenDesk).universe) if _is_filtered(each)]
    exchanges = load_exchanges(config.own_or_default("exchanges.yaml")) if blocks else {}
    found: dict[str, list[str]] = {}
    for at, block in blocks:
        market = block.market or exchanges[block.exchange].market
        two = listings.newest_two(block.exchange, market=market, now_s=now_s)
        if two is not None:
            found.setdefault(block.exchange, []).extend(_lines(f"universe.{at}", block, market, *two))
    return found


def _is_filtered(block: Block) -> bool:
    return bool(block.listing) and any(getattr(block, name) for name in BOUNDS)


def _lines(place: str, block: Block, market: str, before: listings.Listing, now: listings.Listing) -> list[str]:
    old, new = passing(before, block, market), passing(now, block, market)
    had, has = {each.symbol for each in old}, {each.symbol for each in new}
    let_in = [each for each in new if each.symbol not in had]
    let_out = [each for each in old if each.symbol not in has]
    if not let_in and not let_out:
        return []
    bounds = ", ".join(f"{name} {getattr(block, name):,g}" for name in BOUNDS if getattr(block, name))
    return [
        f"{place} ({bounds}): {len(new)} shares pass; new since {before.session}: {_few(let_in)}; "
        f"no longer: {_few(let_out)}"
    ]


def _few(rows: Sequence[listings.Listed]) -> str:
    return first_of([f"{each.symbol} {each.name}".strip() for each in rows], SHOWN) or "none"
