"""run_sweep and walk_forward as a user runs them."""

from __future__ import annotations

import csv
import json
from types import ModuleType

import numpy as np
import pytest

from pyjobs import run_sweep, walk_forward
from pyjobs.runs import manifest
from pyjobs.runs.backtests import backtest_folder
from utils.exit_codes import ExitCode
from utils.run import run


def test_a_sweep_is_a_run_with_every_trial_a_heat_map_and_a_word_about_luck(desk: list[str]) -> None:
    grid = ["--sweep", "fast=3,5,20", "--sweep", "slow=20,40"]
    assert run(run_sweep.main, [*desk, *grid]) == run(run_sweep.main, [*desk, *grid]) == ExitCode.OK
    a, b = backtest_folder.runs_of(backtest_folder.backtests_dir(), "sweep-ma_cross")
    assert manifest.verify(a) == []
    names = sorted(path.name for path in a.iterdir())
    assert names == ["heatmap.png", "index.html", "manifest.json", "metrics.json", "report.txt", "sweep.csv"]
    assert [name for name in names if (a / name).read_bytes() != (b / name).read_bytes()] == ["manifest.json"]
    with (a / "sweep.csv").open() as handle:
        trials = list(csv.DictReader(handle))
    told = json.loads((a / "metrics.json").read_text())
    assert len(trials) == 5  # 20 and 20 do not ascend
    assert told["left_out"] == ["fast=20 slow=20: fast 20 must be less than slow 20"]
    best = max(trials, key=lambda row: float(row["sharpe"]))
    assert told["best"]["params"] == {"fast": int(best["fast"]), "slow": int(best["slow"])}
    assert told["start"] == "2023-03-02"  # 20 sessions in January, 20 in February: the 41st, for all of them
    assert "deflated Sharpe ratio" in (a / "report.txt").read_text()


def test_a_walk_forward_is_a_run_whose_returns_are_those_of_its_folds(desk: list[str]) -> None:
    grid = ["--sweep", "fast=3,5", "--sweep", "slow=20,40", "--train", "120", "--test", "40"]
    assert run(walk_forward.main, [*desk, *grid]) == ExitCode.OK
    (folder,) = backtest_folder.runs_of(backtest_folder.backtests_dir(), "walk-ma_cross")
    assert manifest.verify(folder) == []
    with (folder / "folds.csv").open() as handle:
        folds = list(csv.DictReader(handle))
    with (folder / "daily_returns.csv").open() as handle:
        returns = [float(row["return"]) for row in csv.DictReader(handle)]
    told = json.loads((folder / "metrics.json").read_text())
    assert len(returns) == 40 * len(folds)
    growth = np.prod([1 + float(fold["test_return"]) for fold in folds])
    assert growth - 1 == pytest.approx(told["total_return"])
    assert all(fold["train_end"] < fold["test_start"] for fold in folds)


@pytest.mark.parametrize("verb", [run_sweep, walk_forward])
def test_what_is_swept_counts_and_not_the_desks_own_value_of_it(desk: list[str], verb: ModuleType) -> None:
    spans = ["--train", "120", "--test", "40"] if verb is walk_forward else []
    flags = ["--sweep", "fast=2,3", "--param", "slow=4", *spans]  # the desk's own fast is not below 4
    assert run(verb.main, [*desk, *flags]) == ExitCode.OK
    kind = "walk" if verb is walk_forward else "sweep"
    (folder,) = backtest_folder.runs_of(backtest_folder.backtests_dir(), f"{kind}-ma_cross")
    told = json.loads((folder / "metrics.json").read_text())
    assert told["params"]["slow"] == 4 and told["params"]["fast"] in (2, 3)


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--sweep", "fast=1:2"], ExitCode.USAGE, "write K="),
        (["--sweep", "fats=1,2"], ExitCode.BAD_CONFIG, "unknown parameter 'fats'"),
        (["--sweep", "fast=30,40"], ExitCode.BAD_CONFIG, "must be less than slow 20"),
        (["--sweep", "fast=1..200", "--sweep", "slow=201..300"], ExitCode.USAGE, "are more than 10000"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused(
    desk: list[str], capsys: pytest.CaptureFixture[str], flags: list[str], code: int, says: str
) -> None:
    assert run(run_sweep.main, [*desk, *flags]) == code
    assert says in capsys.readouterr().err


def test_a_window_too_short_to_walk_is_usage(desk: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--sweep", "fast=3,5", "--train", "400", "--test", "100"]
    assert run(walk_forward.main, [*desk, *flags]) == ExitCode.USAGE
    assert "too few to train on 400" in capsys.readouterr().err
