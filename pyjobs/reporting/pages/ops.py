"""The ops report: did every step run, what is the data worth, is there room, what ran lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyjobs.market.dumps.data_file import Finding, ImportedSeries
from pyjobs.reporting import numbers
from pyjobs.reporting.document import Block, Page, Section, Table, Text
from pyjobs.reporting.pages.common import absent
from pyjobs.reporting.pages.fetched import fetched_sections
from pyjobs.reporting.pages.loops import strip_sections
from pyjobs.reporting.run_files.read_run import RunInputs
from utils.tables import Column

HISTORY_SHOWN = 15
LOW_DISK = 0.05  # fraction free below which the disk line is a warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the verb saw around it. Bytes; `history` is the newest lines of logs/history.jsonl, oldest first.

    `forecast`: what the nights will take, a sentence.
    `mixed`: inputs that changed while the run went on; `newest`: of each series in the store its newest session.
    """

    disk_total: int
    disk_free: int
    run_bytes: int
    finished_runs: int
    forecast: str
    history: Sequence[Mapping[str, object]]
    mixed: Sequence[str] = ()
    newest: Mapping[str, str] = field(default_factory=dict)


def ops_page(inputs: RunInputs, machine: Machine, *, session: str | None) -> Page:
    """The answer to the question of the morning: was the night all right?"""
    return Page(
        name="ops",
        title=f"Ops report of {session or 'an unknown session'}",
        summary=_summary(inputs),
        sections=[
            Section(
                title="Steps", blocks=[*_steps(inputs), *(Text(f"{line}.", tone="warn") for line in machine.mixed)]
            ),
            *fetched_sections(inputs),
            *_imported_sections(inputs, session, machine.newest),
            *strip_sections(inputs.loops),
            Section(title="Disk", blocks=_disk(machine)),
            Section(title="Last runs of all jobs", blocks=_history(machine)),
        ],
    )


def _imported_sections(inputs: RunInputs, session: str | None, newest: Mapping[str, str]) -> list[Section]:
    """What came from dumps; nothing of it where all bars are fetched."""
    if inputs.data is None and inputs.fetch is not None:
        return []
    return [
        Section(title="Freshness of the data", blocks=_freshness(inputs, session, newest)),
        Section(title="What was found in the dumps", blocks=_findings(inputs)),
    ]


def _summary(inputs: RunInputs) -> str:
    if inputs.steps is None:
        return "Made by hand, outside a night: no steps are known."
    failed = [step.step for step in inputs.steps.steps if step.outcome == "fail"]
    skipped = [step.step for step in inputs.steps.steps if step.outcome == "skip"]
    if not failed and not skipped:
        return f"All {len(inputs.steps.steps)} steps before this report ended well."
    lines = [f"{len(failed)} failed ({', '.join(failed)})"] if failed else []
    lines += [f"{len(skipped)} skipped ({', '.join(skipped)})"] if skipped else []
    return f"Of {len(inputs.steps.steps)} steps before this report {' and '.join(lines)}."


def _steps(inputs: RunInputs) -> list[Block]:
    if inputs.steps is None:
        return [absent(inputs, "logs/steps.json", "No steps are known")]
    columns = [Column("step"), Column("outcome"), Column("exit", right=True), Column("seconds", right=True)]
    columns += [Column("log"), Column("reason")]
    rows = [
        [
            step.step,
            step.outcome,
            numbers.count(step.exit_code),
            numbers.decimal(1)(step.seconds),
            step.log,
            step.reason,
        ]
        for step in inputs.steps.steps
    ]
    return [Table(columns=columns, rows=rows, links={step.log: step.log for step in inputs.steps.steps if step.log})]


def _freshness(inputs: RunInputs, session: str | None, newest: Mapping[str, str]) -> list[Block]:
    if inputs.data is None:
        return [absent(inputs, "reports/data.json", "Nothing was imported")]
    columns = [Column("symbol"), Column("timeframe"), Column("file")]
    columns += [
        Column("rows read", right=True),
        Column("bars", right=True),
        Column("first"),
        Column("last"),
        Column("state"),
    ]
    rows = [
        [
            each.symbol,
            each.timeframe,
            each.file,
            numbers.count(each.rows_read),
            numbers.count(each.bars),
            each.first_session or numbers.NOTHING,
            _last(each, newest) or numbers.NOTHING,
            _state(each, session, newest),
        ]
        for each in inputs.data.instruments
    ]
    return [Table(columns=columns, rows=rows)]


def _last(each: ImportedSeries, newest: Mapping[str, str]) -> str | None:
    """The newest session with bars: in the store, whatever brought them; else the import's."""
    return newest.get(f"{each.exchange}:{each.symbol}:{each.timeframe}") or each.last_session


def _state(each: ImportedSeries, session: str | None, newest: Mapping[str, str]) -> str:
    last = _last(each, newest)
    if each.error:
        return f"error: {each.error}"
    if not last:
        return "no bars"
    if session is None or last >= session:
        return "ok"
    return "behind"


def _findings(inputs: RunInputs) -> list[Block]:
    if inputs.data is None:
        return [Text("Unknown.", tone="note")]
    rows = []
    for each in inputs.data.instruments:
        for kind, findings in (("cleaned", each.cleaned), ("oddity", each.oddities)):
            rows += [[each.symbol, each.timeframe, kind, *_finding(finding)] for finding in findings]
    if not rows:
        return [Text("Nothing unusual.")]
    columns = [Column("symbol"), Column("timeframe"), Column("done"), Column("what"), Column("count", right=True)]
    return [Table(columns=[*columns, Column("first"), Column("example")], rows=rows)]


def _finding(finding: Finding) -> list[str]:
    first = numbers.NOTHING if finding.first is None else str(finding.first)
    return [finding.what, numbers.count(finding.count), first, finding.example or ""]


def _disk(machine: Machine) -> list[Block]:
    free = machine.disk_free / machine.disk_total if machine.disk_total else 0.0
    text = (
        f"{machine.disk_free / 1e9:,.1f} GB free of {machine.disk_total / 1e9:,.1f} GB ({numbers.percent(free)}). "
        f"This run so far: {numbers.megabytes(machine.run_bytes)}; finished runs kept: {machine.finished_runs}."
    )
    words = machine.forecast[:1].upper() + machine.forecast[1:] + "."
    return [Text(text, tone="warn" if free < LOW_DISK else "plain"), Text(words)]


def _history(machine: Machine) -> list[Block]:
    if not machine.history:
        return [Text("logs/history.jsonl has no entries yet.", tone="note")]
    columns = [Column("start, UTC"), Column("job"), Column("session"), Column("outcome"), Column("code", right=True)]
    columns.append(Column("seconds", right=True))
    rows = [_history_row(entry) for entry in reversed(machine.history[-HISTORY_SHOWN:])]
    return [Table(columns=columns, rows=rows)]


def _history_row(entry: Mapping[str, object]) -> list[str]:
    """One entry of history.jsonl; its times are epoch seconds."""
    start, end = entry.get("start"), entry.get("end")
    known = isinstance(start, int | float), isinstance(end, int | float)
    job = "/".join(str(part) for part in (entry.get("job"), entry.get("instance")) if part)
    return [
        numbers.utc_time(int(float(str(start)) * 1000)) if known[0] else str(start or numbers.NOTHING),
        job,
        str(entry.get("session") or numbers.NOTHING),
        str(entry.get("outcome", "")),
        str(entry.get("code", "")),
        numbers.count(float(str(end)) - float(str(start))) if all(known) else numbers.NOTHING,
    ]
