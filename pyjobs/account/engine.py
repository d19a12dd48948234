"""One strategy on each symbol alone, always all in: what anyone can check with a pencil. docs/SEMANTICS.md defines it.

`run` takes bars by symbol and gives, per symbol, its figures, trades and equity. The account with limits over all
symbols together is `portfolio`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pyjobs.account import ledger
from pyjobs.account.costs import BASIS_POINT
from pyjobs.market.bars import Bars, FloatArray, IntArray
from pyjobs.market.column_file import done_with
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, REASONS, Reason, Rules, Semantics, State, Tape
from pyjobs.strategy.signals import Setup
from utils import native
from utils.errors import BadDataError
from utils.native import address

EXPORTS = {"worth": "iIFiiFiddFiF"}
ENTRY_TS, ENTRY_PRICE, STOP, EXIT_TS, EXIT_PRICE, REASON = 2, 3, 4, 5, 6, 7
NO_TS = -1.0


class Figures(threading.local):
    """Where this thread's `worth` puts its two figures."""

    def __init__(self) -> None:
        self.out = np.empty(2)
        self.at = address(self.out)


_figures = Figures()


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Starting cash per symbol, and the fee of each fill in basis points of its notional."""

    cash: float = 1_000_000.0
    fee_bps: float = 0.0

    @property
    def fee(self) -> float:
        """As a fraction."""
        return self.fee_bps * BASIS_POINT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SymbolResult:
    """One symbol's run. Fractions; `rows`: a kernel row per trade, a last one of reason `open` when still in.

    `vector`: the kernel's state after the last bar, from which a live loop would go on.
    """

    symbol: str
    bars: Bars
    start: int
    rows: FloatArray
    total_return: float
    max_drawdown: float
    vector: FloatArray

    @property
    def state(self) -> State:
        """Where the fold stands after the last bar."""
        return State.of(self.vector.tolist())

    @property
    def n_trades(self) -> int:
        """Entries filled."""
        return len(self.rows)

    def count(self, reason: Reason) -> int:
        """How many trades ended so."""
        return int((self.rows[:, REASON] == REASONS.index(reason)).sum())

    def bar_numbers(self, column: int) -> IntArray:
        """The bars (0: the symbol's first) whose `ts_ms` stand in that column of `rows`; -1 for a time before."""
        return np.searchsorted(self.bars.ts_ms, self.rows[:, column].astype(np.int64)).astype(np.int64)

    def net_returns(self, fee: float) -> FloatArray:
        """Of each trade, after fees on both sides (no exit fee while open): what it multiplied the cash by, minus 1."""
        return net_returns(self.rows, fee)

    def equity(self, money: Money) -> FloatArray:
        """Worth at each close from bar `start` on."""
        out = np.empty(max(len(self.bars) - self.start, 0))
        _worth(self.bars, self.start, self.rows, money, out)
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Every symbol's run, in the order given, under one `money`."""

    money: Money
    symbols: tuple[SymbolResult, ...]


def run(
    bars_by_symbol: Mapping[str, Bars],
    setup: Setup,
    *,
    money: Money | None = None,
    semantics: Semantics = "own",
    start_ms: int | None = None,
) -> Result:
    """Each symbol from its first bar at or after `start_ms` on; bars before that only warm indicators up.

    Bars must be `checked`. Raises BadDataError when no symbol has as many bars as the strategy looks back on.
    """
    money = money or Money()
    refuse_too_short(bars_by_symbol, setup)
    found = []
    for symbol, bars in bars_by_symbol.items():
        found.append(run_symbol(symbol, bars, setup, money=money, semantics=semantics, start_ms=start_ms))
        done_with(bars)
    return Result(money=money, symbols=tuple(found))


def run_symbol(
    symbol: str, bars: Bars, setup: Setup, *, money: Money, semantics: Semantics = "own", start_ms: int | None = None
) -> SymbolResult:
    """`run` for one symbol; a signal at the last bar before the start is not taken."""
    start = 0 if start_ms is None else int(np.searchsorted(bars.ts_ms, start_ms))
    signals = setup.signals(bars)
    s = np.array(_flat())
    rows = Tape(bars, signals).run(s, Rules.of(signals, semantics), start, len(bars))
    if s[kernel.SIDE] and len(bars):
        rows = np.concatenate((rows, [_marked(s, float(bars.ts_ms[-1]), float(bars.close[-1]))]))
    if signals.short_entry is not None or signals.side == "short":
        rows = until_ruin(rows, money.fee)
    final, deepest = _worth(bars, start, rows, money, None)
    return SymbolResult(
        symbol=symbol,
        bars=bars,
        start=start,
        rows=rows,
        total_return=final / money.cash - 1.0,
        max_drawdown=deepest,
        vector=s,
    )


def refuse_too_short(bars_by_symbol: Mapping[str, Bars], setup: Setup) -> None:
    """Raise BadDataError when not one symbol can be decided."""
    longest = max((len(bars) for bars in bars_by_symbol.values()), default=0)
    if longest < setup.lookback:
        raise BadDataError(f"the strategy looks back on {setup.lookback} bars, and the longest series has {longest}")


def net_returns(rows: FloatArray, fee: float) -> FloatArray:
    """As `SymbolResult.net_returns`."""
    side, paid, price = (rows[:, i] for i in (0, ENTRY_PRICE, EXIT_PRICE))
    leaving = np.where(rows[:, REASON] == kernel.STILL_OPEN, 0.0, fee)
    long, short = price * (1.0 - leaving), 2.0 * paid - price * (1.0 + leaving)
    return np.asarray(np.where(side > 0, long, short) / (paid * (1.0 + fee)) - 1.0)


def until_ruin(rows: FloatArray, fee: float) -> FloatArray:
    """The trades up to the one that lost all the cash or more, as a short can: there is none for another."""
    lost = np.flatnonzero(net_returns(rows, fee) <= -1.0)
    return rows[: lost[0] + 1] if lost.size else rows


@lru_cache(maxsize=1)
def _flat() -> tuple[float, ...]:
    return tuple(FLAT.vector())


def _marked(s: FloatArray, ts_ms: float, close: float) -> list[float]:
    out, state = [0.0] * kernel.TRADE, s.tolist()
    kernel.leave(state, out, 0, ts_ms, close, kernel.STILL_OPEN)
    return out


@lru_cache(maxsize=1)
def _library() -> native.Library:
    return native.load("account", (ledger,), EXPORTS)


@lru_cache(maxsize=4)
def _times_and_closes(bars: Bars) -> tuple[tuple[IntArray, FloatArray], tuple[int, int]]:
    ts_ms, close = np.ascontiguousarray(bars.ts_ms, np.int64), np.ascontiguousarray(bars.close, np.float64)
    return (ts_ms, close), (address(ts_ms), address(close))


def _worth(bars: Bars, start: int, rows: FloatArray, money: Money, equity: FloatArray | None) -> tuple[float, float]:
    """(last equity, deepest fall); an open trade's mark is no exit."""
    closed = rows
    if len(rows) and rows[-1, REASON] == kernel.STILL_OPEN:
        closed = rows.copy()
        closed[-1, EXIT_TS] = NO_TS
    if start >= len(bars):
        return money.cash, 0.0
    where, wanted = (address(equity), 1) if equity is not None else (0, 0)
    _library()["worth"](
        *(*_times_and_closes(bars)[1], start, len(bars), address(closed), len(closed)),
        *(money.cash, money.fee, where, wanted, _figures.at),
    )
    return float(_figures.out[ledger.FINAL]), float(_figures.out[ledger.DEEPEST])
