"""A file of a fetched series: the old history and what goes on from it are on one basis, or nothing is stored."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.desk.desk_file import Account, Desk, Instrument
from pyjobs.market.dumps.import_desk import import_desk
from pyjobs.market.store.bar_store import BarStore
from utils import trading_day
from utils.exit_codes import ExitCode

SESSIONS = [s for s in trading_day.load("XNYS").sessions() if "2024-01-02" <= s.date.isoformat() <= "2024-03-28"]
SHARE = Instrument(
    symbol="X", exchange="YAHOO", market="XNYS", timeframe="1d", currency="USD", prices="adjusted", file="x.csv",
    fetched=True,
)  # fmt: skip
NOW_MS = int(dt.datetime(2024, 5, 1, tzinfo=dt.UTC).timestamp()) * 1000


def closes(first: int, last: int, factor: float = 1.0) -> list[float]:
    return [round((100 + n % 7) * factor, 2) for n in range(first, last)]


def file_of(folder: Path, first: int, last: int, factor: float = 1.0) -> None:
    rows = [f"{SESSIONS[first + n].date},{c},{c},{c},{c},10" for n, c in enumerate(closes(first, last, factor))]
    (folder / "x.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]) + "\n")


def fetched(store: BarStore, first: int, last: int, factor: float = 1.0) -> None:
    close = np.array(closes(first, last, factor))
    ts_ms = np.array([s.close_utc_s * 1000 for s in SESSIONS[first:last]], dtype=np.int64)
    bars = Bars(ts_ms=ts_ms, open=close, high=close, low=close, close=close, volume=np.full(close.size, 10.0))
    store.write(SHARE.key, bars, provider="yf_etf", fetched_at_ms=NOW_MS, adjusted="adjusted", last_final=True)


def imported(store: BarStore, folder: Path, instrument: Instrument = SHARE) -> tuple[int, str, int]:
    account = Account(currency="USD", cash=1.0, max_positions=1, max_weight=1.0)
    desk = Desk(name="d", market="XNYS", dumps=".", accounts={"a": account}, instruments=[instrument], setups={})
    (result,) = import_desk(desk, folder, store, now_ms=NOW_MS)
    return result.exit_code, result.error or "", len(store.read(SHARE.key))


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / "locks")


def test_a_file_on_the_same_basis_lends_its_older_bars(store: BarStore, tmp_path: Path) -> None:
    fetched(store, 20, 50)
    file_of(tmp_path, 0, 25)
    assert imported(store, tmp_path) == (ExitCode.OK, "", 50)
    assert store.read(SHARE.key).close.tolist() == closes(0, 50)


@pytest.mark.parametrize("factor", [0.1, 1.01])  # a split of 10:1; a dividend of about 1 %
def test_a_file_on_another_basis_is_refused_and_nothing_is_mixed(
    store: BarStore, tmp_path: Path, factor: float
) -> None:
    fetched(store, 20, 50)
    file_of(tmp_path, 0, 25, factor)
    code, error, bars = imported(store, tmp_path)
    assert (code, bars) == (ExitCode.BAD_DATA, 30)
    assert f"YAHOO:X:1d: the closes in 'x.csv' are {factor:g} times those that are stored" in error
    assert store.read(SHARE.key).close.tolist() == closes(20, 50)


def test_a_file_from_before_a_split_does_not_undo_the_history_that_was_re_based_since(
    store: BarStore, tmp_path: Path
) -> None:
    file_of(tmp_path, 0, 25)
    assert imported(store, tmp_path) == (ExitCode.OK, "", 25)
    fetched(store, 0, 50, 0.5)  # as a re-basing leaves it: all of it is the exchange's
    assert imported(store, tmp_path) == (ExitCode.OK, "", 50)
    assert store.read(SHARE.key).close.tolist() == closes(0, 50, 0.5)


def test_a_renewed_file_that_reaches_over_everything_takes_the_place_of_all_of_it(
    store: BarStore, tmp_path: Path
) -> None:
    fetched(store, 20, 30)
    file_of(tmp_path, 0, 50, 0.5)
    assert imported(store, tmp_path) == (ExitCode.OK, "", 50)
    assert store.read(SHARE.key).close.tolist() == closes(0, 50, 0.5)
