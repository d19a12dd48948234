"""One strategy on each symbol alone, always all in: what anyone can check with a pencil. docs/SEMANTICS.md defines it.

`run` takes bars by symbol and gives, per symbol, its figures, trades and equity. The account with limits over all
symbols together is `portfolio`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pyjobs.account import ledger
from pyjobs.account.costs import BASIS_POINT
from pyjobs.market.bars import Bars, FloatArray, IntArray, pieces
from pyjobs.market.column_file import done_with
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, REASONS, Reason, Rules, Semantics, State, Tape
from pyjobs.strategy.signals import Setup
from pyjobs.strategy.trace import remembering
from utils import native
from utils.errors import BadDataError
from utils.native import address

EXPORTS = {"worth": "iIFiiFidFiF"}
ENTRY_TS, ENTRY_PRICE, STOP, EXIT_TS, EXIT_PRICE, REASON = 2, 3, 4, 5, 6, 7
NO_TS = -1.0
NO_TRADES = np.empty((0, kernel.TRADE))


class Figures(threading.local):
    """Where this thread's `worth` stands."""

    def __init__(self) -> None:
        self.state = np.empty(ledger.STATE)
        self.at = address(self.state)


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
        side, paid, price = (self.rows[:, i] for i in (0, ENTRY_PRICE, EXIT_PRICE))
        leaving = np.where(self.rows[:, REASON] == kernel.STILL_OPEN, 0.0, fee)
        long, short = price * (1.0 - leaving), 2.0 * paid - price * (1.0 + leaving)
        return np.asarray(np.where(side > 0, long, short) / (paid * (1.0 + fee)) - 1.0)

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
    return next(run_setups(symbol, bars, [setup], money=money, semantics=semantics, start_ms=start_ms))


def run_setups(
    symbol: str,
    bars: Bars,
    setups: Sequence[Setup],
    *,
    money: Money,
    semantics: Semantics = "own",
    start_ms: int | None = None,
) -> Iterator[SymbolResult]:
    """`run_symbol` for each of `setups`; an indicator that several ask for is computed once."""
    start = 0 if start_ms is None else int(np.searchsorted(bars.ts_ms, start_ms))
    for s, rows in _folded(bars, setups, semantics, start):
        final, deepest = _worth(bars, start, rows, money, None)
        yield SymbolResult(
            symbol=symbol,
            bars=bars,
            start=start,
            rows=rows,
            total_return=final / money.cash - 1.0,
            max_drawdown=deepest,
            vector=s,
        )


def _folded(
    bars: Bars, setups: Sequence[Setup], semantics: Semantics, start: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Of each setup the state after the last bar, and its trades: see `SymbolResult.rows`.

    A long series goes in pieces, each with the bars before it that its first decisions look back on: signals depend on
    nothing else and a fold goes on from where it stopped, so this gives the same bits as the whole at once.
    """
    folds = [(np.array(_flat()), list[FloatArray]()) for _ in setups]
    reach, shared = max(setup.lookback for setup in setups), remembering if len(setups) > 1 else nullcontext
    for begin, end in pieces(start, len(bars)):
        first = max(begin - reach, 0)
        piece = bars if (first, end) == (0, len(bars)) else bars.slice(first, end)
        with shared():
            for setup, (s, rows) in zip(setups, folds, strict=True):
                signals = setup.signals(piece)
                rows.append(Tape(piece, signals).run(s, Rules.of(signals, semantics), begin - first, end - first))
        if piece is not bars:
            done_with(piece)
    return ((s, _trades(bars, s, rows)) for s, rows in folds)


def refuse_too_short(bars_by_symbol: Mapping[str, Bars], setup: Setup) -> None:
    """Raise BadDataError when not one symbol can be decided."""
    longest = max((len(bars) for bars in bars_by_symbol.values()), default=0)
    if longest < setup.lookback:
        raise BadDataError(f"the strategy looks back on {setup.lookback} bars, and the longest series has {longest}")


@lru_cache(maxsize=1)
def _flat() -> tuple[float, ...]:
    return tuple(FLAT.vector())


def _trades(bars: Bars, s: FloatArray, rows: list[FloatArray]) -> FloatArray:
    """All of them in one piece, with what is still open marked to the last close; `rows` is empty then."""
    if s[kernel.SIDE]:
        out, state = [0.0] * kernel.TRADE, s.tolist()
        kernel.leave(state, out, 0, float(bars.ts_ms[-1]), float(bars.close[-1]), kernel.STILL_OPEN)
        rows.append(np.array([out]))
    whole = rows[0] if len(rows) == 1 else np.concatenate(rows or [NO_TRADES])
    rows.clear()
    return whole


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
    cash = money.cash
    _figures.state[:] = (cash, 0.0, cash, cash, 0.0, 0.0, 0.0, 0.0)
    trades, wanted = (address(closed), len(closed)), int(equity is not None)
    for begin, end in pieces(start, len(bars)):
        where = address(equity[begin - start :]) if equity is not None else 0
        at = _times_and_closes(bars)[1]
        _library()["worth"](*at, begin, end, *trades, money.fee, where, wanted, _figures.at)
        if end < len(bars):
            done_with(bars.ts_ms[begin:end])
    return float(_figures.state[ledger.FINAL]), float(_figures.state[ledger.DEEPEST])
