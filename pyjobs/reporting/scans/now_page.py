"""A scan of now as text: one line when nothing has changed, else what is new, what has gone, and as of when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pyjobs.market.store.partitions import is_intraday
from pyjobs.reporting import numbers
from pyjobs.reporting.scans.tables import money_of, names_of, setups_by_series
from pyjobs.runs.verdict.findings import many
from pyjobs.scanning.open_markets import Closed
from utils import trading_day
from utils.tables import Column, markdown_table, text_table

Record = Mapping[str, Any]
SIGNALS = (
    Column("news"),
    Column("symbol"),
    Column("timeframe"),
    Column("setup"),
    Column("side"),
    Column("price", right=True),
    Column("as of"),
    Column("stop", right=True),
    Column("why"),
)
INSTRUMENTS = (
    Column("symbol"),
    Column("timeframe"),
    Column("role"),
    Column("price", right=True),
    Column("change", right=True),
    Column("as of"),
    Column("bar"),
    Column("bars", right=True),
    Column("status"),
    Column("signals"),
)
WHY = {
    "no_price": "no quote",
    "no_quote": "the quote lacks a price",
    "bad_quote": "the quote cannot be true",
    "no_trade_yet": "no trade in this session yet",
    "behind": "bars before this session are missing",
    "other_basis": "a split or the like since the stored close: not compared",
    "too_few_bars": "too few bars for some setup",
    "no_bars": "no bars",
    "unreadable": "cannot be read",
    "stale": "old bars",
}


def summary(result: Record, gone: Sequence[Record], now_ms: int, market: str) -> str:
    """`scan at 2026-11-20 10:30 UTC-5 (XNYS): 12 instruments, 2 signals: 1 new, 1 since before; 1 gone`."""
    news = Counter(signal["news"] for signal in result["signals"])
    words = {"new": "new", "since": "since before", "again": "again"}
    text = ", ".join(f"{news[kind]} {word}" for kind, word in words.items() if news[kind])
    head = f"scan at {local(now_ms, market)} ({market}): {many(len(result['instruments']), 'instrument')}"
    signals = many(len(result["signals"]), "signal") + (f": {text}" if text else "")
    states = Counter(each["status"] for each in result["instruments"] if each["status"] != "ok")
    rest = [f"{count} {WHY.get(status, status)}" for status, count in sorted(states.items())]
    old = [each["as_of_ms"] for each in result["instruments"] if each["status"] == "no_price" and each["as_of_ms"]]
    rest += by_last_close(result)
    rest += [f"newest price without one: {local(max(old), market)}"] if old else []
    return ", ".join([head, signals]) + (f"; {len(gone)} gone" if gone else "") + "".join(f"; {each}" for each in rest)


def by_last_close(result: Record) -> list[str]:
    """How many daily series are looked at by an earlier session's close, for want of a provider of today's prices."""
    old = [
        each["as_of_ms"]
        for each in result["instruments"]
        if each["status"] in ("ok", "too_few_bars") and not each["provisional"] and each["role"] in ("trade", "watch")
        and not is_intraday(each["timeframe"])
    ]  # fmt: skip
    return [f"{len(old)} by their last close, no price of now is known"] if old else []


def local(ts_ms: int | float | None, market: str, *, with_date: bool = True) -> str:
    """A time in the market's zone, to the minute: `2026-11-20 10:35 UTC+9`."""
    if ts_ms is None:
        return numbers.NOTHING
    zone_s = trading_day.load(market).utc_offset_s(ts_ms / 1000)
    there = datetime.fromtimestamp(ts_ms / 1000 + zone_s, UTC)
    return f"{there:{'%Y-%m-%d %H:%M' if with_date else '%H:%M'}} UTC{zone_s / 3600:+g}"


def signal_rows(result: Record) -> list[list[str]]:
    """New ones first."""
    order = {"new": 0, "again": 1, "since": 2}
    markets = {(each["exchange"], each["symbol"]): each["market"] for each in result["instruments"]}
    money, name = money_of(result), names_of(result)
    rows = []
    for each in sorted(result["signals"], key=lambda signal: order[signal["news"]]):
        market = markets[(each["exchange"], each["symbol"])]
        currency = money[(each["exchange"], each["symbol"])]
        since = f"since {local(each['first_ms'], market, with_date=False)}" if each["news"] != "new" else "new"
        rows.append(
            [
                since if each["news"] != "again" else f"again, {since}",
                name(each["exchange"], each["symbol"]),
                *(each[key] for key in ("timeframe", "setup", "side")),
                numbers.price(each["close"], currency),
                local(each["as_of_ms"], market) + (" provisional" if each["provisional"] else ""),
                numbers.price(each["stop"], currency),
                each["why"],
            ]
        )
    return rows


def instrument_rows(result: Record) -> list[list[str]]:
    """Every instrument that was looked at."""
    fired, name = setups_by_series(result), names_of(result)
    return [
        [
            name(each["exchange"], each["symbol"]),
            each["timeframe"],
            each["role"],
            numbers.price(each["close"], each.get("currency", "")),
            numbers.change(each["change"]),
            local(each["as_of_ms"], each["market"]),
            "provisional" if each["provisional"] else "closed",
            numbers.count(each["bars"]),
            each["status"] if each["status"] == "ok" else WHY.get(each["status"], each["status"]),
            ", ".join(fired[(each["exchange"], each["symbol"], each["timeframe"])]),
        ]
        for each in result["instruments"]
    ]


def gone_lines(gone: Sequence[Record], markets: Mapping[tuple[str, str], str]) -> list[str]:
    """A line for each signal that is not there any more."""
    return [
        f"gone: {each['symbol']} {each['timeframe']} {each['setup']} {each['side']}, there since "
        f"{local(each['first_ms'], markets[(each['exchange'], each['symbol'])])}"
        for each in gone
    ]


def closed_line(closed: Closed) -> str:
    """What is not scanned, and when it will be."""
    opens = local(closed.opens_s * 1000, closed.market)
    return f"{closed.market} is closed (its last session: {closed.last}; opens {opens}): not scanned"


def as_text(result: Record, notes: Sequence[str], gone: Sequence[Record], head: str) -> str:
    """For the log: one line, and more only when something is new or gone."""
    markets = {(each["exchange"], each["symbol"]): each["market"] for each in result["instruments"]}
    changed = gone or any(signal["news"] != "since" for signal in result["signals"])
    table = text_table(SIGNALS, signal_rows(result)) if changed and result["signals"] else ""
    return "\n".join([head, *gone_lines(gone, markets), *notes]) + "\n" + table


def as_markdown(result: Record, notes: Sequence[str], gone: Sequence[Record], head: str) -> str:
    """The page: what is new, what has gone, every instrument with the time its price is of."""
    markets = {(each["exchange"], each["symbol"]): each["market"] for each in result["instruments"]}
    signals = markdown_table(SIGNALS, signal_rows(result)) if result["signals"] else "No setup fires now.\n"
    text = "".join(f"\n{line}\n" for line in [*gone_lines(gone, markets), *notes])
    return f"# {head}\n\n{signals}{text}\n{markdown_table(INSTRUMENTS, instrument_rows(result))}"
