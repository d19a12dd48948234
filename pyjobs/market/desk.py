"""A desk: which instruments, where their prices come from, and the account they are traded in. One YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from pyjobs.market.bars import SeriesKey


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One series: traded, only watched (scanned, never in an account), or compared against.

    `file` is its dump, relative to the desk's `dumps` folder. `start` (a date) cuts off older bars.
    """

    symbol: str
    exchange: str
    market: str
    timeframe: str
    file: str
    currency: str
    name: str = ""
    layout: str = "auto"
    start: str = ""
    role: Literal["trade", "watch", "benchmark"] = "trade"

    @property
    def key(self) -> SeriesKey:
        """Where this instrument's bars are stored."""
        return SeriesKey(exchange=self.exchange, symbol=self.symbol, timeframe=self.timeframe)


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account; it trades the instruments of its own currency.

    Money is in `currency`; weights are fractions of equity; fees and tax are basis points of notional;
    `stop_loss` is a fraction below the fill (0: no stop).
    """

    currency: str
    cash: float
    max_positions: int
    max_weight: float
    fee_bps: float = 0.0
    sell_tax_bps: float = 0.0
    stop_loss: float = 0.0


class Desk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `market` is the calendar of the desk's night; `session` says which session a run is about:
    `last_closed` (the newest session of `market` that has closed), or `last_bar` (the newest bar there is: for
    dumps that end in the past)."""

    name: str
    market: str
    dumps: str
    accounts: dict[str, Account]
    instruments: list[Instrument]
    setups: dict[str, dict[str, int | float]]
    label: str = ""
    session: Literal["last_closed", "last_bar"] = "last_closed"


def desk_path(name: str | None, config_dir: Path) -> Path:
    """The desk file to use: `name` when given, else config/desk.yaml (yours) when it exists, else the sample."""
    if name:
        return Path(name)
    own = config_dir / "desk.yaml"
    return own if own.exists() else config_dir / "desk.sample.yaml"
