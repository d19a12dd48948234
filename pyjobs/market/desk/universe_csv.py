"""A list of symbols in a CSV file, for a desk's `universe:`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pyjobs.market.desk.instrument import Kind
from utils.errors import ConfigError
from utils.files import os_files
from utils.settings.config import nearest

COLUMNS = ("symbol", "name", "group", "role", "lot", "kind")
ROLES = ("trade", "watch", "benchmark")
LARGEST = 64 << 20


def read_universe(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, cells by column) for every row; empty cells are left out, so that a block's own value holds.

    The first line names the columns. Commas, semicolons or tabs; a byte-order mark, any line ends and blank lines are
    fine. Raises ConfigError naming file and line.
    """
    lines = _lines(path)
    rows = csv.reader(lines, delimiter=max(",;\t", key=lines[0].count) if lines else ",")
    columns, first = None, dict[str, int]()
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if columns is None:
                columns = _columns(cells, f"{path}:{rows.line_num}")
                continue
            where = f"{path}:{rows.line_num}"
            found = _row(columns, cells, where)
            earlier = first.setdefault(found["symbol"], rows.line_num)
            if earlier != rows.line_num:
                raise ConfigError(f"{where}: symbol: {found['symbol']!r} is already on line {earlier}")
            yield rows.line_num, found
    except csv.Error as error:
        raise ConfigError(f"{path}:{rows.line_num}: {error}") from None
    if not first:
        raise ConfigError(f"{path}: holds no symbol: {'only a header' if columns else 'the file is empty'}")


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: has {path.stat().st_size >> 20} MB: that is no list of symbols")
        return os_files.held_bytes(path).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot read: {error.strerror}") from None


def _columns(cells: list[str], where: str) -> list[str]:
    columns = [cell.lower() for cell in cells]
    known = f"the columns are {', '.join(COLUMNS)}"
    for column in columns:
        if column not in COLUMNS and "symbol" in columns:
            raise ConfigError(f"{where}: unknown column {column!r} ({known}){nearest(column, COLUMNS)}")
        if columns.count(column) > 1:
            raise ConfigError(f"{where}: the column {column!r} is there twice")
    if "symbol" not in columns:
        raise ConfigError(f"{where}: the first line names no column `symbol`, it is {','.join(cells)[:80]!r} ({known})")
    return columns


def _row(columns: list[str], cells: list[str], where: str) -> dict[str, Any]:
    if len(cells) > len(columns):
        raise ConfigError(f"{where}: {len(cells)} cells, but the first line names {len(columns)} columns")
    found: dict[str, Any] = {column: cell for column, cell in zip(columns, cells, strict=False) if cell}
    if "symbol" not in found:
        raise ConfigError(f"{where}: symbol: is empty")
    for column, known in (("role", ROLES), ("kind", get_args(Kind))):
        if found.get(column, known[0]) not in known:
            raise ConfigError(f"{where}: {column}: unknown {found[column]!r} (known: {', '.join(filter(None, known))})")
    if "lot" in found:
        try:
            found["lot"] = float(found["lot"])
        except ValueError:
            raise ConfigError(f"{where}: lot: {found['lot']!r} is not a number") from None
    return found
