"""Oddities of bars that are kept: jumps, missing sessions, weekend sessions, assumed close times."""

from __future__ import annotations

import datetime as dt

import numpy as np

from pyjobs.market.bars import FloatArray, IntArray
from pyjobs.market.calendars.lunch import but_at_lunch
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.meaning.source import Findings, Table

SATURDAY = 5
TOLERANCE = 0.005  # adjusted and rounded prices overshoot a price limit a little
# The largest move of one session that the market's rules allow, from which date on: KRX widened 15 % to 30 % on
# 2015-06-15. Elsewhere: a move worth a look.
PRICE_LIMITS: dict[str, tuple[tuple[dt.date, float], ...]] = {
    "XKRX": ((dt.date.min, 0.15), (dt.date(2015, 6, 15), 0.30)),
}
ANY_MARKET: tuple[tuple[dt.date, float], ...] = ((dt.date.min, 0.25),)


def note_oddities(table: Table, findings: Findings) -> None:
    """Add to `findings` what is peculiar about the rows that became bars."""
    hours = findings.source.hours
    if not findings.source.intraday:
        early = table.day < hours.first
        findings.oddity(f"before the calendar of {hours.market}: close assumed at {hours.assumed}", table, early)
        if hours.market != "24/7":
            weekend = (table.day - 1) % 7 >= SATURDAY  # ordinal 1 is a Monday
            findings.oddity("session on a weekend", table, weekend)
        if findings.source.instrument.timeframe == "1d":
            _missing_sessions(table, findings)
    else:
        _missing_bars(table, findings)
    _jumps(table, findings)
    if not any(each.what.startswith("no ") and "volume" in each.what for each in findings.oddities):
        nothing = np.full(len(table), not table.ohlcv[:, 4].any(), np.bool_)
        findings.oddity("volume 0, as in every row: none is counted", table, nothing)


def _jumps(table: Table, findings: Findings) -> None:
    close = table.ohlcv[:, 3]
    move = np.zeros(len(close))
    np.divide(np.abs(np.diff(close)), close[:-1], out=move[1:])
    limit = _limits(table, findings.source.hours.market)
    known = findings.source.hours.market in PRICE_LIMITS and not findings.source.intraday
    what = "beyond the daily price limit: corporate action, relisting or bad print" if known else "moved 25 % or more"
    findings.oddity(what, table, move > limit + TOLERANCE)


def _limits(table: Table, market: str) -> FloatArray:
    rules = PRICE_LIMITS.get(market, ANY_MARKET)
    since = np.array([date.toordinal() for date, _ in rules])
    limits = np.array([limit for _, limit in rules])
    return np.asarray(limits[np.searchsorted(since, table.day, side="right") - 1], np.float64)


def _missing_sessions(table: Table, findings: Findings) -> None:
    """Sessions of the calendar between the first and the last bar that have no row, halts aside."""
    days = findings.source.hours.days
    expected = days[(days >= table.day[0]) & (days <= table.day[-1])]
    if np.array_equal(expected, table.day):
        return
    here = set(table.day.tolist()) | findings.halted
    missing = [each for each in expected.tolist() if each not in here]
    if missing:
        first = dt.date.fromordinal(missing[0]).isoformat()
        last = dt.date.fromordinal(missing[-1]).isoformat()
        findings.oddities.append(
            Finding(what="session without a row", count=len(missing), first=first, example=f"… {last}")
        )


def _missing_bars(table: Table, findings: Findings) -> None:
    """Bars missing between two bars of one market date."""
    source = findings.source
    absent = np.diff(table.ts_ms) // source.bar_ms - 1
    within = absent * ((np.diff(table.day) == 0) | (source.hours.market == "24/7"))
    after = np.flatnonzero(within > 0)
    if after.size and source.hours.calendar.breaks:
        within[after] = _but_lunch(table.ts_ms, after, findings)
        after = np.flatnonzero(within > 0)
    if after.size:
        starts = [dt.datetime.fromtimestamp(int(table.ts_ms[i]) // 1000, tz=dt.UTC) for i in after[[0, -1]]]
        first, last = (start.strftime("%Y-%m-%dT%H:%MZ") for start in starts)
        what = f"bar missing ({after.size} gaps, longest {int(within.max())})"
        findings.oddities.append(Finding(what=what, count=int(within.sum()), first=first, example=f"last gap {last}"))


def _but_lunch(ts_ms: IntArray, after: IntArray, findings: Findings) -> IntArray:
    """How many bars are missing behind each of these rows, without those of which every minute is lunch."""
    step, calendar = findings.source.bar_ms, findings.source.hours.calendar
    absent = np.concatenate([np.arange(ts_ms[at] + step, ts_ms[at + 1] - step + 1, step) for at in after.tolist()])
    days = findings.source.hours.dates_of(ts_ms[[0, -1]])
    first, last = (dt.date.fromordinal(int(day)) for day in days)
    sessions = calendar.sessions_between(max(first, calendar.first), min(last, calendar.last))
    kept = but_at_lunch(absent, step, calendar, sessions)
    return np.searchsorted(kept, ts_ms[after + 1]) - np.searchsorted(kept, ts_ms[after], side="right")
