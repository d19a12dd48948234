"""A long series goes in pieces: the same bits as at once, in memory that does not grow with it."""

from __future__ import annotations

import tracemalloc

import pytest

from pyjobs.account.single.bt_files import trade_lines
from pyjobs.account.single.engine import Money, SymbolResult, run_figures, run_symbol
from pyjobs.account.single.many_sets import ManySets
from pyjobs.market import bars as schema
from pyjobs.strategy.lifecycle import SEMANTICS
from pyjobs.strategy.registry import REGISTRY, bound, make_setup, needs
from pyjobs.strategy.signals import Setup
from tests.support.walks import days, walk

DAY = 86_400_000
MONEY = Money(fee_bps=10)
EXITS = {"stop_loss": 0.04, "trail_atr": 3.0, "target": 0.1, "max_bars": 30}


def made(name: str, exits: dict[str, float]) -> Setup:
    setup = make_setup(name, exits, source="here")
    return bound(setup, walk(days(1_500), 7, gaps=True)) if needs(setup) else setup


def told(result: SymbolResult) -> list[object]:
    figures = (result.total_return, result.max_drawdown, *trade_lines(result, MONEY.fee))
    return [*figures, result.rows.tobytes(), result.vector.tobytes(), result.equity(MONEY).tobytes()]


@pytest.mark.parametrize("exits", [{}, EXITS], ids=["plain", "exits"])
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_pieces_give_the_same_bits_as_the_whole(
    monkeypatch: pytest.MonkeyPatch, name: str, exits: dict[str, float]
) -> None:
    setup, bars = made(name, exits), walk(days(1_500), 7, gaps=True)
    for semantics, start_ms in ((SEMANTICS[0], None), (SEMANTICS[1], int(bars.ts_ms[700]))):
        monkeypatch.undo()
        whole = told(run_symbol("S", bars, setup, money=MONEY, semantics=semantics, start_ms=start_ms))
        assert len(whole) > 5  # figures and bytes, and a trade at least
        for size in (1, 37, 499, 1_499):
            monkeypatch.setattr(schema, "PIECE_BARS", size)
            again = run_symbol("S", bars, setup, money=MONEY, semantics=semantics, start_ms=start_ms)
            assert told(again) == whole, size


def test_there_are_trades_that_go_on_over_the_edge_of_a_piece() -> None:
    rows = run_symbol("S", walk(days(1_500), 7, gaps=True), made("ma_cross", {}), money=MONEY).rows
    entered, left = ((rows[:, i] / DAY - 20_000).astype(int) for i in (2, 5))
    assert len(rows) > 10
    assert (entered // 37 < left // 37).any()


def test_several_strategies_on_one_series_are_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    setups, bars = [made(name, {}) for name in sorted(REGISTRY)], walk(days(1_500), 7, gaps=True)
    alone = [run_symbol("S", bars, setup, money=MONEY) for setup in setups]
    figures = [[each.total_return, each.max_drawdown, each.n_trades] for each in alone]
    assert run_figures(bars, ManySets(setups, "own"), money=MONEY).tolist() == figures
    monkeypatch.setattr(schema, "PIECE_BARS", 400)
    assert run_figures(bars, ManySets(setups, "own"), money=MONEY).tolist() == figures


def test_a_trade_list_is_the_same_however_many_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_symbol("S", walk(days(1_500), 7, gaps=True), made("ma_cross", {}), money=MONEY)
    lines = list(trade_lines(result, MONEY.fee))
    monkeypatch.setattr("pyjobs.account.single.bt_files.TOGETHER", 3)
    assert list(trade_lines(result, MONEY.fee)) == lines
    assert len(lines) == result.n_trades > 6


def test_memory_does_not_grow_with_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk stays below 1e15: averages of larger prices are summed another way, with more held at a time."""
    monkeypatch.setattr(schema, "PIECE_BARS", 10_000)
    setup, peaks = make_setup("ma_cross", {"fast": 50, "slow": 400, **EXITS}, source="here"), []
    for n in (20_000, 200_000):
        bars = walk(days(n), 3, drift=0, moves=0.002, gaps=True)
        run_symbol("S", bars.slice(0, 20_000), setup, money=MONEY)  # a thread keeps its room for trades
        tracemalloc.start()
        result = run_symbol("S", bars, setup, money=MONEY)
        peaks.append(tracemalloc.get_traced_memory()[1] - 2 * result.rows.nbytes)
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000 < 8 * 200_000  # one indicator of the whole would be that
