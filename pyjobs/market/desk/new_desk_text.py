"""The choices for a new desk, and the desk file made of them, with comments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

from pyjobs.market.exchanges import Exchange

BENCHMARKS = {  # of a market: something that is fetched without a key, and represents all of it
    "XNYS": ("SPY", "YAHOO", "S&P 500 fund"),
    "XKRX": ("^KS11", "YAHOO_KR", "KOSPI"),
    "24/7": ("BTCUSD", "BITFINEX", "Bitcoin"),
}
CASH = {"KRW": 100_000_000.0}
DEFAULT_CASH = 100_000.0
FEE_BPS = {"KRW": 1.5, "USD": 1.0}


class DeskChoices(msgspec.Struct, kw_only=True, frozen=True):
    """Symbols of one exchange, or (`boards` of) all that it lists. `start`: ISO date of the oldest bars, or empty."""

    exchange: str
    symbols: tuple[str, ...] = ()
    boards: tuple[str, ...] = ()
    timeframe: str = "1d"
    start: str = ""
    cash: float = DEFAULT_CASH
    currency: str = ""
    name: str = "mine"


def desk_text(choices: DeskChoices, exchanges: Mapping[str, Exchange]) -> str:
    """The desk file. Its market, and its currency where none is wished for, are the exchange's."""
    exchange = exchanges[choices.exchange]
    currency = choices.currency or exchange.currency or "USD"
    account = ", ".join(_account(currency, exchange.market, choices.cash))
    return f"""\
# Written by python -m pyjobs.new_desk, yours to change. Every key: desk.sample.yaml, desk.fetched.example.yaml.
name: {_quoted(choices.name)}
market: {_quoted(exchange.market)}    # the calendar of the night (config/calendars/)

accounts:
  # cash in {currency}; at most so many positions, each of so much of equity; a stop so far below the fill (0: none)
  {currency.lower()}: {{{account}}}

# What is looked for each night; any strategy of pyjobs/strategy/library/ may be added, with its parameters.
setups:
  ma_cross: {{fast: 20, slow: 60}}
  breakout_20: {{window: 20}}
  pullback_ma200: {{trend: 200, dip: 10}}
{_benchmark(choices, exchange, exchanges)}
# What is traded. `role: watch` in a block: scanned, never bought. More blocks, a CSV file of symbols: see the example.
universe:
  - {_block(choices, currency, exchange)}
"""


def _account(currency: str, market: str, cash: float) -> list[str]:
    terms = [f"currency: {currency}", f"cash: {cash:.15g}", "max_positions: 10", "max_weight: 0.1"]
    terms += [f"fee_bps: {10.0 if market == '24/7' else FEE_BPS.get(currency, 5.0):g}", "stop_loss: 0.08"]
    return [*terms, "rules: KRX"] if (market, currency) == ("XKRX", "KRW") else terms


def _benchmark(choices: DeskChoices, exchange: Exchange, exchanges: Mapping[str, Exchange]) -> str:
    """The lines of what results are compared against; none where the market has none, or where it is traded itself."""
    symbol, of, name = BENCHMARKS.get(exchange.market, ("", "", ""))
    if of not in exchanges or (of == choices.exchange and symbol in choices.symbols):
        return ""
    row = f"{{symbol: {_quoted(symbol)}, exchange: {of}, timeframe: 1d, role: benchmark, name: {_quoted(name)}}}"
    return f"\n# What the account is compared against: never bought.\ninstruments:\n  - {row}\n"


def _block(choices: DeskChoices, currency: str, exchange: Exchange) -> str:
    words = [f"exchange: {choices.exchange}", f"timeframe: {choices.timeframe}"]
    words += [f"currency: {currency}"] if currency != exchange.currency else []
    words += [f"start: {choices.start}"] if choices.start else []
    words += [f"listing: [{_list(choices.boards)}]"] if choices.boards else [f"symbols: [{_list(choices.symbols)}]"]
    return f"{{{', '.join(words)}}}"


def _list(texts: Sequence[str]) -> str:
    return ", ".join(map(_quoted, texts))


def _quoted(text: str) -> str:
    """As YAML reads it back, whatever it looks like: `"005930"` is no number."""
    return json.dumps(text, ensure_ascii=False)
