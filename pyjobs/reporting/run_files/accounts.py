"""What a run folder holds of its accounts, as types. What is missing or unreadable is noted, and stops no report."""

from __future__ import annotations

import csv
import datetime as dt
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec

from pyjobs.account.figures.account_types import POSITION_COLUMNS, Metrics, Position
from utils.files.os_files import held_bytes, held_text

T = TypeVar("T")
VARIANTS = ("constrained", "unconstrained")


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Values by session, ascending: money for a variant, closes for a benchmark."""

    sessions: Sequence[str]
    values: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One account, traded one way."""

    metrics: Metrics
    equity: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFiles:
    """portfolio/<name>/: its variants by name, and the benchmark's closes when there is one.

    `positions`: of the constrained variant after the last session; None: not known.
    """

    name: str
    variants: dict[str, Variant]
    benchmark: Curve | None
    positions: Sequence[Position] | None = None


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The file. Whatever makes its content no CSV becomes a ValueError, which csv.Error is not."""
    try:
        with held_text(path) as handle:
            yield handle
    except csv.Error as error:
        raise ValueError(str(error)) from error


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column name. Raises OSError or ValueError (also for a row of another length)."""
    with _opened(path) as handle:
        rows: list[dict[str, Any]] = list(csv.DictReader(handle))
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ValueError(f"line {number} has not as many cells as the heading")
    return rows


def csv_columns(path: Path, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The cells of two or more named columns, row by row, blank lines left out.

    Raises OSError or ValueError (also for a row of another length, and a column that is not there).
    """
    with _opened(path) as handle:
        rows = csv.reader(handle)
        heading = next(rows, [])
        pick = itemgetter(*map(heading.index, names))
        for row in rows:
            if len(row) == len(heading):
                yield pick(row)
            elif row:
                raise ValueError(f"line {rows.line_num} has not as many cells as the heading")


def read_json(run_dir: Path, name: str, kind: type[T], missing: dict[str, str]) -> T | None:
    """A file of the run folder; None where it is not there or not of this shape, noted in `missing`."""
    try:
        return msgspec.json.decode(held_bytes(run_dir / name), type=kind)
    except FileNotFoundError:
        missing[name] = "is not there"
    except OSError as error:
        missing[name] = f"cannot be read: {error.strerror}"
    except (msgspec.DecodeError, RecursionError) as error:
        missing[name] = f"is not as expected: {error}"
    return None


def read_account(run_dir: Path, folder: Path, missing: dict[str, str]) -> AccountFiles:
    """Everything of one account that can be read; the rest is noted in `missing`."""
    variants = {}
    for name in VARIANTS:
        base = f"portfolio/{folder.name}/{name}"
        metrics = read_json(run_dir, f"{base}/metrics.json", Metrics, missing)
        equity = _curve(run_dir, f"{base}/equity_curve.csv", "equity", missing)
        if metrics and equity:
            variants[name] = Variant(metrics=metrics, equity=equity)
    benchmark = f"portfolio/{folder.name}/benchmark.csv"
    closes = _curve(run_dir, benchmark, "close", missing) if os.path.lexists(run_dir / benchmark) else None
    return AccountFiles(
        name=folder.name, variants=variants, benchmark=closes, positions=_positions(run_dir, folder, missing)
    )


def _curve(run_dir: Path, name: str, column: str, missing: dict[str, str]) -> Curve | None:
    try:
        rows = read_csv(run_dir / name)
        sessions = [dt.date.fromisoformat(row["session"]).isoformat() for row in rows]
        return Curve(sessions=sessions, values=[float(row[column]) for row in rows])
    except FileNotFoundError:
        missing[name] = "is not there"
    except (OSError, ValueError, KeyError) as error:
        missing[name] = f"is not as expected: {error}"
    return None


def _positions(run_dir: Path, folder: Path, missing: dict[str, str]) -> list[Position] | None:
    name = f"portfolio/{folder.name}/{VARIANTS[0]}/positions.csv"
    try:
        rows = read_csv(run_dir / name)
        if rows and tuple(rows[0]) != POSITION_COLUMNS:
            raise ValueError(f"has other columns than {','.join(POSITION_COLUMNS)}")
        return [
            msgspec.convert(
                {name: value if value or name == "currency" else None for name, value in row.items()},
                Position,
                strict=False,
            )
            for row in rows
        ]
    except FileNotFoundError:
        missing[name] = "is not there"
    except (OSError, ValueError, KeyError) as error:
        missing[name] = f"is not as expected: {error}"
    return None
