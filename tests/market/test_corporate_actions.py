"""Splits worked into raw prices."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.corporate_actions import Split, adjusted, read_splits
from utils.errors import BadDataError

HEADER = "symbol,session,action,ratio,note\n"


def test_prices_before_a_split_are_divided_and_volumes_multiplied_and_two_splits_compound() -> None:
    price = np.array([1000.0, 1100.0, 110.0, 55.0])
    bars = Bars(
        ts_ms=np.arange(4), open=price, high=price, low=price, close=price, volume=np.array([1.0, 2.0, 3.0, 4.0])
    )
    days = [dt.date(2026, 1, day) for day in (1, 2, 5, 6)]
    splits = [
        Split(symbol="A", session=dt.date(2026, 1, 5), ratio=10.0),
        Split(symbol="A", session=dt.date(2026, 1, 6), ratio=2.0),
    ]
    new = adjusted(bars, splits, days)
    assert new.close.tolist() == [50.0, 55.0, 55.0, 55.0]
    assert new.volume.tolist() == [20.0, 40.0, 6.0, 4.0]


def test_only_splits_are_read_by_session_and_a_reverse_one_is_below_one(tmp_path: Path) -> None:
    path = tmp_path / "corporate_actions.csv"
    path.write_text(
        HEADER + "B,2026-02-02,split,1:10,\nA,2025-01-02,dividend,5,\nA,2018-05-04,split,50:1,Samsung's was like this\n"
    )
    assert [(s.symbol, s.ratio) for s in read_splits(path)] == [("A", 50.0), ("B", 0.1)]
    assert read_splits(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    "row", ["A,2018-05-04,split,x:1,", "A,May,split,50:1,", "A,2018-05-04,split,0:1,", "A,2018-05-04,split,1:0"]
)
def test_a_split_that_cannot_be_read_names_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "corporate_actions.csv"
    path.write_text(HEADER + row + "\n")
    with pytest.raises(BadDataError, match="line 2"):
        read_splits(path)
