"""The content of a report, apart from its looks: one page is rendered as Markdown and as HTML from this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from pyjobs.reporting import numbers
from utils.tables import Column, markdown_table, markdown_text


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. `tone` warn: it must not be overlooked."""

    text: str
    tone: Literal["plain", "note", "warn"] = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of ready-made cells; `links` maps a cell's text to a path relative to the run folder."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture; `path` is relative to the run folder."""

    path: str
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines or, with `bars`, bars over `labels`, drawn into the page itself: legible at every width, in every light.

    `lines`: by name, a value per label, NaN where there is none; the first is drawn strongest, with `area` filled down
    to zero. `show` writes the numbers at the side. `log`: equal steps are equal percentages; all values are above zero
    then.
    `each`: a label names its bar; without it, where the bar begins. `instead`: a picture of the same for Markdown,
    which cannot draw.
    """

    title: str
    labels: Sequence[str]
    lines: Mapping[str, Sequence[float]]
    show: Callable[[float], str]
    bars: bool = False
    area: bool = False
    log: bool = False
    each: bool = False
    instead: Image | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A table of fractions as percent, coloured by size: a row per name, a cell per column; None is blank.

    The last column is the whole of its row.
    """

    columns: Sequence[str]
    rows: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A cell for each bar, in order: (label, state, why). States are decided, late, blocked and missing."""

    title: str
    cells: Sequence[tuple[str, str, str]]


LETTERS = {"decided": ".", "late": "L", "blocked": "B", "missing": "x"}  # of a strip in Markdown
LETTERS_A_ROW = 96
Block = Text | Table | Image | Chart | Heat | Strip


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and its content. `half`: two of these go side by side where there is room."""

    title: str
    blocks: Sequence[Block]
    half: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One report. `name` is its file's; `summary` is the one line to read when there is time for one."""

    name: str
    title: str
    summary: str
    sections: Sequence[Section]


def markdown(page: Page, *, label: str = "") -> str:
    """The page as Markdown that lies in the run's reports/ folder. `label` is the desk's banner."""
    banner = f"> **{markdown_text(label)}**\n\n" if label else ""
    parts = [f"# {markdown_text(page.title)}\n\n{banner}{markdown_text(page.summary)}\n"]
    for section in page.sections:
        parts.append(f"## {markdown_text(section.title)}\n")
        parts.extend(_block(block) for block in section.blocks)
    return "\n".join(parts)


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return markdown_table(block.columns, block.rows)
    if isinstance(block, Chart):
        return _block(block.instead) if block.instead else ""
    if isinstance(block, Heat):
        return markdown_table([Column(""), *(Column(each, right=True) for each in block.columns)], _heat_rows(block))
    if isinstance(block, Strip):
        return _letters(block)
    if isinstance(block, Image):
        return f"![{markdown_text(block.alt)}]({quote(_from_reports(block.path), safe='/._-%')})\n"
    return {"plain": "{}\n", "note": "_{}_\n", "warn": "> **{}**\n"}[block.tone].format(markdown_text(block.text))


def _letters(strip: Strip) -> str:
    """A letter for each cell, what the letters are, and a time before each row."""
    rows = [strip.cells[at : at + LETTERS_A_ROW] for at in range(0, len(strip.cells), LETTERS_A_ROW)]
    text = ", ".join(f"`{letter}` {state}" for state, letter in LETTERS.items())
    lines = [f"    {row[0][0]} {''.join(LETTERS.get(state, '?') for _, state, _ in row)}" for row in rows]
    return "\n".join([f"{markdown_text(strip.title)} ({text})", "", *lines, ""])


def _heat_rows(heat: Heat) -> list[list[str]]:
    return [[name, *(numbers.change(cell, 1) for cell in cells)] for name, cells in heat.rows.items()]


def _from_reports(path: str) -> str:
    """A path of the run folder as seen from its reports/ folder."""
    return path.removeprefix("reports/") if path.startswith("reports/") else f"../{path}"
