"""How far apart the rows are: an hourly file in a daily series, weeks as days, four-hour rows as hours are refused,

and so are several rows of one time whose prices are no correction of each other: those are several symbols.
"""

from __future__ import annotations

import numpy as np

from pyjobs.market.bars import DAY_MS, IntArray
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.meaning.columns import MAIN_SERIES, Reading
from pyjobs.market.dumps.meaning.source import EPOCH_ORDINAL, UNTIMED, DumpSource, Findings, Table, date_text
from pyjobs.market.dumps.reading.fields import is_number, is_time
from utils.errors import BadDataError

SHARE = 0.6  # of the steps between rows that must be of one kind to say so
FAR, ROUNDED, HALF = 0.2, 1e-4, 0.5  # closes of one time: no correction of each other; other ones; of all times
SEVERAL = 0.1  # of the periods that may have two rows: a live price after the day's
SHARES = frozenset({MAIN_SERIES, "BE", "BZ", "SM", "ST", "SZ"})  # with those of delivery only, and of small companies
MOST_KINDS, FEW = 20, 4
FEWEST = 2
FEW_ROWS, MONTH_ENDS = 4, 5
SHORT_MONTH = 27  # days
MONTHS_APART = {1: "one month apart", 3: "one quarter apart", 6: "one half-year apart", 12: "one year apart"}
STRETCHES, STRETCH = (7, 30, 91), 8  # such lengths, and so many steps of one in a row, are no gaps
FEW_STEPS, LONGEST_SESSION_MS = 3, 9 * 3_600_000
OVERLAP_MS = 20 * 3_600_000  # days begin further apart, also where summer time takes an hour
LENGTHS = (
    *((1, "days"), (7, "weeks"), (14, "fortnights"), (30, "months"), (61, "two months"), (91, "quarters")),
    *((182, "half-years"), (365, "years")),
)
OWN = {"1d": 1, "1w": 7, "1mo": 30}
FEW_DAYS = (2, 3, 4)  # apart: bars of several days of a market that never closes, such as Binance's 3d


def refuse_other_spacing(table: Table, source: DumpSource) -> None:
    """Raise BadDataError when the rows' times show that they are no bars of the timeframe, or not of one symbol."""
    early = (table.day < source.start_day) & (table.day != UNTIMED)
    left_out = (table.wrong >= 0) | (table.ts_ms > source.now_ms) | early
    if left_out.any():
        wrong, table = int(((table.wrong >= 0) & ~early).sum()), table.pick(~left_out)
        if wrong > len(table):
            return  # those that are left show nothing, and what is wrong with most is reported later
    _refuse_several(table, source)
    rising = len(table) > 1 and bool((table.stamp[1:] > table.stamp[:-1]).all())
    stamps = table.stamp if rising else np.unique(table.stamp)
    if stamps.size < FEWEST:
        return
    seems = _intraday(stamps, source) if source.intraday else _daily(table, stamps, source)
    if seems:
        at = int(np.argmin(table.stamp))
        where = f"{source.labels[int(table.part[at])]}: {source.unit} {int(table.line[at])}"
        raise BadDataError(
            f"{where} and the next: its rows are {seems}, not bars of {source.instrument.timeframe}: set `timeframe:`"
        )
    if not source.intraday:
        _refuse_stretch(table, stamps, source)


def _refuse_stretch(table: Table, stamps: IntArray, source: DumpSource) -> None:
    """Raise BadDataError for a part of the file, such as its oldest years, whose rows are of longer bars."""
    days = stamps // DAY_MS
    for days_long, name in LENGTHS:
        if days_long <= OWN[source.instrument.timeframe] or days_long not in STRETCHES:
            continue
        near = np.abs(np.diff(days) - days_long) <= (0 if days_long < SHORT_MONTH else 3)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], near, [False])).astype(np.int8)))
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if last - first >= STRETCH and _is_regular(stamps[first : last + 1], days[:0], days_long):
                at = int(np.flatnonzero(table.stamp == stamps[first])[0])
                since, until = (date_text(int(days[each]) + EPOCH_ORDINAL) for each in (first, last))
                raise BadDataError(
                    f"{source.labels[int(table.part[at])]}: {source.unit} {int(table.line[at])}: its rows from {since} "
                    f"to {until} are {name} apart, no bars of {source.instrument.timeframe}: "
                    "`start:` leaves older rows out"
                )


def _refuse_several(table: Table, source: DumpSource) -> None:
    if len(table) < FEWEST or (table.stamp[1:] > table.stamp[:-1]).all() or (table.stamp[1:] < table.stamp[:-1]).all():
        return
    order = np.argsort(table.stamp, kind="stable")
    stamp, close = table.stamp[order], table.ohlcv[order, 3]
    twice, ratio = stamp[1:] == stamp[:-1], close[1:] / close[:-1]
    other = twice & (np.abs(ratio - 1) > ROUNDED)
    far = twice & (np.abs(np.log(np.abs(ratio))) > FAR)
    times = int((~twice).sum()) + 1
    if far.sum() > SEVERAL * times or other.sum() > HALF * times:
        at = order[np.flatnonzero(far if far.any() else other)[0] + np.array([0, 1])]
        lines, closes = table.line[at].tolist(), table.ohlcv[at, 3].tolist()
        labels = [source.labels[part] for part in table.part[at].tolist()]
        where = f"{labels[0]}: {source.unit} {lines[0]}" + (f" and {labels[1]}" if labels[0] != labels[1] else "")
        raise BadDataError(
            f"{where} {'and' if labels[0] == labels[1] else source.unit} {lines[1]} are of one time, with closes of "
            f"{closes[0]:.10g} and {closes[1]:.10g} ({int(other.sum())} of {times} times stand twice so): "
            "several symbols in one? `symbol_column:` names the column that separates them"
        )


def _intraday(stamps: IntArray, source: DumpSource) -> str:
    steps, counts = np.unique(np.diff(stamps), return_counts=True)
    bar, usual = source.bar_ms, int(steps[counts.argmax()])
    if steps[0] % bar and steps[0] < bar:
        return f"{_text(int(steps[0]))} apart at least"
    if usual == bar or (bar in steps.tolist() and counts.max() < SHARE * counts.sum()):
        return ""
    if not source.all_day and counts.sum() < FEW_STEPS:  # a night between two sessions shows nothing
        within = steps[steps < LONGEST_SESSION_MS]
        return f"{_text(int(within[0]))} apart" if within.size and bar not in within.tolist() else ""
    if counts.max() >= SHARE * counts.sum() or int(np.gcd.reduce(steps)) != bar:
        return f"{_text(usual)} apart"
    return ""


def _daily(table: Table, stamps: IntArray, source: DumpSource) -> str:
    weekly = source.instrument.timeframe == "1w"
    day, stamp = table.day, table.stamp
    if not ((stamp[1:] > stamp[:-1]).all() and (day[1:] >= day[:-1]).all()):
        order = np.lexsort((stamp, day))
        day, stamp = day[order], stamp[order]
    again = (day[1:] == day[:-1]) & (stamp[1:] != stamp[:-1])
    if again.any() and np.unique(day[1:][again]).size > SEVERAL * np.unique(day).size:
        apart = int(np.median(np.diff(stamp)[again]))
        first = date_text(int(day[1:][again][0]))
        return f"{_text(apart)} apart ({int((day == day[1:][again][0]).sum())} in the one of {first})"
    close = np.diff(stamps)
    close = close[close < OVERLAP_MS]
    if source.all_day and close.size and close.size > SEVERAL * (stamps.size - 1):
        return f"{_text(int(np.median(close)))} apart"
    steps = _steps(stamps, source)
    if steps.size < FEWEST:
        return _pair(stamps, steps, source) if (table.part == table.part[0]).all() else ""
    own = OWN[source.instrument.timeframe]
    if source.all_day and own == 1:
        for few in FEW_DAYS:
            if (steps == few).sum() >= SHARE * steps.size:
                return f"{few} days apart"
    for days_long, name in LENGTHS:
        slack = max(days_long // 12, 0 if days_long == 7 else 3)
        near = np.abs(steps - days_long) <= slack
        if days_long > own and near.sum() >= SHARE * steps.size and _is_regular(stamps, steps, days_long):
            return f"{name} apart"
    if weekly or source.bar_ms == DAY_MS:
        return ""
    return f"{int(np.median(steps))} days apart" if np.median(steps) < 20 else ""


def _steps(stamps: IntArray, source: DumpSource) -> IntArray:
    """The days from row to row; one from a session to the next, however long its holiday."""
    days = stamps // DAY_MS
    steps = np.diff(days)
    if not source.all_day:
        hours, ordinals = source.hours, days + EPOCH_ORDINAL
        at, here = hours.sessions_at(ordinals)
        steps = np.where(here[1:] & here[:-1] & (np.diff(at) == 1), 1, steps)
    return np.asarray(steps[steps > 0], np.int64)


def _is_regular(stamps: IntArray, steps: IntArray, days_long: int) -> bool:
    """Whether few rows are so far apart as by a rule: to the day, or at one end of their months."""
    if steps.size >= FEW_ROWS:
        return True
    if days_long < 28:
        return bool((steps == days_long).all())
    days = (stamps // DAY_MS).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    first, last = (days - months).astype(np.int64) + 1, ((months + 1).astype("datetime64[D]") - days).astype(np.int64)
    return bool((first == first[0]).all() or (first <= MONTH_ENDS).all() or (last <= MONTH_ENDS).all())


def _pair(stamps: IntArray, steps: IntArray, source: DumpSource) -> str:
    """Two rows alone: a week apart to the day, or months apart on one day of them or at one end of them."""
    own = OWN[source.instrument.timeframe]
    if steps.tolist() == [7] and own == 1:
        return "one week apart"
    days = (stamps // DAY_MS).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    first, last = (days - months).astype(np.int64), ((months + 1).astype("datetime64[D]") - days).astype(np.int64)
    apart = int((months[-1] - months[0]).astype(np.int64)) if steps.size else 0
    regular = first[0] == first[-1] or (first < MONTH_ENDS).all() or (last <= MONTH_ENDS).all()
    if not (apart and regular and steps[0] > SHORT_MONTH) or (own == OWN["1mo"] and apart == 1):
        return ""
    return MONTHS_APART.get(apart, f"{apart} months apart" if apart % 12 else f"{apart // 12} years apart")


def _text(ms: int) -> str:
    for unit, name in ((7 * DAY_MS, "weeks"), (DAY_MS, "days"), (3_600_000, "hours"), (60_000, "minutes")):
        if ms >= unit and ms % unit == 0:
            count = ms // unit
            return f"{count} {name}" if count > 1 else f"one {name[:-1]}"
    return f"{ms / 1000:g} seconds"


def without_other_series(table: Table, reading: Reading, findings: Findings) -> Table:
    """The main series of a share, where its exchange has several on one date; a date of delivery alone stays.

    One of a bond or a warrant goes: a company's bonds may be older than its share.
    """
    if "series" not in reading.places:
        return table
    cells = reading.grid.columns[reading.places["series"]].cast("string").to_pylist()
    by_line = dict(zip(reading.grid.lines.tolist(), ((cell or "").strip().upper() for cell in cells), strict=True))
    series = np.array([by_line[line] for line in table.line.tolist()], np.str_)
    main = series == MAIN_SERIES
    others = ~main & (np.isin(table.stamp, table.stamp[main]) | ~np.isin(series, list(SHARES)))
    if not others.any():
        return table
    names = sorted(set(series[others].tolist()))
    what = f"row of another series of the share, next to {MAIN_SERIES}'s: left out"
    first = f"{reading.grid.unit} {int(table.line[others][0])}"
    found = Finding(what=what, count=int(others.sum()), first=first, example=", ".join(names[:FEW]))
    findings.say(found, cleaned=True)
    return table.pick(~others)


def refuse_told_apart(reading: Reading, table: Table) -> None:
    """Raise BadDataError where a column of words, used for nothing, differs in rows of one time and other closes."""
    order = np.argsort(table.stamp, kind="stable")
    stamp, close = table.stamp[order], table.ohlcv[order, 3]
    at = np.flatnonzero((stamp[1:] == stamp[:-1]) & (close[1:] != close[:-1]) & (table.wrong[order][1:] < 0))
    if not at.size or "series" in reading.places:
        return
    grid, one, two = reading.grid, order[at].tolist(), order[at + 1].tolist()
    for place, name in enumerate(grid.names or ()):
        if place in reading.places.values():
            continue
        words = [str(each).strip() for each in grid.columns[place].cast("string").unique().to_pylist() if each]
        if not 1 < len(words) <= MOST_KINDS or any(is_number(word) or is_time(word) for word in words):
            continue
        if all(grid.cell(a, place) != grid.cell(b, place) for a, b in zip(one, two, strict=True)):
            text = ", ".join(words[:FEW])
            what = f"lines of one time have different prices, and {name!r} separates them ({text})"
            lines = f"{grid.unit}s {int(table.line[one[0]])} and {int(table.line[two[0]])}"
            raise BadDataError(f"{grid.label}: {lines}: {what}: set `symbol_column: {name}`, and which `symbol:`")
