"""One strategy on each symbol alone, always all in: what anyone can check with a pencil. docs/SEMANTICS.md defines it.

`run` takes bars by symbol and gives, per symbol, its figures, trades and equity. The account with limits over all
symbols together is `portfolio`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from pyjobs.account.portfolio.costs import BASIS_POINT
from pyjobs.account.single import equity_loop, many_sets
from pyjobs.account.single.many_sets import ManySets, library, one_by_one, stand
from pyjobs.account.single.sets_loop import FIGURES
from pyjobs.market.bars import Bars, FloatArray, IntArray, is_long, pieces
from pyjobs.market.cache.release import one_at_a_time
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import (
    FLAT,
    REASONS,
    KernelInput,
    Reason,
    Rules,
    Semantics,
    State,
    contiguous,
    room,
)
from pyjobs.strategy.signals import Setup
from pyjobs.strategy.trace import remembering
from utils.errors import BadDataError, found_in
from utils.native import address

ENTRY_TS, ENTRY_PRICE, STOP, EXIT_TS, EXIT_PRICE, REASON = 2, 3, 4, 5, 6, 7
NO_TRADES = np.empty((0, kernel.TRADE))


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
        """The fold's state after the last bar."""
        return State.of(self.vector.tolist())

    @property
    def n_trades(self) -> int:
        """Entries filled."""
        return len(self.rows)

    def count(self, reason: Reason) -> int:
        """How many trades ended so."""
        return int((self.rows[:, REASON] == REASONS.index(reason)).sum())

    def bar_numbers(self, column: int) -> IntArray:
        """The bars (0: the symbol's first) whose `ts_ms` are in that column of `rows`; -1 for a time before."""
        return np.searchsorted(self.bars.ts_ms, self.rows[:, column].astype(np.int64)).astype(np.int64)

    def net_returns(self, fee: float) -> FloatArray:
        """What each trade multiplied the cash by, minus 1, after fees on both sides (no exit fee while open)."""
        return net_returns(self.rows, fee)

    def equity(self, money: Money) -> FloatArray:
        """Worth at each close from bar `start` on."""
        out = np.empty(max(len(self.bars) - self.start, 0))
        _value(self.bars, self.start, self.rows, money, out)
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Result:
    """Every symbol's run, in the order given, under one `money`."""

    money: Money
    symbols: tuple[SymbolResult, ...]


def net_returns(rows: FloatArray, fee: float) -> FloatArray:
    """What the trade of each kernel row multiplied the cash by, minus 1; see `SymbolResult.net_returns`."""
    side, paid, price = (rows[:, i] for i in (0, ENTRY_PRICE, EXIT_PRICE))
    leaving = np.where(rows[:, REASON] == kernel.STILL_OPEN, 0.0, fee)
    long, short = price * (1.0 - leaving), 2.0 * paid - price * (1.0 + leaving)
    return np.asarray(np.where(side > 0, long, short) / (paid * (1.0 + fee)) - 1.0)


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
    for symbol, bars in one_at_a_time(bars_by_symbol.items(), itemgetter(1)):
        with found_in(symbol):
            found.append(run_symbol(symbol, bars, setup, money=money, semantics=semantics, start_ms=start_ms))
    return Result(money=money, symbols=tuple(found))


def run_symbol(
    symbol: str, bars: Bars, setup: Setup, *, money: Money, semantics: Semantics = "own", start_ms: int | None = None
) -> SymbolResult:
    """`run` for one symbol; a signal at the last bar before the start is not taken."""
    start = _first(bars, start_ms)
    if is_long(bars):
        ((vector, rows),) = _folded(bars, [setup], semantics, start, nullcontext)
        rows, gain, deepest = _valued(bars, start, rows, money)
    else:
        figures = np.empty((1, FIGURES))
        n = many_sets.run(bars, one_by_one([setup], semantics, bars), start, money.cash, money.fee, figures)
        rows, vector, (gain, deepest, _) = room.trades[:n].copy(), room.state.copy(), figures[0].tolist()
    return SymbolResult(
        symbol=symbol,
        bars=bars,
        start=start,
        rows=rows,
        total_return=gain,
        max_drawdown=deepest,
        vector=vector,
    )


def run_figures(bars: Bars, sets: ManySets, *, money: Money, start_ms: int | None = None) -> FloatArray:
    """Total return, deepest fall and entries filled of `run_symbol` with each of `sets`. Shape (sets, FIGURES)."""
    start = _first(bars, start_ms)
    if not is_long(bars):
        return sets.figures(bars, start, money.cash, money.fee)
    shared = remembering if len(sets.setups) > 1 else nullcontext
    out = np.empty((len(sets.setups), FIGURES))
    for row, (_, rows) in zip(out, _folded(bars, sets.setups, sets.semantics, start, shared), strict=True):
        rows, *figures = _valued(bars, start, rows, money)
        row[:] = *figures, len(rows)
    return out


def _first(bars: Bars, start_ms: int | None) -> int:
    return 0 if start_ms is None else int(np.searchsorted(bars.ts_ms, start_ms))


def _valued(bars: Bars, start: int, rows: FloatArray, money: Money) -> tuple[FloatArray, float, float]:
    """The trades that count, total return and deepest fall."""
    n = _value(bars, start, rows, money, None)
    return rows[:n], float(stand.state[equity_loop.FINAL]) / money.cash - 1.0, float(stand.state[equity_loop.DEEPEST])


def _folded(
    bars: Bars,
    setups: Sequence[Setup],
    semantics: Semantics,
    start: int,
    shared: Callable[[], AbstractContextManager[None]],
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Each setup's state after its last bar, and its trades: see `SymbolResult.rows`.

    A long series goes in pieces, each with the bars before it that its first decisions look back on: signals depend on
    nothing else and a fold goes on from where it stopped, so this gives the same bits as the whole at once.
    """
    folds = [(np.array(FLAT.vector()), list[FloatArray]()) for _ in setups]
    reach = max(setup.lookback for setup in setups)
    edges = ((max(begin - reach, 0), begin, end) for begin, end in pieces(start, len(bars)))
    shares = ((bars.slice(first, end), begin - first, end - first) for first, begin, end in edges)
    for piece, begin, end in one_at_a_time(shares, itemgetter(0)):
        with shared():
            for setup, (s, rows) in zip(setups, folds, strict=True):
                signals = setup.signals(piece)
                rows.append(KernelInput(piece, signals).run(s, Rules.of(signals, semantics), begin, end))
    return ((s, _trades(bars, s, rows)) for s, rows in folds)


def _trades(bars: Bars, s: FloatArray, rows: list[FloatArray]) -> FloatArray:
    """All of them in one piece, with what is still open marked to the last close; `rows` is empty then."""
    if s[kernel.SIDE]:
        out = np.empty((1, kernel.TRADE))
        kernel.write_trade(s, out[0], 0, float(bars.ts_ms[-1]), float(bars.close[-1]), kernel.STILL_OPEN)
        rows.append(out)
    whole = np.concatenate(rows or [NO_TRADES])
    rows.clear()
    return whole


def _value(bars: Bars, start: int, rows: FloatArray, money: Money, equity: FloatArray | None) -> int:
    """`equity_loop.worth` of the trades, in pieces: how many of them count."""
    (ts_ms, *_, close), n, n_bars = contiguous(bars)[1], len(rows), len(bars)
    equity_loop.begin(stand.state, money.cash)
    known = bars.ts_ms
    for begin, end in one_at_a_time(pieces(start, n_bars), lambda at: known[slice(*at)] if at[1] < n_bars else None):
        where = address(equity[begin - start :]) if equity is not None else 0
        n = library().worth(
            *(ts_ms, close, begin, end, address(rows), n, money.fee, where, int(equity is not None), stand.at)
        )
    return n


def refuse_too_short(bars_by_symbol: Mapping[str, Bars], setup: Setup) -> None:
    """Raise BadDataError when not one symbol can be decided."""
    longest = max((len(bars) for bars in bars_by_symbol.values()), default=0)
    if longest < setup.lookback:
        raise BadDataError(f"the strategy needs {setup.lookback} bars; the longest series has only {longest}")
