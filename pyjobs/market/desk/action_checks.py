"""Whether corporate_actions.csv can be true: it names what matches nothing, comes twice or contradicts the prices.

An action twice, or a word that is nearly one of ours, is refused (it would give a wrong figure and no other sign); an
action that may be another program's, or may be real, is a line for the report, the page and health.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from pyjobs.market.bars import TIMEFRAME_MS, Bars
from pyjobs.market.cache.release import one_at_a_time
from pyjobs.market.desk.snapshot import Series, Snapshot, session_of
from pyjobs.market.seen import first_ms_of, is_seen, leaps_of
from utils import trading_day
from utils.errors import BadDataError
from utils.files import os_files, text_files
from utils.wording import first_of

DAY_MS = TIMEFRAME_MS["1d"]
LIMIT = {"XKRX": 0.31}  # beyond a market's daily price limit, from one close to the next open
CONTRADICTED = math.log(1.35)
WHOLE_FITS, LEAST_SPLIT, MOST_SPLIT = 0.06, 1.9, 100.0
SHOWN = 5
FEWEST_BARS, SPARSE = 8, 0.5


def refuse_misread(path: Path, known: Sequence[str]) -> None:
    """Raise BadDataError for an action that is given twice, and for a word that is nearly, but not, one of `known`."""
    first: dict[tuple[str, str, str], int] = {}
    for number, row in _rows(path):
        word = (row.get("action") or "").strip()
        if word not in known:
            from difflib import get_close_matches  # slow to import, and only a mistake needs it

            meant = get_close_matches(word.casefold(), known, n=1, cutoff=0.75)
            if meant:
                raise BadDataError(f"{path}: line {number}: action {word!r}: write it {meant[0]!r}")
            continue
        event = ((row.get("symbol") or "").strip(), (row.get("session") or "").strip(), word)
        if event in first:
            text = " ".join(event)
            raise BadDataError(f"{path}: line {number}: {text} is there twice (first on line {first[event]})")
        first[event] = number


def of_file(path: Path, markets: Mapping[str, str], known: Sequence[str], stored: Sequence[str] = ()) -> list[str]:
    """The entries of the file that match nothing. `markets`: of each symbol of the desk; `stored`: symbols that have
    bars.
    """
    found = []
    for number, row in _rows(path):
        symbol, session, word = ((row.get(key) or "").strip() for key in ("symbol", "session", "action"))
        where = f"{path.name} line {number}: {symbol} {word} {session}"
        if word not in known:
            found.append(f"{where}: {word!r} is no action that is worked in ({', '.join(known)})")
        elif symbol not in markets and symbol not in stored:
            hint = next((each for each in markets if each.lstrip("0") == symbol.lstrip("0")), "")
            found.append(f"{where}: no instrument of the desk has that symbol" + (f": write {hint}" if hint else ""))
        elif symbol in markets and not _is_session(session, markets[symbol]):
            found.append(f"{where}: that day is no session of {markets[symbol]}")
    return [f"[WARN] {line}" for line in found]


def of_prices(snapshot: Snapshot, worked: Mapping[str, Sequence[dt.date]]) -> list[str]:
    """Where raw daily prices still jump after all actions. `worked`: of each symbol the sessions of those worked in."""
    raw = {each.key for each in snapshot.desk.instruments if each.prices == "raw"}
    asked = (each for each in snapshot.series if each.instrument.key in raw and each.instrument.role != "fx")
    found = [
        line
        for series in one_at_a_time(asked, _touched)
        for line in _jumps(series, worked.get(series.instrument.symbol, ()))
    ]
    more = [f"[WARN] and {len(found) - SHOWN} more such jumps"] if len(found) > SHOWN else []
    return [f"[WARN] {line}" for line in found[:SHOWN]] + more


def sparse(snapshot: Snapshot) -> list[str]:
    """Series called daily whose bars come less often than every other session: weekly bars, most likely."""
    found, dates_of, dated = [], cache(_dates), cache(session_of)
    for series in one_at_a_time(snapshot.series, _touched):
        each, n = series.instrument, len(series.bars)
        if each.timeframe != "1d" or n < FEWEST_BARS or series.last_session is None:
            continue
        first, dates = dated(each.market)(first_ms_of(series.bars)), dates_of(each.market)
        sessions = bisect_right(dates, series.last_session) - bisect_left(dates, first)
        if sessions > 0 and n / sessions < SPARSE:
            found.append(f"{each.symbol} 1d has {n} bars in {sessions} sessions of {each.market}")
    return [f"[WARN] {first_of(found, SHOWN, '; ')}: are these weekly bars called daily?"] if found else []


def _touched(series: Series) -> Bars | None:
    return None if is_seen(series.bars) or len(series.bars) < 2 else series.bars


def _dates(market: str) -> list[dt.date]:
    return [session.date for session in trading_day.load(market).sessions()]


def _jumps(series: Series, sessions: Sequence[dt.date]) -> Iterator[str]:
    bars, each = series.bars, series.instrument
    if len(bars) < 2 or TIMEFRAME_MS[each.timeframe] < DAY_MS:
        return
    for ts_ms, step in leaps_of(bars):
        day = session_of(each.market)(ts_ms)
        if day in sessions and abs(math.log(step)) > CONTRADICTED:
            yield f"{each.symbol}: the prices contradict its action of {day}: they open at {step:.4g} of the last close"
        elif day not in sessions and leaps_as_a_split(step, each.market):
            yield f"{each.symbol}: opens on {day} at {step:.4g} of the last close: an action that the file has not?"


def leaps_as_a_split(step: float, market: str) -> bool:
    """Whether an open so many times the last close is hardly the market's own doing."""
    return _is_split(step) or abs(step - 1) > LIMIT.get(market, math.inf)


def _is_split(step: float) -> bool:
    size = max(step, 1 / step)
    return LEAST_SPLIT <= size <= MOST_SPLIT and abs(size / round(size) - 1) <= WHOLE_FITS


def _is_session(text: str, market: str) -> bool:
    try:
        return trading_day.load(market).session(dt.date.fromisoformat(text)) is not None
    except (ValueError, trading_day.CalendarRangeError):
        return True  # not a date: read_actions refuses it; outside the calendar it is not known


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    if not os_files.is_there(path):
        return
    with text_files.opened_csv(path) as handle:
        for row in (reader := csv.DictReader(handle)):
            yield reader.line_num, row
