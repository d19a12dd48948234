"""One instrument of a desk: a series of bars, and what the desk does with it."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Literal

from pyjobs.market.bars import EXTENDED, SeriesKey
from pyjobs.market.desk.dump_keys import DumpKeys

Basis = Literal["raw", "split", "adjusted"]
Role = Literal["trade", "watch", "benchmark", "fx"]
Kind = Literal["", "etf"]


class Described(DumpKeys, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of an instrument besides its series; the same in a desk's file and in the desk.

    `file` is its dump (a file, a folder or a pattern), relative to the desk's `dumps` folder; keys of its own describe
    it (`DumpKeys`). `start` (a date) cuts off older bars. `group` (a sector, for example) shares the account's
    `max_group_weight`; `lot` is the least quantity (0: the market's own). `kind: etf` has the ticks of funds and pays
    no sale tax. `role: fx`: what one `base` costs in `currency`.
    """

    name: str = ""
    file: str = ""
    start: str = ""
    role: Role = "trade"
    kind: Kind = ""
    base: str = ""
    group: str = ""
    lot: float = 0.0


class Instrument(Described, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One series: traded, only watched (scanned, never in an account), compared against, or a rate of exchange.

    `prices` is what is already worked into it: nothing, splits alone, or splits and dividends.
    `fetched`: its exchange brings its new bars (config/exchanges.yaml names the provider); without `file` all of them,
    with one what comes after the file.
    """

    symbol: str
    exchange: str
    market: str
    timeframe: str
    currency: str
    prices: Basis = "raw"
    fetched: bool = False

    @property
    def key(self) -> SeriesKey:
        """Where this instrument's bars are stored."""
        extended = EXTENDED if self.hours == "extended" else ""
        return _key(self.exchange, self.symbol, self.timeframe + extended)

    @property
    def scanned(self) -> bool:
        """Whether setups look at it: what is compared against, and rates of exchange, they leave alone."""
        return self.role in ("trade", "watch")

    @property
    def start_ms(self) -> int | None:
        """Where to begin reading the store: just after UTC midnight of `start`, past the close of any bar before it."""
        if not self.start:
            return None
        return int(dt.datetime.fromisoformat(self.start).replace(tzinfo=dt.UTC).timestamp()) * 1000 + 1


@lru_cache(maxsize=1 << 16)  # a job asks a dozen times for each of thousands
def _key(exchange: str, symbol: str, timeframe: str) -> SeriesKey:
    return SeriesKey(exchange=exchange, symbol=symbol, timeframe=timeframe)
