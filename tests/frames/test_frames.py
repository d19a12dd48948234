"""Frames against the files they come from, read by hand: typed, in UTC, and what is done to one changes nothing."""

from __future__ import annotations

import csv
import datetime as dt
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyjobs import frames
from pyjobs.frames import of_runs
from pyjobs.market.bars import Bars
from pyjobs.market.cache.bar_file import read_bar_file
from pyjobs.market.calendars.hours import hours_of
from tests.frames.conftest import DESK, said_by
from tests.market.dumps.test_dialects_refused import periods, true_end_ms
from utils import paths
from utils.errors import BadDataError, MissingInputError, NightdeskError, UsageError

UTC = "datetime64[ms, UTC]"


@pytest.mark.usefixtures("home")
def test_bars_are_typed_and_their_time_is_the_close_in_utc() -> None:
    bars = frames.bars("SMP001", exchange="SAMPLE", start="2024-06-03", end="2024-06-28")
    assert list(bars.columns) == ["open", "high", "low", "close", "volume"]
    assert set(bars.dtypes.astype(str)) == {"float64"} and str(bars.index.dtype) == UTC and bars.index.name == "time"
    assert bars.index[-1] == pd.Timestamp("2024-06-28 15:30", tz="Asia/Seoul")  # KRX closes at half past three
    assert len(bars) == 19  # June 2024 from the 3rd: 20 weekdays, less Memorial Day (6 June)


@pytest.mark.usefixtures("home")
def test_writing_into_a_frame_changes_nothing_that_is_stored() -> None:
    first = frames.bars("SMP001", exchange="SAMPLE")
    first.loc[:, "close"] = 0.0
    assert (frames.bars("SMP001", exchange="SAMPLE")["close"] > 0).all()


@pytest.mark.usefixtures("home")
def test_a_series_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(MissingInputError, match=r"SAMPLE:SMP001:1h.*there is SAMPLE:SMP001:1d"):
        frames.bars("SMP001", exchange="SAMPLE", timeframe="1h")


@pytest.mark.usefixtures("home")
def test_a_wide_desk_is_the_long_one_turned() -> None:
    long, wide = frames.desk(DESK, timeframe="1d"), frames.desk(DESK, wide=True, timeframe="1d")
    turned = long.set_index("symbol", append=True)["close"].unstack()
    pd.testing.assert_frame_equal(
        wide, turned[wide.columns.tolist()], check_names=False, check_column_type=False, check_categorical=False
    )
    with pytest.raises(UsageError, match="of one timeframe"):
        frames.desk(DESK, wide=True)


def test_raw_and_adjusted_differ_by_the_ratio_of_the_split(home: Path) -> None:
    actions = home / "data/sample/corporate_actions.csv"
    kept = actions.read_text()
    try:
        actions.write_text("symbol,session,action,ratio,note\nSMP001,2024-06-17,split,2:1,\n")
        raw, adjusted = (
            frames.desk(DESK, wide=True, timeframe="1d", prices=prices)["SMP001"].loc["2024-06-13":"2024-06-18"]
            for prices in ("raw", "adjusted")
        )
    finally:
        actions.write_text(kept)
    assert (raw / adjusted).tolist() == [2.0, 2.0, 1.0, 1.0]  # 13, 14 June before it; 17, 18 after


@pytest.mark.usefixtures("home")
def test_a_runs_tables_have_every_line_of_its_files() -> None:
    night = frames.runs().query("kind == 'night'").iloc[-1]
    with (Path(night["path"]) / "portfolio/krw/constrained/trades.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    trades = frames.trades(night["run"], account="krw")
    assert trades["pnl"].tolist() == [float(row["pnl"]) for row in rows]
    assert trades["symbol"].tolist() == [row["symbol"] for row in rows]
    assert (trades["entry"].astype("int64")).tolist() == [int(row["entry_ts_ms"]) for row in rows]
    assert {str(trades[name].dtype) for name in ("signal", "entry", "exit")} == {UTC}
    assert frames.metrics(night["run"]).loc["krw", "n_trades"] == len(rows)
    assert frames.decisions(night["run"])["symbol"].tolist() == ["SMPUSD"]
    equity = frames.equity(night["run"], account="krw")
    assert equity["session"].iloc[-1] == pd.Timestamp("2024-06-28")
    assert (1 + equity["return"].fillna(0)).prod() == pytest.approx(
        equity["equity"].iloc[-1] / equity["equity"].iloc[0]
    )


def test_what_lies_beside_a_backtests_accounts_is_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text('{"account": "krw"}')
    (tmp_path / "accounts/usd").mkdir(parents=True)
    (tmp_path / "accounts/notes.txt").touch()
    assert [*of_runs._accounts(tmp_path, constrained=True)] == ["krw", "usd"]


def test_the_history_has_its_types_also_where_there_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = frames.history()
    assert told.loc[0, ["job", "seconds", "outcome", "kind"]].tolist() == [
        "scanner",
        5.0,
        "skip:rate_limit",
        "rate_limit",
    ]
    monkeypatch.setenv("NIGHTDESK_HOME", str(home / "nothing here"))
    none = frames.history()
    assert len(none) == 0 and none.dtypes.equals(told.dtypes)
    assert len(frames.runs()) == len(frames.series()) == 0


def test_nothing_imports_pandas_before_a_frame_is_asked_for() -> None:
    code = "import sys; from pyjobs import frames; frames.strategy; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def yahoo() -> pd.DataFrame:
    days = pd.DatetimeIndex(["2024-03-07", "2024-03-08", "2024-03-11"], name="Date")  # summer time begins on the 10th
    rows = {"Close": [10.0, 11.0, 12.0], "High": 13.0, "Low": 9.0, "Open": 10.0, "Volume": 100}
    return pd.DataFrame(rows, index=days)


def test_yfinances_days_become_the_closes_of_new_york() -> None:
    closes = ["2024-03-07 21:00", "2024-03-08 21:00", "2024-03-11 20:00"]  # four in the afternoon there
    several = pd.concat({"AAPL": yahoo(), "MSFT": yahoo() * 2}, axis=1).swaplevel(axis=1)
    found = frames.from_yfinance(several, market="XNYS")
    assert list(found) == ["AAPL", "MSFT"] and found["MSFT"]["close"].tolist() == [20.0, 22.0, 24.0]
    one = yahoo().tz_localize("America/New_York")
    ticker = frames.from_yfinance(one.assign(Dividends=0.0, **{"Stock Splits": 0.0}), market="XNYS", symbol="AAPL")
    for frame in (found["AAPL"], ticker["AAPL"]):
        assert frame.index.tolist() == [pd.Timestamp(each, tz="UTC") for each in closes]


def test_ccxts_starts_become_closes_and_the_running_bar_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_NOW", "1704070900")  # 2024-01-01 01:01:40
    candles = pd.DataFrame([[1_704_067_200_000 + 1_800_000 * k, 100, 103, 98, 101, 5.0] for k in range(3)])
    found = frames.from_ccxt(candles, timeframe="30m")
    assert found.index.strftime("%H:%M").tolist() == ["00:30", "01:00"]


def test_a_parquet_file_of_frames_is_what_a_backtest_reads(home: Path, tmp_path: Path) -> None:
    bars = frames.bars("SMP001", exchange="SAMPLE")
    path = frames.write_bars(tmp_path / "bars.parquet", {"B": bars, "A": bars.iloc[:50]})
    series = read_bar_file(path, cache=False)
    assert {name: len(each) for name, each in series.items()} == {"A": 50, "B": len(bars)}
    assert isinstance(series["B"], Bars) and np.array_equal(series["B"].close, bars["close"].to_numpy())
    assert "2 symbols" in said_by(home, "run_bt", "--bars", str(path), "--strategy", "ma_cross")
    with pytest.raises(BadDataError, match="A: its index is not 'time'"):
        frames.write_bars(tmp_path / "no.parquet", {"A": yahoo()})


@pytest.mark.usefixtures("home")
def test_a_frame_is_stored_like_a_dump_and_refused_like_one() -> None:
    bars = frames.bars("SMP001", exchange="SAMPLE").iloc[-40:]
    done = frames.store(bars, "ONE", exchange="MINE", market="XKRX").iloc[0]
    assert (done["new"], done["changed"], done["last"]) == (40, 0, bars.index[-1])
    pd.testing.assert_frame_equal(frames.bars("ONE", exchange="MINE"), bars)
    wrong = bars.copy()
    wrong.iloc[3, 1] = 1.0
    with pytest.raises(BadDataError, match="MINE:TWO:1d: the frame: line 5: high is below low"):
        frames.store(wrong, "TWO", exchange="MINE", market="XKRX")
    with pytest.raises(MissingInputError):
        frames.bars("TWO", exchange="MINE")
    with pytest.raises(BadDataError, match="the store holds raw prices, these are adjusted"):
        frames.store(bars, "ONE", exchange="MINE", market="XKRX", prices="adjusted")


@pytest.mark.parametrize("market", ["24/7", "XNYS", "XKRX"])
def test_no_bar_of_a_file_for_backtests_closes_before_its_period_has_ended(market: str, tmp_path: Path) -> None:
    hours, series, ends = hours_of(market), {}, {}
    for timeframe in ("30m", "1h", "1d", "1w", "1mo"):
        for zone in ("UTC", "Asia/Seoul", "America/New_York"):
            spans = periods(timeframe, zone, dt.date(2024, 3, 6), market)  # New York's clocks change on the 10th
            index = pd.DatetimeIndex([start for start, _ in spans], name="Datetime")
            rows = {"Open": 10.0, "High": 13.0, "Low": 9.0, "Close": 12.0, "Volume": range(1, 6)}
            try:
                made = frames.from_yfinance(
                    pd.DataFrame(rows, index=index), market=market, timeframe=timeframe, symbol=zone
                )
            except NightdeskError:
                continue  # a refusal is right, too
            path = frames.write_bars(tmp_path / "x.parquet", made)
            series[timeframe, zone] = read_bar_file(path, cache=False)[zone]
            ends[timeframe, zone] = [true_end_ms(*span, hours, timeframe) for span in spans]
    assert len(series) > 8
    for key, bars in series.items():
        for close, number in zip(bars.ts_ms.tolist(), bars.volume.tolist(), strict=True):
            assert close >= ends[key][int(number) - 1], key


def test_a_backtest_refuses_days_that_are_dates(home: Path, tmp_path: Path) -> None:
    bars = frames.bars("SMP001", exchange="SAMPLE")
    dates = bars.set_axis(bars.index.normalize(), axis=0).rename_axis("time")
    path = frames.write_bars(tmp_path / "bars.parquet", {"A": dates, "B": bars})
    said = said_by(home, "run_bt", "--bars", str(path), "--strategy", "ma_cross", code=65)
    assert "'A': days at midnight UTC of Mondays to Fridays (the first: ts_ms" in said
