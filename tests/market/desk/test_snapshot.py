"""Which session a run is about, and which instruments are behind it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.desk import snapshot
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.store.bar_store import BarStore
from utils import trading_day
from utils.errors import MissingInputError, UsageError

KRX = trading_day.load("XKRX")


def close_ms(market: str, day: str) -> int:
    session = trading_day.load(market).session(dt.date.fromisoformat(day))
    assert session is not None
    return session.close_utc_s * 1000


def flat(*ts_ms: int) -> Bars:
    ones = np.full(len(ts_ms), 10.0)
    return Bars(ts_ms=np.array(ts_ms, dtype=np.int64), open=ones, high=ones, low=ones, close=ones, volume=ones)


def instrument(symbol: str, market: str = "XKRX", timeframe: str = "1d") -> Instrument:
    return Instrument(symbol=symbol, exchange="X", market=market, timeframe=timeframe, file="f", currency="KRW")


def desk(*instruments: Instrument, rule: Literal["last_closed", "last_bar"] = "last_closed") -> Desk:
    return Desk(name="d", market="XKRX", dumps="", accounts={}, setups={}, instruments=list(instruments), session=rule)


def store_with(tmp_path: Path, **series: tuple[Instrument, Bars]) -> BarStore:
    store = BarStore(tmp_path / "raw", locks=tmp_path / "locks")
    for each, bars in series.values():
        store.write(each.key, bars, provider="test", fetched_at_ms=0, adjusted="raw", last_final=True)
    return store


A = instrument("A")
NEW_YORK = instrument("N", market="XNYS")
COIN = instrument("C", market="24/7", timeframe="1h")
NOON_SATURDAY = dt.datetime(2024, 3, 9, 3, 0, tzinfo=dt.UTC).timestamp()


def test_last_closed_is_the_newest_session_that_has_closed(tmp_path: Path) -> None:
    store = store_with(tmp_path, a=(A, flat(close_ms("XKRX", "2024-03-08"))))
    taken = snapshot.take(desk(A), store, asked=None, now_s=NOON_SATURDAY)
    assert (taken.session, taken.asof_ts_ms) == (dt.date(2024, 3, 8), close_ms("XKRX", "2024-03-08"))
    assert (taken.series[0].last_session, taken.series[0].stale) == (dt.date(2024, 3, 8), False)


def test_bars_after_the_session_are_not_seen(tmp_path: Path) -> None:
    days = [close_ms("XKRX", day) for day in ("2024-03-06", "2024-03-07", "2024-03-08")]
    store = store_with(tmp_path, a=(A, flat(*days)))
    taken = snapshot.take(desk(A), store, asked=dt.date(2024, 3, 7), now_s=NOON_SATURDAY)
    assert taken.series[0].bars.ts_ms.tolist() == days[:2]


def test_one_missing_session_is_stale_by_the_instruments_own_calendar(tmp_path: Path) -> None:
    # At the Seoul close of Friday 8 March, New York's last closed session is Thursday the 7th.
    thursday = close_ms("XNYS", "2024-03-07")
    store = store_with(tmp_path, a=(A, flat(close_ms("XKRX", "2024-03-07"))), n=(NEW_YORK, flat(thursday)))
    taken = snapshot.take(desk(A, NEW_YORK), store, asked=None, now_s=NOON_SATURDAY)
    assert [series.stale for series in taken.series] == [True, False]


def test_round_the_clock_a_bar_may_be_a_day_old() -> None:
    asof = close_ms("XKRX", "2024-03-08")
    assert not snapshot.is_stale("24/7", asof - 86_400_000, asof)
    assert snapshot.is_stale("24/7", asof - 86_400_001, asof)


def test_last_bar_goes_by_the_desks_own_market(tmp_path: Path) -> None:
    later = close_ms("XKRX", "2024-03-08") - 3_600_000
    series = {"a": (A, flat(close_ms("XKRX", "2024-03-06"))), "c": (COIN, flat(later))}
    taken = snapshot.take(desk(A, COIN, rule="last_bar"), store_with(tmp_path, **series), asked=None, now_s=0)
    assert taken.session == dt.date(2024, 3, 6)
    assert len(taken.series[1].bars) == 0


def test_last_bar_without_one_at_home_is_the_last_session_closed_by_any_bar(tmp_path: Path) -> None:
    saturday = dt.datetime(2024, 3, 9, 5, 0, tzinfo=dt.UTC)
    store = store_with(tmp_path, c=(COIN, flat(int(saturday.timestamp()) * 1000)))
    assert snapshot.take(desk(A, COIN, rule="last_bar"), store, asked=None, now_s=0).session == dt.date(2024, 3, 8)


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_it_ends() -> None:
    midnight = int(dt.datetime(2024, 3, 9, tzinfo=dt.UTC).timestamp()) * 1000
    assert snapshot.session_of("24/7")(midnight) == dt.date(2024, 3, 8)


def test_a_bar_older_than_the_calendar_is_dated_in_utc() -> None:
    assert snapshot.session_of("XKRX")(int(dt.datetime(1990, 5, 4, 6, tzinfo=dt.UTC).timestamp()) * 1000) == dt.date(
        1990, 5, 4
    )


def test_an_empty_store_says_which_command_fills_it(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"python -m pyjobs\.import_bars --desk"):
        snapshot.take(desk(A), store_with(tmp_path), asked=None, now_s=NOON_SATURDAY)


def test_a_day_without_a_session_is_refused(tmp_path: Path) -> None:
    store = store_with(tmp_path, a=(A, flat(close_ms("XKRX", "2024-03-08"))))
    with pytest.raises(UsageError, match="2024-03-09 is not a session of XKRX; the one before is 2024-03-08"):
        snapshot.take(desk(A), store, asked=dt.date(2024, 3, 9), now_s=NOON_SATURDAY)
