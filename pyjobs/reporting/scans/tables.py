"""A session's scan as text and as Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pyjobs.reporting import numbers
from utils.tables import Called, Column, called, markdown_table, text_table

INSTRUMENT_COLUMNS = (
    Column("symbol"),
    Column("timeframe"),
    Column("role"),
    Column("last session"),
    Column("close", right=True),
    Column("change", right=True),
    Column("bars", right=True),
    Column("status"),
    Column("signals"),
)
SIGNAL_COLUMNS = (
    Column("symbol"),
    Column("timeframe"),
    Column("setup"),
    Column("side"),
    Column("close", right=True),
    Column("stop", right=True),
    Column("why"),
)


def as_text(result: dict[str, Any], title: str) -> str:
    """For the log and a terminal."""
    tables = [(INSTRUMENT_COLUMNS, instrument_rows(result)), (SIGNAL_COLUMNS, signal_rows(result))]
    body = "\n".join(text_table(columns, rows) for columns, rows in tables if rows)
    notes = "\n".join(["", *result["notes"], ""]) if result["notes"] else ""
    return f"{title}\n\n{body}{notes}"


def as_markdown(result: dict[str, Any], title: str) -> str:
    """For reports/."""
    tables = [(INSTRUMENT_COLUMNS, instrument_rows(result)), (SIGNAL_COLUMNS, signal_rows(result))]
    body = "\n".join(markdown_table(columns, rows) for columns, rows in tables if rows)
    return f"# {title}\n\n{body}" + "".join(f"\n{note}\n" for note in result["notes"])


def instrument_rows(result: dict[str, Any]) -> list[list[str]]:
    """The universe as text."""
    fired, name = setups_by_series(result), names_of(result)
    return [
        [
            name(each["exchange"], each["symbol"]),
            each["timeframe"],
            each["role"],
            each["last_session"] or numbers.NOTHING,
            numbers.price(each["close"], each.get("currency", "")),
            numbers.change(each["change"]),
            numbers.count(each["bars"]),
            each["status"],
            ", ".join(fired[(each["exchange"], each["symbol"], each["timeframe"])]),
        ]
        for each in result["instruments"]
    ]


def setups_by_series(result: Mapping[str, Any]) -> defaultdict[tuple[str, str, str], list[str]]:
    """The setups that fire on each (exchange, symbol, timeframe) of a scan."""
    fired: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for signal in result["signals"]:
        fired[(signal["exchange"], signal["symbol"], signal["timeframe"])].append(signal["setup"])
    return fired


def money_of(result: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The currency of each (exchange, symbol) of a scan."""
    return {(each["exchange"], each["symbol"]): each.get("currency", "") for each in result["instruments"]}


def names_of(result: Mapping[str, Any]) -> Called:
    """What the instruments of a scan are called."""
    return called((each["exchange"], each["symbol"]) for each in result["instruments"])


def signal_rows(result: dict[str, Any]) -> list[list[str]]:
    """The signals as text."""
    money, name = money_of(result), names_of(result)
    return [
        [
            name(each["exchange"], each["symbol"]),
            *(each[key] for key in ("timeframe", "setup", "side")),
            numbers.price(each["close"], money.get((each["exchange"], each["symbol"]), "")),
            numbers.price(each["stop"], money.get((each["exchange"], each["symbol"]), "")),
            each["why"],
        ]
        for each in result["signals"]
    ]
