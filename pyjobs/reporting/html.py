"""The run as one page that works from a USB stick: no network, no script, pictures by relative path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pyjobs.reporting import drawing, numbers, strips
from pyjobs.reporting.document import Chart, Heat, Image, Page, Strip, Table, Text
from utils.files.os_files import files_below
from utils.tables import Column, without_empty

LONG_CELL = 34  # characters; a longer one may be broken into lines
TEMPLATE = Path(__file__).with_name("index.html.j2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One figure at the top of the page. `tone` colours it: good, bad or plain."""

    title: str
    value: str
    tone: str = "plain"


def render(
    *, title: str, label: str, cards: Sequence[Card], pages: Sequence[Page], files: Sequence[str], under: str = ""
) -> str:
    """The page. Every text is escaped; `files` are names relative to the run folder and become links.

    `under`: a line below the title.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["filled"] = lambda table: without_empty(table.columns, table.rows)
    environment.filters["as_lines"] = _lines
    environment.filters["drawn"] = lambda chart: Markup(drawing.drawn(chart))  # they escape every text
    environment.filters["heat"] = lambda table: Markup(drawing.heat(table))
    environment.filters["href"] = lambda path: quote(path, safe="/")
    environment.filters["strip"] = lambda strip: Markup(strips.drawn_strip(strip))
    environment.tests |= {
        "a_table": lambda block: isinstance(block, Table),
        "an_image": lambda block: isinstance(block, Image),
        "a_chart": lambda block: isinstance(block, Chart),
        "a_strip": lambda block: isinstance(block, Strip),
        "a_heat": lambda block: isinstance(block, Heat),
        "a_text": lambda block: isinstance(block, Text),
    }
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(title=title, label=label, cards=cards, pages=pages, files=files, under=under)


def files_in(folder: Path) -> list[str]:
    """Names relative to `folder` of every file in it, in order."""
    return sorted(path.relative_to(folder).as_posix() for path in files_below(folder))


def _lines(rows: Sequence[Sequence[str]], columns: Sequence[Column], links: Mapping[str, str]) -> str:
    """The rows of a table, a line each; here and not in the template, because a market has a hundred thousand cells."""
    from markupsafe import Markup, escape

    heads = [f'<td data-of="{escape(column.title)}" class="{"num " if column.right else ""}' for column in columns]
    lines = []
    for row in rows:
        cells = []
        for head, cell in zip(heads, row, strict=True):
            text = f"{escape(cell)}"
            if cell in links:
                text = f'<a href="{escape(quote(links[cell], safe="/"))}">{text}</a>'
            cells.append(f'{head}{"text " if len(cell) > LONG_CELL else ""}{tone_of(cell)}">{text}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>\n")
    return Markup("".join(lines))  # every part is escaped above


def tone_of(cell: str) -> str:
    """The class of a cell that is a verdict, a signed percentage or nothing, so that these are seen at a glance."""
    if cell in ("GO", "green"):
        return "good"
    if cell == numbers.NOTHING:
        return "nothing"  # a phone leaves it out
    if cell in ("NO-GO", "red", "fail", "UNKNOWN") or cell.startswith("error:"):
        return "bad"
    if cell in ("TOO FEW", "too few", "skip", "behind") or cell.startswith("stale"):
        return "soft"
    if cell.endswith(" %") and cell[:1] in "+-" and "…" not in cell and "/" not in cell:
        return "up" if cell.startswith("+") else "down"
    return ""
