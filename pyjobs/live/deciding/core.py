"""One decision for each closed bar, by the lines a backtest runs: strategy, cadence rule, kernel, money on a file.

Everything here follows from the bars and from what was recorded with them (late, blocked, killed), so that a journal
can be folded again and must give the same bytes. Nothing reads a clock, a file or the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from zlib import crc32

import numpy as np

from pyjobs.account.single import equity_loop
from pyjobs.account.single.cadence import Steady
from pyjobs.account.single.engine import Money, net_returns
from pyjobs.live.deciding.seen import Seen
from pyjobs.live.journal.cells import FLAT_STATE, SIDES, number, state_text
from pyjobs.live.journal.names import EXIT_NAMES, SKIPS
from pyjobs.market.bars import Bars, IntArray
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, KernelInput, Rules, sides

Check = Callable[[int, float], tuple[str, str]]
"""Given the bar's close and the order's notional: the word that forbids the entry ("" for none), and what it saw."""
PRICES = (  # of the kernel's state
    *(kernel.ENTRY_PRICE, kernel.STOP, kernel.TARGET, kernel.TRAIL),
    *(kernel.ORDER_STOP, kernel.ORDER_DISTANCE, kernel.ORDER_TARGET, kernel.ORDER_TRAIL),
)
TRADE, REASON, PRICE, STOP = kernel.TRADE, 7, 6, 4  # of a trade row as the kernel writes it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lane:
    """What does not change while a journal grows. `days`: the market's day of each close, as a number."""

    exchange: str
    symbol: str
    timeframe: str
    setup: Steady
    strategy: str
    fingerprint: str
    money: Money
    days: Callable[[IntArray], IntArray]

    @property
    def prefix(self) -> str:
        """How each line of its files begins."""
        return f"{self.exchange},{self.symbol},{self.timeframe},"

    @property
    def lookback(self) -> int:
        """The bars that decide one."""
        return self.setup.lookback


@dataclass(slots=True, kw_only=True)
class Stand:
    """Where a loop stands after its last decided bar (`ts_ms` 0: before the first). `s` is the kernel's state."""

    cash: float
    equity: float
    day_equity: float
    ts_ms: int = 0
    day: int = -1
    trades: int = 0
    quantity: float = 0.0
    s: list[float] = field(default_factory=FLAT.vector)

    @classmethod
    def first(cls, money: Money) -> Stand:
        """Nothing but cash."""
        return cls(cash=money.cash, equity=money.cash, day_equity=money.cash)

    def copy(self) -> Stand:
        """A second state with the same values."""
        return replace(self, s=list(self.s))

    def rescale(self, factor: float) -> None:
        """In the shares of now: prices times `factor`, as many shares more; what they are worth stays."""
        if factor != 1.0:
            for i in PRICES:
                self.s[i] *= factor
            self.quantity /= factor


class Decided(NamedTuple):
    """The deterministic cells of one decision, what forbade an entry, what the limits saw, the trades that ended."""

    text: str
    blocked_by: str
    risk: str
    trades: list[str]


class Decider:
    """Decides bars of one block, in order, each once. `bars` begin `lookback` - 1 bars before the first, if there are.

    `at_stop`: a stop that the open has jumped over fills at the stop (live), not at the open (backtest).
    """

    def __init__(self, lane: Lane, stand: Stand, bars: Bars, *, at_stop: bool = True) -> None:
        self.lane, self.stand, self._at_stop = lane, stand, at_stop
        raw = lane.setup.setup.signals(bars)
        signals, broken, lacking = lane.setup.steadied(bars, raw)
        self._inputs = inputs = KernelInput(bars, signals)
        entry, leaving = sides(signals)
        self._entry, self._leaving = entry.tolist(), leaving.tolist()
        self._broken, self._lacking = broken.tolist(), lacking.tolist()
        self._times, self._open, self._close = inputs.ts_ms, inputs.open, inputs.close
        self._high, self._low, self._stop = inputs.high, inputs.low, inputs.stop
        self._volume = (bars.volume + 0.0).tolist()  # a zero below zero is written as zero, and sealed as one
        self._days = lane.days(bars.ts_ms).tolist()
        self._rules, self._out = Rules.of(signals).vector(), [0.0] * (2 * TRADE)
        self._prefix, self._fee = lane.prefix, lane.money.fee
        self._identity = f"{lane.strategy},{lane.fingerprint}"
        self._lookback = lane.lookback

    def decide(self, i: int, blocked: str = "", check: Check | None = None) -> Decided:
        """Bar `i`. `blocked`: what forbids an entry there, as recorded or as it is; `check` is asked about an order."""
        at, ts_ms = self.stand, self._times[i]
        s, before, event, risk = at.s, at.s[kernel.SIDE], "", ""
        ended: list[str] = []
        if self._days[i] != at.day:
            at.day, at.day_equity = self._days[i], at.equity
        if before != 0.0 or s[kernel.ORDER] != 0.0:
            event, ended = self._before_close(i, float(ts_ms), blocked)
        skip = self._skip(i)
        if skip:
            blocked = f"{blocked}+{skip}" if blocked else skip
        if at.cash <= 0.0 and s[kernel.SIDE] == 0.0:
            blocked = f"{blocked}+no_cash" if blocked else "no_cash"
        side, close = s[kernel.SIDE], self._close[i]
        if side == 0.0:
            at.equity = at.cash
        else:
            at.equity = at.quantity * (close if side > 0.0 else 2.0 * s[kernel.ENTRY_PRICE] - close)
        action, reason = "none", "no_signal"
        if side != 0.0 or self._entry[i]:
            action, reason, refused, risk = self._at_close(i, float(ts_ms), blocked, check)
            blocked = refused or blocked
        at.ts_ms = ts_ms
        state = state_text(s) if side != 0.0 or s[kernel.ORDER] != 0.0 else FLAT_STATE
        text = (
            f"{self._prefix}{ts_ms},{'skip' if skip else action},{event or skip or reason},"
            f"{SIDES[before]},{SIDES[side]},{state},{self._identity},"
            f"{at.trades},{at.cash!r},{at.quantity!r},{at.equity!r},{at.day_equity!r},{self._seal(i, close)}"
        )
        return Decided(text, blocked, risk, ended)

    def _seal(self, i: int, close: float) -> str:
        """The seal of the bar that was decided on; bars.csv must have this one."""
        text = f"{self._open[i]!r},{self._high[i]!r},{self._low[i]!r},{close!r},{self._volume[i]!r}"
        return f"{crc32(text.encode()):08x}"

    def _skip(self, i: int) -> str:
        """The reason for which no entry can be decided at bar `i`."""
        if i + 1 < self._lookback:
            return SKIPS[0]
        return SKIPS[1] if self._broken[i] else SKIPS[2] if self._lacking[i] else ""

    def _before_close(self, i: int, ts: float, blocked: str) -> tuple[str, list[str]]:
        """Open and range of a bar; the reason to record, and the trades that ended."""
        s, out, at = self.stand.s, self._out, self.stand
        if s[kernel.ORDER] != 0.0 and "kill" in blocked:
            kernel.forget_order(s)
        held, ordered = (s[kernel.SIDE], s[kernel.ENTRY_PRICE], at.quantity), s[kernel.ORDER]
        n = kernel.before_close(s, self._rules, ts, self._open[i], self._high[i], self._low[i], out, 0)
        rows = [out[k * TRADE : (k + 1) * TRADE] for k in range(n)]
        for row in rows:
            if self._at_stop and row[REASON] == kernel.BY_STOP_GAP:
                row[PRICE] = row[STOP]
        filled = s[kernel.SIDE] != 0.0 and s[kernel.ENTRY_TS] == ts
        if not rows and not filled:
            return ("dropped" if ordered != 0.0 and s[kernel.ORDER] == 0.0 else ""), []
        self._pay(rows, filled, ts, held)
        ended = [self._trade(row, held[2] if row[2] != ts else at.quantity) for row in rows]
        if s[kernel.SIDE] == 0.0 or at.cash <= 0.0:  # a short may lose all, and then nothing else is entered
            s[:], at.quantity = (s if s[kernel.SIDE] == 0.0 else FLAT.vector()), 0.0
        return (EXIT_NAMES[int(rows[-1][REASON])] if rows else "filled"), ended

    def _pay(self, rows: list[list[float]], filled: bool, ts: float, held: tuple[float, float, float]) -> None:
        """Cash and quantity after the fills of one bar: `equity_loop.worth` over that bar alone."""
        at, flat = self.stand, [value for row in rows for value in row]
        if filled:
            still = [0.0] * TRADE
            kernel.write_trade(at.s, still, 0, ts, at.s[kernel.ENTRY_PRICE], kernel.STILL_OPEN)
            flat += still
        w = [0.0] * equity_loop.STATE
        equity_loop.begin(w, at.cash if at.cash > 0.0 else 1.0)
        w[equity_loop.CASH], w[equity_loop.POSITION], w[equity_loop.PAID], w[equity_loop.QUANTITY] = at.cash, *held
        equity_loop.worth([ts], [1.0], 0, 1, flat, len(flat) // TRADE, self._fee, w, 0, w)
        at.cash, at.quantity = w[equity_loop.CASH], w[equity_loop.QUANTITY]

    def _trade(self, row: list[float], quantity: float) -> str:
        """The cells of a finished trade up to its return."""
        at = self.stand
        at.trades += 1
        side, signal, entry, paid, stop, leave, price, reason, held = row
        gain = float(net_returns(np.array([row]), self._fee)[0])
        return (
            f"{self._prefix}{int(leave)},{at.trades},{SIDES[side]},{int(signal)},{int(entry)},{paid!r},{number(stop)},"
            f"{price!r},{EXIT_NAMES[int(reason)]},{int(held)},{quantity!r},{gain!r}"
        )

    def _at_close(self, i: int, ts: float, blocked: str, check: Check | None) -> tuple[str, str, str, str]:
        """Signals become orders, unless something forbids it: action, reason, what refused it, what the limits saw."""
        s, leaving = self.stand.s, self._leaving[i]
        if "flatten" in blocked:
            leaving |= kernel.LEAVE_KILLED
        was_leaving = s[kernel.EXIT] != 0.0
        kernel.at_close(
            s, self._rules, ts, self._high[i], self._low[i], float(self._entry[i]), leaving,
            self._stop[i], *self._inputs.distances(i),
        )  # fmt: skip
        ordered, refused, risk = s[kernel.ORDER] != 0.0 and s[kernel.ORDER_TS] == ts, "", ""
        if ordered and not blocked and check is not None:
            refused, risk = check(int(ts), self.stand.equity / (1.0 + self._fee))
        if ordered and (blocked or refused):
            kernel.forget_order(s)
            ordered = False
        leaves = s[kernel.EXIT] != 0.0 and not was_leaving
        if ordered:
            way = "long" if s[kernel.ORDER] > 0.0 else "short"
            return f"{'reverse' if leaves else 'enter'}_{way}", "entry_signal", refused, risk
        if leaves:
            why = {kernel.BY_SIGNAL: "exit_signal", kernel.BY_TIME: "time_limit"}.get(s[kernel.EXIT], "kill_order")
            return "exit", why, refused, risk
        still = s[kernel.SIDE] != 0.0
        return ("hold", "holding", refused, risk) if still else ("none", "no_signal", refused, risk)


def deciders(
    lane: Lane, stand: Stand, seen: Seen, begin: int, end: int, *, first: int = 0, at_stop: bool = True
) -> Iterator[tuple[int, int, int, Decider]]:
    """Deciders of bars [begin, end), one after the other: each with the first and last + 1 of its bars, and the number
    of the bar that is its 0. `stand` is rescaled where a split is. Bars from `first` on are looked back on.
    """
    for a, b in seen.stretches(begin, end):
        stand.rescale(float(seen.factors[a]))
        yield a, b, first, Decider(lane, stand, seen.window(first, b), at_stop=at_stop)
