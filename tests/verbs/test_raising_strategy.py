"""A strategy that raises on one instrument, or an account that cannot be computed: named, and it costs nothing else."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pyjobs import account_backtest, setup_backtest
from pyjobs.market.bars import SeriesKey
from pyjobs.market.store.open_store import open_store
from utils import paths
from utils.run import run

OWN = """
from dataclasses import dataclass
import numpy as np
from pyjobs.strategy.entry import Entry
from pyjobs.strategy.signals import Signals, no_stop

@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    side: str = "long"
    @property
    def lookback(self):
        return LOOKBACK
    def signals(self, bars):
        if bars.close[-1] == CLOSE:
            raise ZeroDivisionError("by hand \\x1b[2J")
        entry = np.arange(len(bars)) % 7 == 0
        return Signals(entry=entry, exit=~entry, stop=no_stop(bars))
    def why(self, bars, t):
        return "seven"

ENTRY = Entry(make=Own, ranges={})
"""


@pytest.fixture
def of_two(desk: list[str], tmp_path: Path) -> list[str]:
    """Two instruments, two accounts, and a setup `own` that raises on AAA beside one that does not."""
    path = Path(desk[-1])
    text = path.read_text().replace("setups:\n", "setups:\n  own: {}\n")
    path.write_text(
        text.replace("setups:\n", "  two: {currency: KRW, cash: 7, max_positions: 1, max_weight: 1}\nsetups:\n")
    )
    own(close=open_store().read(SeriesKey(exchange="X", symbol="AAA", timeframe="1d")).close[-1])
    (tmp_path / "run").mkdir()
    return ["--desk", str(path), "--out", str(tmp_path / "run")]


def own(close: float = 0.0, lookback: str = "3") -> None:
    (paths.root() / "strategies").mkdir(parents=True, exist_ok=True)
    (paths.root() / "strategies/own.py").write_text(f"CLOSE, LOOKBACK = {float(close)!r}, {lookback}\n{OWN}")


def test_a_setup_that_raises_on_one_instrument_has_its_triggers_on_the_other(
    of_two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(setup_backtest.main, of_two) == 1
    with (tmp_path / "run/backtests/triggers.csv").open() as file:
        seen = {(row["symbol"], row["setup"]) for row in csv.DictReader(file)}
    assert seen == {("AAA", "ma_cross"), ("BBB", "ma_cross"), ("BBB", "own")}
    note = r"[WARN] setup own cannot be decided for X:AAA:1d: ZeroDivisionError: by hand \x1b[2J"
    assert note in json.loads((tmp_path / "run/backtests/setups.json").read_text())["notes"]
    said = capsys.readouterr()
    assert note in said.out and note in said.err and "\x1b" not in said.out + said.err


def test_an_account_is_computed_without_it_and_says_what_is_left_out(
    of_two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(account_backtest.main, of_two) == 1
    for account in ("krw", "two"):
        metrics = json.loads((tmp_path / f"run/portfolio/{account}/constrained/metrics.json").read_text())
        why = r"own cannot be decided: ZeroDivisionError: by hand \x1b[2J"
        assert metrics["left_out"] == [{"symbol": "AAA", "timeframe": "1d", "why": why}]
    with (tmp_path / "run/portfolio/krw/unconstrained/trades.csv").open() as file:
        seen = {(row["symbol"], row["setup"]) for row in csv.DictReader(file)}
    assert seen == {("AAA", "ma_cross"), ("BBB", "ma_cross"), ("BBB", "own")}
    assert capsys.readouterr().out.count("[WARN] setup own cannot be decided for X:AAA:1d") == 1


def test_an_account_that_cannot_be_computed_hides_no_other(
    of_two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own()
    (tmp_path / "run/portfolio").mkdir()
    (tmp_path / "run/portfolio/krw").touch()  # a file in its folder's place
    assert run(account_backtest.main, of_two) == 73
    assert (tmp_path / "run/portfolio/two/constrained/metrics.json").is_file()
    assert "[WARN] account krw cannot be computed: " in capsys.readouterr().out


@pytest.mark.parametrize("lookback", ["1 / 0", "-1", "2.5", "None", "'9'"])
def test_how_far_it_looks_back_is_asked_when_the_desk_is_read(
    lookback: str, of_two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own()
    path = paths.root() / "strategies/own.py"
    path.write_text(path.read_text().replace("return LOOKBACK", f"return {lookback}"))
    assert run(account_backtest.main, of_two) == 78
    said = capsys.readouterr().err
    assert "setups.own: its lookback " in said and "Traceback" not in said
    assert not (tmp_path / "run/portfolio").exists()
