"""A desk's file as it is written: what may be left out is still missing here."""

from __future__ import annotations

from typing import Literal

import msgspec

from pyjobs.market.desk.instrument import Basis, Described, Kind

SessionRule = Literal["last_closed", "last_bar"]
Setups = dict[str, dict[str, int | float | str]]


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account; it trades the instruments of its own currency, and of those in `trades`.

    These are converted at the rates of the desk's `fx` instruments (rules: `pyjobs.account.portfolio.fx`); `fx_bps` is
    what that costs, of the notional of each such fill. Money is in `currency`; weights are fractions of equity; fees
    and tax are basis points of notional; `stop_loss` is a fraction below the fill (0: no stop). `max_group_weight`: of
    equity, all positions of a group. The tax on sales is for shares in the account's own currency.
    `rules: KRX` takes the sell tax and the tick sizes of each day from its tables (`pyjobs.account.portfolio.krx`)
    instead of `sell_tax_bps`; `slippage_bps` makes every fill worse; `borrow_bps` is a year's cost of a short position.
    """

    currency: str
    cash: float
    max_positions: int
    max_weight: float
    fee_bps: float = 0.0
    sell_tax_bps: float = 0.0
    stop_loss: float = 0.0
    slippage_bps: float = 0.0
    borrow_bps: float = 0.0
    max_group_weight: float = 1.0
    rules: Literal["", "KRX"] = ""
    trades: list[str] = []
    fx_bps: float = 0.0


class Entry(Described, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `instruments:`. Market, currency and prices come from its exchange where they are left out.

    `fetch: false` leaves an instrument that has a file to its file.
    """

    symbol: str
    exchange: str
    market: str = ""
    timeframe: str = ""
    currency: str = ""
    prices: Literal["", "raw", "split", "adjusted"] = ""
    fetch: bool | None = None


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `universe:`: many instruments of one exchange that share all the rest, none of which has a file.

    One of three keys names them: `symbols`, a list; `csv`, a file with the columns symbol, and perhaps name, group,
    role, lot, kind; `listing`, boards such as KOSPI. A listing's shares must pass: `min_turnover` (of its
    session, in the currency), `min_price`, `max_price` (0: any), `min_sessions` since they were first listed.
    """

    exchange: str
    symbols: list[str] = []
    csv: str = ""
    listing: list[str] = []
    market: str = ""
    timeframe: str = ""
    currency: str = ""
    prices: Literal["", "raw", "split", "adjusted"] = ""
    start: str = ""
    role: Literal["trade", "watch", "benchmark"] = "trade"
    kind: Kind = ""
    group: str = ""
    lot: float = 0.0
    min_turnover: float = 0.0
    min_price: float = 0.0
    max_price: float = 0.0
    min_sessions: int = 0


class WrittenDesk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `timeframe` and `currency` are those of instruments that name none."""

    name: str
    market: str
    accounts: dict[str, Account]
    setups: Setups
    instruments: list[Entry] = []
    universe: list[Block] = []
    dumps: str = "data/dumps"
    label: str = ""
    session: SessionRule = "last_closed"
    timeframe: str = "1d"
    currency: str = ""


__all__ = ["Account", "Basis", "Block", "Entry", "SessionRule", "Setups", "WrittenDesk"]
