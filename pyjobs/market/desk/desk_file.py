"""A desk: which instruments, where their prices come from, and the account they are traded in. One YAML file."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from pyjobs.market.bars import TIMEFRAME_MS, SeriesKey
from pyjobs.market.store.names import folder_name
from utils.config import Key, load_yaml, wrong
from utils.errors import BadDataError
from utils.foreign_text import is_plain, quoted
from utils.trading_day import known_markets

LAYOUTS = ("auto", "ohlcv", "ohlcv_start", "ohlcv_close", "bitfinex")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_EXCHANGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One series: traded, only watched (scanned, never in an account), compared against, or a rate of exchange.

    `file` is its dump, relative to the desk's `dumps` folder; `layout` its shape (see `pyjobs.market.dumps`);
    `prices` says whether splits and dividends are already worked into it. `start` (a date) cuts off older bars.
    `group` (a sector, say) shares the account's `max_group_weight`; `lot` is the least quantity (0: the market's own).
    `kind: etf` has the ticks of funds and pays no sale tax. `role: fx`: what one `base` costs in `currency`.
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
    prices: Literal["raw", "adjusted"] = "raw"
    role: Literal["trade", "watch", "benchmark", "fx"] = "trade"
    kind: Literal["", "etf"] = ""
    base: str = ""
    group: str = ""
    lot: float = 0.0

    @property
    def key(self) -> SeriesKey:
        """Where this instrument's bars are stored."""
        return SeriesKey(exchange=self.exchange, symbol=self.symbol, timeframe=self.timeframe)

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


class Desk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `market` is the calendar of the desk's night; `session` says which session a run is about:
    `last_closed` (the newest session of `market` that has closed), or `last_bar` (see `last_bar_session`: for dumps
    that end in the past)."""

    name: str
    market: str
    dumps: str
    accounts: dict[str, Account]
    instruments: list[Instrument]
    setups: dict[str, dict[str, int | float | str]]
    label: str = ""
    session: Literal["last_closed", "last_bar"] = "last_closed"


def desk_path(name: str | None, config_dir: Path) -> Path:
    """The desk file to use: `name` when given, else config/desk.yaml (yours) when it exists, else the sample."""
    if name:
        return Path(name)
    own = config_dir / "desk.yaml"
    return own if own.exists() else config_dir / "desk.sample.yaml"


def load_desk(path: Path) -> Desk:
    """The desk in the file at `path`, checked as a whole. Raises ConfigError with file, line, key and value."""
    desk = load_yaml(path, Desk)
    for keys, what in problems(desk, known_markets()):
        raise wrong(path, keys, what)
    return desk


def last_bar_session(desk: Desk, last: Mapping[SeriesKey, dt.date]) -> dt.date | None:
    """The last session that at least half of the traded instruments of the desk's own market have reached.

    So neither one series that goes on nor one that ended long ago decides for the rest. `last` is the date of each
    series' newest bar; series without one are left out. Where nothing is traded at home, it is the newest date of any
    instrument; None when no series has a bar.
    """
    at_home = [i.key for i in desk.instruments if i.market == desk.market and i.role == "trade" and i.key in last]
    if at_home:
        return sorted((last[key] for key in at_home), reverse=True)[(len(at_home) - 1) // 2]
    return max((last[i.key] for i in desk.instruments if i.key in last), default=None)


def problems(desk: Desk, markets: list[str]) -> Iterator[tuple[list[Key], str]]:
    """(where, what) for everything wrong with a desk that its types alone cannot say."""
    if not _NAME.fullmatch(desk.name):
        yield ["name"], f"{desk.name!r} cannot name a file: letters, digits, `_`, `.` and `-` only"
    if desk.market not in markets:
        yield ["market"], f"unknown market {desk.market!r} (known: {', '.join(markets) or 'none'})"
    if not desk.instruments:
        yield ["instruments"], "the universe is empty: name at least one instrument"
    seen: dict[SeriesKey, int] = {}
    for i, instrument in enumerate(desk.instruments):
        if instrument.key in seen:
            yield ["instruments", i, "symbol"], f"{instrument.key} is already instruments[{seen[instrument.key]}]"
        seen.setdefault(instrument.key, i)
        for field, what in _instrument_problems(instrument, markets):
            yield ["instruments", i, field], what
    yield from _pair_problems(desk.instruments)
    traded = {instrument.currency for instrument in desk.instruments if instrument.role == "trade"}
    pairs = {frozenset((i.base, i.currency)) for i in desk.instruments if i.role == "fx"}
    for name, account in desk.accounts.items():
        problems_found = (*_account_problems(account, traded), *_trades_problems(account, traded, pairs))
        for field, what in problems_found:
            yield ["accounts", name, field], what


def _instrument_problems(instrument: Instrument, markets: list[str]) -> Iterator[tuple[str, str]]:
    try:
        folder_name(instrument.symbol)
    except BadDataError as error:
        yield "symbol", "the symbol is empty" if not instrument.symbol else str(error)
    for field in ("symbol", "name", "group", "file", "currency"):
        if not is_plain(text := getattr(instrument, field)):
            yield field, f"{quoted(text, 80)!r} holds what cannot be printed"
    if not _EXCHANGE.fullmatch(instrument.exchange):
        yield "exchange", f"{instrument.exchange!r} is not a plain name: letters, digits, `_` and `-` only"
    if instrument.market not in markets:
        yield "market", f"unknown market {instrument.market!r} (known: {', '.join(markets) or 'none'})"
    if instrument.timeframe not in TIMEFRAME_MS:
        yield "timeframe", f"unknown timeframe {instrument.timeframe!r} (known: {', '.join(TIMEFRAME_MS)})"
    if not instrument.file:
        yield "file", "no file is named"
    if not 0 <= instrument.lot < float("inf"):
        yield "lot", f"is a quantity, 0 for the market's own; is {instrument.lot:g}"
    if not instrument.currency:
        yield "currency", "no currency is named"
    if instrument.layout not in LAYOUTS:
        yield "layout", f"unknown layout {instrument.layout!r} (known: {', '.join(LAYOUTS)})"
    if instrument.start and not _is_date(instrument.start):
        yield "start", f"{instrument.start!r} is not a date like 2018-01-31"


def _pair_problems(instruments: Sequence[Instrument]) -> Iterator[tuple[list[Key], str]]:
    """A rate of exchange says of what, nothing else does, and two do not say the same."""
    seen: dict[frozenset[str], int] = {}
    for i, each in enumerate(instruments):
        if each.role != "fx":
            if each.base:
                yield ["instruments", i, "base"], f"{each.base!r} is for role fx only; the role is {each.role}"
            continue
        pair = frozenset((each.base, each.currency))
        if not each.base or len(pair) < 2:
            what = f"names the currency whose price in {each.currency} this is; is {each.base!r}"
            yield ["instruments", i, "base"], what
        elif pair in seen:
            what = f"{each.base} and {each.currency} already have a rate: instruments[{seen[pair]}]"
            yield ["instruments", i, "base"], what
        seen.setdefault(pair, i)


def _trades_problems(account: Account, traded: set[str], pairs: set[frozenset[str]]) -> Iterator[tuple[str, str]]:
    for place, currency in enumerate(account.trades):
        if currency == account.currency or currency in account.trades[:place]:
            yield "trades", f"{currency} stands twice: further currencies, beside {account.currency}"
        elif currency not in traded:
            there = ", ".join(sorted(traded)) or "none"
            yield "trades", f"no instrument with role trade is in {currency!r} (there is {there})"
        elif frozenset((currency, account.currency)) not in pairs:
            yield (
                "trades",
                f"no instrument with role fx converts {currency} (one with `base: {currency}` and "
                f"`currency: {account.currency}`, or the other way round)",
            )


def _account_problems(account: Account, traded: set[str]) -> Iterator[tuple[str, str]]:
    if account.currency not in traded and not account.trades:
        yield (
            "currency",
            f"no instrument with role trade is in {account.currency} (there is {', '.join(sorted(traded))})",
        )
    if not account.cash > 0:
        yield "cash", f"must be more than 0, is {account.cash:g}"
    if account.max_positions < 1:
        yield "max_positions", f"must be at least 1, is {account.max_positions}"
    if not 0 < account.max_weight <= 1:
        yield "max_weight", f"is a fraction of equity, more than 0 and at most 1; is {account.max_weight:g}"
    if not account.max_weight <= account.max_group_weight <= 1:
        what = f"is a fraction of equity, from max_weight ({account.max_weight:g}) to 1"
        yield "max_group_weight", f"{what}; is {account.max_group_weight:g}"
    if account.rules and account.currency != "KRW":
        yield "rules", f"the rules of {account.rules} are for KRW, not {account.currency}"
    for field in ("fee_bps", "sell_tax_bps", "slippage_bps", "borrow_bps", "fx_bps"):
        if not 0 <= getattr(account, field) < 10_000:
            yield field, f"is in basis points, from 0 to below 10000; is {getattr(account, field):g}"
    if not 0 <= account.stop_loss < 1:
        yield "stop_loss", f"is a fraction, from 0 (no stop) to below 1; is {account.stop_loss:g}"


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
