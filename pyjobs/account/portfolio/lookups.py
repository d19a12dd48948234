"""What an account looks up: rates of exchange, taxes by time and ticks, each once, and which of them a seat has."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyjobs.account.portfolio import memory
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.fx import Conversion, Rates
from pyjobs.account.portfolio.krx import Grid, Table
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.market.bars import IntArray, SeriesKey

Columns = dict[str, npt.NDArray[Any]]


def named(names: Sequence[str], rows: Sequence[tuple[int, ...]]) -> Columns:
    """Rows of integers as columns."""
    columns = np.array(rows, np.int64).reshape(-1, len(names)).T
    return dict(zip(names, map(np.ascontiguousarray, columns), strict=True))


def rates_of(
    sleeves: Sequence[Sleeve], times: IntArray, begins: Mapping[int, int], ends: Mapping[int, int]
) -> tuple[memory.Rates, Columns]:
    """Rates of exchange at every moment and at every bar's open, whether they were fresh; where a seat has its own."""
    tables: dict[SeriesKey, tuple[int, Rates]] = {}
    found: list[Conversion] = []
    known: list[slice] = []
    places: dict[tuple[int, int], int] = {}
    rows, n = [], 0
    for sleeve in sleeves:
        if sleeve.conversion is None:
            rows.append((-1, 0))
            continue
        rates, own = sleeve.conversion.rates, (id(sleeve.conversion), id(sleeve.bars))
        table = tables.setdefault(rates.key, (len(tables), rates))[0]
        if own not in places:
            size = ends[own[1]] - begins[own[1]]
            places[own] = n - begins[own[1]]
            n += size
            found.append(sleeve.conversion)
            known.append(
                slice(len(sleeve.bars) - size, len(sleeve.bars))
            )  # of bars that were cut short there may be more
        rows.append((table, places[own]))
    opens, entering, signalling = (
        [np.zeros(0, dtype), *(getattr(each, name)[part] for each, part in zip(found, known, strict=True))]
        for name, dtype in (("at_open", np.float64), ("may_enter", np.bool_), ("may_signal", np.bool_))
    )
    return memory.Rates(
        np.concatenate([np.zeros(0), *(rates.at(times) for _, rates in tables.values())]),
        np.concatenate(opens),
        np.concatenate(entering).view(np.int8),
        np.concatenate(signalling).view(np.int8),
    ), named(("rates_of", "to_rates"), rows)


def tables_of(sleeves: Sequence[Sleeve], costs: Costs) -> tuple[memory.Tables, Columns]:
    """Taxes, and tick tables, each once; from when on which of them holds for a seat."""
    grids: dict[Grid, int] = {}
    tables: dict[Table, int] = {}
    rows: list[tuple[int, ...]] = []
    seat_rows = []
    for sleeve in sleeves:
        if sleeve.grid not in grids:
            grids[sleeve.grid] = len(rows)
            rows += [(from_ms, tables.setdefault(table, len(tables))) for from_ms, table in sleeve.grid]
        seat_rows.append((grids[sleeve.grid], grids[sleeve.grid] + len(sleeve.grid)))
    steps = np.array([step for table in tables for step in table], np.float64).reshape(-1, 2).T
    grid, taxes = named(("from", "table"), rows), costs.sell_tax_by_time
    made = memory.Tables(
        tax_from=np.array([from_ms for from_ms, _ in taxes], np.int64),
        tax_bps=np.array([bps for _, bps in taxes], np.float64),
        grid_from=grid["from"],
        grid_table=grid["table"],
        table_begins=np.array(list(itertools.accumulate(map(len, tables), initial=0)), np.int64),
        tick_from=np.ascontiguousarray(steps[0]),
        tick=np.ascontiguousarray(steps[1]),
        n_taxes=len(taxes),
    )
    return made, named(("grid", "last_grid"), seat_rows)
