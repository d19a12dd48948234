"""The daily report: what happened in this session, on one screen."""

from __future__ import annotations

from pyjobs.reporting import numbers
from pyjobs.reporting.account_figures import ruined
from pyjobs.reporting.document import Block, Page, Section, Table, Text
from pyjobs.reporting.pages.common import BAR_STATUS, HAS_BAR, absent, called_in, movers, signal_count, signal_table
from pyjobs.reporting.pages.held import doubts_of_bars, held_blocks
from pyjobs.reporting.run_files.read_run import RunInputs
from pyjobs.runs.verdict.findings import many
from pyjobs.scanning.scan_file import Scanned
from utils.tables import Called, Column

MOVERS_SHOWN = 5


def daily_page(inputs: RunInputs, *, session: str | None) -> Page:
    """Signals, movers, what the data is worth, and what the accounts would have done. `session` None: unknown."""
    return Page(
        name="daily",
        title=f"Daily report of {session or 'an unknown session'}",
        summary=_summary(inputs),
        sections=[
            Section(title="Held, and to do at the next open", blocks=held_blocks(inputs)),
            Section(title="Signals of the session", blocks=_signals(inputs)),
            Section(title="Movers", blocks=_movers(inputs)),
            Section(title="State of the data", blocks=_data_state(inputs)),
            Section(title="Accounts", blocks=_accounts(inputs)),
        ],
    )


def _summary(inputs: RunInputs) -> str:
    if inputs.scan is None:
        return "The scan is missing, so little is known of this session."
    ranked = movers(inputs.scan.instruments)
    found = signal_count(inputs.scan.signals).capitalize()
    if not ranked:
        return f"{found}; no instrument has a bar of this session."
    up = sum((each.change or 0) > 0 for each in ranked)
    down = sum((each.change or 0) < 0 for each in ranked)
    return f"{found}; of {many(len(ranked), 'instrument')} {up} rose and {down} fell."


def _signals(inputs: RunInputs) -> list[Block]:
    if inputs.scan is None:
        return [absent(inputs, "reports/scan.json", "There is no scan")]
    if not inputs.scan.signals:
        return [Text("None.")]
    return [signal_table(inputs.scan)]


def _movers(inputs: RunInputs) -> list[Block]:
    ranked = movers(inputs.scan.instruments) if inputs.scan else []
    if not ranked:
        return [Text("No instrument has a bar of this session and one before it.", tone="note")]
    rises = [each for each in ranked if (each.change or 0) > 0][:MOVERS_SHOWN]
    falls = [each for each in reversed(ranked) if (each.change or 0) < 0][:MOVERS_SHOWN]
    columns = [
        Column("symbol"),
        Column("name"),
        Column("timeframe"),
        Column("change", right=True),
        Column("close", right=True),
    ]
    name = called_in(inputs.scan)
    table = Table(columns=columns, rows=[_mover(each, name) for each in [*rises, *reversed(falls)]])
    return [table, Text("Change since the previous bar; the biggest rises and falls.", tone="note")]


def _mover(each: Scanned, name: Called) -> list[str]:
    named = [name(each.exchange, each.symbol), each.name, each.timeframe]
    return [*named, numbers.change(each.change), numbers.price(each.close, each.currency)]


def _data_state(inputs: RunInputs) -> list[Block]:
    if inputs.scan is None:
        return [Text("Unknown without a scan.", tone="note")]
    behind = [each for each in inputs.scan.instruments if each.status not in HAS_BAR]
    own = [Text(line, tone="note") for line in doubts_of_bars(inputs)]
    if not behind:
        return [Text(f"All {len(inputs.scan.instruments)} instruments have a bar of their last session."), *own]
    columns = [Column("symbol"), Column("timeframe"), Column("last bar"), Column("state")]
    name = called_in(inputs.scan)
    rows = [
        [
            name(each.exchange, each.symbol),
            each.timeframe,
            each.last_session or numbers.NOTHING,
            BAR_STATUS.get(each.status, each.status),
        ]
        for each in behind
    ]
    return [
        Text(f"{len(behind)} of {len(inputs.scan.instruments)} instruments are behind.", tone="warn"),
        Table(columns=columns, rows=rows),
        *own,
    ]


def _accounts(inputs: RunInputs) -> list[Block]:
    if not inputs.accounts:
        return [absent(inputs, "portfolio/", "There are no account backtests")]
    columns = [Column("account"), Column("variant"), Column("session")]
    columns += [Column(title, right=True) for title in ("equity", "day", "since start")]
    columns.append(Column("currency"))
    rows = []
    for account in inputs.accounts:
        for name, variant in account.variants.items():
            values = variant.equity.values
            day = values[-1] / values[-2] - 1 if len(values) > 1 and values[-2] > 0 else None
            last = variant.equity.sessions[-1] if values else numbers.NOTHING
            rows.append(
                [
                    account.name,
                    name,
                    last,
                    numbers.count(values[-1] if values else None),
                    numbers.change(day) if not variant.metrics.ruin else "ruin",
                    numbers.change(variant.metrics.total_return),
                    variant.metrics.currency,
                ]
            )
    ruins = [
        Text(f"{ruined(f'{account.name} {name}', variant.metrics.ruin).removeprefix('[WARN] ')}.", tone="warn")
        for account in inputs.accounts
        for name, variant in account.variants.items()
        if variant.metrics.ruin
    ]
    note = Text("Backtests carried to this session: simulated money, not an account at a broker.", tone="note")
    return [Table(columns=columns, rows=rows), *ruins, note]
