"""One decision for each closed bar, by the lines a backtest runs: strategy, cadence rule, kernel, money on a file.

Everything here follows from the bars and from what was recorded with them (late, blocked, killed), so that a journal
can be folded again and must give the same bytes. Nothing reads a clock, a file or the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

import numpy as np

from pyjobs.account.single import equity_loop
from pyjobs.account.single.cadence import Steady
from pyjobs.account.single.engine import Money, net_returns
from pyjobs.live.deciding import one_bar
from pyjobs.live.deciding.one_bar import DAY_WORTH, ENDED, FEW_BARS, MONEY, SHARES, SKIP, WORTH
from pyjobs.live.deciding.seen import Seen
from pyjobs.live.journal.cells import FLAT_STATE, SIDES, number, state_text
from pyjobs.live.journal.names import EXIT_NAMES, SKIPS
from pyjobs.market.bars import Bars, FloatArray, IntArray
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, KernelInput, Rules, sides

Check = Callable[[int, float], tuple[str, str]]
"""Given the bar's close and the order's notional: the word that forbids the entry ("" for none), and what it saw."""
PRICES = (  # of the kernel's state
    *(kernel.ENTRY_PRICE, kernel.STOP, kernel.TARGET, kernel.TRAIL),
    *(kernel.ORDER_STOP, kernel.ORDER_DISTANCE, kernel.ORDER_TARGET, kernel.ORDER_TRAIL),
)
TRADE = kernel.TRADE
TOLD = (  # by the numbers of `one_bar`
    *(*EXIT_NAMES, "filled", "dropped", *SKIPS),
    *("no_signal", "holding", "entry_signal", "exit_signal", "time_limit", "kill_order"),
)
ACTIONS = ("none", "hold", "enter_long", "enter_short", "exit", "reverse_long", "reverse_short", "skip")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lane:
    """The part of a loop that does not change while its journal grows. `days`: the market's day of each close, as a
    number.
    """

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
    """The state of a loop after its last decided bar (`ts_ms` 0: before the first).

    `s`: the kernel's state; `p`: the purse, by the names in `one_bar`.
    """

    ts_ms: int = 0
    p: list[float]
    s: list[float] = field(default_factory=FLAT.vector)

    @classmethod
    def first(cls, money: Money) -> Stand:
        """Nothing but cash."""
        return cls(p=[money.cash, 0.0, money.cash, money.cash, -1, 0])

    def copy(self) -> Stand:
        """A second state with the same values."""
        return Stand(ts_ms=self.ts_ms, p=list(self.p), s=list(self.s))

    @property
    def cash(self) -> float:
        """The cash outside the position; all money while there is none."""
        return self.p[MONEY]

    @property
    def equity(self) -> float:
        """The equity at the last close."""
        return self.p[WORTH]

    @property
    def day_equity(self) -> float:
        """The equity when the market's day began."""
        return self.p[DAY_WORTH]

    @property
    def trades(self) -> int:
        """How many have ended."""
        return int(self.p[ENDED])

    def rescale(self, factor: float) -> None:
        """In the shares of now: prices times `factor`, as many shares more; what they are worth stays."""
        if factor != 1.0:
            for i in PRICES:
                self.s[i] *= factor
            self.p[SHARES] /= factor


class Decided(NamedTuple):
    """The deterministic cells of one decision, what forbade an entry, what the limits saw, the trades that ended."""

    text: str
    blocked_by: str
    risk: str
    trades: list[str]


class Signalled:
    """Bars, and what the strategy and the rules about gaps and missing values make of each."""

    def __init__(self, lane: Lane, bars: Bars) -> None:
        raw = lane.setup.setup.signals(bars)
        signals, self.broken, self.lacking = lane.setup.steadied(bars, raw)
        self.bars, self.signals, self.inputs = bars, signals, KernelInput(bars, signals)
        self.days = lane.days(bars.ts_ms)
        self.volume = bars.volume + 0.0  # a zero below zero is written as zero, and sealed as one
        self.rules = Rules.of(signals).vector()


class Decider:
    """Decides bars of one block, in order, each once. `bars` begin `lookback` - 1 bars before the first, if there are.

    `at_stop`: a stop that the open has jumped over fills at the stop (live), not at the open (backtest).
    """

    def __init__(self, lane: Lane, stand: Stand, bars: Bars, *, at_stop: bool = True) -> None:
        self.lane, self.stand, self._at_stop = lane, stand, at_stop
        known = Signalled(lane, bars)
        self._inputs = inputs = known.inputs
        entry, leaving = sides(known.signals)
        self._entry, self._leaving = entry.tolist(), leaving.tolist()
        self._broken, self._lacking = known.broken.tolist(), known.lacking.tolist()
        self._times, self._open, self._close = inputs.ts_ms, inputs.open, inputs.close
        self._high, self._low, self._stop = inputs.high, inputs.low, inputs.stop
        self._volume, self._days, self._rules = known.volume.tolist(), known.days.tolist(), known.rules
        self._out, self._sizes, self._worth = [0.0] * (3 * TRADE), [0.0] * 3, [0.0] * equity_loop.STATE
        self._ts, self._price = [0], [0.0]
        self._prefix, self._fee = lane.prefix, lane.money.fee
        self._identity = f"{lane.strategy},{lane.fingerprint}"
        self._lookback = lane.lookback

    def decide(self, i: int, blocked: str = "", check: Check | None = None) -> Decided:
        """Bar `i`. `blocked`: what forbids an entry there, as recorded or as it is; `check` is asked about an order."""
        at, ts_ms, close = self.stand, self._times[i], self._close[i]
        s, p, before, found, risk = at.s, at.p, at.s[kernel.SIDE], 0, ""
        ended: list[str] = []
        one_bar.new_day(p, self._days[i])
        if before != 0.0 or s[kernel.ORDER] != 0.0:
            found, ended = self._opened(i, float(ts_ms), "kill" in blocked)
        skip = self._skip(i)
        if skip:
            blocked = f"{blocked}+{TOLD[skip]}" if blocked else TOLD[skip]
        if p[MONEY] <= 0.0 and s[kernel.SIDE] == 0.0:
            blocked = f"{blocked}+no_cash" if blocked else "no_cash"
        one_bar.valued(s, p, close)
        side, orders = s[kernel.SIDE], 0
        if side != 0.0 or self._entry[i]:
            orders, refused, risk = self._wished(i, float(ts_ms), blocked, check)
            blocked = refused or blocked
        action, reason = divmod(one_bar.done_at_close(s, orders), 32)
        at.ts_ms = ts_ms
        state = state_text(s) if side != 0.0 or s[kernel.ORDER] != 0.0 else FLAT_STATE
        text = (
            f"{self._prefix}{ts_ms},{ACTIONS[SKIP if skip else action]},{TOLD[found or skip or reason]},"
            f"{SIDES[before]},{SIDES[side]},{state},{self._identity},"
            f"{p[ENDED]},{p[MONEY]!r},{p[SHARES]!r},{p[WORTH]!r},{p[DAY_WORTH]!r},{self._seal(i, close)}"
        )
        return Decided(text, blocked, risk, ended)

    def _seal(self, i: int, close: float) -> str:
        """The seal of the bar that was decided on; bars.csv must have this one."""
        text = f"{self._open[i]!r},{self._high[i]!r},{self._low[i]!r},{close!r},{self._volume[i]!r}"
        return f"{crc32(text.encode()):08x}"

    def _skip(self, i: int) -> int:
        """The code of a bar at which no entry can be decided; 0 for any other."""
        if i + 1 < self._lookback:
            return FEW_BARS
        return one_bar.CADENCE if self._broken[i] else one_bar.FEATURES if self._lacking[i] else 0

    def _opened(self, i: int, ts: float, killed: bool) -> tuple[int, list[str]]:
        """Open and range of a bar; the code of what happened, and the trades that ended."""
        out, sizes, p = self._out, self._sizes, self.stand.p
        found, n = divmod(
            one_bar.opened(
                self.stand.s, self._rules, p, ts, self._open[i], self._high[i], self._low[i], killed, self._at_stop,
                self._fee, out, sizes, 0, self._worth, self._ts, self._price,
            ),
            4,
        )  # fmt: skip
        if not n:
            return found, []
        p[ENDED] += n
        return found, trade_texts(self.lane, np.array(out[: n * TRADE]).reshape(n, TRADE), sizes, self.stand.trades - n)

    def _wished(self, i: int, ts: float, blocked: str, check: Check | None) -> tuple[int, str, str]:
        """Signals become orders, unless something forbids it: orders, what refused one, what the limits saw."""
        s, refused, risk = self.stand.s, "", ""
        orders = one_bar.orders_of(
            s, self._rules, ts, self._high[i], self._low[i], float(self._entry[i]), self._leaving[i],
            "flatten" in blocked, self._stop[i], *self._inputs.distances(i),
        )  # fmt: skip
        if orders & 1 and not blocked and check is not None:
            refused, risk = check(int(ts), self.stand.equity / (1.0 + self._fee))
        if orders & 1 and (blocked or refused):
            kernel.forget_order(s)
            orders -= 1
        return orders, refused, risk


def trade_texts(lane: Lane, rows: FloatArray, sizes: Sequence[float], before: int) -> list[str]:
    """The cells of trades as the kernel wrote them, up to their return; `before`: how many had ended before these."""
    gains = net_returns(rows, lane.money.fee).tolist()
    return [
        f"{lane.prefix}{int(leave)},{k},{SIDES[side]},{int(signal)},{int(entry)},{paid!r},{number(stop)},"
        f"{price!r},{EXIT_NAMES[int(reason)]},{int(held)},{quantity!r},{gain!r}"
        for k, (side, signal, entry, paid, stop, leave, price, reason, held), quantity, gain in zip(
            range(before + 1, before + 1 + len(rows)), rows.tolist(), sizes, gains, strict=False
        )
    ]


def deciders(
    lane: Lane, stand: Stand, seen: Seen, begin: int, end: int, *, first: int = 0, at_stop: bool = True
) -> Iterator[tuple[int, int, int, Decider]]:
    """Deciders of bars [begin, end), one after the other: each with the first and last + 1 of its bars, and the number
    of the bar that is its 0. `stand` is rescaled where a split is. Bars from `first` on are looked back on.
    """
    for a, b in seen.stretches(begin, end):
        stand.rescale(float(seen.factors[a]))
        yield a, b, first, Decider(lane, stand, seen.window(first, b), at_stop=at_stop)
