"""One strategy on each symbol alone, always all in: what anyone can check with a pencil. docs/SEMANTICS.md defines it.

`run` takes bars by symbol and gives, per symbol, its figures, trades and equity. The account with limits over all
symbols together is `portfolio`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pyjobs.account import ledger
from pyjobs.account.costs import BASIS_POINT
from pyjobs.market.bars import Bars, FloatArray, IntArray
from pyjobs.market.column_file import done_with
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import (
    FLAT,
    REASONS,
    Reason,
    Rules,
    Semantics,
    State,
    Tape,
    contiguous,
    in_memory,
    room,
)
from pyjobs.strategy.signals import Setup
from utils import native
from utils.errors import BadDataError
from utils.native import address

EXPORTS = {"alone": "iIFFFBBFFFFiiiFFFFddF", "worth": "iIFiiFiddFiF"}
ENTRY_TS, ENTRY_PRICE, STOP, EXIT_TS, EXIT_PRICE, REASON = 2, 3, 4, 5, 6, 7
FIGURES = 3  # of `run_figures`


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
        out, figures = np.empty(max(len(self.bars) - self.start, 0)), np.empty(FIGURES)
        (ts_ms, *_, close), n = contiguous(self.bars)[1], len(self.rows)
        _library()["worth"](
            *(ts_ms, close, self.start, len(self.bars), address(self.rows), n),
            *(money.cash, money.fee, address(out), 1, address(figures)),
        )
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
    figures = np.empty(FIGURES)
    start, n = _ran(bars, setup, money, semantics, start_ms, address(figures))
    gain, deepest, _ = figures.tolist()
    return SymbolResult(
        symbol=symbol,
        bars=bars,
        start=start,
        rows=room.trades[:n].copy(),
        total_return=gain,
        max_drawdown=deepest,
        vector=room.state.copy(),
    )


def run_figures(
    bars: Bars, setups: Sequence[Setup], *, money: Money, semantics: Semantics = "own", start_ms: int | None = None
) -> FloatArray:
    """Of `run_symbol` with each setup: total return, deepest fall, entries filled. Shape (len(setups), FIGURES)."""
    out = np.empty((len(setups), FIGURES))
    at = address(out)
    for i, setup in enumerate(setups):
        _ran(bars, setup, money, semantics, start_ms, at + i * out.strides[0])
    return out


def _ran(
    bars: Bars, setup: Setup, money: Money, semantics: Semantics, start_ms: int | None, figures_at: int
) -> tuple[int, int]:
    """The first bar folded, and how many trades there are in the thread's `room`, with the state after the last bar."""
    start = 0 if start_ms is None else int(np.searchsorted(bars.ts_ms, start_ms))
    signals = setup.signals(bars)
    tape, (_, rules_at) = Tape(bars, signals), in_memory(Rules.of(signals, semantics))
    room.hold(2 * (len(bars) - start) + 1)
    room.state[:] = _flat()
    n = _library()["alone"](
        *(*tape.at, start, len(bars), room.state_at, rules_at, room.trades_at),
        *(tape.close_at, money.cash, money.fee, figures_at),
    )
    return start, n


def refuse_too_short(bars_by_symbol: Mapping[str, Bars], setup: Setup) -> None:
    """Raise BadDataError when not one symbol can be decided."""
    longest = max((len(bars) for bars in bars_by_symbol.values()), default=0)
    if longest < setup.lookback:
        raise BadDataError(f"the strategy looks back on {setup.lookback} bars, and the longest series has {longest}")


@lru_cache(maxsize=1)
def _flat() -> FloatArray:
    return np.array(FLAT.vector())


@lru_cache(maxsize=1)
def _library() -> native.Library:
    return native.load("account", (kernel, ledger), EXPORTS)
