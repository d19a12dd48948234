"""One unit in a whole file: prices that are cents from some row on, or volumes that are lots, make no one series.

A price that opens at 100, 1 000 … times the close before it (or at such a part), while the market moves as ever and the
shares traded do not change as by a split, is in another unit: refused, unless the file's column of splits or its
adjusted close has one there, or the desk's corporate actions have; with `units_changed` the rows before that date are
put into the unit since. Ten times is a split where the volumes were put right already (Citigroup's of 2011, Nvidia's
of 2024), so it is noted; so is what comes after a long halt, and volumes of which all are 100 or 1 000 times those
before. Thresholds are ours.

On 26 674 real days of four Korean shares, an index and 20 332 real candles of a coin nothing is refused or noted. Of
720 planted changes of the price by 100 or 1 000, 717 are refused; of 360 splits by 50 and 100 with their volumes none;
of 660 planted changes of the volume by 100 or 1 000, 3 in 4 are noted (2026-11-29).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pyjobs.market.bars import FloatArray, IntArray
from pyjobs.market.desk import corporate_actions
from pyjobs.market.desk.corporate_actions import SAME_EVENT_DAYS
from pyjobs.market.dumps.meaning.source import Findings, Mask, Table, date_text
from utils.errors import BadDataError

OPEN_FIT, CLOSE_FIT = 0.05, 0.12  # of log10: what a night and a day add to a change of unit
QUIET = 20.0  # times what a row usually moves
LEAST = 8.0  # times: a smaller jump is no power of ten
SURE = 2  # powers of ten that no night brings
AROUND = 20  # rows on each side
FOLLOWS = 0.5  # of the power: shares traded change so near to a split's
FEW = 5  # rows of another unit between others: bad rows
HALT_DAYS = 14
APART, VOLUME_FIT = 4.0, 0.2  # times, between the volumes of two units; of log10


def one_unit(table: Table, findings: Findings) -> Table:
    """`table` (in time order, prices above zero) without few rows of another unit, where `bad_rows` lets them go.

    Raises BadDataError where a price is of another unit from some row on.
    """
    table = _in_the_unit_since(table, findings)
    powers = _powers(table.ohlcv)
    for at in np.flatnonzero(powers).tolist():
        if not _is_quiet(table.ohlcv[:, 3], at, int(powers[at])):
            powers[at] = 0
    strays = _strays(powers)
    if strays.any():
        what = "prices are 100 times those of the rows before and after, or more, or such a part: another unit?"
        table = findings.refuse(what, table, strays, of_row=True)
        powers = powers[~strays] * ~np.append(False, strays[:-1])[~strays]
    for at in np.flatnonzero(powers).tolist():
        _say(table, findings, at, int(powers[at]))
    _note_volumes(table, findings)
    return table


def _in_the_unit_since(table: Table, findings: Findings) -> Table:
    """`table` with the prices before `units_changed` in the unit since. Raises BadDataError without one."""
    source, changed = findings.source, findings.source.instrument.units_changed
    if not changed or not len(table) or table.day[0] >= dt.date.fromisoformat(changed).toordinal():
        return table
    before = np.asarray(table.day < dt.date.fromisoformat(changed).toordinal(), np.bool_)
    at = int(before.sum())
    power = round(float(np.log10(table.ohlcv[at, 0] / table.ohlcv[at - 1, 3]))) if at < len(table) else 0
    if not power:
        text = f"`units_changed: {changed}`: the prices before and from then on differ by no power of ten"
        raise BadDataError(
            f"{source.path}: {text}: take the key out, or give the date of the first row in the new unit"
        )
    ohlcv = table.ohlcv.copy()
    ohlcv[before, :4] = ohlcv[before, :4] / 10.0**-power if power < 0 else ohlcv[before, :4] * 10.0**power
    findings.clean(f"prices before {changed} times {10.0**power:g}, because of `units_changed`", table, before)
    return replace(table, ohlcv=ohlcv)


def _is_known(splits: Mapping[int, float], day: int, power: int) -> bool:
    """Whether the desk has a split of this size within a week of a day."""
    return any(
        abs(known - day) <= SAME_EVENT_DAYS and abs(np.log10(factor) - power) < CLOSE_FIT
        for known, factor in splits.items()
    )


def _powers(ohlcv: FloatArray) -> IntArray:
    """By which power of ten each row opens and closes away from the close before it; 0 where by none."""
    opened, close = ohlcv[:, 0], ohlcv[:, 3]
    found = np.zeros(len(ohlcv), np.int64)
    if len(ohlcv) < 2:
        return found
    ratio = opened[1:] / close[:-1]
    far = np.flatnonzero((ratio > LEAST) | (ratio < 1 / LEAST))
    night, day = np.log10(ratio[far]), np.log10(close[far + 1] / close[far])
    power = np.round(night)
    near = (np.abs(night - power) < OPEN_FIT) & (np.abs(day - power) < CLOSE_FIT)
    found[far[near] + 1] = power[near]
    return found


def _is_quiet(close: FloatArray, at: int, power: int) -> bool:
    """Whether the rows around move so little that no move of theirs is such a jump."""
    moves = np.abs(np.diff(np.log10(close[max(0, at - AROUND) : at + AROUND])))
    moves = moves[moves < np.log10(LEAST)]
    return moves.size < 2 or abs(power) > QUIET * float(np.median(moves))


def _strays(powers: IntArray) -> Mask:
    """Rows between a jump and the jump back, where they are few."""
    strays = np.zeros(len(powers), bool)
    sure = np.flatnonzero(np.abs(powers) >= SURE)
    for start, stop in zip(sure[:-1].tolist(), sure[1:].tolist(), strict=True):
        if stop - start <= FEW and powers[start] == -powers[stop] and not strays[start - 1]:
            strays[start:stop] = True
    return strays


def _say(table: Table, findings: Findings, at: int, power: int) -> None:
    volume, source = table.ohlcv[:, 4], findings.source
    before, after = (_usual(volume[part]) for part in (slice(max(0, at - AROUND), at), slice(at, at + AROUND)))
    if int(table.day[at]) in findings.splits or _is_known(source.splits, int(table.day[at]), power):
        return  # by the file's own columns, or the desk's actions
    if before and after and abs(np.log10(after / before) + power) < FOLLOWS * abs(power):
        return  # a split, by price and volume
    times = f"{10 ** abs(power):,} times" if power > 0 else f"one {10 ** abs(power):,}th of"
    closes = f"{table.ohlcv[at - 1, 3]:.10g}, then {table.ohlcv[at, 3]:.10g}"
    halted = int(table.day[at] - table.day[at - 1]) > HALT_DAYS
    if abs(power) < SURE or halted:
        here = np.arange(len(table)) == at
        findings.oddity(f"prices are {times} those before: a split, or another unit?", table, here)
        return
    line = f"{source.labels[int(table.part[at])]}: {source.unit} {int(table.line[at])}"
    what = f"from {date_text(int(table.day[at]))} on prices are {times} those before (closes {closes})"
    day = date_text(int(table.day[at]))
    cure = f"`start: {day}` takes the rows from there on, `units_changed: {day}` puts those before into their unit"
    split = f"; a split is in {corporate_actions.FILE} ({source.instrument.symbol},{day},split,NEW:OLD)"
    raise BadDataError(f"{line}: {what}, and the volume shows no split: another unit, such as cents? {cure}{split}")


def _usual(volume: FloatArray) -> float:
    traded = volume[volume > 0]
    return float(np.median(traded)) if traded.size else 0.0


def _note_volumes(table: Table, findings: Findings) -> None:
    """Where every volume of the rows after one is far from every one before it, by 100 or 1 000: lots, and shares."""
    at = np.flatnonzero(table.ohlcv[:, 4] > 0)
    if at.size < 2 * AROUND:
        return
    volume, close = np.log10(table.ohlcv[at, 4]), np.log10(table.ohlcv[at, 3])
    least, most = _of_so_many(np.minimum, volume), _of_so_many(np.maximum, volume)
    apart = np.maximum(least[AROUND:] - most[:-AROUND], least[:-AROUND] - most[AROUND:])
    for place in np.flatnonzero(apart > np.log10(APART)).tolist():
        power, price = (_step(each, place) for each in (volume, close))
        if abs(price + power) > FOLLOWS * abs(power) and min(abs(abs(power) - 2), abs(abs(power) - 3)) < VOLUME_FIT:
            times = f"{10 ** round(abs(power)):,} times" if power > 0 else f"one {10 ** round(abs(power)):,}th of"
            here = np.arange(len(table)) == at[place + AROUND]
            findings.oddity(f"volumes are {times} those before, for good: lots, then shares?", table, here)
            return


def _of_so_many(least: np.ufunc, values: FloatArray) -> FloatArray:
    """The least or greatest of each value and those after it, `AROUND` together."""
    found, width = values, 1
    while width < AROUND:
        step = min(width, AROUND - width)
        found, width = least(found[:-step], found[step:]), width + step
    return found


def _step(values: FloatArray, place: int) -> float:
    """By how much the `AROUND` values from `place` on differ from as many after them, by their medians."""
    middle = place + AROUND
    return float(np.median(values[middle : middle + AROUND]) - np.median(values[place:middle]))
