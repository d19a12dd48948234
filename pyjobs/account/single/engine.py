"""One strategy on each symbol alone, always all in: what anyone can check with a pencil. docs/SEMANTICS.md defines it.

`run` takes bars by symbol and gives, per symbol, its figures, trades and equity. The account with limits over all
symbols together is `portfolio`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

import numpy as np

from pyjobs.account.portfolio.costs import BASIS_POINT
from pyjobs.account.single import equity_loop
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
    in_memory,
    room,
)
from pyjobs.strategy.signals import Setup
from pyjobs.strategy.trace import remembering
from utils import native
from utils.errors import BadDataError
from utils.native import address

ENTRY_TS, ENTRY_PRICE, STOP, EXIT_TS, EXIT_PRICE, REASON = 2, 3, 4, 5, 6, 7
FIGURES = 3  # of `run_figures`
NO_TRADES = np.empty((0, kernel.TRADE))


class Stand(threading.local):
    """Where this thread's `equity_loop.worth` stands."""

    def __init__(self) -> None:
        self.state = np.empty(equity_loop.STATE)
        self.at = address(self.state)


_stand = Stand()


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
    found = (
        run_symbol(symbol, bars, setup, money=money, semantics=semantics, start_ms=start_ms)
        for symbol, bars in one_at_a_time(bars_by_symbol.items(), itemgetter(1))
    )
    return Result(money=money, symbols=tuple(found))


def run_symbol(
    symbol: str, bars: Bars, setup: Setup, *, money: Money, semantics: Semantics = "own", start_ms: int | None = None
) -> SymbolResult:
    """`run` for one symbol; a signal at the last bar before the start is not taken."""
    start = _first(bars, start_ms)
    rows, state = next(_runs(bars, [setup], semantics, start, money))
    gain, deepest = _gain_and_fall(money)
    return SymbolResult(
        symbol=symbol,
        bars=bars,
        start=start,
        rows=rows.copy(),
        total_return=gain,
        max_drawdown=deepest,
        vector=state.copy(),
    )


def run_figures(
    bars: Bars, setups: Sequence[Setup], *, money: Money, semantics: Semantics = "own", start_ms: int | None = None
) -> FloatArray:
    """Total return, deepest fall and entries filled of `run_symbol` with each setup. Shape (len(setups), FIGURES)."""
    out = np.empty((len(setups), FIGURES))
    for i, (rows, _) in enumerate(_runs(bars, setups, semantics, _first(bars, start_ms), money)):
        out[i] = *_gain_and_fall(money), len(rows)
    return out


def _first(bars: Bars, start_ms: int | None) -> int:
    return 0 if start_ms is None else int(np.searchsorted(bars.ts_ms, start_ms))


def _gain_and_fall(money: Money) -> tuple[float, float]:
    """Total return and deepest fall of the thread's last run."""
    return float(_stand.state[equity_loop.FINAL]) / money.cash - 1.0, float(_stand.state[equity_loop.DEEPEST])


def _runs(
    bars: Bars, setups: Sequence[Setup], semantics: Semantics, start: int, money: Money
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Each setup's trades and state after its last bar, valid until the next; `_stand` has what they are worth.

    What several setups ask of the same bars is computed once.
    """
    shared = remembering if len(setups) > 1 else nullcontext
    if is_long(bars):
        for s, rows in _folded(bars, setups, semantics, start, shared):
            yield rows[: _value(bars, start, rows, money, None)], s
        return
    with shared():
        for setup in setups:
            signals = setup.signals(bars)
            inputs, (_, rules_at) = KernelInput(bars, signals), in_memory(Rules.of(signals, semantics))
            room.hold(2 * (len(bars) - start) + 1)
            room.state[:] = _flat()
            n = library().alone(
                *(*inputs.at, start, len(bars), room.state_at, rules_at, room.trades_at),
                *(inputs.close_at, money.cash, money.fee, _stand.at),
            )
            yield room.trades[:n], room.state


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
    folds = [(_flat().copy(), list[FloatArray]()) for _ in setups]
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
    equity_loop.begin(_stand.state, money.cash)
    known = bars.ts_ms
    for begin, end in one_at_a_time(pieces(start, n_bars), lambda at: known[slice(*at)] if at[1] < n_bars else None):
        where = address(equity[begin - start :]) if equity is not None else 0
        n = library().worth(
            *(ts_ms, close, begin, end, address(rows), n, money.fee, where, int(equity is not None), _stand.at)
        )
    return n


def refuse_too_short(bars_by_symbol: Mapping[str, Bars], setup: Setup) -> None:
    """Raise BadDataError when not one symbol can be decided."""
    longest = max((len(bars) for bars in bars_by_symbol.values()), default=0)
    if longest < setup.lookback:
        raise BadDataError(f"the strategy needs {setup.lookback} bars; the longest series has only {longest}")


@lru_cache(maxsize=1)
def _flat() -> FloatArray:
    return np.array(FLAT.vector())


@lru_cache(maxsize=1)
def library() -> native.Library:
    """The compiled loops of an account, by name."""
    return native.load("account", (kernel, equity_loop), (equity_loop.alone, equity_loop.worth))
