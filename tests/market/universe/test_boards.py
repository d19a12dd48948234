"""A board of KRX in the store and in the listing: every wanted symbol is in one place of the answer."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.listings import read_listing, write_listing
from pyjobs.market.providers.base import Refused
from pyjobs.market.providers.krx_board import BoardDay, NoBoard, board_day
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe.boards import listing_of, store_board

THURSDAY, FRIDAY = dt.date(2026, 11, 19), dt.date(2026, 11, 20)
CLOSE = {THURSDAY: 1_795_073_400_000, FRIDAY: 1_795_156_200_000}  # 16:30 on the day of the exam, then 15:30
TRADED = ["000010", "가", "STK", "1,000", "1,050", "990", "1,020", "5,000", "5,100,000", "20", "2.00", "100,000"]
HALTED = ["000020", "나", "STK", "0", "0", "0", "3,000", "0", "0", "0", "0.00", "50,000"]
UNPRICED = ["000030", "다", "STK", "-", "-", "-", "-", "-", "-", "-", "-", "70,000"]
UNTRUE = ["000040", "라", "STK", "1,000", "900", "990", "1,020", "5,000", "5,100,000", "20", "2.00", "100,000"]
PLAIN = [[f"1{n:05d}", "마", *TRADED[2:]] for n in range(60)]


def day(session: dt.date = FRIDAY, *rows: list[str], final: bool = True) -> BoardDay:
    texts = [*(rows or (TRADED, HALTED, UNPRICED, UNTRUE)), *PLAIN]
    return board_day(texts, "KOSPI", session, ts_ms=CLOSE[session], fetched_at_ms=CLOSE[session] + 1, final=final)


def key(symbol: str) -> SeriesKey:
    return SeriesKey(exchange="KRX", symbol=symbol, timeframe="1d")


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / "locks")


def test_every_wanted_symbol_is_told_in_one_place_and_only_a_traded_one_has_a_bar(store: BarStore) -> None:
    wanted = [key(symbol) for symbol in ("000010", "000020", "000030", "000040", "000050")]
    told = store_board(store, day(), wanted)
    assert (told.stored, told.halted, told.unpriced, told.untrue, told.absent) == (
        ["000010"], ["000020"], ["000030"], ["000040"], ["000050"],
    )  # fmt: skip
    bars = store.read(key("000010"))
    assert [bars.ts_ms[0], bars.open[0], bars.high[0], bars.low[0], bars.close[0], bars.volume[0]] == [
        CLOSE[FRIDAY], 1000, 1050, 990, 1020, 5000,
    ]  # fmt: skip
    assert store.series() == [key("000010")]
    provenance = store.provenance(key("000010"))
    assert provenance and (provenance.adjusted, provenance.provider, provenance.last_final) == (
        "raw",
        "krx_stock",
        True,
    )


def test_the_same_board_again_changes_no_file_and_a_final_one_completes_a_moving_one(store: BarStore) -> None:
    assert store_board(store, day(final=False), [key("000010")]).stored
    more = [*TRADED[:7], "5,200", *TRADED[8:]]
    assert store_board(store, day(FRIDAY, more), [key("000010")]).stored
    assert store.newest(key("000010")) == (CLOSE[FRIDAY], True) and store.read(key("000010")).volume[0] == 5200
    assert store_board(store, day(FRIDAY, more), [key("000010")]).same == ["000010"]
    assert store_board(store, day(FRIDAY, TRADED, final=False), [key("000010")]).same == ["000010"]
    assert store.read(key("000010")).volume[0] == 5200


def test_a_halted_session_is_remembered_in_a_series_that_has_begun(store: BarStore) -> None:
    store_board(store, day(THURSDAY), [key("000010")])
    idle = ["000010", "가", *HALTED[2:]]
    store_board(store, day(FRIDAY, idle, final=False), [key("000010")])
    assert not store.confirmed_empty(key("000010")).size
    store_board(store, day(FRIDAY, idle), [key("000010")])
    assert store.confirmed_empty(key("000010")).tolist() == [CLOSE[FRIDAY]]
    assert store.newest(key("000010")) == (CLOSE[THURSDAY], True)


def test_a_series_of_adjusted_prices_is_left_alone_and_hides_no_other(store: BarStore) -> None:
    store_board(store, day(THURSDAY), [key("000010")])
    bars = store.read(key("000010"))
    store.write(key("100000"), bars, provider="yf_etf", fetched_at_ms=1, adjusted="adjusted", last_final=True)
    told = store_board(store, day(), [key("100000"), key("000010")])
    assert list(told.failed) == ["100000"] and told.stored == ["000010"]
    assert len(store.read(key("100000"))) == 1


def test_a_board_of_another_market_or_with_a_share_twice_or_full_of_nonsense_is_refused() -> None:
    foreign = ["000010", "가", "KSQ", *TRADED[3:]]
    contrary = [*TRADED[:10], "5.00", TRADED[11]]
    for rows in ([foreign], [TRADED, TRADED], [UNTRUE] * 1 + [[f"2{n:05d}", *UNTRUE[1:]] for n in range(9)],
                 [[f"3{n:05d}", *contrary[1:]] for n in range(9)]):  # fmt: skip
        with pytest.raises(Refused) as refused:
            day(FRIDAY, *rows)
        assert refused.value.kind == "schema"
    with pytest.raises(NoBoard):
        board_day([UNPRICED] * 1, "KOSPI", FRIDAY, ts_ms=1, fetched_at_ms=1, final=True)
    with pytest.raises(NoBoard):
        board_day([], "KOSPI", FRIDAY, ts_ms=1, fetched_at_ms=1, final=True)


def test_where_change_and_rate_contradict_each_other_there_is_a_bar_but_no_base() -> None:
    contrary = [*TRADED[:10], "5.00", TRADED[11]]
    row = day(FRIDAY, contrary).rows["000010"]
    assert row.base != row.base and row.close == 1020
    assert day().rows["000010"].base == 1000


def test_a_listing_has_every_share_of_the_boards_and_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    kosdaq = dataclasses.replace(day(FRIDAY, ["900010", *TRADED[1:]]), board="KOSDAQ", rows={})
    rows = listing_of([day(), kosdaq])
    assert [row.symbol for row in rows[:4]] == ["000010", "000020", "000030", "000040"]
    assert rows[0][:6] == ("000010", "가", "KOSPI", 1020.0, 5_100_000.0, 100_000.0)
    path = write_listing("KRX", FRIDAY, rows)
    assert path == tmp_path / "data/listings/KRX/2026-11-20.csv"
    assert [row.symbol for row in read_listing("KRX", FRIDAY).rows] == [row.symbol for row in rows]
