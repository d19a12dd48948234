"""Files that are not what the desk declares, one test a kind: what is right for each, on public files and made-up ones."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.market.dumps.support.kinds_of_fault import (
    HEADER,
    TRIALS,
    days,
    found,
    instrument,
    read,
    rows,
    text,  # noqa: F401  # the fixture
    utc,
)
from utils.errors import BadDataError


class TestBelieved:
    def test_of_a_file_of_many_only_the_rows_of_the_symbol_are_taken(self) -> None:
        dump = read(TRIALS / "01_many_symbols.csv", symbol="AAPL")
        assert dump.bars.close.tolist() == [175.01, 170.57, 170.6, 171.08, 169.23]
        assert found(dump)["rows of 2 other symbols: left out"] == 10
        with pytest.raises(BadDataError, match=r"holds 3 symbols \(AAPL, GOOGL, TSLA\), none of them 'X'"):
            read(TRIALS / "01_many_symbols.csv")

    def test_a_column_of_symbols_with_a_name_of_its_own_is_named_by_the_desk(self, text: Any) -> None:
        content = "d,who,o,h,l,c,v\n2024-01-02,A,10,13,9,12,5\n2024-01-02,B,20,23,19,22,6\n"
        assert text(content, symbol="B", symbol_column="who", columns={"time": "d"}).bars.close.tolist() == [22]

    def test_weeks_are_no_days(self) -> None:
        with pytest.raises(BadDataError, match="its rows are weeks apart, not bars of 1d"):
            read(TRIALS / "03_weeks_as_days.csv")
        weeks = read(TRIALS / "03_weeks_as_days.csv", timeframe="1w").bars
        # The weeks of 3 June to 1 July 2024 end on Fridays at 16:00 in New York.
        assert weeks.ts_ms.tolist() == [
            utc(f"2024-{day}T20:00") for day in ("06-07", "06-14", "06-21", "06-28", "07-05")
        ]

    @pytest.mark.parametrize(
        ("times", "timeframe", "market", "what"),
        [
            (days("2024-01-01", 4, 31), "1d", "24/7", "months apart"),
            ([f"2024-01-0{d}T{h:02}:00Z" for d in (2, 3, 4) for h in range(24)], "1d", "24/7", "one hour apart"),
            ([f"2024-01-0{d}T{h:02}:30-05:00" for d in (2, 3) for h in range(10, 16)], "1d", "XNYS", "one hour apart"),
            ([f"2024-01-02T{h:02}:00Z" for h in range(0, 24, 4)], "1h", "24/7", "4 hours apart"),
            (days("2024-01-01", 9), "1w", "24/7", "one day"),
            (days("2024-01-01", 9, 7), "1mo", "24/7", "one week apart"),
        ],
    )
    def test_rows_of_another_length_are_refused_with_what_they_seem_to_be(
        self, text: Any, times: list[str], timeframe: str, market: str, what: str
    ) -> None:
        with pytest.raises(BadDataError, match=what):
            text(rows(times), timeframe=timeframe, market=market, layout="ohlcv_start")

    def test_a_file_that_says_its_period_is_held_to_it(self, text: Any) -> None:
        content = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nX,W,20240105,000000,10,13,9,12,5,0\n"
        with pytest.raises(BadDataError, match=r"says W \(1w\), but the instrument is 1d"):
            text(content)


class TestStamps:
    def test_a_day_that_begins_at_16_utc_closes_at_16_utc(self) -> None:
        dump = read(TRIALS / "06_days_from_16_utc.json", market="24/7")
        assert dump.bars.ts_ms.tolist() == [utc("2022-11-03T16:00"), utc("2022-11-04T16:00")]

    def test_a_daily_stamp_that_is_the_end_is_the_close(self, text: Any) -> None:
        dump = text(rows(["2024-01-02T00:00Z", "2024-01-03T00:00Z"]), market="24/7", layout="ohlcv_close")
        assert dump.bars.ts_ms.tolist() == [utc("2024-01-02T00:00"), utc("2024-01-03T00:00")]
        new_york = text(rows(["2024-01-02T16:00-05:00"]), layout="ohlcv_close")
        assert new_york.bars.ts_ms.tolist() == [utc("2024-01-02T21:00")]

    def test_londons_days_of_currencies_are_refused(self, text: Any) -> None:
        with pytest.raises(BadDataError, match="begins a day that ends after 17:00 in New York"):
            text(rows(["2024-07-02 00:00:00+01:00", "2024-07-03 00:00:00+01:00"]), market="FX")
        plain = text(rows(["2024-07-02", "2024-07-03"]), market="FX")
        assert plain.bars.ts_ms.tolist() == [utc("2024-07-02T21:00"), utc("2024-07-03T21:00")]

    def test_days_of_a_place_end_with_its_own_days(self, text: Any) -> None:
        dump = text(rows(["2024-01-02", "2024-01-03"]), market="24/7", zone="Asia/Seoul")
        assert dump.bars.ts_ms.tolist() == [utc("2024-01-02T15:00"), utc("2024-01-03T15:00")]

    def test_new_yorks_hours_count_from_the_open_and_what_is_outside_the_session_is_left_out(self, text: Any) -> None:
        times = [f"2024-01-02T{h:02}:30-05:00" for h in range(8, 18)]
        dump = text(rows(times), timeframe="1h", layout="ohlcv_start")
        assert dump.bars.ts_ms[0] == utc("2024-01-02T15:30") and len(dump.bars) == 7
        assert found(dump) == {"outside the session of XNYS: left out (`hours: extended` keeps them)": 3}
        wide = text(rows(times), timeframe="1h", layout="ohlcv_start", hours="extended")
        assert len(wide.bars) == 10
        assert str(instrument(timeframe="1h", hours="extended").key) == "T:X:1h-ext"

    def test_months_end_with_their_last_session(self, text: Any) -> None:
        dump = text(rows(["2024-01-01", "2024-02-01", "2024-03-01"]), timeframe="1mo")
        # Good Friday was 29 March 2024: that month ended on Thursday the 28th, summer time had begun.
        assert dump.bars.ts_ms.tolist() == [utc("2024-01-31T21:00"), utc("2024-02-29T21:00"), utc("2024-03-28T20:00")]
        coin = text(rows(["2024-01-01", "2024-02-01", "2024-03-01"]), timeframe="1mo", market="24/7")
        assert coin.bars.ts_ms.tolist() == [utc("2024-02-01T00:00"), utc("2024-03-01T00:00"), utc("2024-04-01T00:00")]

    def test_a_sunday_may_begin_or_end_a_week_and_is_asked_about(self, text: Any) -> None:
        sundays = rows(days("2024-01-07", 4, 7))
        with pytest.raises(BadDataError, match="of the week before or after it"):
            text(sundays, timeframe="1w")
        assert text(sundays, timeframe="1w", layout="ohlcv_start").bars.ts_ms[0] == utc("2024-01-12T21:00")
        assert text(sundays, timeframe="1w", layout="ohlcv_close").bars.ts_ms[0] == utc("2024-01-05T21:00")


class TestColumns:
    def test_the_volume_of_a_coin_is_in_coins(self) -> None:
        dump = read(TRIALS / "08_volume_of_a_coin.csv", market="24/7", symbol="BTCUSDT")
        assert dump.bars.volume[-1] == 4252.01963
        assert found(dump) == {"newest first: turned round": 1, "columns not used": 3}

    @pytest.mark.parametrize(("name", "symbol"), [
        ("Volume USD", "ETHUSD"), ("Volume in Mio. EUR", "SAP"), ("Umsatz (EUR)", "SAP"), ("Volume BTC", "ETHUSD"),
    ])  # fmt: skip
    def test_money_or_another_coin_in_place_of_the_volume_is_refused(self, text: Any, name: str, symbol: str) -> None:
        content, told = (
            f"Date,Open,High,Low,Close,{name}\n2024-01-02,10,13,9,12,99\n",
            {"market": "24/7", "symbol": symbol},
        )
        with pytest.raises(BadDataError, match=r"`columns: \{volume: ''\}` for a series without"):
            text(content, **told)
        assert text(content, columns={"volume": ""}, **told).bars.volume.tolist() == [0]
        assert text(content, columns={"volume": name}, **told).bars.volume.tolist() == [99]

    def test_tick_volume_is_said_to_be_one(self, text: Any) -> None:
        dump = text("time,open,high,low,close,tick_volume,spread,real_volume\n2024-01-02,10,13,9,12,42,1,0\n")
        assert dump.bars.volume.tolist() == [42]
        assert "volume: the number of price changes" in found(dump)

    def test_two_names_for_one_price_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.json").write_text(
            '[{"date":"2024-01-02","open":10,"high":13,"low":9,"close":12,"c":11,"volume":5}]'
        )
        with pytest.raises(BadDataError, match="two columns are named close"):
            read(tmp_path / "x.json")

    def test_a_row_without_its_adjusted_close_is_not_mixed_in(self, text: Any) -> None:
        content = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,13,9,12,6,5\n2024-01-03,10,13,9,12,,5\n"
        with pytest.raises(BadDataError, match="line 3: the adjusted close is missing"):
            text(content, prices="adjusted")
        assert len(text(content).bars) == 2

    def test_an_infinite_adjusted_close_costs_a_raw_series_nothing(self, text: Any) -> None:
        content = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,13,9,12,inf,5\n2024-01-03,10,13,9,12,6,5\n"
        assert len(text(content).bars) == 2
        with pytest.raises(BadDataError, match="adj_close: a number is too large"):
            text(content, prices="adjusted")

    def test_volumes_are_on_the_basis_of_the_prices(self, text: Any) -> None:
        dump = read(TRIALS / "10_split_in_adjusted_volume.csv", prices="adjusted")
        assert dump.bars.volume.tolist() == [7_035_800, 8_953_400, 4_375_000, 8_352_000]  # 2 x 3 517 900, 2 x 4 476 700
        # Yahoo's prices and volumes know the split already: its column of splits changes nothing.
        yahoo = "Date,Open,High,Low,Close,Adj Close,Volume,Stock Splits\n2024-01-02,10,13,9,12,11.9,5,0\n2024-01-03,10,13,9,12,12,5,2\n"
        assert text(yahoo, prices="adjusted").bars.volume.tolist() == [5, 5]


class TestHalts:
    def test_rows_of_zeros_are_sessions_without_a_row(self) -> None:
        assert found(read(TRIALS / "13_zeros_are_no_halt.csv", market="XKRX")) == {
            "no prices in the row: left out": 2,
            "session without a row": 2,
        }

    def test_an_index_before_volumes_were_counted_is_not_halted(self, text: Any) -> None:
        flat = "".join(f"2024-01-0{d},{p},{p},{p},{p},0\n" for d, p in ((2, 10), (3, 11), (4, 12)))
        dump = text(HEADER + flat + "2024-01-05,12,13,11,12,100\n")
        assert dump.bars.close.tolist() == [10, 11, 12, 12]

    def test_a_negative_price_is_bad_and_no_halt(self, text: Any) -> None:
        with pytest.raises(BadDataError, match="a price is zero or less"):
            text(HEADER + "2024-01-02,10,13,9,12,5\n2024-01-03,-5,-5,-5,-5,0\n2024-01-04,10,13,9,12,5\n")
