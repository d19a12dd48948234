"""The run as one page that works from a USB stick: no network, no script, pictures by relative path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pyjobs.reporting.document import Chart, Heat, Image, Page, Table, Text
from pyjobs.reporting.sheet import drawing
from pyjobs.reporting.tables import without_empty

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
    environment.filters["drawn"] = lambda chart: Markup(drawing.drawn(chart))  # they escape every text
    environment.filters["heat"] = lambda table: Markup(drawing.heat(table))
    environment.filters["href"] = lambda path: quote(path, safe="/")
    environment.tests |= {
        "a_table": lambda block: isinstance(block, Table),
        "an_image": lambda block: isinstance(block, Image),
        "a_chart": lambda block: isinstance(block, Chart),
        "a_heat": lambda block: isinstance(block, Heat),
        "a_text": lambda block: isinstance(block, Text),
    }
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        title=title, label=label, cards=cards, pages=pages, files=files, under=under, tone_of=tone_of
    )


def files_in(folder: Path) -> list[str]:
    """Names relative to `folder` of every file in it, in order."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def tone_of(cell: str) -> str:
    """The class of a cell that is a verdict or a signed percentage, so that both are seen at a glance."""
    if cell == "GO":
        return "good"
    if cell in ("NO-GO", "fail", "UNKNOWN") or cell.startswith("error:"):
        return "bad"
    if cell in ("TOO FEW", "too few", "skip", "behind") or cell.startswith("stale"):
        return "soft"
    if cell.endswith(" %") and cell[:1] in "+-" and "…" not in cell and "/" not in cell:
        return "up" if cell.startswith("+") else "down"
    return ""
