"""A plain backtest of a window, written as a journal: silent warm-up, one row a bar, and the engine's own trades.

Rows come from the whole series at once (up to the next split) and the core, trades from the engine's compiled fold;
where the two did not agree, nothing would be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pyjobs.account.single.engine import run_symbol
from pyjobs.live.deciding.core import Lane, Stand, deciders, trade_texts
from pyjobs.live.deciding.seen import Seen
from pyjobs.live.deciding.whole import rows_of_backtest, same_rows, same_trades
from pyjobs.live.equal.logs import NOTHING, Log
from pyjobs.live.journal import names
from pyjobs.live.journal.cells import SIDES, number
from pyjobs.live.journal.lines import LinesFile
from pyjobs.live.journal.names import EXIT_NAMES
from pyjobs.live.journal.place import Place
from pyjobs.live.journal.rows import Rows
from pyjobs.market.bars import Bars
from pyjobs.strategy import kernel
from utils.errors import BadDataError, NightdeskError, UsageError

ENGINE_CELLS = (3, 5, 6, 7, 8, 9, 10, 11)  # ts, side, signal, entry, price, stop, exit price, reason


def decided(lane: Lane, seen: Seen, start_ms: int) -> tuple[list[str], list[str]]:
    """The deterministic cells of each bar from `start_ms` on, and the trades; see the module.

    Raises NightdeskError where core and engine disagree: that is a bug of ours. The engine has no splits, and in other
    shares prices round otherwise; so a window with one is the core's alone.
    """
    begin = int(np.searchsorted(seen.bars.ts_ms, start_ms))
    rows: list[str] = []
    trades: list[str] = []
    if begin == len(seen):
        return rows, trades
    for a, b, _, decider in deciders(lane, Stand.first(lane.money), seen, begin, len(seen), at_stop=False):
        for i in range(a, b):
            done = decider.decide(i)
            rows.append(done.text)
            trades += done.trades
    if (seen.factors[1:] == 1.0).all():
        refuse_apart(lane, seen.bars, start_ms, trades)
    return rows, trades


def is_so(lane: Lane, seen: Seen, rows: Rows, trades: Rows) -> bool:
    """Whether these are the lines that `decided` gives from the first of them on, and its trades; by compiled loops."""
    begin = int(np.searchsorted(seen.bars.ts_ms, rows.ts_ms[0]))
    if not np.array_equal(seen.bars.ts_ms[begin:], rows.ts_ms):
        return False
    made = same_rows(lane, seen, rows, np.zeros(len(rows), np.int8), begin, at_stop=False)
    if made is None or not same_trades(lane, made, trades):
        return False
    if (seen.factors[1:] != 1.0).any():
        return True
    done = run_symbol(lane.symbol, seen.bars, lane.setup, money=lane.money, start_ms=int(rows.ts_ms[0]))
    engine = done.rows[done.rows[:, 7] != kernel.STILL_OPEN]
    return np.array_equal(engine, made.rows[: len(engine)], equal_nan=True) and len(engine) <= len(made.rows)


def refuse_apart(lane: Lane, bars: Bars, start_ms: int, trades: Sequence[str]) -> None:
    """Raises NightdeskError unless the compiled backtest of the same bars gives these trades."""
    done = run_symbol(lane.symbol, bars, lane.setup, money=lane.money, start_ms=start_ms)
    ended = [row for row in done.rows.tolist() if row[7] != kernel.STILL_OPEN]
    engine = [_cells(row) for row in ended]
    core = [tuple(trade.split(",")[i] for i in (*ENGINE_CELLS, 12)) for trade in trades]
    if engine != core and len(core) <= len(engine):  # the engine ends with its money, and counts no trade after that
        at = next((i for i, (a, b) in enumerate(zip(engine, core, strict=False)) if a != b), len(core))
        raise NightdeskError(
            f"core and engine disagree on trade {at + 1}: {core[at : at + 1]} and {engine[at : at + 1]}"
        )


def _cells(row: list[float]) -> tuple[str, ...]:
    side, signal, entry, paid, stop, leave, price, reason, held = row
    return (
        str(int(leave)), SIDES[side], str(int(signal)), str(int(entry)), repr(paid), number(stop), repr(price),
        EXIT_NAMES[int(reason)], str(int(held)),
    )  # fmt: skip


def write(place: Place, lane: Lane, seen: Seen, start_ms: int, *, code: str, at: str) -> tuple[int, int]:
    """Decide and write both files; how many rows and trades. Raises UsageError where the run is there already."""
    if place.decisions.exists() or place.trades.exists():
        raise UsageError(f"{place.decisions} is there already: choose another RUNID; nothing was overwritten")
    rows, trades = decided(lane, seen, start_ms)
    if not rows:
        raise BadDataError(f"there is no bar from ts_ms {start_ms} on in the {len(seen)} bars: nothing was written")
    for path in (place.decisions, place.trades):
        path.parent.mkdir(parents=True, exist_ok=True)
    tail = f",0,,,{code},{at}"
    for path, columns, content in (
        (place.trades, names.TRADES, [f"{trade},{at}" for trade in trades]),
        (place.decisions, names.DECISIONS, [f"{row}{tail}" for row in rows]),
    ):
        file = LinesFile(path=path, columns=columns)
        file.append(content or [])
        if not content:
            path.write_text(file.heading, encoding="utf-8")
        file.sync()
        file.close()
    return len(rows), len(trades)


def as_log(log: Log, lane: Lane, *, code: str, by_bar: bool = False) -> Log:
    """A plain backtest of a journal's whole window, in memory, as if it had been written and read.

    By compiled loops, unless `by_bar` or they cannot: then by the core, a bar at a time. Its trades are the engine's.
    """
    seen, behind = log.seen.until(log.last_ms), f",0,,,{code},,"
    first = int(np.searchsorted(seen.bars.ts_ms, log.first_ms))
    made = None if by_bar or first == len(seen) else rows_of_backtest(lane, seen, first, behind)
    if made is None:
        lines, trades = decided(lane, seen, log.first_ms)
        rows = Rows.of_text("".join(f"{line}{behind}\n" for line in lines).encode(), len(names.DECISIONS))
    else:
        rows, trades = made[0], trade_texts(lane, made[1].rows, made[1].sizes.tolist(), 0)
        if (seen.factors[1:] == 1.0).all():
            refuse_apart(lane, seen.bars, log.first_ms, trades)
    return Log(
        place=replace(log.place, tag=f"{log.place.tag}_bt_check"),
        decisions=rows,
        trades=Rows.of_text("".join(f"{trade},,\n" for trade in trades).encode(), len(names.TRADES)),
        seen=NOTHING,
        events=Rows.of([], len(names.EVENTS)),
    )
