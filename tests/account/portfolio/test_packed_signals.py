"""PackedSignals keep of signals what an account looks at, also of a stretch of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.strategy import kernel
from pyjobs.strategy.signals import Signals

NAN = float("nan")


def signals() -> Signals:
    return Signals(
        side="long",
        entry=np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0], np.bool_),
        exit=np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1], np.bool_),
        stop=np.array([9.0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN]),
    )


def leaving(packed: PackedSignals) -> list[int]:
    return np.flatnonzero(np.unpackbits(packed.leaving, bitorder="little")[: packed.size]).tolist()


def test_a_bar_that_wants_in_and_out_is_no_entry() -> None:
    packed = PackedSignals.of(signals())
    assert (packed.size, packed.entries.tolist(), leaving(packed)) == (11, [0, 9], [1, 8, 10])


def test_a_level_that_no_entry_carries_takes_no_column() -> None:
    packed = PackedSignals.of(signals())
    assert packed.has == kernel.HAS_STOP
    np.testing.assert_array_equal(packed.levels, [[9.0], [NAN]])


def test_a_stretch_counts_its_bars_from_its_own_first() -> None:
    part = PackedSignals.of(signals()).slice(8, 99)
    assert (part.size, part.entries.tolist(), leaving(part)) == (3, [1], [0, 2])
    np.testing.assert_array_equal(part.levels, [[NAN]])


def test_columns_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one entry per bar, 11"):
        PackedSignals.of(replace(signals(), exit=np.zeros(10, np.bool_)))
