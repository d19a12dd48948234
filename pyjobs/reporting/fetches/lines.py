"""What a fetch brought, as tables and lines: 500 symbols that lack for one reason are one line with examples."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyjobs.market.universe.fetch_file import Fetch, Missing
from pyjobs.reporting import numbers
from utils.tables import Column

COLUMNS = (
    Column("exchange"),
    Column("session"),
    Column("series", right=True),
    Column("asked", right=True),
    Column("questions", right=True),
    Column("new bars", right=True),
    Column("up to date", right=True),
    Column("missing", right=True),
    Column("seconds", right=True),
)
SHOWN = 5
SPELT = "is written "  # another provider's spelling
SYMBOL = "<symbol>"  # in a line about many, where each has its own
WHY = {
    "late": "the provider answers and has not this session yet",
    "no_bar": "expected bar missing: the provider has this session of the others",
    "silent": "no bar for many sessions: halted?",
    "halted": "halted",
    "gone": "the provider no longer has it: delisted or renamed? its history stays",
    "unknown": "the provider does not know it",
    "not_listed": "no bar yet: not listed yet?",
    "network_forbidden": "not asked: ALLOW_NET_FETCH=0",
    "put_off": "its history is fetched on a later night",
    "busy": "another job works on it",
}


def rows(fetch: Fetch) -> list[list[str]]:
    """A row for each exchange."""
    return [
        [
            each.exchange,
            each.session,
            numbers.count(each.series),
            numbers.count(each.asked),
            numbers.count(each.questions),
            numbers.count(each.new_bars),
            numbers.count(each.up_to_date),
            numbers.count(each.missing),
            numbers.decimal(1)(each.seconds),
        ]
        for each in fetch.exchanges
    ]


def missing_lines(fetch: Fetch, *, all_of_them: bool = False) -> list[str]:
    """A line for each reason: first what is expected, then news, then (quietly, a count) what is known already."""
    groups: dict[tuple[bool, bool, str, str, str], list[Missing]] = {}
    for each in fetch.missing:
        why = _of_any(each) if each.kind not in WHY or SPELT in each.detail else ""
        groups.setdefault((not each.expected, not each.news, each.exchange, each.kind, why), []).append(each)
    lines = []
    for (quiet, old, exchange, kind, detail), members in sorted(groups.items()):
        mark = "[WARN]" if not quiet else "[note]" if old else "[news]"
        own = detail.replace(SYMBOL, members[0].symbol) if len(members) == 1 else detail
        why = own if SPELT in detail else WHY.get(kind, own) or detail
        of = sum(part.series for part in fetch.exchanges if part.exchange == exchange)
        lines.append(f"{mark} {exchange}: {len(members)} of {of} {kind}: {named(members, all_of_them)}; {why}")
    return lines


def _of_any(each: Missing) -> str:
    """The line about a symbol, with SYMBOL in the place of its name: lines of many symbols become one."""
    return re.sub(rf"(?<!\w){re.escape(each.symbol)}(?!\w)", SYMBOL, each.detail)


def named(members: Sequence[Missing], all_of_them: bool) -> str:
    """`AAPL since 2026-11-17, MSFT …, 495 more`."""
    shown = members if all_of_them else members[:SHOWN]
    since = {each.since for each in members}
    names = [each.symbol if len(since) == 1 else f"{each.symbol} since {each.since}" for each in shown]
    more = [f"{len(members) - len(shown)} more"] if len(members) > len(shown) else []
    return ", ".join([*names, *more]) + (f" (since {since.pop()})" if len(since) == 1 else "")


def notes(fetch: Fetch) -> list[str]:
    """The other lines: how old the bars are when no provider could be asked, what was re-based, set aside, left."""
    lines = []
    for each in fetch.exchanges:
        if not fetch.network:
            age = f"its newest bar closed {each.newest}" if each.newest else "nothing of it is stored"
            lines.append(f"[note] {each.exchange}: not asked, ALLOW_NET_FETCH=0; {age}")
        if each.rebased:
            lines.append(f"[note] re-based, a split or dividend changed the stored history: {', '.join(each.rebased)}")
        lines += [f"[note] {entry}" for entry in each.lines[:SHOWN]]
        if len(each.lines) > SHOWN:
            lines.append(
                f"[note] {each.exchange}: {len(each.lines) - SHOWN} more such; {each.revised} bars revised in all"
            )
        if each.set_aside:
            lines.append(f"[note] unreadable, set aside in .quarantine and fetched again: {', '.join(each.set_aside)}")
        lines += [f"[note] {each.exchange}: {entry}" for entry in each.notes]
        if each.came or each.went:
            lines.append(
                f"[news] {each.exchange}: {len(each.came)} came ({_few(each.came)}), "
                f"{len(each.went)} went ({_few(each.went)})"
            )
    return lines


def _few(symbols: Sequence[str]) -> str:
    more = f", {len(symbols) - SHOWN} more" if len(symbols) > SHOWN else ""
    return ", ".join(symbols[:SHOWN]) + more or "none"
