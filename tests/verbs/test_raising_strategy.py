"""A strategy that raises on one instrument, or an account that cannot be computed: named, and it costs nothing else."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pyjobs import account_backtest, run_bt, run_sweep, setup_backtest, walk_forward
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


RAISED = r"strategy own: ZeroDivisionError: by hand \x1b[2J (own.py, line 16), asked about "


def noted(home: Path) -> list[str]:
    return list(map(str, json.loads((home / "run/backtests/setups.json").read_text())["notes"]))


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
    assert run(setup_backtest.main, of_two) == 78
    with (tmp_path / "run/backtests/triggers.csv").open() as file:
        seen = {(row["symbol"], row["setup"]) for row in csv.DictReader(file)}
    assert seen == {("AAA", "ma_cross"), ("BBB", "ma_cross"), ("BBB", "own")}
    note = rf"setup own cannot be decided for X:AAA:1d: {RAISED}"
    assert any(each.startswith(f"[WARN] {note}") for each in noted(tmp_path))
    said = capsys.readouterr()
    assert note in said.out and note in said.err and "\x1b" not in said.out + said.err
    assert "Traceback" not in said.err and len(said.err.splitlines()) == 1


def test_an_account_is_computed_without_it_and_says_what_is_left_out(
    of_two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(account_backtest.main, of_two) == 78
    for account in ("krw", "two"):
        metrics = json.loads((tmp_path / f"run/portfolio/{account}/constrained/metrics.json").read_text())
        (left,) = metrics["left_out"]
        assert left["symbol"] == "AAA" and left["why"].startswith(f"own cannot be decided: {RAISED}")
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


def test_a_backtest_of_it_is_of_the_other_instrument_and_fails(
    desk: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = open_store().read(SeriesKey(exchange="X", symbol="AAA", timeframe="1d"))
    own(close=bars.close[-1])
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    flags = [*desk[2:], "--benchmarks", "S&P500", "--root", str(tmp_path / "bt"), "--despite-look-ahead"]
    assert run(run_bt.main, ["--strategy", "own", *flags]) == 78
    (metrics,) = (tmp_path / "bt").glob("*_own/metrics.json")
    assert [each["symbol"] for each in json.loads(metrics.read_text())["left_out"]] == ["AAA"]
    said = capsys.readouterr()
    assert (
        said.err
        == f"run_bt: setup own cannot be decided for X:AAA:1d: {RAISED}{len(bars)} bars up to 2024-06-28T06:30Z\n"
    )
    assert run(run_bt.main, ["--strategy", "own", *flags[:-1]]) == 65  # it is judged before, by the other one
    assert "strategy own: looks_ahead: entry at bar 7 changes" in capsys.readouterr().err


def test_what_raises_on_every_instrument_is_not_said_to_look_ahead(
    desk: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own()
    path = paths.root() / "strategies/own.py"
    path.write_text(path.read_text().replace("if bars.close[-1] == CLOSE:", "if True:"))
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    flags = ["--strategy", "own", *desk[2:], "--benchmarks", "S&P500", "--root", str(tmp_path / "bt")]
    assert run(run_bt.main, flags) == 78
    said = capsys.readouterr()
    assert said.err.startswith(f"run_bt: setup own cannot be decided for X:AAA:1d: {RAISED}")
    assert "looks_ahead" not in said.out + said.err and "figures mean nothing" not in said.out


def test_a_sweep_of_it_ends_by_the_set_and_the_instrument(desk: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    own(close=open_store().read(SeriesKey(exchange="X", symbol="BBB", timeframe="1d")).close[-1])
    for verb in (run_sweep, walk_forward):
        flags = ["--strategy", "own", *desk[2:], "--despite-look-ahead", "--sweep", "max_bars=3,5"]
        assert run(verb.main, flags) == 78
        assert f"X:BBB:1d: {RAISED}" in capsys.readouterr().err
