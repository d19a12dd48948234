"""A strip of cells as HTML with SVG in it, a row for each so many: it stretches with the page, a hand shows the why."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pyjobs.reporting.document import Strip

A_ROW = 96
WIDE = 0.84  # of a cell's place
TALL = {"decided": 0.5, "late": 0.75}  # not by colour alone


def drawn_strip(strip: Strip) -> str:
    """The strip's HTML: rows of A_ROW cells, each after the time of its first."""
    kinds = [kind for kind in ("decided", "late", "blocked", "missing") if any(cell[1] == kind for cell in strip.cells)]
    legend = "".join(
        f'<span><svg viewBox="0 0 1 1" preserveAspectRatio="none">{_cell(0, kind)}</svg>{escape(kind)}</span>'
        for kind in kinds
    )
    rows = "".join(
        f'<div class="row"><em>{escape(row[0][0])}</em><svg viewBox="0 0 {A_ROW} 1" preserveAspectRatio="none">'
        f"{''.join(_titled(place, *cell) for place, cell in enumerate(row))}</svg></div>"
        for row in _rows(strip)
    )
    title = escape(strip.title)
    return (
        f'<figure class="chart strip" role="img" aria-label="{title}"><figcaption>{title}</figcaption>'
        f'<div class="legend">{legend}</div>{rows}</figure>'
    )


def _rows(strip: Strip) -> list[Sequence[tuple[str, str, str]]]:
    return [strip.cells[at : at + A_ROW] for at in range(0, len(strip.cells), A_ROW)]


def _titled(place: int, label: str, kind: str, why: str) -> str:
    text = f"{label} {kind}" + (f": {why}" if why else "")
    return _cell(place, kind) if kind == "decided" else f"<g>{_cell(place, kind)}<title>{escape(text)}</title></g>"


def _cell(place: int, kind: str) -> str:
    tall = TALL.get(kind, 1.0)
    return f'<path class="cell {escape(kind)}" d="M{place + (1 - WIDE) / 2:g} {1 - tall:g}h{WIDE}v{tall:g}h-{WIDE}Z"/>'
