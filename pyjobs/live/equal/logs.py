"""A whole journal read and checked, live or a backtest's: the input of a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np

from pyjobs.live.deciding.seen import KIND, Seen, seen_of
from pyjobs.live.journal import names
from pyjobs.live.journal.cells import number_in
from pyjobs.live.journal.lines import SAVED, LinesFile, split
from pyjobs.live.journal.place import Place
from pyjobs.live.journal.rows import Rows, scanned
from pyjobs.live.spec import Spec, of_row
from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.exchanges import load_exchanges, symbol_at
from utils import paths
from utils.errors import BadDataError, LockBusyError, MissingInputError, UsageError
from utils.files import os_files, private
from utils.settings import config

EVENT_KIND = names.EVENTS.index("kind")
CODE, LATE, BLOCKED = (names.DECISIONS.index(each) for each in ("code", "late", "blocked_by"))
_NAMES = ("signal_ts_ms", "entry_ts_ms", "entry_price", "exit_price", "bars_held", "quantity", "return")
_COLUMNS = tuple(map(names.TRADES.index, _NAMES))
NUMBERS, STOP = itemgetter(*_COLUMNS), names.TRADES.index("stop")

A_STEP_S = 120.0  # longer than any
LAST_MS = 2**63 - 1  # what an int64 holds
NOTHING = Seen.of(Bars(ts_ms=np.empty(0, np.int64), **{name: np.empty(0) for name in COLUMNS[1:]}))


class BadLine(BadDataError):
    """A line of a journal is not what was written. `ts_ms`: its bar, 0 where that is not known."""

    def __init__(self, message: str, ts_ms: int) -> None:
        super().__init__(message)
        self.ts_ms = ts_ms


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Log:
    """Every decision and trade of one tag, as cells; of a live one also its bars and events.

    `begun_ms`: the close of the first bar that was decided, by bars.csv and by events.csv; 0 where one has no such
    line."""

    place: Place
    decisions: Rows
    trades: Rows
    seen: Seen
    events: Rows
    begun_ms: tuple[int, int] = (0, 0)

    @property
    def bars(self) -> Bars:
        """As they were seen."""
        return self.seen.bars

    @property
    def first_ms(self) -> int:
        """Its first decision's close."""
        return int(self.decisions.ts_ms[0])

    @property
    def last_ms(self) -> int:
        """Its last decision's close."""
        return int(self.decisions.ts_ms[-1])


def place_of(tag: str, symbol: str = "", timeframe: str = "") -> Place:
    """The place of a tag's only series, or of the one that is named. Raises MissingInputError and UsageError."""
    root = paths.data_dir() / "processed/decisions"
    found = os_files.matching(root / tag, "*/*/decisions.csv")
    wanted = [
        Place.of_decisions(path)
        for path in found
        if (not symbol or path.parts[-3] == Place(tag=tag, symbol=symbol, timeframe="x").symbol_folder)
        and (not timeframe or path.parts[-2] == timeframe)
    ]
    if not wanted:
        there = ", ".join(sorted(path.name for path in root.glob("*") if path.is_dir())[:8]) or "none"
        what = "/".join(filter(None, (tag, symbol, timeframe)))
        raise MissingInputError(f"there are no decisions of {what} under {root} (tags there: {there})")
    if len(wanted) > 1:
        series = ", ".join(f"SYMBOL={each.symbol} TIMEFRAME={each.timeframe}" for each in wanted)
        raise UsageError(f"tag {tag} has several series; name one: {series}")
    return wanted[0]


def read(place: Place, *, live: bool) -> Log:
    """The journal, every line of it checked. Raises BadLine, MissingInputError and LockBusyError."""
    files = {
        path: LinesFile(path=path, columns=columns)
        for path, columns in (
            (place.decisions, names.DECISIONS),
            (place.trades, names.TRADES),
            *(((place.bars, names.BARS), (place.events, names.EVENTS)) if live else ()),
        )
    }
    with still(place) if live else nullcontext():
        texts = {path: _text(path) for path in files}
    decisions = lines(files[place.decisions], texts[place.decisions], strictly=True)
    if not decisions:
        raise MissingInputError(f"{place.decisions}: has no decision yet")
    trades = lines(files[place.trades], texts[place.trades], strictly=False)
    _refuse_no_numbers(trades, place.trades)
    if not live:
        return Log(place=place, decisions=decisions, trades=trades, seen=NOTHING, events=Rows.of([], len(names.EVENTS)))
    bars = lines(files[place.bars], texts[place.bars], strictly=True)
    events = lines(files[place.events], texts[place.events], strictly=False, ordered=False)
    begun_ms = _begun(decisions, bars, events, place.bars)
    return Log(place=place, decisions=decisions, trades=trades, seen=seen_of(bars), events=events, begun_ms=begun_ms)


def _begun(decisions: Rows, bars: Rows, events: Rows, path: Path) -> tuple[int, int]:
    """See `Log.begun_ms`. A journal that was begun again in an old folder has several such events: the last one counts.

    Raises BadLine where the bars are not some of warm-up, and then those that were decided.
    """
    is_warm = bars.has(KIND, names.WARM_UP.encode())
    other = np.flatnonzero(~(is_warm | bars.has(KIND, names.DECIDED.encode())))
    for k, kind in zip(other.tolist(), bars.cells(KIND, KIND + 1, other), strict=True):
        is_warm[k] = kind.startswith(f"{names.WARM_UP}:")
        if not is_warm[k] and not kind.startswith(f"{names.DECIDED}:"):
            raise BadLine(
                f"{path}: the bar of ts_ms {bars.ts_ms[k]} is of an unknown kind, {kind!r}", int(bars.ts_ms[k])
            )
    odd = np.flatnonzero(is_warm & (bars.ts_ms >= decisions.ts_ms[0]))
    if odd.size:
        ts_ms = int(bars.ts_ms[odd[0]])
        raise BadLine(f"{path}: the bar of ts_ms {ts_ms} was decided, and is marked {names.WARM_UP}", ts_ms)
    decided, marks = np.flatnonzero(~is_warm), np.flatnonzero(events.has(EVENT_KIND, b"begun"))
    return int(bars.ts_ms[decided[0]]) if decided.size else 0, int(events.ts_ms[marks[-1]]) if marks.size else 0


@contextmanager
def still(place: Place) -> Iterator[None]:
    """While no step writes to it: amid one, a trade is there and its decision is not. Raises LockBusyError."""
    private.make_folder(place.lock.parent)
    try:
        with os_files.locked(place.lock, A_STEP_S):
            yield
    except os_files.HeldElsewhere:
        raise LockBusyError(f"{place.name}: a step is at work since {A_STEP_S:.0f} s ({place.lock})") from None


def _text(path: Path) -> bytes:
    try:
        return os_files.held_bytes(path)
    except FileNotFoundError:
        return b""
    except IsADirectoryError:
        raise BadLine(f"{path}: is no file", 0) from None


def around_in(path: Path, ts_ms: int, more: int) -> list[str]:
    """The first line of that time as it is in the file, and so many on either side; none where there is none."""
    try:
        found = _text(path).decode("utf-8", "replace").split("\n")
    except (BadLine, OSError):
        return []
    at = next((k for k, line in enumerate(found) if line.split(",", 4)[3:4] == [str(ts_ms)]), None)
    return [] if at is None else [line.rstrip("\r") for line in found[max(1, at - more) : at + more + 1] if line]


def lines(file: LinesFile, text: bytes, *, strictly: bool, ordered: bool = True) -> Rows:
    """Every whole line of the file's text. Raises BadLine."""
    heading, width = file.heading.encode(), len(file.columns)
    if text.startswith(heading):
        found = scanned(text, len(heading), width, step=int(strictly) if ordered else -1)
        if found is not None:
            return found
    whole = split(text[: text.rfind(b"\n") + 1])
    if b"\r" in text:
        row = next((line for line in whole[1:] if line.endswith("\r")), "").split(",")
        raise BadLine(f"{file.path}: {SAVED}", _time_of(row))
    if not whole and heading.startswith(text.rstrip(b"\0")):
        return Rows.of([], width)
    if not whole or whole[0] + "\n" != file.heading:
        raise BadLine(f"{file.path}: its heading is not ours: it is of another version or program", 0)
    try:
        rows = file.verified(whole[1:], "")
    except BadDataError as error:
        raise BadLine(str(error), _time_in(str(error))) from None
    before = -1
    for row in rows:
        try:
            ts_ms = int(row[names.TS_MS])
        except ValueError:
            ts_ms = -1
        if not 0 <= ts_ms <= LAST_MS or (ordered and ts_ms < before + strictly):
            raise BadLine(f"{file.path}: the row of ts_ms {row[names.TS_MS]} comes after one of {before}", ts_ms)
        before = ts_ms
    return Rows.of(rows, width)


def _refuse_no_numbers(trades: Rows, path: Path) -> None:
    """Raises BadLine for a trade with a time, a price or a return that is none; a stop may be `-`."""
    if trades.are_numbers((*_COLUMNS, STOP), STOP):
        return
    for row in trades:
        try:
            list(map(float, NUMBERS(row)))
            number_in(row[STOP])
        except ValueError as error:
            text = f"{path}: the trade of ts_ms {row[names.TS_MS]} was edited: {error}; put the file of before back"
            raise BadLine(text, int(row[names.TS_MS])) from None


def _time_in(message: str) -> int:
    """The time of the line that `LinesFile.verified` quotes."""
    return _time_of(message.partition("the line '")[2].partition(",…'")[0].split(","))


def _time_of(cells: list[str]) -> int:
    text = cells[names.TS_MS] if len(cells) > names.TS_MS else ""
    return int(text) if text.isdecimal() else 0


def spec_of(log: Log) -> Spec:
    """The kind of the log, by its first row. Raises ConfigError."""
    row = log.decisions[0]
    exchanges = load_exchanges(config.own_or_default("exchanges.yaml"))
    stored = symbol_at(exchanges[row[0]], row[1]) if row[0] in exchanges else row[1]
    return of_row(log.place.tag, row, stored, str(log.place.decisions))
