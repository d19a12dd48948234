"""Whole stretches of a journal decided at once, compiled, and held against the lines of a file.

It reports only "every line is the same"; for a line that is not, `core` finds the reason, a bar at a time. Both run
`one_bar`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pyjobs.account.single import equity_loop
from pyjobs.account.single.engine import net_returns
from pyjobs.live.deciding import one_bar, row_text, trade_text
from pyjobs.live.deciding.core import ACTIONS, TOLD, TRADE, Lane, Signalled, Stand
from pyjobs.live.deciding.row_text import Against, Bench
from pyjobs.live.deciding.seen import Seen
from pyjobs.live.journal import line_loops, names
from pyjobs.live.journal import rows as journal_rows
from pyjobs.live.journal.cells import SIDES
from pyjobs.live.journal.names import SKIPS
from pyjobs.live.journal.rows import Rows, tables
from pyjobs.market.bars import FloatArray
from pyjobs.strategy import kernel
from utils import native
from utils.csv_text import cells
from utils.csv_text.lines import powers
from utils.native import address, addresses

LINE = 1024  # bytes: more than fifteen numbers of a state, four of money, and all labels
BLOCKED, DETERMINISTIC = names.DECISIONS.index("blocked_by"), names.DETERMINISTIC
OF_A_TRADE = names.TRADES.index("return") + 1  # cells that follow from the bars
BLOCK = 8192  # lines written at once
OTHER = -1  # of a `blocked_by` cell that no loop writes


class Ended(NamedTuple):
    """Trades that ended: kernel rows, quantities, and the number of the line at which each did."""

    rows: FloatArray
    sizes: FloatArray
    at: np.ndarray


def forbids_of(cell: str) -> int:
    """The content of a `blocked_by` cell, as `row_text` reads it; OTHER for a cell that no loop writes."""
    words = cell.split("+") if cell else []
    broke = words[-1:] == ["no_cash"]
    words = words[: len(words) - broke]
    skip = SKIPS.index(words[-1]) + 1 if words and words[-1] in SKIPS else 0
    words = words[: len(words) - bool(skip)]
    if set(words) & {"no_cash", *SKIPS} or not set(words) <= names.BLOCKED.keys():
        return OTHER
    killed = any("kill" in word for word in words)
    flattened = any("flatten" in word for word in words)
    bits = row_text.KILLED * killed + row_text.FLATTENED * flattened + row_text.FORBIDDEN * bool(words)
    return bits + row_text.TOLD_BROKE * broke + 16 * skip


def same_rows(
    lane: Lane, seen: Seen, rows: Rows, forbids: np.ndarray, first: int, *, at_stop: bool, block: int = 0
) -> Ended | None:
    """The trades, if each line is what a fold from nothing but cash gives; None where one may not be.

    Line k is of bar `first` + k. `forbids`: int8, of each line. `block`: the strategy is given so many bars at once,
    and what it looks back on; 0: all bars, also those long before `first`.
    """
    last, held = first + len(rows), _begun(lane)
    lines = _against(lane, rows, forbids, DETERMINISTIC)
    if lines is None:
        return None
    found: list[tuple[FloatArray, FloatArray, np.ndarray]] = []
    for start in range(first, last, block or last):
        end = min(start + (block or last), last)
        back = max(0, start - (lane.lookback - 1)) if block else 0
        for a, b in seen.stretches(start, end):
            held.rescale(float(seen.factors[a]))
            made = _stretch(lane, held, Signalled(lane, seen.window(back, b)), a - back, a - first, lines, at_stop)
            if made is None:
                return None
            found.append(made)
    return Ended(*(np.concatenate(each) for each in zip(*found, strict=True)))


def same_trades(lane: Lane, ended: Ended, lines: Rows) -> bool:
    """Whether the lines of trades.csv are these trades, up to their return."""
    n, against = len(lines), _against(lane, lines, np.empty(0, np.int8), OF_A_TRADE)
    if against is None or n != len(ended.rows):
        return False
    rows, sizes = (np.ascontiguousarray(each, np.float64) for each in ended[:2])
    gains = net_returns(rows, lane.money.fee)
    numbers = [address(each) for each in (rows, rows)]
    others = [address(each) for each in (sizes, sizes, gains, gains, _powers())]
    found, line = np.zeros(2, np.int64), np.zeros(LINE, np.int8)
    return bool(n == loops().trades_alike(*numbers, n, *others, address(found), address(line), *addresses(against)))


class _Ready(NamedTuple):
    """The input of the loops for a stretch, and the arrays they fill: trades, quantities, and the line at which each
    ended.
    """

    given: list[object]
    filled: tuple[FloatArray, FloatArray, np.ndarray]
    kept: tuple[object, ...]

    def ended(self) -> tuple[FloatArray, FloatArray, np.ndarray]:
        """So far."""
        trades, sizes, ended = self.filled
        k = int(ended[0])
        return trades[:k], sizes[:k], ended[1 : k + 1]


def _stretch(
    lane: Lane, held: Stand, known: Signalled, start: int, row: int, lines: Against, at_stop: bool
) -> tuple[FloatArray, FloatArray, np.ndarray] | None:
    """`row_text.rows_alike` of bars from `start` on and the lines from `row` on: trades, quantities, their lines."""
    ready, n = _ready(lane, held, known, start), len(known.bars)
    if ready is None:
        return None
    ended = map(address, ready.filled)
    count = loops().rows_alike(*ready.given, start, n, row, *addresses(lines), int(at_stop), lane.money.fee, *ended)
    return ready.ended() if count == n - start else None


def rows_of_backtest(lane: Lane, seen: Seen, first: int, last_cells: str) -> tuple[Rows, Ended] | None:
    """The lines of a plain backtest of bars from `first` on, each ending in those cells, and its trades; None where a
    number is not finite, or a symbol makes it seem so."""
    held, labels = _begun(lane), _labels(lane, f"{last_cells}\n")
    if labels is None:
        return None
    texts, found, room = [], [], np.empty(BLOCK * LINE, np.int8)
    for a, b in seen.stretches(first, len(seen)):
        held.rescale(float(seen.factors[a]))
        ready = _ready(lane, held, Signalled(lane, seen.window(0, b)), a)
        if ready is None:
            return None
        ended = [address(each) for each in (*ready.filled, room)]
        for start in range(a, b, BLOCK):
            size = loops().rows_written(
                *ready.given, start, min(start + BLOCK, b), start - first, *addresses(labels), 0, lane.money.fee, *ended
            )
            texts.append(room[:size].tobytes())
        found.append(ready.ended())
    text = b"".join(texts)
    if row_text.UNKNOWN in text:
        return None
    return Rows.of_text(text, len(names.DECISIONS)), Ended(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _begun(lane: Lane) -> Stand:
    """A flat account, as arrays."""
    begun = Stand.first(lane.money)
    return Stand(s=np.array(begun.s), p=np.array(begun.p, np.float64))  # type: ignore[arg-type]  # in one piece each


def _ready(lane: Lane, held: Stand, known: Signalled, start: int) -> _Ready | None:
    """The input that both loops share for a stretch; None where a bar's number is not finite."""
    seals = _seals(known)
    if seals is None:
        return None
    room = 2 * (len(known.bars) - start) + 1
    filled = np.empty((room, TRADE)), np.empty(room), np.zeros(room + 1, np.int64)
    state, purse = (np.asarray(each, np.float64) for each in (held.s, held.p))
    bench = Bench(
        s=state, s_bits=state.view(np.int64), p=purse, p_bits=purse.view(np.int64), r=np.array(known.rules),
        w=np.zeros(equity_loop.STATE), bar_ts=np.zeros(1, np.int64), bar_close=np.zeros(1), powers=_powers(),
        found=np.zeros(2, np.int64), line=np.zeros(LINE, np.int8),
    )  # fmt: skip
    days = np.ascontiguousarray(known.days, np.float64)
    skipped = (known.broken.view(np.int8), known.lacking.view(np.int8))
    times, opens, highs, lows, *rest = known.inputs.at
    series = (times, opens, highs, lows, known.inputs.close_at, *rest, *map(address, (days, *skipped, seals)))
    return _Ready([*addresses(bench), *series, lane.lookback], filled, (bench, days, skipped, seals, known))


def _against(lane: Lane, rows: Rows, forbids: np.ndarray, upto: int) -> Against | None:
    """The lines as the loop reads them, `upto` that cell; None where they may be longer than its room."""
    labels = _labels(lane, "")
    return labels and labels._replace(
        text=rows.text, starts=rows.starts, ends=rows.ends[:, upto - 1].astype(np.int64),
        forbids=np.ascontiguousarray(forbids, np.int8),
    )  # fmt: skip


def _labels(lane: Lane, last: str) -> Against | None:
    """No lines, and the texts that stand in many; None where one line may be longer than its room."""
    named = (lane.prefix, f"{lane.strategy},{lane.fingerprint},", "flat,", last)
    sides = (f"{SIDES[each]}," for each in (-1.0, 0.0, 1.0))
    texts = [label.encode() for label in (*named, *sides, *(f"{each}," for each in (*ACTIONS, *TOLD)))]
    if sum(map(len, texts)) + cells.LONGEST * (one_bar.KERNEL_STATE + one_bar.PURSE) > LINE:
        return None
    none = np.empty(0, np.int64)
    return Against(
        text=np.empty(0, np.int8), starts=none, ends=none, forbids=np.empty(0, np.int8),
        labels=np.frombuffer(b"".join(texts), np.int8),
        label_starts=np.concatenate(([0], np.cumsum([len(text) for text in texts]))),
    )  # fmt: skip


def _seals(known: Signalled) -> np.ndarray | None:
    """The seal of each bar; None where a number of one is not finite."""
    bars, n = known.bars, len(known.bars)
    prices = np.concatenate((bars.open, bars.high, bars.low, bars.close, known.volume))
    seals, found, line = np.empty(n, np.int64), np.zeros(2, np.int64), np.zeros(LINE, np.int8)
    count = loops().seal_bars(
        address(prices), address(prices), n, address(_powers()), address(found), address(tables()), address(line),
        address(seals),
    )  # fmt: skip
    return seals if count == n else None


def _powers() -> np.ndarray:
    return powers().view(np.int64)


def compile_all() -> None:
    """All loops that a comparison runs, now: for a machine that has not kept them it takes seconds."""
    from pyjobs.account.single import many_sets
    from pyjobs.strategy import compiled

    for load in (loops, journal_rows.loops, many_sets.library, compiled.library):
        load()


@lru_cache(maxsize=1)
def loops() -> native.Library:
    """The compiled loops, by name."""
    modules = (kernel, equity_loop, one_bar, line_loops, cells, row_text, trade_text)
    return native.load(
        "decisions", modules, (row_text.rows_alike, row_text.rows_written, row_text.seal_bars, trade_text.trades_alike)
    )
