"""The paper loops: a table of green and red with its evidence, and a strip of each one's last bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pyjobs.reporting import numbers
from pyjobs.reporting.document import Block, Page, Section, Strip, Table, Text
from pyjobs.runs.nights.loops import GoLive, Mark, Standing
from utils.tables import Column
from utils.wording import aged

STATES = ("decided", "late", "blocked", "missing")


def loops_page(loops: GoLive) -> Page:
    """A page of its own, for who has loops and no night."""
    return Page(
        name="loops",
        title="Go-live report of the paper loops",
        summary=f"{_verdicts(loops)} As of {numbers.utc_time(round(loops.at_s * 1000))}, UTC.",
        sections=[*golive_sections(loops), *strip_sections(loops)],
    )


def golive_sections(loops: GoLive | None) -> list[Section]:
    """The gates of every loop; nothing where there is no loop."""
    if loops is None or not loops.loops:
        return []
    columns = [Column("verdict"), Column("loop"), Column("gate"), Column("found"), Column("evidence"), Column("age")]
    rows = [
        [
            "green" if gate.green else "red",
            loop.name,
            gate.asks,
            gate.found,
            gate.evidence,
            numbers.NOTHING if gate.age_s is None else aged(gate.age_s),
        ]
        for loop in loops.loops
        for gate in loop.gates
    ]
    return [Section(title="Paper loops", blocks=[Text(_verdicts(loops)), Table(columns=columns, rows=rows)])]


def strip_sections(loops: GoLive | None) -> list[Section]:
    """Each loop's last bars; nothing where there is no loop."""
    if loops is None or not loops.loops:
        return []
    blocks: list[Block] = []
    for loop in loops.loops:
        none = f"cannot be shown: {loop.unread}" if loop.unread else "has not decided anything yet."
        blocks.append(_strip(loop) if loop.strip else Text(f"{loop.name} {none}", tone="note"))
    return [Section(title="Paper loops, bar by bar", blocks=blocks)]


def _verdicts(loops: GoLive) -> str:
    ready = [loop.name for loop in loops.loops if loop.green]
    if not loops.loops:
        return "There is no loop in live.yaml."
    if len(ready) == len(loops.loops):
        return "GO: every gate of every loop is green."
    red = sum(not gate.green for loop in loops.loops for gate in loop.gates)
    gates = "1 gate is" if red == 1 else f"{red} gates are"
    return f"NO-GO: {gates} red; {len(ready)} of {len(loops.loops)} loops have none."


def _strip(loop: Standing) -> Strip:
    return Strip(
        title=f"{loop.name} · {loop.series} · {counted(loop.strip)}",
        cells=[(numbers.utc_time(mark.ts_ms), mark.state, mark.why) for mark in loop.strip],
    )


def counted(marks: Sequence[Mark]) -> str:
    """`270 decided, 8 late, 6 blocked (4 kill, 2 limit_open), 4 missing`."""
    states = Counter(mark.state for mark in marks)
    why = Counter(mark.why for mark in marks if mark.state == "blocked")
    lines = []
    for state in STATES:
        if states[state]:
            because = ", ".join(f"{n} {word}" for word, n in sorted(why.items())) if state == "blocked" else ""
            lines.append(f"{states[state]} {state}" + (f" ({because})" if because else ""))
    return ", ".join(lines)
