"""Tables that line up, as plain text and as Markdown."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from utils.foreign_text import printable, quoted

LONGEST_CELL = 500
EMPTY = ("", "–")
_WORD = "[!-;=-Z^-{}~–가-힣]+"  # ASCII but for < [ \ ] |; Korean names; the dash
_HARMLESS = re.compile(f"(?:{_WORD}(?: {_WORD})*)?")


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and whether its cells line up at the right, as numbers do."""

    title: str
    right: bool = False


def text_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Columns two spaces apart, one line per row, a line end after each; wide (Korean) characters count two.

    An empty column is left out, here and in Markdown and HTML.
    """
    columns, rows = without_empty(columns, rows)
    cells = [_aligned(column, [column.title, *map(_plain, each)]) for column, each in _by_column(columns, rows)]
    return "".join(f"{'  '.join(line).rstrip()}\n" for line in zip(*cells, strict=True))


def markdown_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table with aligned source lines. A `|` in a cell is escaped, a line end becomes a space."""
    columns, rows = without_empty(columns, rows)
    cells = []
    for column, each in _by_column(columns, rows):
        head, *body = _aligned(column, [_cell(column.title), *map(_cell, each)], least=3)
        width = display_width(head)
        cells.append([head, f"{'-' * (width - 1)}:" if column.right else "-" * width, *body])
    return "".join(f"| {' | '.join(line)} |\n" for line in zip(*cells, strict=True))


def without_empty(
    columns: Sequence[Column], rows: Sequence[Sequence[str]]
) -> tuple[Sequence[Column], Sequence[Sequence[str]]]:
    """The table without columns of only empty cells or dashes; the first stays. Without rows all do."""
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


def _by_column(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[tuple[Column, Sequence[str]]]:
    """Each column with its cells. Raises ValueError for a row of another length."""
    return zip(columns, zip(*rows, strict=True) if rows else [()] * len(columns), strict=True)


def _aligned(column: Column, cells: Sequence[str], *, least: int = 0) -> list[str]:
    """The cells with spaces before or after them, so that all are as wide as the widest, and as `least`."""
    widths = [display_width(cell) for cell in cells]
    widest = max(least, *widths) if widths else least
    if column.right:
        return [" " * (widest - width) + cell for cell, width in zip(cells, widths, strict=True)]
    return [cell + " " * (widest - width) for cell, width in zip(cells, widths, strict=True)]


def markdown_text(text: str) -> str:
    """A text that others wrote, for Markdown: no HTML, picture, link or line end of theirs survives."""
    line = " ".join(printable(" ".join(text.split())).split())
    return line.replace("\\", "\\\\").replace("<", "&lt;").replace("](", "]\\(").replace("![", "!\\[")


def _plain(cell: str) -> str:
    return cell if _is_harmless(cell) else quoted(" ".join(cell.split()), LONGEST_CELL)


def _cell(cell: str) -> str:
    return cell if _is_harmless(cell) else markdown_text(_plain(cell)).replace("|", "\\|")


def _is_harmless(cell: str) -> bool:
    """Whether a cell is written as it is, in text and Markdown: a market has a hundred thousand, nearly all such."""
    return len(cell) <= LONGEST_CELL and _HARMLESS.fullmatch(cell) is not None


Called = Callable[[str, str], str]


def called(instruments: Iterable[tuple[str, str]]) -> Called:
    """What an instrument is called in a table, by (exchange, symbol): its symbol, or EXCHANGE:SYMBOL where another
    exchange of `instruments` has that symbol as well."""
    counts = Counter(symbol for _, symbol in set(instruments))
    return lambda exchange, symbol: f"{exchange}:{symbol}" if counts[symbol] > 1 else symbol
