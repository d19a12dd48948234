"""Whoever makes the second half of the signals, the account gets the same signals and the same prices."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from pyjobs.account.portfolio.aligned_bars import AHEAD, AlignedBars
from pyjobs.account.portfolio.signals import of_series
from pyjobs.account.portfolio.signals.of_series import Named, packed_signals_of
from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.strategy.library.ma_cross import MaCross
from pyjobs.strategy.registry import make_setups
from pyjobs.strategy.signals import Setup, Signals
from tests.support.alone import alone
from tests.support.walks import days, walk
from utils.pieces import forked

SETUPS = make_setups({"ma_cross": {"side": "both"}, "breakout": {}, "rsi_reversion": {}}, source="test")
SERIES = [walk(days(300 + 7 * number), number, gaps=True) for number in range(2 * AHEAD + 5)]
# one number is left out, one has a single strategy, one comes after a gap
WANTED = {n: {"ma_cross": SETUPS["ma_cross"]} if n == 100 else dict(SETUPS) for n in range(len(SERIES)) if n != 70}

needs_a_copy = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and a second core"
)


def made(wanted: dict[int, dict[str, Setup]], *, second_core: bool) -> tuple[dict[int, Named], AlignedBars]:
    aligned = AlignedBars(SERIES, shared=True)
    return packed_signals_of(aligned, wanted, second_core=second_core), aligned


def content(found: dict[int, Named]) -> list[object]:
    return [
        (
            number,
            name,
            x.size,
            x.has,
            x.rules,
            x.entries.tolist(),
            x.levels.tobytes(),
            x.levels.shape,
            x.leaving.tolist(),
        )
        for number, named in found.items()
        for name, x in named
    ]


def test_a_series_in_one_piece_with_others_travels_alone() -> None:
    aligned, source = AlignedBars(SERIES, shared=False), SERIES[3]
    content = pickle.dumps(aligned.bars(3))
    there = pickle.loads(content)
    assert type(there) is Bars and len(content) < 8 * 6 * len(source) + 2_000
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(there, name), getattr(source, name))


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what copies have given back, or -1 where one failed; copies are made of the least work."""
    sizes: list[int] = []
    result = forked.Copy.result

    def seen(copy: forked.Copy) -> memoryview | None:
        given = result(copy)
        sizes.append(-1 if given is None else len(given))
        return given

    monkeypatch.setattr(forked.Copy, "result", seen)
    monkeypatch.setattr(of_series, "IN_TWO_FROM", 1)
    return sizes


@needs_a_copy
@alone
def test_two_halves_are_the_whole_to_the_bit(copied: list[int]) -> None:
    alone, there = made(WANTED, second_core=False)
    assert copied == []
    found, aligned = made(WANTED, second_core=True)
    assert [size > 0 for size in copied] == [True]
    assert content(found) == content(alone)
    for number in range(len(SERIES)):
        for name in ("open", "high", "low", "close", "ts_ms"):
            np.testing.assert_array_equal(getattr(aligned.bars(number), name), getattr(SERIES[number], name))
    assert {name for name, _ in found[1]} == set(SETUPS) and len(found[1]) == 4  # ma_cross on both sides
    assert there.prices.tobytes() == aligned.prices.tobytes()


@needs_a_copy
@alone
def test_where_the_copy_fails_its_half_is_made_here(copied: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    alone, _ = made(WANTED, second_core=False)
    here = os.getpid()
    write = of_series._write

    def killed(*args: object) -> None:
        assert os.getpid() != here
        os.kill(os.getpid(), signal.SIGKILL)
        write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(of_series, "_write", killed)
    found, aligned = made(WANTED, second_core=True)
    assert copied == [-1]
    assert content(found) == content(alone)
    np.testing.assert_array_equal(aligned.bars(len(SERIES) - 1).close, SERIES[-1].close)


@dataclass(frozen=True)
class Own:
    """A strategy that is not one of ours: it may use threads."""

    lookback: int = 5

    def signals(self, bars: Bars) -> Signals:
        return MaCross(fast=2, slow=4).signals(bars)

    def why(self, _: Bars, t: int) -> str:
        return f"bar {t}"


@needs_a_copy
@alone
def test_a_users_own_strategy_stays_in_this_process(copied: list[int]) -> None:
    own: dict[str, Setup] = {"own": Own()}
    found, _ = made(dict.fromkeys(range(len(SERIES)), own), second_core=True)
    assert (copied, len(found)) == ([], len(SERIES))


def test_without_series_there_is_nothing_to_make() -> None:
    assert packed_signals_of(AlignedBars([], shared=True), {}, second_core=True) == {}
