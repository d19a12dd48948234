"""Everything wrong with a desk that its types alone do not show: (key, what), or where in the file and what."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS, TIMEFRAMES
from pyjobs.market.desk.dump_keys import key_problems
from pyjobs.market.desk.instrument import Instrument
from pyjobs.market.desk.written import Account, WrittenDesk
from pyjobs.market.store.names import folder_name
from utils import clock
from utils.errors import BadDataError
from utils.foreign_text import is_plain, quoted
from utils.settings.config import Key, nearest

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_EXCHANGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
LONGEST_SYMBOL = 66  # bytes; each may become three in the name of a folder, and 200 are the most


def of_desk(desk: WrittenDesk, markets: list[str]) -> Iterator[tuple[list[Key], str]]:
    """Mistakes outside the instruments."""
    if not NAME.fullmatch(desk.name):
        yield ["name"], f"{desk.name!r} cannot name a file: letters, digits, `_`, `.` and `-` only"
    if desk.market not in markets:
        known = f"(known: {', '.join(markets) or 'none'}){nearest(desk.market, markets)}"
        yield ["market"], f"unknown market {desk.market!r} {known}"
    if not desk.instruments and not desk.universe:
        yield ["instruments"], "the universe is empty: name at least one instrument"


def of_instrument(instrument: Instrument, markets: list[str]) -> Iterator[tuple[str, str]]:
    """Mistakes of one instrument by itself."""
    try:
        folder_name(instrument.symbol)
    except BadDataError as error:
        yield "symbol", "the symbol is empty" if not instrument.symbol else str(error)
    if instrument.symbol != instrument.symbol.strip():
        yield "symbol", f"{instrument.symbol!r} begins or ends with a blank"
    for field in ("symbol", "name", "group", "file", "currency"):
        if not is_plain(text := getattr(instrument, field)):
            yield field, f"'{quoted(text, 80)}' holds characters that cannot be printed"
    if not _EXCHANGE.fullmatch(instrument.exchange):
        yield "exchange", f"{instrument.exchange!r} is not a plain name: letters, digits, `_` and `-` only"
    if instrument.market not in markets:
        known = f"(known: {', '.join(markets) or 'none'}){nearest(instrument.market, markets)}"
        yield "market", f"unknown market {instrument.market!r} {known}"
    if instrument.timeframe not in TIMEFRAMES:
        known = f"(known: {', '.join(TIMEFRAMES)}){nearest(instrument.timeframe, TIMEFRAMES)}"
        yield "timeframe", f"unknown timeframe {instrument.timeframe!r} {known}"
    if not 0 <= instrument.lot < float("inf"):
        yield "lot", f"is a quantity, 0 for the market's own; is {instrument.lot:g}"
    if not instrument.currency:
        yield "currency", "no currency is named"
    yield from key_problems(instrument, intraday=TIMEFRAME_MS.get(instrument.timeframe, 0) < DAY_MS)
    if instrument.start and not clock.is_date(instrument.start):
        yield "start", f"{instrument.start!r} is not a date like 2018-01-31"


def of_member(instrument: Instrument) -> tuple[str, str] | None:
    """Mistakes of one of many that share all else: its symbol, its lot."""
    symbol = instrument.symbol
    if not symbol:
        return "symbol", "the symbol is empty"
    if not symbol.isprintable() or symbol != symbol.strip() or len(symbol.encode()) > LONGEST_SYMBOL:
        return "symbol", f"{symbol[:LONGEST_SYMBOL]!r} is no symbol"
    for field in ("name", "group"):
        if not is_plain(text := getattr(instrument, field)):
            return field, f"'{quoted(text, 80)}' holds characters that cannot be printed"
    if not 0 <= instrument.lot < float("inf"):
        return "lot", f"is a quantity, 0 for the market's own; is {instrument.lot:g}"
    return None


def of_pairs(instruments: Sequence[Instrument]) -> Iterator[tuple[int, str]]:
    """(which instrument, what is wrong with its `base`): only a rate of exchange has one, and no two have the same."""
    seen: dict[frozenset[str], int] = {}
    for i, each in enumerate(instruments):
        if each.role != "fx":
            if each.base:
                yield i, f"{each.base!r} is for role fx only; the role is {each.role}"
            continue
        pair = frozenset((each.base, each.currency))
        if not each.base or len(pair) < 2:
            yield i, f"names the currency that this prices in {each.currency}; is {each.base!r}"
        elif pair in seen:
            yield i, f"{each.base} and {each.currency} already have a rate: instruments[{seen[pair]}]"
        seen.setdefault(pair, i)


def of_twins(instruments: Sequence[Instrument]) -> Iterator[tuple[int, str]]:
    """(which one, what about its `symbol`): providers read aapl as AAPL, which would be the same share twice; and of
    two that are written in the same letters, in another form of Unicode, nobody could say which one a line is about."""
    seen: dict[tuple[str, str, str], str] = {}
    for i, each in enumerate(instruments):
        if not each.symbol.isascii():
            plain = unicodedata.normalize("NFC", each.symbol)
            if seen.setdefault((each.exchange, plain, each.timeframe), each.symbol) != each.symbol:
                yield i, f"{each.symbol!r} is written in the letters of another one, in another form of Unicode"
        if each.fetched:
            earlier = seen.setdefault((each.exchange, each.symbol.casefold(), each.timeframe), each.symbol)
            if earlier != each.symbol:
                yield i, f"{each.symbol!r} is {earlier!r} in other letters: the provider takes both for the same"


def of_accounts(desk: WrittenDesk, instruments: Sequence[Instrument]) -> Iterator[tuple[list[Key], str]]:
    """Mistakes of the accounts, given the instruments they trade."""
    traded = {instrument.currency for instrument in instruments if instrument.role == "trade"}
    pairs = {frozenset((i.base, i.currency)) for i in instruments if i.role == "fx"}
    for name, account in desk.accounts.items():
        for field, what in (*_account_problems(account, traded), *_trades_problems(account, traded, pairs)):
            yield ["accounts", name, field], what


def _trades_problems(account: Account, traded: set[str], pairs: set[frozenset[str]]) -> Iterator[tuple[str, str]]:
    for place, currency in enumerate(account.trades):
        if currency == account.currency or currency in account.trades[:place]:
            yield "trades", f"{currency} is given twice: name only currencies other than {account.currency}"
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
