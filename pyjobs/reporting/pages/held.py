"""What the accounts hold, what they would do at the next open, and what is to be known of the bars behind it."""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.account.figures.account_types import Position
from pyjobs.reporting import numbers
from pyjobs.reporting.document import Block, Table, Text
from pyjobs.reporting.pages.common import absent, called_in, sessions_of_markets
from pyjobs.reporting.run_files.read_run import RunInputs
from utils.tables import Column
from utils.wording import first_of

SHOWN, NAMED = 30, 5
WORDS = {
    ("hold", "long"): "hold",
    ("hold", "short"): "stay short",
    ("leave", "long"): "sell",
    ("leave", "short"): "buy back",
    ("enter", "long"): "buy",
    ("enter", "short"): "sell short",
}
ORDER = ("leave", "enter", "hold")  # what there is to do comes first
COLUMNS = (
    *(Column("symbol"), Column("next open"), Column("name"), Column("account"), Column("setup")),
    *(Column("quantity", right=True), Column("since")),
    *(Column(title, right=True) for title in ("entry", "last", "gain", "stop")),
)


def held_blocks(inputs: RunInputs) -> list[Block]:
    """The orders and positions of each account with its limits: orders for the next open first, then positions."""
    if not inputs.accounts:
        return [absent(inputs, "portfolio/", "There are no account backtests")]
    names = {(each.exchange, each.symbol): each.name for each in inputs.scan.instruments} if inputs.scan else {}
    known = [account for account in inputs.accounts if account.positions is not None]
    blocks: list[Block] = [Text(" ".join(_summary(account.name, account.positions or []) for account in known))]
    lines = [(account, each) for account in inputs.accounts for each in account.positions or []]
    lines.sort(key=lambda pair: ORDER.index(pair[1].next_open))
    if lines:
        rows, called = [], called_in(inputs.scan, [(each.exchange, each.symbol) for _, each in lines])
        for account, each in lines[:SHOWN]:
            money = next((variant.metrics.currency for variant in account.variants.values()), "")
            own = called(each.exchange, each.symbol), names.get((each.exchange, each.symbol), "")
            rows.append(_row(each, account.name, money, *own))
        blocks.append(Table(columns=COLUMNS, rows=rows))
    if len(lines) > SHOWN:
        blocks.append(Text(f"{len(lines) - SHOWN} more are in each account's positions.csv.", tone="note"))
    lost = [name for name in inputs.missing if name.endswith("positions.csv")]
    blocks += [Text(f"'{name}' {inputs.missing[name]}.", tone="warn") for name in lost]
    return blocks


def _summary(account: str, positions: Sequence[Position]) -> str:
    count = {what: sum(each.next_open == what for each in positions) for what in ORDER}
    held = count["hold"] + count["leave"]
    lines = [f"{count[what]} to {verb}" for what, verb in (("leave", "close"), ("enter", "open")) if count[what]]
    what = f"{held} position{'' if held == 1 else 's'}"
    return f"Account {account}: {what}; at the next open {' and '.join(lines) if lines else 'nothing to do'}."


def _row(each: Position, account: str, money: str, symbol: str, name: str) -> list[str]:
    lines = [symbol, WORDS[(each.next_open, each.side)], name, account, each.setup]
    if each.next_open == "enter":
        since = f"signal {numbers.utc_time(each.signal_ts_ms)[:10]}"
        lines += [f"for {numbers.count(each.budget)} {money}", since, numbers.NOTHING]
    else:
        lines += [_quantity(each.quantity), numbers.utc_time(each.entry_ts_ms)[:10]]
        lines.append(numbers.price(each.entry_price, each.currency))
    prices = [numbers.price(each.last_price, each.currency), numbers.change(each.net_return)]
    return [*lines, *prices, numbers.price(each.stop, each.currency)]


def _quantity(value: float | None) -> str:
    if value is None:
        return numbers.NOTHING
    return numbers.count(value) if value == round(value) else numbers.decimal(4)(value)


def doubts_of_bars(inputs: RunInputs) -> list[str]:
    """That markets have sessions of their own, and which newest bars are not confirmed yet."""
    scan, data = inputs.scan, inputs.data
    several = sessions_of_markets([(x.market, x.last_session) for x in scan.instruments]) if scan else ""
    open_ = [each.symbol for each in data.instruments if each.unconfirmed_ts_ms is not None] if data else []
    lines = [several] if several else []
    for each in inputs.fetch.exchanges if inputs.fetch else []:
        if each.provisional:
            count = len(each.provisional)
            named = "" if count == each.series else f" ({first_of(each.provisional, NAMED)})"
            lines.append(
                f"The newest bar of {count} of {each.series} fetched series of {each.exchange} is provisional{named}: "
                "the provider may still revise it, and is asked again."
            )
    if data and open_:
        named = "" if len(open_) == len(data.instruments) else f" ({first_of(open_, NAMED)})"
        lines.append(
            f"The newest bar of {len(open_)} of {len(data.instruments)} imported series is unconfirmed{named}: "
            "no later row and no later file has shown yet that it was complete."
        )
    return lines
