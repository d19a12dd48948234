"""How a sweep falls into pieces: each symbol and parameter set in exactly one, none too large."""

from __future__ import annotations

import numpy as np
import pytest

from pyjobs.account.single.engine import Money
from pyjobs.account.single.sweep import Lot, packed, shares, together, unpacked
from pyjobs.market.bars import Bars
from pyjobs.strategy.registry import make_setup


def bars(n: int) -> Bars:
    column = np.ones(n)
    return Bars(ts_ms=np.arange(n, dtype=np.int64), open=column, high=column, low=column, close=column, volume=column)


def lot(n_setups: int, *lengths: int) -> Lot:
    made = tuple(map(bars, lengths))
    return Lot(bars=made, setups=b"", n_setups=n_setups, money=Money(), semantics="own", start_ms=None)


def test_neighbours_go_together_up_to_so_many_bars_and_a_longer_one_goes_alone() -> None:
    lengths = [[len(each) for each in group] for group in together([bars(n) for n in (4, 3, 3, 11, 2, 8, 1)], 10)]
    assert lengths == [[4, 3, 3], [11], [2, 8], [1]]


@pytest.mark.parametrize(
    ("n_setups", "lengths", "piece", "wanted"),
    [
        (10, (100,), 1_000, [(0, 10)]),
        (10, (100,), 999, [(0, 5), (5, 10)]),  # a little more than one piece is two halves
        (10, (60, 40), 250, [(0, 2), (2, 5), (5, 7), (7, 10)]),
        (3, (1_000,), 10, [(0, 1), (1, 2), (2, 3)]),  # one setup on one symbol is never cut
        (4, (0,), 10, [(0, 4)]),
    ],
)
def test_setups_are_shared_out_evenly(
    n_setups: int, lengths: tuple[int, ...], piece: int, wanted: list[tuple[int, int]]
) -> None:
    assert shares(lot(n_setups, *lengths), piece) == wanted


def test_what_is_packed_comes_back_as_it_was() -> None:
    setups = tuple(make_setup("ma_cross", {"fast": n, "slow": 90, "stop_loss": 0.05}, source="x") for n in range(2, 60))
    assert unpacked(packed(setups)) == setups
    assert len(packed(setups)) < 58 * 20  # bytes: the names are sent once
