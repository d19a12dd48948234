"""The scan report: every instrument as it closed, every signal with its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pyjobs.reporting import numbers
from pyjobs.reporting.document import Block, Image, Page, Section, Table, Text
from pyjobs.reporting.pages.common import absent, called_in, noted, signal_count, signal_table
from pyjobs.reporting.pages.held import doubts_of_bars
from pyjobs.reporting.run_files.read_run import RunInputs
from pyjobs.runs.verdict.findings import many
from pyjobs.scanning.scan_file import Scan
from utils.tables import Column


def scan_page(inputs: RunInputs, *, pictures: Sequence[str]) -> Page:
    """`pictures`: file names in reports/ of the price charts there are."""
    scan = inputs.scan
    if scan is None:
        lost = absent(inputs, "reports/scan.json", "There is no scan")
        return Page(
            name="scan", title="Scan", summary="No scan tonight.", sections=[Section(title="Scan", blocks=[lost])]
        )
    doubts = [Text(line, tone="note") for line in doubts_of_bars(inputs)]
    counts = Counter(each.status for each in scan.instruments)
    states = ", ".join(f"{number} {status.replace('_', ' ')}" for status, number in sorted(counts.items()))
    return Page(
        name="scan",
        title=f"Scan of {scan.session}",
        summary=f"{signal_count(scan.signals)} on {many(len(scan.instruments), 'instrument')} ({states}).",
        sections=[
            Section(title="Signals", blocks=_signals(scan, pictures)),
            Section(
                title="Instruments",
                blocks=[_instruments(scan), *doubts],
            ),
        ],
    )


def _signals(scan: Scan, pictures: Sequence[str]) -> list[Block]:
    notes = noted(scan.notes)
    images = [Image(path=f"reports/{name}", alt=f"price with triggers: {name[6:-4]}") for name in pictures]
    if scan.signals:
        return [signal_table(scan), *notes, *images]
    latest = [Text("The instruments that fired last:")] if images else []
    return [Text("No setup fired on the last closed bar of any instrument."), *notes, *latest, *images]


def _instruments(scan: Scan) -> Table:
    columns = [Column("symbol"), Column("name"), Column("timeframe"), Column("role"), Column("last bar")]
    columns += [Column(title, right=True) for title in ("close", "change", "bars")]
    columns += [Column("currency"), Column("signals"), Column("status")]
    name = called_in(scan)
    setups: dict[tuple[str, str, str], list[str]] = {}
    for signal in scan.signals:
        setups.setdefault((signal.exchange, signal.symbol, signal.timeframe), []).append(signal.setup)
    rows = [
        [
            name(each.exchange, each.symbol),
            each.name,
            each.timeframe,
            each.role,
            each.last_session or numbers.NOTHING,
            numbers.price(each.close, each.currency),
            numbers.change(each.change),
            numbers.count(each.bars),
            each.currency,
            ", ".join(setups.get((each.exchange, each.symbol, each.timeframe), [])),
            each.status.replace("_", " "),
        ]
        for each in scan.instruments
    ]
    return Table(columns=columns, rows=rows)
