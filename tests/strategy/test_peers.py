"""--semantics against the engines they are named after: their recorded answers, and themselves where installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pyjobs.account.single.engine import Money, Result, run
from pyjobs.market.bars import Bars
from pyjobs.strategy.lifecycle import SEMANTICS, Semantics
from pyjobs.strategy.signals import Signals
from tests.bench.peers.cases import ABSENT, PYTHON, SCRIPTS, Case, Row, ask, cases, recorded

DAY = 86_400_000
RECORD = recorded()
OTHERS: tuple[Semantics, ...] = tuple(name for name in SEMANTICS if name in SCRIPTS)
installed = pytest.mark.skipif(not PYTHON.exists(), reason=f"the other engines are {ABSENT}")


class Told:
    """A strategy that wants what a case wants, at its bars."""

    lookback = 1

    def __init__(self, case: Case) -> None:
        self.case = case

    def signals(self, bars: Bars) -> Signals:
        case, n = self.case, len(bars)
        more = {"short_entry": self.flags(n, "short_entry"), "short_exit": self.flags(n, "short_exit")}
        if "stop_distance" in case:
            more["stop_distance"] = np.array(case["stop_distance"], float)
        return Signals(
            entry=self.flags(n, "entry"), exit=self.flags(n, "exit"), stop=np.full(n, np.nan),
            stop_loss=case.get("stop_loss", 0.0), take_profit=case.get("target", 0.0), trail=case.get("trail", 0.0),
            **more,
        )  # fmt: skip

    def flags(self, n: int, name: str) -> np.ndarray:
        return np.isin(np.arange(n), self.case.get(name, []))

    def why(self, bars: Bars, t: int) -> str:
        raise NotImplementedError


def ran(case: Case, semantics: Semantics) -> Result:
    opening, high, low, close = np.array(case["ohlc"], float).T
    ts_ms = np.arange(1, len(close) + 1, dtype=np.int64) * DAY
    bars = Bars(ts_ms=ts_ms, open=opening, high=high, low=low, close=close, volume=np.ones(len(close)))
    return run({"X": bars}, Told(case), money=Money(fee_bps=case.get("fee", 0.0) * 1e4), semantics=semantics)


def ours(case: Case, semantics: Semantics) -> list[Row]:
    """As `--trades` has them, but for the gain: theirs is of the entry's notional without its fee."""
    result = ran(case, semantics)
    fee, (symbol,) = result.money.fee, result.symbols
    entry, leave = (symbol.bar_numbers(column).tolist() for column in (2, 5))
    gains = (symbol.net_returns(fee) * (1 + fee)).tolist()
    return [
        Row("long" if row[0] > 0 else "short", entry[i], row[3], leave[i], row[6], gains[i], row[7] == 0)
        for i, row in enumerate(symbol.rows.tolist())
    ]


def assert_same(case: Case, theirs: list[Row], semantics: Semantics, name: str) -> None:
    """The same bars and prices. vectorbt's prices went through sums of money and back, hence 1e-12.

    backtesting.py does not mark an open trade.
    """
    near = 1e-12 if semantics == "vectorbt" else 0.0
    mine = ours(case, semantics)
    assert [row[:2] for row in mine] == [row[:2] for row in theirs], name
    for own, other in zip(mine, theirs, strict=True):
        assert own.entry_price == pytest.approx(other.entry_price, rel=near, abs=0), name
        assert own.still_open == other.still_open, name
        if other.exit_bar is not None:
            assert own.exit_bar == other.exit_bar, name
            assert own.exit_price == pytest.approx(other.exit_price, rel=near, abs=0), name
            assert own.gain == pytest.approx(other.gain, abs=1e-12), name


@pytest.mark.parametrize("name", RECORD)
@pytest.mark.parametrize("semantics", OTHERS)
def test_every_trade_is_the_one_the_engine_recorded(semantics: Semantics, name: str) -> None:
    case = RECORD[name]
    assert_same(case, [Row(*row) for row in case["answers"][semantics]], semantics, name)


def test_the_record_tells_the_conventions_apart() -> None:
    own, backtesting_py, vectorbt = ([ours(case, each) for case in RECORD.values()] for each in SEMANTICS)
    assert own != backtesting_py != vectorbt != own
    assert sum(map(len, own)) > 300


@installed
@pytest.mark.torture
@pytest.mark.parametrize("semantics", OTHERS)
def test_every_trade_is_the_one_the_engine_makes_now(semantics: Semantics) -> None:
    asked = {f"{name}, market {seed}": case for seed in range(3, 23) for name, case in cases(seed, 400).items()}
    _, answers = ask(semantics, list(asked.values()))
    assert sum(map(len, answers)) > 5000
    for (name, case), theirs in zip(asked.items(), answers, strict=True):
        assert_same(case, theirs, semantics, name)


@installed
@pytest.mark.torture
@pytest.mark.parametrize("semantics", OTHERS)
def test_the_golden_table_is_what_the_engines_say_and_what_we_say(golden_cases: Path, semantics: Semantics) -> None:
    table = json.loads((golden_cases / "stop_micro_cases.json").read_text())
    peer = {
        "vectorbt": "vectorbt [stop_entry_price=fillprice]",
        "backtesting_py": "backtesting.py [arm at close of entry bar]",
    }
    before = [100.0, 100.0, 100.0, 100.0]  # backtesting.py asks nobody at the close of the very first bar
    asked = [
        {"ohlc": [before, *case["bars"]], "entry": [1], "stop_loss": 0.05,
         "exit": [] if case["exit_signal_bar"] is None else [case["exit_signal_bar"] + 1]}
        for case in table["cases"].values()
    ]  # fmt: skip
    _, answers = ask(semantics, asked)
    for name, case, theirs in zip(table["cases"], asked, answers, strict=True):
        closed = [[row.exit_bar - 1, pytest.approx(row.exit_price)] for row in theirs if not row.still_open]
        expected = table["peers"][peer[semantics]][name]
        assert closed == ([] if expected is None else [expected]), name
        assert_same(case, theirs, semantics, name)
