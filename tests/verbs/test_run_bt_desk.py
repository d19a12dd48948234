"""run_bt as a user runs it, on a small desk of generated prices."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from pyjobs import account_backtest, compare_runs
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.runs import manifest
from pyjobs.runs.backtests import backtest_folder
from tests.verbs.support.run_bt_desk import (
    DESK,
    LAST,
    backtest,
    desk,  # noqa: F401  # the fixture
    latest,
    metrics,
    put,
    store,
)
from utils import paths
from utils.exit_codes import ExitCode
from utils.run import run

RESULTS = [
    "index.html",
    "daily_returns.csv",
    "equity_curve.csv",
    "equity_curve.png",
    "metrics.json",
    "report.txt",
    "manifest.json",
]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_a_run_is_a_folder_with_every_file_and_its_manifest_holds(desk: Path) -> None:
    assert backtest(desk) == ExitCode.OK
    folder = latest()
    assert set(RESULTS) <= {path.name for path in folder.iterdir()}
    assert manifest.verify(folder) == []
    curve, told = rows(folder / "equity_curve.csv"), metrics(folder)
    assert (curve[0]["session"], curve[-1]["session"]) == (told["start"], LAST)
    assert float(curve[0]["equity"]) == 10_000_000
    returns = rows(folder / "daily_returns.csv")
    growth = np.prod([1 + float(row["return"]) for row in returns[1:]])
    assert returns[0]["return"] == ""
    assert growth - 1 == pytest.approx(told["total_return"])
    assert told["sessions_per_year"] == 245  # XKRX from 2022 to 2026, counted in its calendar file
    assert metrics(folder / "accounts" / "usd")["currency"] == "USD"
    assert list(told["benchmarks"]) == ["IDX"]
    assert metrics(folder / "accounts" / "usd")["benchmarks"] == {}  # no benchmark in dollars on this desk
    assert {"equity_curve.png", "monthly_returns.png"} <= {path.name for path in (folder / "accounts/usd").iterdir()}


def test_the_page_of_a_run_says_what_its_report_says_and_every_link_of_it_leads_somewhere(desk: Path) -> None:
    assert backtest(desk) == ExitCode.OK
    page, report = ((latest() / name).read_text() for name in ("index.html", "report.txt"))
    for figure in ("total return", "CAGR", "Sharpe", "max drawdown", "win rate", "profit factor"):
        told = next(line for line in report.splitlines() if line.startswith(figure))[len(figure) :].split()[0]
        assert re.search(rf">{figure}</td>.*?{re.escape(told)}", page), figure
    links = re.findall(r'(?:href|src)="([^#"]*?)"', page)
    assert {"trades_AAA_1d.png", "accounts/usd/trades.csv"} <= set(links)
    assert all((latest() / unquote(each)).is_file() for each in links)
    assert "made-up" not in page  # only the sample is marked so


def test_the_report_says_of_each_account_since_when_it_runs(desk: Path) -> None:
    bars = store().read(SeriesKey(exchange="X", symbol="CCC", timeframe="1d"))
    shutil.rmtree(store().folder(SeriesKey(exchange="X", symbol="CCC", timeframe="1d")))
    put("CCC", bars.slice(300, len(bars)))  # the dollar account's only share is listed in 2023
    assert backtest(desk) == ExitCode.OK
    begins, length = (line.split() for line in (latest() / "report.txt").read_text().splitlines()[4:6])
    homes = [rows(latest() / name) for name in ("equity_curve.csv", "accounts/usd/equity_curve.csv")]
    assert begins == ["from", *(curve[0]["session"] for curve in homes)]
    assert length == ["sessions", *(str(len(curve)) for curve in homes)]
    assert begins[1] < "2023" < begins[2]


def test_two_runs_of_the_same_inputs_are_the_same_to_the_byte(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest(desk) == backtest(desk) == ExitCode.OK
    a, b = backtest_folder.runs_of(backtest_folder.backtests_dir(), "ma_cross")
    names = sorted(path.relative_to(a).as_posix() for path in a.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(b).as_posix() for path in b.rglob("*") if path.is_file())
    assert [name for name in names if (a / name).read_bytes() != (b / name).read_bytes()] == ["manifest.json"]
    told = [json.loads((run_dir / "manifest.json").read_text()) for run_dir in (a, b)]
    for each in told:
        del each["run"], each["times"]
    assert told[0] == told[1]
    capsys.readouterr()
    assert run(compare_runs.main, ["--strategy", "ma_cross"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "[compare] SAME"


def test_a_revised_price_is_a_drift_that_names_the_series(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert backtest(desk) == ExitCode.OK
    bars = store().read(SeriesKey(exchange="X", symbol="AAA", timeframe="1d"))
    close = np.append(bars.close[:-1], bars.low[-1])
    put("AAA", Bars(ts_ms=bars.ts_ms, open=bars.open, high=bars.high, low=bars.low, close=close, volume=bars.volume))
    assert backtest(desk) == ExitCode.OK
    capsys.readouterr()
    run(compare_runs.main, ["--strategy", "ma_cross"])
    told = capsys.readouterr().out
    assert "changed input: data: X:AAA:1d changed" in told.splitlines()


def test_the_window_is_kept_and_warm_up_is_silent(desk: Path) -> None:
    assert backtest(desk, "--start", "2023-03-01", "--end", "2023-09-30") == ExitCode.OK
    curve = rows(latest() / "equity_curve.csv")
    assert (curve[0]["session"], curve[-1]["session"]) == ("2023-03-02", "2023-09-27")  # holidays on both ends
    assert all(int(row["signal_ts_ms"]) >= int(curve[0]["ts_ms"]) for row in rows(latest() / "trades.csv"))


def test_a_parameter_on_the_command_line_wins_over_the_desks(desk: Path) -> None:
    assert backtest(desk, "--param", "fast=8", "--account", "krw") == ExitCode.OK
    assert metrics(latest())["params"] == {"fast": 8, "slow": 20, "side": "long"}
    assert not (latest() / "accounts").exists()


def test_a_split_in_raw_prices_changes_nothing_once_it_is_known(desk: Path) -> None:
    """The same shares before and after: ten times the price until 2023-06-01, a split of 10:1 on that day."""
    assert backtest(desk, "--account", "krw") == ExitCode.OK
    bars = store().read(SeriesKey(exchange="X", symbol="AAA", timeframe="1d"))
    june = int(np.datetime64("2023-06-01", "ms").astype(np.int64))
    factor = np.where(bars.ts_ms < june, 10.0, 1.0)
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    put("AAA", Bars(ts_ms=bars.ts_ms, volume=bars.volume / factor, **prices))
    actions = paths.root() / "dumps" / "corporate_actions.csv"
    actions.parent.mkdir()
    actions.write_text("symbol,session,action,ratio,note\nAAA,2023-06-01,split,10:1,\nBBB,2030-01-01,split,2:1,\n")
    assert backtest(desk, "--account", "krw") == ExitCode.OK
    a, b = backtest_folder.runs_of(backtest_folder.backtests_dir(), "ma_cross")
    assert (a / "trades.csv").read_bytes() == (b / "trades.csv").read_bytes()
    assert (a / "equity_curve.csv").read_bytes() == (b / "equity_curve.csv").read_bytes()
    assert metrics(b)["corporate_actions"] == ["AAA split 2023-06-01"]


def test_a_dividend_in_raw_prices_is_no_loss(desk: Path, tmp_path: Path) -> None:
    """A share that pays 5 % of its price on 2023-06-01 and lies flat but for that day: nothing lost, by day or night.

    Without the line in corporate_actions.csv the same account loses what the price fell by.
    """
    bars = store().read(SeriesKey(exchange="X", symbol="AAA", timeframe="1d"))
    june = int(np.datetime64("2023-06-01", "ms").astype(np.int64))
    price = np.where(bars.ts_ms < june, 20_000.0, 19_000.0)
    price[: int(np.searchsorted(bars.ts_ms, june)) - 20] = 19_900.0  # rises once, so that the average is crossed
    put("AAA", Bars(ts_ms=bars.ts_ms, volume=bars.volume, open=price, high=price, low=price, close=price))
    desk.write_text(
        DESK.replace("fee_bps: 2, sell_tax_bps: 15, stop_loss: 0.08", "stop_loss: 0.04").replace(
            "  - {symbol: BBB, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: b.csv}\n", ""
        )
    )
    out = tmp_path / "night"
    out.mkdir()
    ends = []
    for lines in ("", "AAA,2023-06-01,dividend,1000,\n"):
        (paths.root() / "dumps").mkdir(exist_ok=True)
        text = "symbol,session,action,ratio,note\n" + lines
        (paths.root() / "dumps" / "corporate_actions.csv").write_text(text)
        assert backtest(desk, "--account", "krw") == ExitCode.OK
        assert run(account_backtest.main, ["--desk", str(desk), "--out", str(out)]) == ExitCode.OK
        at_night = rows(out / "portfolio/krw/constrained/equity_curve.csv")[-1]["equity"]
        assert rows(latest() / "equity_curve.csv")[-1]["equity"] == at_night
        ends.append((float(at_night), [t["reason"] for t in rows(latest() / "trades.csv")]))
    assert ends[0] == (pytest.approx(1e7 - 250 * 1000), ["stop_gap"])
    assert ends[1][0] == pytest.approx(1e7) and "stop_gap" not in ends[1][1]
    assert metrics(latest())["corporate_actions"] == ["AAA dividend 2023-06-01"]
