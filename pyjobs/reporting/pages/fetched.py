"""What was fetched: a line per exchange, what came and went, and every symbol that lacks its newest bar."""

from __future__ import annotations

from pyjobs.market.universe.fetch_file import Fetch, Missing
from pyjobs.reporting import numbers
from pyjobs.reporting.document import Block, Section, Table, Text
from pyjobs.reporting.fetches.lines import COLUMNS, WHY, notes, rows
from pyjobs.reporting.pages.common import absent
from pyjobs.reporting.run_files.read_run import RunInputs
from utils.tables import Column

LISTED = 500  # of more alike the page names the first; all of them stand in reports/fetch.json
FILE = "reports/fetch.json"


def fetched_sections(inputs: RunInputs) -> list[Section]:
    """One section where something was, or should have been, fetched; none otherwise."""
    if inputs.fetch is not None:
        return [Section(title="What was fetched", blocks=_blocks(inputs.fetch))]
    tried = inputs.steps is not None and any(step.step == "fetch" for step in inputs.steps.steps)
    return [Section(title="What was fetched", blocks=[absent(inputs, FILE, "Nothing is known")])] if tried else []


def _blocks(fetch: Fetch) -> list[Block]:
    blocks: list[Block] = [Table(columns=list(COLUMNS), rows=rows(fetch))]
    blocks += [Text(each, tone="note") for each in notes(fetch)]
    expected = [each for each in fetch.missing if each.expected]
    known = [each for each in fetch.missing if not each.expected]
    if expected:
        blocks += [Text(f"{len(expected)} expected bars are missing: this run is partial.", tone="warn")]
        blocks += [_table(expected)]
    if known:
        blocks += [Text(f"{len(known)} symbols do not deliver; no job waits for them.", tone="note"), _table(known)]
    if not fetch.missing:
        blocks += [Text("Nothing is missing.")]
    if len(fetch.missing) > LISTED:
        blocks += [Text(f"All of them are in {FILE}.", tone="note")]
    return blocks


def _table(missing: list[Missing]) -> Table:
    columns = [Column("exchange"), Column("symbol"), Column("timeframe"), Column("what"), Column("since")]
    shown = sorted(missing, key=lambda each: (not each.news, each.exchange, each.kind, each.symbol))[:LISTED]
    return Table(
        columns=[*columns, Column("new"), Column("why")],
        rows=[
            [
                each.exchange,
                each.symbol,
                each.timeframe,
                each.kind,
                each.since or numbers.NOTHING,
                "new" if each.news else "",
                WHY.get(each.kind) or each.detail,
            ]
            for each in shown
        ],
    )
