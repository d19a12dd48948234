"""Tables that line up, as plain text and as Markdown."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from utils.foreign_text import printable, quoted

LONGEST_CELL = 500
EMPTY = ("", "–")


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and whether its cells line up at the right, as numbers do."""

    title: str
    right: bool = False


def text_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart, one line per row, a line end after each; wide (Korean) characters count two.

    A column in which nothing stands is left out, here and in Markdown and HTML.
    """
    columns, rows = without_empty(columns, rows)
    lines = [[column.title for column in columns], *[[_plain(cell) for cell in row] for row in rows]]
    widths = _widths(lines)
    return "".join(f"{'  '.join(_padded(columns, widths, line)).rstrip()}\n" for line in lines)


def markdown_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table whose source lines up too. A `|` in a cell is escaped, a line end becomes a space."""
    columns, rows = without_empty(columns, rows)
    lines = [[_cell(column.title) for column in columns], *[[_cell(cell) for cell in row] for row in rows]]
    widths = [max(width, 3) for width in _widths(lines)]
    rule = [f"{'-' * (width - 1)}:" if c.right else "-" * width for c, width in zip(columns, widths, strict=True)]
    body = [_padded(columns, widths, line) for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in [body[0], rule, *body[1:]])


def without_empty(
    columns: Sequence[Column], rows: Sequence[Sequence[str]]
) -> tuple[Sequence[Column], Sequence[Sequence[str]]]:
    """The same without columns whose every cell is empty or a dash; the first stays. Without rows all do."""
    if not rows:
        return columns, rows
    kept = [at for at in range(len(columns)) if at == 0 or any(row[at] not in EMPTY for row in rows)]
    if len(kept) == len(columns):
        return columns, rows
    return [columns[at] for at in kept], [[row[at] for at in kept] for row in rows]


def display_width(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)  # a scan of a whole market has a hundred thousand cells
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(display_width, cells)) for cells in zip(*lines, strict=True)]


def _padded(columns: Sequence[Column], widths: Sequence[int], line: Sequence[str]) -> list[str]:
    padded = []
    for column, width, cell in zip(columns, widths, line, strict=True):
        space = " " * (width - display_width(cell))
        padded.append(space + cell if column.right else cell + space)
    return padded


def markdown_text(text: str) -> str:
    """A text that others wrote, for Markdown: no HTML, picture, link or line end of theirs survives."""
    line = " ".join(printable(" ".join(text.split())).split())
    return line.replace("\\", "\\\\").replace("<", "&lt;").replace("](", "]\\(").replace("![", "!\\[")


def _plain(cell: str) -> str:
    return quoted(" ".join(cell.split()), LONGEST_CELL)


def _cell(cell: str) -> str:
    return markdown_text(_plain(cell)).replace("|", "\\|")


Called = Callable[[str, str], str]


def called(instruments: Iterable[tuple[str, str]]) -> Called:
    """What an instrument is called in a table, by (exchange, symbol): its symbol, or EXCHANGE:SYMBOL where another
    exchange of `instruments` has that symbol as well."""
    counts = Counter(symbol for _, symbol in set(instruments))
    return lambda exchange, symbol: f"{exchange}:{symbol}" if counts[symbol] > 1 else symbol
