"""The lines of a fetch about many symbols, and what an instrument is called where two exchanges have its symbol."""

from __future__ import annotations

from pyjobs.market.universe.fetch_file import Fetch, FetchedFrom, Missing
from pyjobs.reporting.fetches.lines import missing_lines
from utils.tables import called


def lacking(symbol: str, detail: str) -> Missing:
    return Missing(
        exchange="YAHOO", symbol=symbol, timeframe="1d", kind="schema", since="2026-11-23", expected=True, news=True,
        detail=detail,
    )  # fmt: skip


def test_what_each_of_many_lacks_for_the_same_reason_is_one_line_and_of_one_its_own_words() -> None:
    exchange = FetchedFrom(exchange="YAHOO", market="XNYS", session="2026-11-23", series=7)
    many = [lacking(symbol, f"it answers about OTHER: was {symbol} renamed?") for symbol in "ABCDEFG"]
    (line,) = missing_lines(Fetch(exchanges=[exchange], missing=many))
    assert line == (
        "[WARN] YAHOO: 7 of 7 schema: A, B, C, D, E, 2 more (since 2026-11-23); "
        "it answers about OTHER: was <symbol> renamed?"
    )
    (line,) = missing_lines(Fetch(exchanges=[exchange], missing=many[1:2]))
    assert line.endswith("it answers about OTHER: was B renamed?")


def test_only_a_symbol_of_two_exchanges_is_called_with_its_exchange() -> None:
    name = called([("YAHOO", "AAPL"), ("ALPACA", "AAPL"), ("YAHOO", "MSFT"), ("YAHOO", "MSFT")])
    assert (name("YAHOO", "AAPL"), name("ALPACA", "AAPL"), name("YAHOO", "MSFT")) == (
        "YAHOO:AAPL", "ALPACA:AAPL", "MSFT",
    )  # fmt: skip
